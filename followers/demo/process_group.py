"""The demo's processes: those it starts, and those that these leave behind.

A job that Airflow starts over SSH detaches itself, so that a lost connection does not end it. The kernel hands such
orphans to the nearest ancestor that asks for them (PR_SET_CHILD_SUBREAPER); we do, so that none outlives the demo and
the memory of all is known.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import psutil
from rich.text import Text

from followers.demo.environment import DemoError, console
from followers.demo.supervisor import Supervisor, death_error, exit_text

Found = TypeVar("Found")

TOLD_LINES = 12
END_SECONDS = 8.0
_LOOK_SECONDS = 0.5
_PR_SET_CHILD_SUBREAPER = 36
_OTHERS = "jobs"
_SELF = "demo"


class ManagedProcess:
    """A child process that runs until the demo ends; its restart is another process in its place.

    Args:
        spawn: starts its process.
    """

    def __init__(self, name: str, log: Path, spawn: Callable[[], subprocess.Popen[bytes]]) -> None:
        self.name = name
        self.log_file = log
        self.process = spawn()
        self._spawn = spawn
        self._restart: Callable[[], None] | None = None

    @property
    def log(self) -> str:
        """Return where its log is."""
        return str(self.log_file)

    @property
    def can_restart(self) -> bool:
        """Tell whether it has worked before."""
        return self._restart is not None

    def on_death(self, restart: Callable[[], None]) -> None:
        """Say what restarts it, now that it works."""
        self._restart = restart

    def find_end(self) -> str:
        """Return how it ended; empty while it runs."""
        code = self.process.poll()
        return "" if code is None else exit_text(code)

    def last_lines(self) -> str:
        """Return the end of what it said."""
        return _last_lines(self.log_file)

    def respawn(self) -> None:
        """Put a new process in the place of the one that ended."""
        self.process = self._spawn()

    def restart(self) -> None:
        """Start it again and wait until it works."""
        assert self._restart is not None
        self._restart()


class ProcessGroup:
    """Starts processes, looks after them, and ends them all, with everything they started, at the end of its block.

    Use it from the main thread: processes are told to end when the thread that started them does.

    Args:
        logs: the folder of their logs, one file each.
    """

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._members: list[ManagedProcess] = []
        self._groups: dict[int, str] = {}
        self.supervisor = Supervisor(lambda text: console.print(Text(text, style="yellow")))
        self.on_wait: Callable[[], None] = lambda: None
        """Called about twice a second while something is waited for."""

    def __enter__(self) -> Self:
        _take_orphans(True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        _take_orphans(False)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        group: str,
        env: Mapping[str, str],
        cwd: Path | None = None,
        ends: bool = False,
    ) -> ManagedProcess:
        """Start a process; its memory counts for ``group``.

        Args:
            ends: it ends by itself, and is waited for by ``finish``; else it is to run until the demo ends.
        """
        log = self._logs / f"{name}.log"

        def spawn() -> subprocess.Popen[bytes]:
            with log.open("ab") as output:
                process = subprocess.Popen(
                    # Should we be killed, the kernel tells it to end; Ctrl-C is for us alone, and we end it in order.
                    [*_with_us(), *argv],
                    env=dict(env),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                )
            self._groups[process.pid] = group
            return process

        member = ManagedProcess(name, log, spawn)
        self._members.append(member)
        if not ends:
            self.supervisor.add(member)
        return member

    def supervise(self, member: ManagedProcess, is_ready: Callable[[], object], *, seconds: float) -> None:
        """Restart this process when it dies, now that it works.

        Args:
            is_ready: tells whether it works again.
            seconds: how long that may take.
        """

        def restart() -> None:
            _kill_session(member.process.pid)
            self._groups.pop(member.process.pid, None)
            member.respawn()
            self.await_that(is_ready, seconds=seconds, what=f"{member.name}, restarted,")

        member.on_death(restart)

    def run(self, name: str, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None) -> None:
        """Run a process to its end.

        Raises:
            DemoError: it failed; what it said last is part of the text.
        """
        self.finish(self.start(name, argv, group=_OTHERS, env=env, cwd=cwd, ends=True))

    def finish(self, member: ManagedProcess) -> None:
        """Wait for the end of a process that ends by itself; errors as ``run``, and those of ``check``."""
        while member.process.poll() is None:
            self.check()
            self._pause()
        self._members.remove(member)
        if member.process.returncode:
            raise death_error(member, member.find_end())

    def await_that(self, look: Callable[[], Found | None], *, seconds: float, what: str) -> Found:
        """Look until something is found, and return it.

        Raises:
            DemoError: it was not found in time, or a process has ended meanwhile.
        """
        deadline = time.monotonic() + seconds
        while not (found := look()):
            begun = time.monotonic()
            self.check()
            deadline += time.monotonic() - begun  # the restart of another part takes none of this time
            if time.monotonic() > deadline:
                raise DemoError(
                    f"{what} did not come within {seconds:.0f} s",
                    on=str(self._logs),
                    remains="Everything was stopped",
                    next="See the logs in that folder; on a slow machine, try again",
                )
            self._pause()
        return found

    def check(self) -> None:
        """Look after the processes: what has worked and died is restarted, once.

        Raises:
            DemoError: one of those that run until the end has ended for good.
        """
        self._reap()
        self.supervisor.check()

    def adopt(self, group: str, marker: str = "") -> None:
        """Let the processes that others have started here count for this group.

        Args:
            marker: a text in the command line of those that are meant; without it, all.
        """
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                if any(marker in word for word in child.cmdline()) or not marker:
                    self._groups.setdefault(child.pid, group)

    def memory(self) -> dict[str, int]:
        """Return the bytes that each group holds, what they share counted once (PSS)."""
        found: dict[str, int] = {_SELF: _held(psutil.Process())}
        for child in psutil.Process().children():
            group = self._groups.get(child.pid, _OTHERS)
            with suppress(psutil.NoSuchProcess):
                for each in (child, *child.children(recursive=True)):
                    found[group] = found.get(group, 0) + _held(each)
        return found

    def stop(self, *members: ManagedProcess) -> None:
        """End these, with what they started."""
        doomed = []
        for member in members:
            self.supervisor.remove(member)
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(member.process.pid)
                doomed += [process, *process.children(recursive=True)]
            member.process.terminate()
        _await_end(doomed)
        for member in members:
            member.process.wait()
            self._groups.pop(member.process.pid, None)
        self._members = [each for each in self._members if each not in members]

    def end(self) -> None:
        """End all processes, and all that they have left behind."""
        self.stop(*self._members[::-1])
        # In rounds: what is orphaned by an end becomes ours.
        while strays := [each for each in psutil.Process().children() if each.pid not in self._groups]:
            strays += [each for stray in strays for each in _children(stray)]
            for each in strays:
                with suppress(psutil.NoSuchProcess):
                    each.terminate()
            _await_end(strays)
            self._reap()

    def _pause(self) -> None:
        self.on_wait()
        time.sleep(_LOOK_SECONDS)

    def _reap(self) -> None:
        """Take the exit codes of orphans that became ours: nobody else asks for them."""
        for child in psutil.Process().children():
            if child.pid in self._groups:
                continue
            with suppress(psutil.NoSuchProcess, ChildProcessError):
                if child.status() == psutil.STATUS_ZOMBIE:
                    os.waitpid(child.pid, os.WNOHANG)


def _take_orphans(really: bool) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, int(really), 0, 0, 0)


def _with_us() -> tuple[str, ...]:
    # A parent's death signal by preexec_fn could hang: there are threads of the driver here.
    return ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()


def _last_lines(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return "\n".join(f"  {line}" for line in lines[-TOLD_LINES:]) or "  (it said nothing)"


def _kill_session(leader: int) -> None:
    """Kill what a process that died has left behind in its session: it may hold the port of the next one."""
    for each in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if os.getsid(each.pid) == leader:
                each.kill()


def _await_end(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=END_SECONDS)
    for each in alive:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(alive, timeout=END_SECONDS)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


def _held(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return 0
