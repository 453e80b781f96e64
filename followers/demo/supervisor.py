"""Supervision of the demo's parts: what dies is restarted once, or ends the demo with the reason."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable

from cassandra_embedded import EmbeddedCassandra, EmbeddedError
from cassandra_views import ViewsError
from followers.demo.environment import DemoError
from followers.feed import Feed
from followers.load import LoadError

POLL_SECONDS = 0.5
_NOTICE_SECONDS = 2.0
"""How long after a failed request the death of the server may be noticed."""

_TAIL_LINES = 12


class SupervisedPart(Protocol):
    """Something that runs until the demo ends: a process, or a thread."""

    @property
    def name(self) -> str:
        """Return what it is called in messages."""

    @property
    def log(self) -> str:
        """Return where its log is; empty where it has none."""

    @property
    def can_restart(self) -> bool:
        """Tell whether it has worked before, so that a restart is worth trying."""

    def find_end(self) -> str:
        """Return how it ended, such as "ended with code 1"; empty while it runs."""

    def last_lines(self) -> str:
        """Return the last lines of its log."""

    def restart(self) -> None:
        """Start it again and wait until it works.

        Raises: DemoError, EmbeddedError: it does not.
        """


class Supervisor:
    """Restarts each part once; its second death is an error.

    Args:
        report: prints a line about a restart.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._parts: list[SupervisedPart] = []
        self._restarted: list[SupervisedPart] = []

    def add(self, part: SupervisedPart) -> None:
        """Supervise this part from now on."""
        self._parts.append(part)

    def remove(self, part: SupervisedPart) -> None:
        """Supervise this part no longer; its end is expected."""
        self._parts = [each for each in self._parts if each is not part]

    def check(self) -> None:
        """Restart the parts that have ended.

        Raises:
            DemoError: one ended for the second time, before it ever worked, or cannot be restarted.
        """
        for part in tuple(self._parts):
            if part in self._parts and (end := part.find_end()):
                self._restart(part, end)

    def _restart(self, part: SupervisedPart, end: str) -> None:
        if not part.can_restart:
            raise death_error(part, end)
        if any(each is part for each in self._restarted):
            raise death_error(part, f"{end}, for the second time")
        self._restarted.append(part)
        self._report(f"{part.name} {end}. Its last lines:\n{part.last_lines()}\nRestarting it, once.")
        begun = time.monotonic()
        try:
            part.restart()
        except EmbeddedError as error:
            raise DemoError(
                f"{part.name} {end}, and its restart failed: {error.what}",
                on=part.log,
                remains="Everything else was stopped",
                next="Correct what its log says, and run the demo again",
            ) from error
        self._report(f"{part.name} works again after {time.monotonic() - begun:.0f} s.")


def death_error(part: SupervisedPart, end: str) -> DemoError:
    """Return the error that ends the demo because a part has ended."""
    return DemoError(
        f"{part.name} {end}. Its last lines:\n{part.last_lines()}\n",
        on=part.log,
        remains="Everything else was stopped",
        next="Correct what its log says, and run the demo again",
    )


def exit_text(code: int) -> str:
    """Return how a process ended, from its exit code: minus a number for a signal."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


class _PartEnded(BaseException):
    """Leaves the block that needs the part; no handler of errors on the way takes it for one of its own."""


@contextmanager
def required(part: SupervisedPart) -> Iterator[None]:
    """Leave the block as soon as this part has ended, whatever the block is waiting for. For the main thread.

    Raises:
        DemoError: the part has ended, or the block failed at the server.
    """
    main, done = threading.get_ident(), threading.Event()
    lock = threading.Lock()

    def leave(number: int, frame: FrameType | None) -> None:
        if not done.is_set():
            raise _PartEnded

    def watch() -> None:
        while not done.wait(POLL_SECONDS):
            if part.find_end():
                with lock:
                    if not done.is_set():
                        signal.pthread_kill(main, signal.SIGUSR1)
                return

    before = signal.signal(signal.SIGUSR1, leave)
    watcher = threading.Thread(target=watch, name="required-part", daemon=True)
    watcher.start()
    try:
        try:
            yield
        finally:
            with lock:
                done.set()
    except _PartEnded:
        raise death_error(part, part.find_end()) from None
    except (ViewsError, DriverException, NoHostAvailable, LoadError) as error:
        if end := _await_end(part):
            raise death_error(part, end) from error
        if isinstance(error, ViewsError):
            raise
        raise DemoError(
            f"a request to {part.name} failed: {error}",
            on=part.log,
            remains="Everything was stopped",
            next="See its log; on a slow machine, try again",
        ) from error
    finally:
        watcher.join()
        signal.signal(signal.SIGUSR1, before)


def _await_end(part: SupervisedPart) -> str:
    deadline = time.monotonic() + _NOTICE_SECONDS
    while not (end := part.find_end()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return end


class CassandraPart:
    """The embedded Cassandra, of one node.

    Args:
        on_restart: called when its new process runs.
    """

    name = "Cassandra"
    can_restart = True

    def __init__(self, server: EmbeddedCassandra) -> None:
        self._server = server
        self._folder = server.folder
        self.on_restart: Callable[[], None] = lambda: None

    @property
    def log(self) -> str:
        """Return where its log is."""
        return str(self._folder / "node1" / "logs" / "system.log")

    def find_end(self) -> str:
        """Return that its process has ended; empty while it runs."""
        return "" if self._server.is_running(1) else f"on {self._server.contact_points[0]}:{self._server.port} ended"

    def last_lines(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(f"  {line}" for line in self._server.log_tail(1, _TAIL_LINES).splitlines()[-_TAIL_LINES:])

    def restart(self) -> None:
        """Start it again on its data; raises an EmbeddedError where it does not answer."""
        self._server.start_node(1)
        self.on_restart()


class FeedPart:
    """The thread that writes readings."""

    name = "the feed"
    log = ""
    can_restart = True

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def find_end(self) -> str:
        """Return that it has ended; empty while it writes."""
        return "" if self._feed.is_running else "ended by itself"

    def last_lines(self) -> str:
        """Return the error that ended it."""
        return f"  {self._feed.error!r}" if self._feed.error else "  (none)"

    def restart(self) -> None:
        """Start it again from now on."""
        self._feed.start()
