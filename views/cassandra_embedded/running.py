"""Finding, stopping and forgetting a server that another process started on a data folder."""

from __future__ import annotations

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from cassandra_embedded.errors import AlreadyRunning, BadOption
from cassandra_embedded.record import find_record, release_folder

_STOP_SECONDS = 30.0
_TOLD_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that runs on a data folder; at least one of its nodes is alive.

    Attributes:
        data: the folder.
        contact_points: the addresses of the living nodes.
        port: the port for clients.
        nodes: how many nodes it was started with.
        pids: the processes of the living nodes.
        detached: it outlives the program that started it.
    """

    data: Path
    contact_points: tuple[str, ...]
    port: int
    version: str
    nodes: int
    cluster_name: str
    pids: tuple[int, ...]
    detached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A server of a data folder that has ended by itself: nobody stopped it, and none of its nodes is alive.

    Attributes:
        data: the folder.
        addresses: ``address:port`` of its nodes, for clients.
        log: the log of its first node.
        last_lines: the end of that log.
    """

    data: Path
    addresses: tuple[str, ...]
    log: Path
    last_lines: str


def find_ended(data: Path) -> Ended | None:
    """Return the server of a data folder that has ended by itself, or nothing where it runs or was stopped."""
    folder = data.absolute()
    record = find_record(folder)
    if record is None or not record.is_up or record.living():
        return None
    log = folder / "node1" / "logs" / "system.log"
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    return Ended(
        data=folder,
        addresses=tuple(f"{address}:{record.port}" for address in record.addresses),
        log=log,
        last_lines="\n".join(lines[-_TOLD_LINES:]),
    )


def find_running(data: Path) -> Running | None:
    """Return the server that is up on a data folder, or nothing; its processes are checked to be those."""
    record = find_record(data.absolute())
    if record is None or not record.is_up:
        return None
    living = record.living()
    if not living:
        return None
    return Running(
        data=data.absolute(),
        contact_points=tuple(record.addresses[number - 1] for number, _ in living),
        port=record.port,
        version=record.version,
        nodes=record.nodes,
        cluster_name=record.cluster_name,
        pids=tuple(identity.pid for _, identity in living),
        detached=record.detached,
    )


def stop_running(data: Path) -> bool:
    """Stop the server on a data folder in order; say whether one was running. Its data stays."""
    folder = data.absolute()
    record = find_record(folder)
    living = record.living() if record else ()
    if not living:
        return False
    for _, identity in living:
        identity.send(signal.SIGTERM)
        # A paused process handles no SIGTERM.
        identity.send(signal.SIGCONT)
    for _, identity in living:
        if not identity.wait(_STOP_SECONDS):
            identity.send(signal.SIGKILL)
            identity.wait(_STOP_SECONDS)
    release_folder(folder)
    return True


def drop_data(data: Path) -> None:
    """Remove a data folder of ours with all its data.

    Raises:
        AlreadyRunning: a server runs on it.
        BadOption: it holds something else; nothing was removed.
    """
    folder = data.absolute()
    if not folder.exists():
        return
    record = find_record(folder)
    if record is None and any(folder.iterdir()):
        raise BadOption(
            "this folder holds no data of an embedded Cassandra, so it is not removed",
            on=str(data),
            remains="Nothing was removed or started",
            next="Give the right folder, or remove it by hand",
        )
    if record is not None and record.living():
        raise AlreadyRunning(
            "a server runs on this data, so it is not removed",
            on=str(data),
            remains="It goes on as before",
            next="Stop it first",
        )
    shutil.rmtree(folder)
