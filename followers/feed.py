"""The live feed: one reading a second for each streamer and platform, in a thread of its own.

A failed write is counted and told, never fatal: a feed outlives restarts of the server.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Self

from cassandra.cluster import Session

from followers.accounts import Platform, choose_accounts
from followers.history import LIVE_COLUMNS, SECOND_FORMAT
from followers.schedule import Schedule, reading_time
from followers.track import Reading, make_tracks
from followers.writes import BoundedWrites, prepare_insert

log = logging.getLogger(__name__)

TICK_SECONDS = 0.05
WRITES_IN_FLIGHT = 256
TELL_EVERY_SECONDS = 5.0


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What a feed has done: ``late`` is a part of ``written``; ``skipped`` was given up after a pause."""

    written: int = 0
    late: int = 0
    failed: int = 0
    skipped: int = 0


class Feed:
    """Writes readings into the live tables from ``start()`` until ``stop()``; a context manager does both.

    Args:
        session: shared with whoever gave it, and not closed.
        since: begin with what arrives from here on, such as the ``now`` of a history; None: when started.
        clock: tells the aware time; readings are written when they are due by it.
    """

    def __init__(
        self,
        session: Session,
        *,
        keyspace: str = "insight",
        seed: int = 1,
        streamers: int = 100,
        since: datetime | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._session = session
        self._clock = clock
        self._since = since
        self._tracks = make_tracks(choose_accounts(streamers), seed)
        self._inserts = {each: prepare_insert(session, keyspace, each.live_table, LIVE_COLUMNS) for each in Platform}
        self._stopping = threading.Event()
        self._writes = BoundedWrites(session, WRITES_IN_FLIGHT)
        self._lock = threading.Lock()
        self._counts = Counts()
        self._told = -TELL_EVERY_SECONDS
        self._thread: threading.Thread | None = None
        self.error: Exception | None = None
        """What ended the feed by itself, if anything did."""

    @property
    def counts(self) -> Counts:
        """What was done so far; final once the feed is stopped."""
        return self._counts

    @property
    def is_running(self) -> bool:
        """Tell whether the feed's thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to write, or begin again from now on where an error has ended the feed.

        Raises:
            RuntimeError: the feed is running, or was stopped.
        """
        if self._thread is not None:
            if self.error is None or self._thread.is_alive():
                raise RuntimeError("a feed is started once; make another one")
            self._since, self.error = None, None
        self._thread = threading.Thread(target=self._run, name="followers-feed", daemon=True)
        self._thread.start()

    def stop(self) -> Counts:
        """Stop, wait for the writes under way, and return what was done."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            if not self._writes.drain():
                log.warning("the feed ends with writes that nobody answered")
        return self._counts

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            self._write_when_due()
        except Exception as error:  # noqa: BLE001 - whoever looks after the feed restarts it, or ends with this error
            self.error = error
            log.error("the feed ended: %s: %s", type(error).__name__, error)

    def _write_when_due(self) -> None:
        schedule = Schedule(self._tracks, self._since or self._clock())
        skipped = 0
        while not self._stopping.is_set():
            for reading in schedule.due(self._clock()):
                if not self._send(reading):
                    return
            if schedule.skipped != skipped:
                log.warning("the feed was held up; %d readings in all were skipped", schedule.skipped)
                self._add(skipped=schedule.skipped - skipped)
                skipped = schedule.skipped
            self._stopping.wait(TICK_SECONDS)

    def _send(self, reading: Reading) -> bool:
        """Write one reading without waiting for the answer; False when the feed was stopped meanwhile."""
        values = (reading.streamer, reading_time(reading).strftime(SECOND_FORMAT), reading.count)
        while not self._writes.send(
            self._inserts[reading.platform],
            values,
            on_written=partial(self._add, written=1, late=int(reading.is_late)),
            on_failed=self._failed,
            timeout_seconds=TICK_SECONDS,
        ):
            if self._stopping.is_set():
                return False
        return True

    def _failed(self, error: Exception) -> None:
        self._add(failed=1)
        now = time.monotonic()
        if now - self._told >= TELL_EVERY_SECONDS:
            self._told = now
            log.warning("%d readings could not be written so far, the last: %s", self._counts.failed, error)

    def _add(self, *, written: int = 0, late: int = 0, failed: int = 0, skipped: int = 0) -> None:
        with self._lock:
            was = self._counts
            self._counts = Counts(
                written=was.written + written,
                late=was.late + late,
                failed=was.failed + failed,
                skipped=was.skipped + skipped,
            )
