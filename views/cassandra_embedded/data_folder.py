"""A server's data folder: what was made there and what runs there now; finding, stopping and forgetting such a server.

``server.json`` is the lock of the folder as well: it names the process that started the server and the processes of the
nodes, and counts only while those live. So nothing has to be cleaned up after a crash.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from cassandra_embedded.errors import AlreadyRunning, BadOption, DataMismatch
from cassandra_embedded.process import Identity

_FILE = "server.json"
_LOCK = "server.lock"
_FORMAT = 1
# How long the nodes of a killed owner may take to be gone: their guards look ten times a second.
_ORPHAN_SECONDS = 5.0

_STOP_SECONDS = 30.0
_TAIL_LINES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What ``server.json`` says.

    Attributes:
        owner: the process that started the server.
        detached: the server outlives its owner.
        is_up: all nodes were started.
        processes: the nodes' processes by number, where running.
    """

    version: str
    nodes: int
    addresses: tuple[str, ...]
    port: int
    storage_port: int
    cluster_name: str
    owner: Identity
    detached: bool
    is_up: bool = False
    processes: tuple[tuple[int, Identity], ...] = ()

    def living(self) -> tuple[tuple[int, Identity], ...]:
        """Return the nodes whose processes really run."""
        return tuple((number, identity) for number, identity in self.processes if identity.is_alive())


def find_record(data: Path) -> Record | None:
    """Return what ``server.json`` of a data folder says, or nothing if there is none or it is not ours."""
    try:
        raw: dict[str, Any] = json.loads((data / _FILE).read_text(encoding="utf-8"))
        if raw.pop("format") != _FORMAT:
            return None
        owner = Identity(**raw.pop("owner"))
        processes = tuple((int(number), Identity(**identity)) for number, identity in raw.pop("processes"))
        return Record(**{**raw, "addresses": tuple(raw["addresses"]), "owner": owner, "processes": processes})
    except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
        return None


def write_record(data: Path, record: Record) -> None:
    """Write ``server.json``, in one step."""
    scratch = data / f"{_FILE}.tmp"
    scratch.write_text(json.dumps({"format": _FORMAT, **asdict(record)}, indent=1), encoding="utf-8")
    scratch.replace(data / _FILE)


def claim_folder(data: Path, wanted: Record) -> None:
    """Make this process the owner of a data folder.

    Raises:
        AlreadyRunning: a server runs there, or is being started by a living process.
        DataMismatch: the data was made by another version or for another number of nodes.
        BadOption: the folder cannot be made or written.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        (data / _LOCK).touch()
    except OSError as error:
        raise BadOption(
            f"the data folder cannot be written: {error.strerror}",
            on=str(data),
            remains="Nothing was started",
            next="Choose a folder that can be",
        ) from error
    with FileLock(data / _LOCK):
        if (former := find_record(data)) is not None:
            _refuse_if_running(data, former)
            _refuse_if_different(data, former, wanted)
        write_record(data, wanted)


def release_folder(data: Path) -> None:
    """Note that nothing runs in the folder any more; what was made there stays noted."""
    with FileLock(data / _LOCK):
        if (record := find_record(data)) is not None:
            write_record(data, replace(record, is_up=False, processes=(), detached=False))


def _refuse_if_running(data: Path, former: Record) -> None:
    owner_lives = former.owner.is_alive() and former.owner.pid != os.getpid()
    if not owner_lives and not (former.detached and former.is_up):
        # Its owner was killed: the guards end the nodes, and a detached start that was cut off is nobody's.
        for _, identity in former.living():
            if former.detached:
                identity.send(signal.SIGKILL)
            identity.wait(_ORPHAN_SECONDS)
    living = former.living()
    if not living and not (owner_lives and not former.detached and not former.is_up):
        return
    pids = ", ".join(str(identity.pid) for _, identity in living)
    raise AlreadyRunning(
        f"a server of {former.nodes} node(s) already runs on this data (pid {pids})"
        if living
        else f"a server is being started on this data by pid {former.owner.pid}",
        on=str(data),
        remains=f"It goes on as before, on {former.addresses[0]}:{former.port}",
        next="Use that one, stop it first, or give another data folder",
    )


def _refuse_if_different(data: Path, former: Record, wanted: Record) -> None:
    if not any((data / f"node{number}" / "data").exists() for number in range(1, former.nodes + 1)):
        return
    if (former.version, former.nodes, former.addresses) == (wanted.version, wanted.nodes, wanted.addresses):
        return
    raise DataMismatch(
        f"the data here was made by {_described(former)}, but {_described(wanted)} was asked for",
        on=str(data),
        remains="Nothing was started and the data is as it was",
        next="Ask for what the data was made by, give another data folder, or remove this one",
    )


def _described(record: Record) -> str:
    return f"{record.nodes} node(s) of Cassandra {record.version} from {record.addresses[0]} on"


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
        last_lines="\n".join(lines[-_TAIL_LINES:]),
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
