"""One node: its folder, its process, and waiting until it answers."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cassandra_embedded.errors import NodeDied, StartTimeout
from cassandra_embedded.flags import LOGBACK, NodePlan, cassandra_yaml, java_command
from cassandra_embedded.network import answers
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
