"""A real Cassandra of one to n nodes on this machine's loopback addresses."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cassandra_embedded.errors import BadOption, NotRunning
from cassandra_embedded.flags import NodePlan
from cassandra_embedded.jars import server_jars
from cassandra_embedded.java import java_binary
from cassandra_embedded.network import PortClaims, node_addresses
from cassandra_embedded.node import Node
from cassandra_embedded.process import Identity
from cassandra_embedded.record import Record, claim_folder, find_record, release_folder, write_record
from cassandra_embedded.versions import DEFAULT_VERSION, get_version

_STORAGE_PORT = 7000
_JMX_PORT = 7199
_JMX_ADDRESS = "127.0.0.1"


class EmbeddedCassandra:
    """A Cassandra that needs nothing installed: jars of Maven Central, a Java of PyPI.

    A context manager: entering starts it, leaving stops it. The nodes die with this process, even if it is
    killed, unless ``detached``.

    Args:
        nodes: how many nodes; each takes about 0.8 GB of memory and 8 seconds to start.
        version: one of ``KNOWN_VERSIONS``.
        data: where the nodes keep their data, kept between starts; without it a temporary folder that is
            removed at the end.
        address: the first node's address; the others get the following ones. All within 127.0.0.0/8.
        port: the port for clients, the same on all nodes; 0 picks a free one.
        heap_mb: the Java heap of each node.
        settings: further keys of cassandra.yaml; they outrank those chosen here.
        jvm_options: further flags for Java; they outrank those chosen here.
        cluster_name: the name the cluster tells its clients.
        timeout_seconds: how long each node may take to answer.
        on_progress: told in a short sentence what is being done now.
        detached: the nodes outlive this process; needs ``data``.
    """

    def __init__(
        self,
        nodes: int = 1,
        version: str = DEFAULT_VERSION,
        *,
        data: Path | None = None,
        address: str = "127.0.0.1",
        port: int = 9042,
        heap_mb: int = 512,
        settings: Mapping[str, Any] | None = None,
        jvm_options: Sequence[str] = (),
        cluster_name: str = "embedded",
        timeout_seconds: float = 120.0,
        on_progress: Callable[[str], None] | None = None,
        detached: bool = False,
    ) -> None:
        if nodes < 1:
            raise BadOption(
                "a server has at least one node",
                on=f"nodes={nodes}",
                remains="Nothing was started",
                next="Give 1 or more",
            )
        if detached and data is None:
            raise BadOption(
                "a server that outlives its program needs a data folder to be found again by",
                remains="Nothing was started",
                next="Give `data`",
            )
        self._version = get_version(version)
        self._addresses = node_addresses(address, nodes)
        self._data = data.absolute() if data else None
        self._wanted_port = port
        self._port = port
        self._heap_mb = heap_mb
        self._settings = dict(settings or {})
        self._jvm_options = tuple(jvm_options)
        self._cluster_name = cluster_name
        self._timeout_seconds = timeout_seconds
        self._on_progress = on_progress or _keep_quiet
        self._detached = detached
        self._nodes: list[Node] = []
        self._claims = PortClaims()
        self._folder: Path | None = None
        self._record: Record | None = None
        self._java = Path()
        self._jars: tuple[Path, ...] = ()

    @property
    def nodes(self) -> int:
        """Return how many nodes the cluster has, running or not."""
        return len(self._addresses)

    @property
    def version(self) -> str:
        """Return the version of Cassandra."""
        return self._version.name

    @property
    def contact_points(self) -> list[str]:
        """Return the addresses of all nodes."""
        return list(self._addresses)

    @property
    def port(self) -> int:
        """Return the port for clients; 0 until a start has picked one."""
        return self._port

    @property
    def cluster_name(self) -> str:
        """Return the name the cluster tells its clients."""
        return self._cluster_name

    @property
    def folder(self) -> Path:
        """Return the folder that holds the nodes' files (``node1`` and so on) while the server runs."""
        if self._folder is None:
            raise self._not_running()
        return self._folder

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start all nodes, one after the other, and wait until each answers and sees the others.

        Raises: EmbeddedError: one of its kinds; in every case nothing is left running.
        """
        if self._folder is not None:
            raise BadOption(
                "this server was already started",
                on=str(self._folder),
                remains="It goes on as before",
                next="Stop it first",
            )
        self._jars = server_jars(self._version, self._on_progress)
        self._java = java_binary(self._version, self._on_progress)
        try:
            self._prepare()
            for number in range(1, self.nodes + 1):
                self.start_node(number)
            self._note(is_up=True)
        except BaseException:
            self._end(politely=False)
            raise

    def stop(self) -> None:
        """Stop all nodes; without a data folder of its own, remove the temporary one."""
        self._end(politely=self._data is not None)

    def start_node(self, number: int) -> None:
        """Start one node and wait until it answers; a node that already runs is left alone.

        Raises:
            NodeDied: it ended while it was being started.
            StartTimeout: it did not answer in time.
        """
        node = self._node(number)
        if node.is_alive():
            return
        told = f" {number} of {self.nodes}" if self.nodes > 1 else ""
        self._on_progress(f"Starting Cassandra {self.version}, node{told} on {node.plan.address}:{self.port}")
        is_first_start = not (node.plan.folder / "data" / "data").exists()
        node.spawn(
            self._java,
            self._version.java_major,
            self._jars,
            settings=self._settings,
            heap_mb=self._heap_mb,
            extra=self._jvm_options,
            detached=self._detached,
            orphan_folder=self._folder if self._data is None else None,
        )
        self._note()
        node.await_answer(self._timeout_seconds)
        if number == 1 and is_first_start and self._asks_for_passwords():
            node.await_superuser(self._timeout_seconds)
        self._await_gossip(node)

    def stop_node(self, number: int) -> None:
        """Stop one node in order: it drains and says goodbye to the others."""
        self._running(number).end(politely=True)
        self._note()

    def kill_node(self, number: int) -> None:
        """Kill one node at once (SIGKILL)."""
        self._running(number).end(politely=False)
        self._note()

    def pause_node(self, number: int) -> None:
        """Freeze one node (SIGSTOP): it holds its connections and answers nothing."""
        self._identity(number).send(signal.SIGSTOP)

    def resume_node(self, number: int) -> None:
        """Let a frozen node go on (SIGCONT)."""
        self._identity(number).send(signal.SIGCONT)

    def is_running(self, number: int) -> bool:
        """Say whether the process of a node runs (that of a paused one does)."""
        return self._folder is not None and self._node(number).is_alive()

    def was_stopped_elsewhere(self) -> bool:
        """Say whether another process stopped this server in order (``stop_running``)."""
        record = find_record(self._folder) if self._folder else None
        return record is not None and not record.is_up

    def log_tail(self, number: int = 1, lines: int = 20) -> str:
        """Return the last lines of a node's log."""
        return self._node(number).log_tail(lines)

    def _prepare(self) -> None:
        """Claim the folder and the ports; nothing runs yet."""
        folder = self._data or Path(tempfile.mkdtemp(prefix="cassandra-embedded-"))
        self._folder = folder
        record = Record(
            version=self.version,
            nodes=self.nodes,
            addresses=self._addresses,
            port=0,
            storage_port=0,
            cluster_name=self._cluster_name,
            owner=Identity.of(os.getpid()),
            detached=self._detached,
        )
        claim_folder(folder, record)
        self._record = record
        if self._wanted_port:
            self._port = self._claims.claim(self._addresses, self._wanted_port, "client")
        else:
            self._port = self._claims.pick(self._addresses, 0, "client")
        storage_port = self._claims.pick(self._addresses, _STORAGE_PORT, "storage")
        self._nodes = [
            Node(
                NodePlan(
                    number=number,
                    of=self.nodes,
                    folder=folder / f"node{number}",
                    address=address,
                    seed=self._addresses[0],
                    port=self._port,
                    storage_port=storage_port,
                    jmx_port=self._claims.pick([_JMX_ADDRESS], _JMX_PORT + number - 1, "JMX"),
                    cluster_name=self._cluster_name,
                )
            )
            for number, address in enumerate(self._addresses, 1)
        ]
        self._record = replace(record, port=self._port, storage_port=storage_port)
        self._note()

    def _end(self, *, politely: bool) -> None:
        for node in self._nodes:
            node.end(politely=politely)
        self._nodes = []
        self._claims.release()
        self._port = self._wanted_port
        folder, self._folder = self._folder, None
        claimed, self._record = self._record is not None, None
        if folder is None:
            return
        if self._data is None:
            shutil.rmtree(folder, ignore_errors=True)
        elif claimed:
            release_folder(folder)

    def _note(self, *, is_up: bool = False) -> None:
        """Write down what runs, so that others find it and nobody starts on the same data."""
        assert self._record is not None
        assert self._folder is not None
        running = tuple(
            (node.plan.number, node.identity) for node in self._nodes if node.identity is not None and node.is_alive()
        )
        self._record = replace(self._record, processes=running, is_up=is_up or self._record.is_up)
        write_record(self._folder, self._record)

    def _await_gossip(self, started: Node) -> None:
        """Wait until the node and the others see each other, so that a client finds them all."""
        for other in self._nodes:
            if other is not started and other.is_alive():
                for one, two in ((started, other), (other, started)):
                    pattern = rf"/{re.escape(two.plan.address)}:\d+ is now UP"
                    one.await_log(pattern, self._timeout_seconds, f"see {two.plan.address}")

    def _asks_for_passwords(self) -> bool:
        return "PasswordAuthenticator" in str(self._settings.get("authenticator", ""))

    def _node(self, number: int) -> Node:
        if not 1 <= number <= self.nodes:
            raise BadOption(
                f"there is no node {number}",
                on=f"{self.nodes} node(s)",
                remains="Nothing was changed",
                next=f"Give a number from 1 to {self.nodes}",
            )
        if not self._nodes:
            raise self._not_running()
        return self._nodes[number - 1]

    def _running(self, number: int) -> Node:
        node = self._node(number)
        if not node.is_alive():
            raise NotRunning(
                f"node {number} is not running",
                on=node.plan.address,
                remains="The other nodes are as they were",
                next=f"Start it with start_node({number})",
            )
        return node

    def _identity(self, number: int) -> Identity:
        identity = self._running(number).identity
        assert identity is not None
        return identity

    def _not_running(self) -> NotRunning:
        return NotRunning(
            "this server was not started", on=f"Cassandra {self.version}", next="Use it as a context manager"
        )


def _keep_quiet(_: str) -> None:
    """Tell nobody."""
