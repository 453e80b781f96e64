"""Operating system processes: starting one that ends with us, and knowing one again later."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_GUARD = Path(__file__).with_name("guard.py")
# What psutil tells as a start time moves a little when the machine's clock is set.
_SAME_START_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A process, told apart from a later one with the same pid.

    Attributes:
        pid: the process id.
        started: its start, in seconds since 1970.
        marker: a text that its command line holds; empty where that is not known.
    """

    pid: int
    started: float
    marker: str = ""

    @classmethod
    def of(cls, pid: int, marker: str = "") -> Identity:
        """Return the identity of a living process; one that just ended gets a start that fits nothing."""
        try:
            return cls(pid=pid, started=psutil.Process(pid).create_time(), marker=marker)
        except psutil.NoSuchProcess:
            return cls(pid=pid, started=0.0, marker=marker)

    def is_alive(self) -> bool:
        """Say whether this very process still runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            if abs(process.create_time() - self.started) > _SAME_START_SECONDS:
                return False
            words = process.cmdline()
            # Between its start and its first instruction, and at its end, a process has no words for a moment.
            return not self.marker or not words or any(self.marker in word for word in words)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            return False
        except psutil.AccessDenied:
            return True

    def send(self, signal_number: signal.Signals) -> None:
        """Send a signal to this very process, if it still runs."""
        if self.is_alive():
            try:
                os.kill(self.pid, signal_number)
            except ProcessLookupError:
                return

    def wait(self, timeout_seconds: float) -> bool:
        """Wait for its end; say whether it ended in time."""
        until = time.monotonic() + timeout_seconds
        while self.is_alive():
            if time.monotonic() >= until:
                return False
            time.sleep(0.05)
        return True


@dataclass(slots=True, kw_only=True)
class Child:
    """A process of ours: the program itself, and what has to be waited for (the guard, or the program)."""

    identity: Identity
    waited: subprocess.Popen[str]

    def is_alive(self) -> bool:
        """Say whether the program still runs; collects what is left of it otherwise."""
        self.waited.poll()
        return self.identity.is_alive()

    def end(self, timeout_seconds: float, *, politely: bool) -> None:
        """End the program and wait for it: SIGTERM first if ``politely``, SIGKILL after the timeout."""
        if politely:
            self.identity.send(signal.SIGTERM)
            # A paused process handles no SIGTERM.
            self.identity.send(signal.SIGCONT)
            self.identity.wait(timeout_seconds)
        self.identity.send(signal.SIGKILL)
        self.waited.wait(timeout=30)
        if self.waited.stdout is not None:
            self.waited.stdout.close()


def spawn(command: Sequence[str], *, log: Path, marker: str, detached: bool, orphan_folder: Path | None) -> Child:
    """Start a program whose output goes to a file.

    Args:
        command: the program and its arguments.
        log: the file that its output is appended to.
        marker: an argument that tells it from other programs.
        detached: it outlives us; otherwise it is killed as soon as we are gone, even by SIGKILL.
        orphan_folder: a folder to be removed if we die without ending it ourselves.
    """
    with log.open("ab") as output:
        if detached:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                text=True,
            )
            return Child(identity=Identity.of(process.pid, marker), waited=process)
        guard = [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), str(orphan_folder or "-")]
        process = subprocess.Popen(
            [*guard, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            # Ctrl-C in a terminal goes to the whole group; the server is to be ended by us, in order.
            start_new_session=True,
            text=True,
        )
    assert process.stdout is not None
    pid = int(process.stdout.readline() or 0)
    return Child(identity=Identity.of(pid, marker), waited=process)
