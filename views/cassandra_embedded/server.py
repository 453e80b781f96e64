"""A real Cassandra of one to n nodes on this machine's loopback addresses."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from cassandra_embedded.data_folder import Record, claim_folder, find_record, release_folder, write_record
from cassandra_embedded.downloads import java_binary, server_jars
from cassandra_embedded.errors import BadOption
from cassandra_embedded.network import PortClaims, node_addresses
from cassandra_embedded.node import Ring
from cassandra_embedded.node_config import NodePlan, ring_tokens
from cassandra_embedded.process import Identity
from cassandra_embedded.versions import DEFAULT_VERSION, ServerVersion, get_version

_STORAGE_PORT = 7000
_JMX_PORT = 7199
_JMX_ADDRESS = "127.0.0.1"

QUICK_SCHEMA = ("-Dcassandra.test.flush_local_schema_changes=false", "-Dcassandra.unsafesystem=true")
"""For a node that is never started again: its schema need not be on disk, so a CREATE takes a tenth of the time."""

_TEMPORARY = ("-Dcassandra.skip_sync=true",)
"""What is removed at the end must outlive a killed node, and not a crash of the machine: DDL takes half the time."""

_BESIDE_HEAP_MB = 260
"""What a node takes beside its heap: 770 MB were resident with a heap of 512."""


class Claim:
    """Takes a folder and ports for one server and gives them back. Not for use by itself: see ``EmbeddedCassandra``.

    Args:
        data: the folder, kept afterwards; without it a temporary one is made and removed.
        port: the port for clients, the same on all nodes; 0 picks a free one.
    """

    def __init__(self, data: Path | None, port: int) -> None:
        self._data = data
        self._wanted_port = port
        self._port = port
        self._ports = PortClaims()
        self._folder: Path | None = None
        self._record: Record | None = None

    @property
    def is_kept(self) -> bool:
        """Tell whether the folder outlives the server."""
        return self._data is not None

    @property
    def folder(self) -> Path | None:
        """Return the folder, None while it is not taken."""
        return self._folder

    @property
    def port(self) -> int:
        """Return the port for clients; 0 until one was picked."""
        return self._port

    def take(
        self,
        version: str,
        addresses: tuple[str, ...],
        data_centers: Mapping[str, int],
        *,
        cluster_name: str,
        detached: bool,
    ) -> list[NodePlan]:
        """Take folder and ports, and return what the nodes are to be started with; nothing runs yet.

        Args:
            data_centers: how many nodes each has, in the order of the addresses.

        Raises: EmbeddedError: one of its kinds; ``release`` gives back what was taken by then.
        """
        folder = self._data or Path(tempfile.mkdtemp(prefix="cassandra-embedded-"))
        self._folder = folder
        record = Record(
            version=version,
            nodes=len(addresses),
            addresses=addresses,
            port=0,
            storage_port=0,
            cluster_name=cluster_name,
            owner=Identity.of(os.getpid()),
            detached=detached,
        )
        claim_folder(folder, record)
        self._record = record
        if self._wanted_port:
            self._port = self._ports.claim(addresses, self._wanted_port, "client")
        else:
            self._port = self._ports.pick(addresses, 0, "client")
        storage_port = self._ports.pick(addresses, _STORAGE_PORT, "storage")
        tokens = ring_tokens(tuple(data_centers.values()))
        centers = [name for name, size in data_centers.items() for _ in range(size)]
        plans = [
            NodePlan(
                number=number,
                of=len(addresses),
                folder=folder / f"node{number}",
                address=address,
                seed=addresses[0],
                port=self._port,
                storage_port=storage_port,
                jmx_port=self._ports.pick([_JMX_ADDRESS], _JMX_PORT + number - 1, "JMX"),
                cluster_name=cluster_name,
                token=token,
                data_center=center,
            )
            for number, (address, token, center) in enumerate(zip(addresses, tokens, centers, strict=True), 1)
        ]
        self._record = replace(record, port=self._port, storage_port=storage_port)
        self.note(())
        return plans

    def note(self, processes: tuple[tuple[int, Identity], ...], *, is_up: bool = False) -> None:
        """Write down what runs, so that others find it and nobody starts on the same data."""
        if self._record is None or self._folder is None:
            return  # another thread, whose start ended by what is noted here, has given it back
        self._record = replace(self._record, processes=processes, is_up=is_up or self._record.is_up)
        write_record(self._folder, self._record)

    def was_released_elsewhere(self) -> bool:
        """Tell whether another process has stopped what runs here in order (``stop_running``)."""
        record = find_record(self._folder) if self._folder else None
        return record is not None and not record.is_up

    def release(self) -> None:
        """Give back what is held; a temporary folder is removed."""
        self._ports.release()
        self._port = self._wanted_port
        folder, self._folder = self._folder, None
        claimed, self._record = self._record is not None, None
        if folder is None:
            return
        if not self.is_kept:
            shutil.rmtree(folder, ignore_errors=True)
        elif claimed:
            release_folder(folder)


class EmbeddedCassandra:
    """A Cassandra that needs nothing installed: jars of Maven Central, a Java of PyPI.

    A context manager: entering starts it, leaving stops it. The nodes die with this process, even if it is
    killed, unless ``detached``.

    Args:
        nodes: how many nodes, or how many in each data centre, by its name; a node takes about 0.8 GB of memory and
            8 seconds to start.
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
        nodes: int | Mapping[str, int] = 1,
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
        self._data_centers = {"": nodes} if isinstance(nodes, int) else dict(nodes)
        count = sum(self._data_centers.values())
        if min(self._data_centers.values(), default=0) < 1:
            raise BadOption(
                "a server has at least one node" if isinstance(nodes, int) else "a data centre has at least one node",
                on=f"nodes={nodes}",
                remains="Nothing was started",
                next="Give 1 or more",
            )
        needed, there = count * (heap_mb + _BESIDE_HEAP_MB), psutil.virtual_memory().total // 2**20
        if needed > there:
            raise BadOption(
                f"{count} nodes take about {needed // 1024} GB of memory, and this machine has {there // 1024} GB",
                on=f"nodes={nodes}",
                remains="Nothing was started",
                next="Give fewer nodes, or a smaller heap",
            )
        if detached and data is None:
            raise BadOption(
                "a server that outlives its program needs a data folder to be found again by",
                remains="Nothing was started",
                next="Give `data`",
            )
        self._version = get_version(version)
        self._addresses = node_addresses(address, count)
        self._heap_mb = heap_mb
        self._settings = dict(settings or {})
        self._jvm_options = tuple(jvm_options)
        self._cluster_name = cluster_name
        self._timeout_seconds = timeout_seconds
        self._on_progress = on_progress or _ignore_progress
        self._detached = detached
        self._claim = Claim(data.absolute() if data else None, port)
        self._ring = Ring(count, self.version)
        self._upgraded: dict[int, ServerVersion] = {}

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
        return self._claim.port

    @property
    def cluster_name(self) -> str:
        """Return the name the cluster tells its clients."""
        return self._cluster_name

    @property
    def folder(self) -> Path:
        """Return the folder that holds the nodes' files (``node1`` and so on) while the server runs."""
        if self._claim.folder is None:
            raise self._ring.not_started()
        return self._claim.folder

    def jmx_port(self, number: int) -> int:
        """Return the port of 127.0.0.1 at which a node answers to JMX."""
        return self._ring.get(number).plan.jmx_port

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
        if self._claim.folder is not None:
            raise BadOption(
                "this server was already started",
                on=str(self._claim.folder),
                remains="It goes on as before",
                next="Stop it first",
            )
        self._fetch(self._version)
        try:
            plans = self._claim.take(
                self.version,
                self._addresses,
                self._data_centers,
                cluster_name=self._cluster_name,
                detached=self._detached,
            )
            self._ring.form(plans)
            for number in range(1, self.nodes + 1):
                self.start_node(number)
            self._claim.note(self._ring.processes(), is_up=True)
        except BaseException:
            self._end(politely=False)
            raise

    def stop(self) -> None:
        """Stop all nodes; without a data folder of its own, remove the temporary one."""
        self._end(politely=self._claim.is_kept)

    def start_node(self, number: int, *, settings: Mapping[str, Any] | None = None, version: str | None = None) -> None:
        """Start one node and wait until it answers; a node that already runs is left alone.

        Args:
            settings: further keys of cassandra.yaml, for this start alone.
            version: a newer one than the node had, which it keeps from now on: the start upgrades its data.

        Raises:
            NodeDied: it ended while it was being started.
            StartTimeout: it did not answer in time.
            BadOption: a version is given, and the data folder is kept: that is of one version.
        """
        node = self._ring.get(number)
        if node.is_alive():
            return
        if version is not None and self._claim.is_kept:
            raise BadOption(
                f"a node whose data is kept stays at {self.version}",
                on=str(self._claim.folder),
                remains="Nothing was started",
                next="Leave `data` out to try an upgrade",
            )
        if version is not None:
            self._upgraded[number] = get_version(version)
        release = self._upgraded.get(number, self._version)
        java, jars = self._fetch(release)
        told = f" {number} of {self.nodes}" if self.nodes > 1 else ""
        self._on_progress(f"Starting Cassandra {release.name}, node{told} on {node.plan.address}:{self.port}")
        is_first_start = not (node.plan.folder / "data" / "data").exists()
        before = self._ring.log_sizes()
        node.spawn(
            java,
            release.java_major,
            jars,
            settings={**self._settings, **(settings or {})},
            heap_mb=self._heap_mb,
            extra=(*(() if self._claim.is_kept else _TEMPORARY), *self._jvm_options),
            detached=self._detached,
            orphan_folder=None if self._claim.is_kept else self._claim.folder,
        )
        self._claim.note(self._ring.processes())
        node.await_answer(self._timeout_seconds)
        if number == 1 and is_first_start and self._asks_for_passwords():
            node.await_superuser(self._timeout_seconds)
        self._ring.await_gossip(node, before, self._timeout_seconds)

    def stop_node(self, number: int) -> None:
        """Stop one node in order: it drains and says goodbye to the others."""
        self._ring.get_running(number).end(politely=True)
        self._claim.note(self._ring.processes())

    def kill_node(self, number: int) -> None:
        """Kill one node at once (SIGKILL)."""
        self._ring.get_running(number).end(politely=False)
        self._claim.note(self._ring.processes())

    def pause_node(self, number: int) -> None:
        """Freeze one node (SIGSTOP): it holds its connections and answers nothing."""
        self._ring.get_process(number).send(signal.SIGSTOP)

    def resume_node(self, number: int) -> None:
        """Let a frozen node go on (SIGCONT)."""
        self._ring.get_process(number).send(signal.SIGCONT)

    def is_running(self, number: int) -> bool:
        """Say whether the process of a node runs (that of a paused one does)."""
        return self._claim.folder is not None and self._ring.get(number).is_alive()

    def was_stopped_elsewhere(self) -> bool:
        """Say whether another process stopped this server in order (``stop_running``)."""
        return self._claim.was_released_elsewhere()

    def log_tail(self, number: int = 1, lines: int = 20) -> str:
        """Return the last lines of a node's log."""
        return self._ring.get(number).log_tail(lines)

    def _fetch(self, version: ServerVersion) -> tuple[Path, tuple[Path, ...]]:
        """Return the Java and the jars of a version; what is not there yet is downloaded."""
        return java_binary(version, self._on_progress), server_jars(version, self._on_progress)

    def _end(self, *, politely: bool) -> None:
        self._upgraded.clear()
        self._ring.end(politely=politely)
        self._claim.release()

    def _asks_for_passwords(self) -> bool:
        return "PasswordAuthenticator" in str(self._settings.get("authenticator", ""))


def _ignore_progress(_: str) -> None:
    """Tell nobody."""
