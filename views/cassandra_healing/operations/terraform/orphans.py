"""Processes that an interrupted apply leaves behind: itself, and scripts that outlive it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final

import psutil

from cassandra_healing.operations.terraform.journal import OpenApply

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
