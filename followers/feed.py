"""The live feed: one reading a second for each streamer and platform, in a thread of its own.

A failed write is counted and logged, never fatal: a feed outlives restarts of the server.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Self

from cassandra.cluster import Session

from followers.accounts import Platform, choose_accounts
from followers.history import LIVE_COLUMNS
from followers.levels import Level
from followers.readings import LATEST_SECONDS, Reading, Track, make_tracks
from followers.writes import BoundedWrites, prepare_insert

CATCH_UP_SECONDS = 300
"""After a longer pause the feed goes on from here: a laptop that slept a night would write for hours."""

log = logging.getLogger(__name__)
TICK_SECONDS = 0.05
WRITES_IN_FLIGHT = 256
REPORT_EVERY_SECONDS = 5.0


class Schedule:
    """Hands out each reading once, when it arrives.

    Begins with what arrives from ``start`` on, readings of earlier seconds that are late included:
    together with a history up to the same moment nothing is missing and nothing is there twice.
    """

    def __init__(self, tracks: Sequence[Track], start: datetime) -> None:
        self._tracks = tracks
        self._waiting: list[tuple[float, int, Reading]] = []
        self._numbered = 0
        self.next_second = int(start.timestamp())
        self.skipped = 0
        for second in range(self.next_second - LATEST_SECONDS, self.next_second):
            self._expect(second, arriving_from=self.next_second)

    def due(self, now: datetime) -> list[Reading]:
        """Return what has arrived until now and was not returned before, in the order of arrival."""
        moment = now.timestamp()
        oldest = int(moment) - CATCH_UP_SECONDS
        if self.next_second < oldest:
            self.skipped += (oldest - self.next_second) * len(self._tracks)
            self.next_second = oldest
        for second in range(self.next_second, int(moment) + 1):
            self._expect(second, arriving_from=second)
            self.next_second = second + 1
        found = []
        while self._waiting and self._waiting[0][0] <= moment:
            found.append(heapq.heappop(self._waiting)[2])
        return found

    def _expect(self, second: int, *, arriving_from: int) -> None:
        for track in self._tracks:
            reading = track.find_reading(second)
            if reading and reading.arrives >= arriving_from:
                self._numbered += 1
                heapq.heappush(self._waiting, (reading.arrives, self._numbered, reading))


def utc_now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCounts:
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
        self._counts = FeedCounts()
        self._reported = -REPORT_EVERY_SECONDS
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="followers-feed")
        self._work: Future[None] | None = None

    @property
    def counts(self) -> FeedCounts:
        """What was done so far; final once the feed is stopped."""
        return self._counts

    @property
    def is_running(self) -> bool:
        """Tell whether the feed writes."""
        return self._work is not None and not self._work.done()

    @property
    def error(self) -> BaseException | None:
        """What ended the feed by itself, if anything did."""
        return self._work.exception() if self._work is not None and self._work.done() else None

    def start(self) -> None:
        """Begin to write, or begin again from now on where an error has ended the feed.

        Raises:
            RuntimeError: the feed is running, or was stopped.
        """
        if self._work is not None:
            if self.error is None:
                raise RuntimeError("a feed is started once; make another one")
            self._since = None
        self._work = self._thread.submit(self._write_when_due)
        self._work.add_done_callback(_log_end)

    def stop(self) -> FeedCounts:
        """Stop, wait for the writes under way, and return what was done."""
        self._stopping.set()
        self._thread.shutdown()
        if self._work is not None and not self._writes.drain():
            log.warning("the feed ends with writes that nobody answered")
        return self._counts

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

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
        values = (reading.streamer, Level.SECOND.text(reading.time), reading.count)
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
        if now - self._reported >= REPORT_EVERY_SECONDS:
            self._reported = now
            log.warning("%d readings could not be written so far, the last: %s", self._counts.failed, error)

    def _add(self, **more: int) -> None:
        with self._lock:
            counts = {name: getattr(self._counts, name) + count for name, count in more.items()}
            self._counts = replace(self._counts, **counts)


def _log_end(work: Future[None]) -> None:
    if error := work.exception():
        log.error("the feed ended: %s: %s", type(error).__name__, error)
