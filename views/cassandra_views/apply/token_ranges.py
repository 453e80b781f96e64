"""Reading a table by token ranges: several at a time, each within limits, a range that is too much in smaller ones."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol, TypeVar

from cassandra import OperationTimedOut, ReadFailure, ReadTimeout
from cassandra.protocol import ReadTimeoutErrorMessage

from cassandra_client.driver_errors import errors_of

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


def missing_ranges(done: Iterable[TokenRange], count: int = _RANGES) -> list[TokenRange]:
    """Return ranges that cover what these leave of the ring, once; about ``count`` for the whole of it."""
    found: list[TokenRange] = []
    first = FIRST_TOKEN
    for each in [*sorted(done, key=lambda span: span.first), TokenRange(first=LAST_TOKEN + 1, last=LAST_TOKEN + 1)]:
        if first < each.first:
            gap = TokenRange(first=first, last=each.first - 1, splits=-1)
            found += gap.split(max(1, round(count * gap.share)))
        first = max(first, each.last + 1)
    return found


def read_range(
    pages: Callable[[TokenRange], Iterator[Sequence[Any]]], make: Callable[[], AnySink], span: TokenRange
) -> list[AnySink]:
    """Read one range in this thread, in parts where it is too much at once; return the sinks of the parts.

    Raises:
        Exception: what a range ended in that could not be split further.
    """
    sink = make()
    try:
        for rows in pages(span):
            sink.add(rows)
    except Exception as error:
        if not (_is_too_much(error) and 0 <= span.splits < _SPLITS):
            raise
        return [each for part in span.split(_PARTS) for each in read_range(pages, make, part)]
    return [sink]


def read_ranges(
    pages: Callable[[TokenRange], Iterator[Sequence[Any]]],
    make: Callable[[], AnySink],
    *,
    on_progress: Callable[[float, int], None] | None = None,
    is_split: bool = True,
    is_slowed: bool = False,
    spans: Sequence[TokenRange] | None = None,
) -> Iterator[tuple[TokenRange, AnySink]]:
    """Read the whole ring, and yield each range that is done with its sink, in any order.

    Args:
        pages: yields the pages of a range; called in several threads.
        make: makes a sink; a range that is split throws its own away.
        on_progress: is told each second, and with each range, how much of the ring is read and how many rows.
        is_split: the ring is read in ranges; else as one.
        is_slowed: ``pages`` waits on purpose, so that times tell nothing of how much there is.
        spans: the ranges to read; else the whole ring.

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
    todo = deque([first] if spans is None else spans)
    rest = TokenRange(first=others[0].first, last=LAST_TOKEN) if others and spans is None else None
    is_first = spans is None
    running: dict[Future[tuple[AnySink, float]], tuple[int, TokenRange]] = {}
    done, number = 1.0 - sum(each.share for each in spans) if spans is not None else 0.0, 0
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
                        yield span, sink
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
