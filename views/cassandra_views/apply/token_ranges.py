"""Reading a table by token ranges: several at a time, each within limits, a range that is too much in smaller ones."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Protocol, TypeVar

from cassandra import OperationTimedOut, ReadFailure, ReadTimeout
from cassandra.protocol import ReadTimeoutErrorMessage

from cassandra_client.database import Database
from cassandra_client.driver_errors import errors_of
from cassandra_client.errors import ClusterError
from cassandra_client.names import quoted
from cassandra_views.model.generation import Generation
from cassandra_views.model.names import ViewName
from cassandra_views.model.times import TimeColumn
from cassandra_views.plan.catalog import find_view_and_base

FIRST_TOKEN, LAST_TOKEN = -(2**63), 2**63 - 1
_RANGES = 64
_FEW_ROWS, _SOON_SECONDS = 50, 0.05
"""A first range with no more rows, read within this time, is that of a small table: the rest is read as one range."""
_REST_SECONDS = 1.0
"""A rest that takes longer is that of no small table after all: few of many partitions are in the first range."""
_READERS = 4
_PARTS = 8
_SPLITS = 5
"""How often a range is split before its error stands: the least range is a 130,000th of the ring."""
_TOLD_SECONDS = 1.0

_TOO_MUCH = (ReadTimeout, ReadFailure, OperationTimedOut, ReadTimeoutErrorMessage)
"""What a read of fewer partitions may not end in."""


class _RestTooLong(Exception):
    """The rest of a table that looked small is to be read in ranges."""


class Sink(Protocol):
    """Takes the rows of one token range."""

    def add(self, rows: Sequence[Any]) -> None:
        """Take some of its rows."""


AnySink = TypeVar("AnySink", bound=Sink)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRange:
    """A range of tokens, both ends included.

    Args:
        splits: how often a greater one was split for it.
    """

    first: int
    last: int
    splits: int = 0

    @property
    def share(self) -> float:
        """How much of the ring it is, 0 to 1."""
        return (self.last - self.first + 1) / 2**64

    def split(self, count: int) -> tuple[TokenRange, ...]:
        """Return ranges that cover this one once, each with a token at least."""
        size = self.last - self.first + 1
        bounds = [self.first + size * index // count for index in range(count + 1)]
        return tuple(
            TokenRange(first=first, last=after - 1, splits=self.splits + 1)
            for first, after in pairwise(bounds)
            if first < after
        )


class RateLimit:
    """Lets so many rows a second pass, of all threads together."""

    def __init__(self, rows_per_second: float) -> None:
        self._rows_per_second = rows_per_second
        self._lock = threading.Lock()
        self._free_at = 0.0

    def wait(self, rows: int) -> None:
        """Wait until these rows may have been read."""
        with self._lock:
            now = time.monotonic()
            self._free_at = max(now, self._free_at) + rows / self._rows_per_second
            pause = self._free_at - now
        time.sleep(pause)


WHOLE_RING = TokenRange(first=FIRST_TOKEN, last=LAST_TOKEN, splits=-1)


def read_ranges(
    pages: Callable[[TokenRange], Iterator[Sequence[Any]]],
    make: Callable[[], AnySink],
    *,
    on_progress: Callable[[float, int], None] | None = None,
    is_split: bool = True,
    is_slowed: bool = False,
) -> Iterator[AnySink]:
    """Read the whole ring, and yield the sink of each range that is done, in any order.

    Args:
        pages: yields the pages of a range; called in several threads.
        make: makes a sink; a range that is split throws its own away.
        on_progress: is told each second, and with each range, how much of the ring is read and how many rows.
        is_split: the ring is read in ranges; else as one.
        is_slowed: ``pages`` waits on purpose, so that times tell nothing of how much there is.

    Raises:
        Exception: what a range ended in that could not be split further.
    """
    is_over = threading.Event()
    rows_of: dict[int, int] = {}

    def read(number: int, span: TokenRange) -> tuple[AnySink, float]:
        begun = time.monotonic()
        sink = make()
        for rows in pages(span):
            if is_over.is_set():
                break
            sink.add(rows)
            rows_of[number] = rows_of.get(number, 0) + len(rows)
            if span == rest and not is_slowed and time.monotonic() - begun > _REST_SECONDS:
                raise _RestTooLong
        return sink, time.monotonic() - begun

    # One range tells how much there is, so that a small table is not asked for dozens of empty ranges.
    first, *others = WHOLE_RING.split(_RANGES) if is_split else [WHOLE_RING]
    todo = deque([first])
    rest = TokenRange(first=others[0].first, last=LAST_TOKEN) if others else None
    is_first = True
    running: dict[Future[tuple[AnySink, float]], tuple[int, TokenRange]] = {}
    done, number = 0.0, 0
    with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="audit") as pool:
        try:
            while todo or running:
                while todo and len(running) < _READERS:
                    number += 1
                    span = todo.popleft()
                    running[pool.submit(read, number, span)] = (number, span)
                finished, _rest = wait(running, timeout=_TOLD_SECONDS, return_when=FIRST_COMPLETED)
                for future in finished:
                    key, span = running.pop(future)
                    error = future.exception()
                    if error is None:
                        sink, seconds = future.result()
                        if is_first:
                            is_small = rows_of.get(key, 0) <= _FEW_ROWS and (is_slowed or seconds <= _SOON_SECONDS)
                            todo.extend([rest] if rest and is_small else others)
                            is_first = False
                        done += span.share
                        yield sink
                        continue
                    rows_of.pop(key, None)
                    if is_first or isinstance(error, _RestTooLong):
                        todo.extend(others)
                        is_first = False
                    if isinstance(error, _RestTooLong):
                        continue
                    if not (is_split and _is_too_much(error) and 0 <= span.splits < _SPLITS):
                        raise error
                    todo.extendleft(span.split(_PARTS))
                if on_progress is not None:
                    on_progress(min(1.0, done), sum(list(rows_of.values())))
        finally:
            is_over.set()


def _is_too_much(error: BaseException) -> bool:
    """Tell whether fewer partitions may be read without this error."""
    return any(isinstance(each, _TOO_MUCH) for each in errors_of(error))


_TIMEOUT_SECONDS = 60.0


def find_row_count(
    database: Database, view: ViewName, each: Generation, time: TimeColumn | None, start: datetime | None
) -> int | None:
    """Return how many rows a generation holds from ``start`` on; None where they cannot be counted. Reads only.

    Args:
        time: the base's time column; its values are compared here, since a server takes no condition on a partition
            key beside a token range.
    """
    with suppress(ClusterError, ValueError):
        found = find_view_and_base(database, view.keyspace, each.physical)
        if found is None:
            return None
        shape = found[0].shape
        is_whole = start is None or each.window_start == start
        if not is_whole and (time is None or shape.find_column(time.name) is None):
            return None
        what = "count(*) AS found" if is_whole or time is None else f"{quoted(time.name)} AS found"
        key = ", ".join(quoted(column.name) for column in shape.partition_key)
        query = (
            f"SELECT {what} FROM {quoted(shape.keyspace)}.{quoted(shape.name)} "
            f"WHERE token({key}) >= ? AND token({key}) <= ?"
        )
        count = 0
        for span in WHOLE_RING.split(_RANGES):
            rows = database.rows(query, (span.first, span.last), timeout_seconds=_TIMEOUT_SECONDS)
            if is_whole or time is None or start is None:
                count += sum(row["found"] for row in rows)
            else:
                count += sum(not time.is_before(row["found"], start) for row in rows)
        return count
    return None
