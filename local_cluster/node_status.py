"""What this machine sees of a node: its process, by more than a pid, and where it stands."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import psutil

from cassandra_embedded.process import Identity
from local_cluster.node_record import NodeFolder, NodeRecord
from local_cluster.programs import NodeProgram, get_program


class MachineState(StrEnum):
    """What this machine knows of a node."""

    RUNNING = "running"
    """Its process lives (a paused one does)."""
    STOPPED = "stopped"
    """Its process has ended; its data is here."""
    GONE = "gone"
    """There is no such node here, or its life is over and no other has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNodeStatus:
    """A node as this machine sees it.

    Attributes:
        disk: how full the file system of its data is, 0 to 1.
        pid: its process, 0 where none lives.
        is_paused: it lives and is stopped by a signal.
        old_lives: former lives whose data is kept.
    """

    name: str
    address: str
    state: MachineState
    life: int
    pid: int
    is_paused: bool
    is_up: bool
    replaces: str
    fenced: str
    old_lives: tuple[int, ...]
    disk: float


def read_status(folder: NodeFolder, record: NodeRecord | None, name: str) -> LocalNodeStatus:
    """Return what this machine knows of a node; waits for nobody."""
    if record is None:
        return LocalNodeStatus(
            name=name,
            address="",
            state=MachineState.GONE,
            life=0,
            pid=0,
            is_paused=False,
            is_up=False,
            replaces="",
            fenced="",
            old_lives=(),
            disk=0.0,
        )
    living = find_process(get_program(record.kind), folder, record)
    has_data = record.life in folder.lives()
    return LocalNodeStatus(
        name=record.name,
        address=record.address,
        state=MachineState.RUNNING if living else MachineState.STOPPED if has_data else MachineState.GONE,
        life=record.life,
        pid=living.pid if living else 0,
        is_paused=living is not None and _is_paused(living),
        is_up=record.is_up,
        replaces=record.replaces,
        fenced=record.fence.why if record.fence and record.is_fenced else "",
        old_lives=tuple(life for life in folder.lives() if life < record.life),
        disk=_disk_used(folder.path),
    )


def find_process(program: NodeProgram, folder: NodeFolder, record: NodeRecord) -> Identity | None:
    """Return the living process of this life; also one that was started and not written down before a kill."""
    if record.process is not None and record.process.is_alive():
        return record.process
    marker = program.marker(record, folder.life(record.life))
    for process in psutil.process_iter():
        try:
            if marker in process.cmdline():
                return Identity(pid=process.pid, started=process.create_time(), marker=marker)
        except psutil.Error:
            continue
    return None


def _disk_used(folder: Path) -> float:
    disk = shutil.disk_usage(folder)
    # As `df` counts: what is kept back for root is no free space to others.
    return round(disk.used / max(1, disk.used + disk.free), 2)


def _is_paused(process: Identity) -> bool:
    try:
        return bool(psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False
