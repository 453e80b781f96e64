"""Starting, fencing and ending one node. Each verb may be run again after a kill; two never run at once."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cassandra_embedded.process import Identity
from cassandra_embedded.versions import DEFAULT_VERSION
from local_cluster.node_record import (
    Fence,
    LocalNodeNotFound,
    NodeError,
    NodeFenced,
    NodeFolder,
    NodeNotFenced,
    NodeNotStarted,
    NodeRecord,
    Purpose,
    ReplacementServing,
)
from local_cluster.node_status import LocalNodeStatus, find_process, read_status
from local_cluster.nodetool import nodetool
from local_cluster.programs import NodeProgram, get_program

_LOOK_SECONDS: Final = 0.1
_END_SECONDS: Final = 30.0
_TAIL_LINES: Final = 15


class LocalNode:
    """Keeps one node of this machine.

    Args:
        run_folder: the folder of the whole cluster.
        name: the node's name.
        on_progress: called with a short sentence about the current work.
    """

    def __init__(self, run_folder: Path, name: str, on_progress: Callable[[str], None] = lambda _: None) -> None:
        self._folder = NodeFolder(run_folder, name)
        self._name = name
        self._on_progress = on_progress

    def start(self, kind: str, address: str, settings: dict[str, Any]) -> LocalNodeStatus:
        """Start the node and wait until it does its work; one that does already is left alone.

        A start that was cut off is ended first and done again, on the data it had: Cassandra continues with it.

        Raises:
            NodeFenced: this life of the node is over.
            NodeNotStarted: it ended, or did not answer in the settings' ``start_seconds``.
        """
        with self._folder.locked():
            record = self._folder.find() or NodeRecord(name=self._name, kind=kind, address=address)
            if record.is_fenced:
                raise self._fenced(record)
            program = get_program(kind)
            if (living := find_process(program, self._folder, record)) is not None:
                if record.is_up or program.answers(record):
                    self._on_progress(f"{self._name} already runs on {record.address} (pid {living.pid})")
                    self._folder.write(replace(record, process=living, is_up=True, replaces="", fence=None))
                    return self.status()
                self._on_progress(f"Ending a start of {self._name} that was cut off (pid {living.pid})")
                self._end(program, record)
            elif program.answers(replace(record, kind=kind, address=address, settings=settings)):
                raise NodeNotStarted(
                    "something else listens where it would",
                    on=f"{self._name} ({address})",
                    remains="It was not started",
                    next="End that, or give the node another address or port",
                )
            record = replace(record, kind=kind, address=address, settings=settings, process=None, is_up=False)
            self._folder.write(record)
            instead = f", in the place of {record.replaces}" if record.replaces else ""
            self._on_progress(f"Starting {kind} {self._name} on {address}{instead}")
            process = program.spawn(record, self._folder.life(record.life))
            self._folder.write(replace(record, process=process))
            self._await(program, replace(record, process=process), process)
            # The fence goes last: it was for the life before, and that one is now replaced.
            self._folder.write(replace(record, process=process, is_up=True, replaces="", fence=None))
            self._on_progress(f"{self._name} is up on {address} (pid {process.pid})")
            return self.status()

    def restart(self) -> LocalNodeStatus:
        """End the node's process, one that hangs, too, and start it again as it was started before.

        Raises: LocalNodeNotFound, and as ``start``.
        """
        with self._folder.locked():
            record = self._known()
            if record.is_fenced:
                raise self._fenced(record)
            program = get_program(record.kind)
            self._end(program, record)
            # Its port outlives a process that is killed for a moment, while its threads end.
            until = time.monotonic() + _END_SECONDS
            while program.answers(record) and time.monotonic() < until:
                time.sleep(_LOOK_SECONDS)
        return self.start(record.kind, record.address, record.settings)

    def fence(self, purpose: Purpose, why: str) -> LocalNodeStatus:
        """End this life of the node for good: its process is killed, seen to be gone, and not started again.

        Raises:
            LocalNodeNotFound: there is no such node.
            NodeError: its process does not end.
        """
        with self._folder.locked():
            record = self._known()
            program = get_program(record.kind)
            if not record.is_fenced or (record.fence is not None and record.fence.purpose is not purpose):
                at = datetime.now(UTC).isoformat(timespec="seconds")
                fence = Fence(purpose=purpose, life=record.life, why=why, at=at)
                # Written before the kill: a restart that comes between them is refused.
                record = replace(record, fence=fence)
                self._folder.write(record)
            self._end(program, record)
            self._on_progress(f"{self._name} is fenced ({purpose}): {why}")
            return self.status()

    def stop(self) -> None:
        """End the node, as the configuration asks; a node that holds data only after it was fenced.

        To be replaced, it keeps its data until ``terminate``, and the next start takes its place in the cluster. To be
        ended, it goes with its data.

        Raises:
            NodeNotFenced: it was not; nothing was done.
            ReplacementServing: the fence was for the life before, and the one after it is up.
        """
        with self._folder.locked():
            record = self._folder.find()
            if record is None:
                self._on_progress(f"{self._name} is not here; nothing to end")
                return
            program = get_program(record.kind)
            if record.fence is None and not program.needs_fence:
                fence = Fence(purpose=Purpose.REPLACE, life=record.life, why="it holds no data", at="")
                record = replace(record, fence=fence)
            if record.fence is None:
                raise NodeNotFenced(
                    "it holds data and is not fenced, so it is not ended",
                    on=self._name,
                    remains="It is as it was",
                    next=f"Be sure that it has to go, `node.sh fence {self._name} --run DIR --why TEXT`, and again",
                )
            if record.fence.life < record.life and self._serves(program, record):
                raise ReplacementServing(
                    f"its life {record.life} is up already, and the fence was for life {record.fence.life}",
                    on=self._name,
                    remains="It keeps running",
                    next="Look at the node; fence it again where it has to go",
                )
            self._end(program, record)
            if record.fence.purpose is Purpose.END:
                for life in self._folder.lives():
                    shutil.rmtree(self._folder.life(life))
                self._folder.remove_record()
                self._on_progress(f"{self._name} is gone, with its data")
                return
            # A holder of no data takes nobody's place.
            instead = record.address if program.needs_fence else ""
            following = replace(record, life=record.fence.life + 1, process=None, is_up=False, replaces=instead)
            self._folder.write(following if program.needs_fence else replace(following, fence=None))
            self._on_progress(f"{self._name} has ended; life {following.life} may begin")

    def terminate(self) -> tuple[int, ...]:
        """Remove the data of former lives, and return which. For when the node of now is up and repaired.

        Raises: LocalNodeNotFound: there is no such node.
        """
        with self._folder.locked():
            record = self._known()
            old = tuple(life for life in self._folder.lives() if life < record.life)
            for life in old:
                shutil.rmtree(self._folder.life(life))
                self._on_progress(f"Removed the data of life {life} of {self._name}")
            return old

    def repair(self) -> str:
        """Repair all that this node holds, with all other replicas; return what nodetool said.

        Raises:
            LocalNodeNotFound: there is no such node, or it is none of Cassandra.
            NodetoolFailed: it failed, or took more than the settings' ``repair_seconds``.
        """
        record = self._known()
        if record.kind != "cassandra":
            raise LocalNodeNotFound("it is no node of Cassandra", on=self._name, next="Only those are repaired")
        return nodetool(
            ["repair", "--full"],
            jmx_port=int(record.settings["jmx_port"]),
            version=str(record.settings.get("version", DEFAULT_VERSION)),
            timeout_seconds=float(record.settings.get("repair_seconds", 3600)),
        )

    def status(self) -> LocalNodeStatus:
        """Return what this machine knows of the node; waits for nobody.

        Raises: NodeError: its record cannot be read.
        """
        return read_status(self._folder, self._folder.find(), self._name)

    def _known(self) -> NodeRecord:
        record = self._folder.find()
        if record is None:
            raise LocalNodeNotFound(
                "there is no such node here", on=self._name, next=f"See the folders in {self._folder.path.parent}"
            )
        return record

    def _serves(self, program: NodeProgram, record: NodeRecord) -> bool:
        return find_process(program, self._folder, record) is not None and (record.is_up or program.answers(record))

    def _end(self, program: NodeProgram, record: NodeRecord) -> None:
        while (living := find_process(program, self._folder, record)) is not None:
            if not _kill(living):
                raise NodeError(
                    f"its process {living.pid} does not end, not even by SIGKILL",
                    on=self._name,
                    remains="Nothing else is started in its place",
                    next="See what holds it (a dead disk does), or restart the machine",
                )

    def _await(self, program: NodeProgram, record: NodeRecord, process: Identity) -> None:
        seconds = float(record.settings.get("start_seconds", 600))
        until = time.monotonic() + seconds
        while not program.answers(record):
            if not process.is_alive():
                raise self._not_started(program, record, "it ended while it was being started")
            if time.monotonic() >= until:
                raise self._not_started(program, record, f"it does not answer after {seconds:g} s")
            time.sleep(_LOOK_SECONDS)

    def _not_started(self, program: NodeProgram, record: NodeRecord, what: str) -> NodeNotStarted:
        folder = self._folder.life(record.life)
        lines: list[str] = []
        for name in dict.fromkeys((program.log, "console.log")):
            if (folder / name).exists():
                told = (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
                # Frames of a stack say nothing to an operator, and would push away the exception itself.
                lines += [line for line in told if not line.startswith("\tat ")][-_TAIL_LINES:]
        tail = "\n".join(lines)
        return NodeNotStarted(
            f"{what}\n{tail}\n",
            on=f"{self._name} ({record.address})",
            remains="What it wrote is kept, and a new start continues with it",
            next=f"See the last lines of its log above, and {folder}",
        )

    def _fenced(self, record: NodeRecord) -> NodeFenced:
        assert record.fence is not None
        return NodeFenced(
            f"life {record.life} of this node is fenced since {record.fence.at} ({record.fence.why})",
            on=f"{self._name} ({record.address})",
            remains="It does not run",
            next="Replace it: plan with -replace, apply",
        )


def _kill(process: Identity) -> bool:
    process.send(signal.SIGKILL)
    return process.wait(_END_SECONDS)
