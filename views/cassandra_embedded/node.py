"""One node: its folder, its process, waiting until it answers; and the nodes of one server, by number."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cassandra_embedded.errors import BadOption, NodeDied, NotRunning, StartTimeout
from cassandra_embedded.network import answers
from cassandra_embedded.node_config import LOGBACK, NodePlan, cassandra_yaml, java_command, rack_properties
from cassandra_embedded.process import Child, Identity, spawn

_LOOK_SECONDS = 0.05
_SUPERUSER_MADE = "Created default superuser role"


class Node:
    """One node of an embedded Cassandra. Not for use by itself: see ``EmbeddedCassandra``."""

    def __init__(self, plan: NodePlan) -> None:
        self.plan = plan
        self._child: Child | None = None
        self._log_start = 0

    @property
    def identity(self) -> Identity | None:
        """Return its process, or nothing where it was not started."""
        return self._child.identity if self._child else None

    def is_alive(self) -> bool:
        """Say whether its process runs (a paused one does)."""
        return self._child is not None and self._child.is_alive()

    def spawn(
        self,
        java: Path,
        java_major: int,
        jars: Sequence[Path],
        *,
        settings: Mapping[str, Any],
        heap_mb: int,
        extra: Sequence[str],
        detached: bool,
        orphan_folder: Path | None,
    ) -> None:
        """Write the node's files and start its process; does not wait for it."""
        folder = self.plan.folder
        for part in ("data", "logs", "tmp"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / "cassandra.yaml").write_text(cassandra_yaml(self.plan, settings), encoding="utf-8")
        (folder / "cassandra-rackdc.properties").write_text(rack_properties(self.plan), encoding="utf-8")
        (folder / "logback.xml").write_text(LOGBACK, encoding="utf-8")
        self._log_start = self.log_size()
        self._console.write_bytes(b"")
        self._child = spawn(
            java_command(java, java_major, jars, self.plan, heap_mb=heap_mb, extra=extra),
            log=self._console,
            marker=f"-Dcassandra.storagedir={folder}/data",
            detached=detached,
            orphan_folder=orphan_folder,
        )

    def await_answer(self, timeout_seconds: float) -> None:
        """Wait until the node accepts clients.

        Raises:
            NodeDied: its process ended.
            StartTimeout: it does not answer in time.
        """
        until = time.monotonic() + timeout_seconds
        while not answers(self.plan.address, self.plan.port):
            if not self.is_alive():
                raise NodeDied(
                    f"node {self.plan.number} ended while it was being started\n{self.log_tail()}\n",
                    on=f"{self.plan.address}:{self.plan.port}",
                    next="See the last lines of its log above",
                )
            self._check_time(until, timeout_seconds, "accept clients")
            time.sleep(_LOOK_SECONDS)

    def await_log(self, pattern: str, timeout_seconds: float, purpose: str, start: int | None = None) -> None:
        """Wait until the log of this start, or from a byte of it on, holds a pattern.

        Raises: StartTimeout: it does not show up in time.
        """
        until = time.monotonic() + timeout_seconds
        while not re.search(pattern, self._log_since(self._log_start if start is None else start)):
            self._check_time(until, timeout_seconds, purpose)
            time.sleep(_LOOK_SECONDS)

    def await_superuser(self, timeout_seconds: float) -> None:
        """Wait until the first login is possible, on the first start of a cluster with passwords."""
        self.await_log(_SUPERUSER_MADE, timeout_seconds, "create its first role")

    def log_size(self) -> int:
        """Return how long its log is, in bytes."""
        return self._log.stat().st_size if self._log.exists() else 0

    def _log_since(self, start: int) -> str:
        try:
            with self._log.open("rb") as handle:
                size = handle.seek(0, 2)
                handle.seek(start if start <= size else 0)
                return handle.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines of the log of this start, and of what the Java itself printed."""
        told = [*self._log_since(self._log_start).splitlines()[-lines:]]
        if self._console.exists():
            told += self._console.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return "\n".join(told)

    def end(self, *, politely: bool) -> None:
        """End its process and wait for that: in order (drained) or at once."""
        if self._child is not None:
            self._child.end(30, politely=politely)

    def _check_time(self, until: float, timeout_seconds: float, purpose: str) -> None:
        if time.monotonic() >= until:
            raise StartTimeout(
                f"node {self.plan.number} did not {purpose} in {timeout_seconds:g} s\n{self.log_tail()}\n",
                on=f"{self.plan.address}:{self.plan.port}",
                next="See the last lines of its log above; a slow machine may need a larger timeout_seconds",
            )

    @property
    def _log(self) -> Path:
        return self.plan.folder / "logs" / "system.log"

    @property
    def _console(self) -> Path:
        return self.plan.folder / "console.log"


class Ring:
    """Finds nodes by number, and knows which of them run. Not for use by itself: see ``EmbeddedCassandra``.

    Args:
        size: how many nodes there are, started or not.
        version: the version of Cassandra, for messages.
    """

    def __init__(self, size: int, version: str) -> None:
        self._size = size
        self._version = version
        self._nodes: list[Node] = []

    def form(self, plans: Sequence[NodePlan]) -> None:
        """Make the nodes; starts none."""
        self._nodes = [Node(plan) for plan in plans]

    def get(self, number: int) -> Node:
        """Return a node.

        Raises:
            BadOption: there is none of that number.
            NotRunning: the server was not started.
        """
        if not 1 <= number <= self._size:
            raise BadOption(
                f"there is no node {number}",
                on=f"{self._size} node(s)",
                remains="Nothing was changed",
                next=f"Give a number from 1 to {self._size}",
            )
        if not self._nodes:
            raise self.not_started()
        return self._nodes[number - 1]

    def get_running(self, number: int) -> Node:
        """Return a node that runs; errors as ``get``, and ``NotRunning`` where it does not."""
        node = self.get(number)
        if not node.is_alive():
            raise NotRunning(
                f"node {number} is not running",
                on=node.plan.address,
                remains="The other nodes are as they were",
                next=f"Start it with start_node({number})",
            )
        return node

    def get_process(self, number: int) -> Identity:
        """Return the process of a node that runs; errors as ``get_running``."""
        identity = self.get_running(number).identity
        assert identity is not None
        return identity

    def processes(self) -> tuple[tuple[int, Identity], ...]:
        """Return number and process of the nodes that run."""
        return tuple(
            (node.plan.number, node.identity) for node in self._nodes if node.identity is not None and node.is_alive()
        )

    def log_sizes(self) -> dict[Node, int]:
        """Return how long the log of each node is now, in bytes: what comes after is news."""
        return {node: node.log_size() for node in self._nodes}

    def await_gossip(self, started: Node, before: dict[Node, int], timeout_seconds: float) -> None:
        """Wait until the node and the others see each other, so that any of them answers for all.

        Args:
            before: ``log_sizes`` before the start. The others' logs may say "UP" of an earlier start, too.
        """
        for other in self._nodes:
            if other is not started and other.is_alive():
                for one, two in ((started, other), (other, started)):
                    pattern = rf"/{re.escape(two.plan.address)}:\d+ is now UP"
                    one.await_log(pattern, timeout_seconds, f"see {two.plan.address}", start=before[one])

    def end(self, *, politely: bool) -> None:
        """End all nodes and forget them."""
        for node in self._nodes:
            node.end(politely=politely)
        self._nodes = []

    def not_started(self) -> NotRunning:
        """Return the error of a server that was not started."""
        return NotRunning(
            "this server was not started", on=f"Cassandra {self._version}", next="Use it as a context manager"
        )
