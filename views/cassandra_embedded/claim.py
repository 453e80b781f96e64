"""What a server holds while it runs: its folder, its ports, and the record that tells others of both."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from cassandra_embedded.flags import NodePlan
from cassandra_embedded.network import PortClaims
from cassandra_embedded.process import Identity
from cassandra_embedded.record import Record, claim_folder, find_record, release_folder, write_record

_STORAGE_PORT = 7000
_JMX_PORT = 7199
_JMX_ADDRESS = "127.0.0.1"


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

    def take(self, version: str, addresses: tuple[str, ...], *, cluster_name: str, detached: bool) -> list[NodePlan]:
        """Take folder and ports, and return what the nodes are to be started with; nothing runs yet.

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
            )
            for number, address in enumerate(addresses, 1)
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
