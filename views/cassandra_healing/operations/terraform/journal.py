"""The journal of applies in the run folder, and the processes that a kill left behind."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psutil

from cassandra_healing.errors import TerraformError

_FILE: Final = "terraform.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApply:
    """An apply whose end is not in the journal.

    Attributes:
        pid: the process that carried it out; 0 where we died before that was known.
        since: when it was begun.
    """

    plan: Path
    address: str
    actions: tuple[str, ...]
    digest: str
    pid: int
    since: datetime


class ApplyJournal:
    """The journal in a run folder. Lines are added and never changed."""

    def __init__(self, folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = folder / _FILE
        self._clock = clock

    def write(self, event: str, **facts: Any) -> None:
        """Add a line, and return when it is on disk."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self._path.exists()
        line = json.dumps({"at": self._clock().isoformat(), "event": event, **facts}, default=str)
        with self._path.open("a+b") as handle:
            size = handle.seek(0, os.SEEK_END)
            if size:
                # A kill may have cut the last line off: ours must not become its end.
                handle.seek(size - 1)
                line = line if handle.read(1) == b"\n" else f"\n{line}"
            handle.write(f"{line}\n".encode())
            handle.flush()
            os.fsync(handle.fileno())
        if is_new:
            entry = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(entry)
            finally:
                os.close(entry)

    def read(self) -> tuple[dict[str, Any], ...]:
        """Return all lines; one that a kill cut off is left out."""
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ()
        lines = []
        for line in text.splitlines():
            try:
                lines.append(dict(json.loads(line)))
            except ValueError:
                continue
        return tuple(lines)

    def find_open(self) -> OpenApply | None:
        """Return the apply that was interrupted, the oldest first."""
        found: dict[str, OpenApply] = {}
        for line in self.read():
            plan = str(line.get("plan", ""))
            match line["event"]:
                case "applying":
                    found[plan] = OpenApply(
                        plan=Path(plan),
                        address=line["address"],
                        actions=tuple(line["actions"]),
                        digest=line["digest"],
                        pid=0,
                        since=datetime.fromisoformat(line["at"]),
                    )
                case "running" if plan in found:
                    found[plan] = replace(found[plan], pid=int(line["pid"]))
                case "ended":
                    found.pop(plan, None)
        return next(iter(found.values()), None)

    def refuse_open(self) -> None:
        """Refuse to continue while an apply is open.

        Raises: TerraformError: names it.
        """
        if (found := self.find_open()) is not None:
            raise TerraformError(
                f"an apply of {found.since:%Y-%m-%d %H:%M:%S} was interrupted",
                on=found.address or str(found.plan),
                remains="What it did is unknown",
                next="Recover first",
            )


_LOOK_SECONDS: Final = 0.2
_END_SECONDS: Final = 15.0
# What psutil tells as a start time moves a little when the machine's clock is set.
_CLOCK_SECONDS: Final = 5.0


def end_orphans(found: OpenApply, timeout_seconds: float, on_progress: Callable[[str], None]) -> None:
    """Wait until nothing of this apply runs any more.

    OpenTofu itself is waited for: it has the plan in its hand and saves its state. It is ended after the time-out.
    Scripts that it left when it was killed are killed; nodes that they started have sessions of their own and live on.
    """
    running = [process for process in psutil.process_iter() if _carries_out(process, found)]
    if running:
        on_progress(f"process {running[0].pid} still applies it; waiting for its end")
        gone, alive = _wait(running, timeout_seconds)
        for process in alive:
            process.terminate()
        _, alive = _wait(alive, _END_SECONDS)
        for process in alive:
            process.kill()
        sessions = {process.pid for process in (*gone, *running)}
    else:
        sessions = set()
    if found.pid:
        sessions.add(found.pid)
    for process in psutil.process_iter():
        if _is_script_of(process, sessions, found):
            on_progress(f"ending script {process.pid}, which outlived its apply")
            process.kill()


def _wait(processes: list[psutil.Process], timeout_seconds: float) -> tuple[list[psutil.Process], list[psutil.Process]]:
    until = time.monotonic() + timeout_seconds
    alive = list(processes)
    while alive and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
        alive = [process for process in alive if process.is_running() and not _is_zombie(process)]
    return [process for process in processes if process not in alive], alive


def _carries_out(process: psutil.Process, found: OpenApply) -> bool:
    try:
        words = process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False
    return "apply" in words and str(found.plan) in words


def _is_script_of(process: psutil.Process, sessions: set[int], found: OpenApply) -> bool:
    try:
        return (
            process.pid not in sessions
            and os.getsid(process.pid) in sessions
            and process.create_time() > found.since.timestamp() - _CLOCK_SECONDS
        )
    except (psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError, PermissionError):
        return False


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
