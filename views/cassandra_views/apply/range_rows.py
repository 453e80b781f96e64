"""What is made of the rows of a token range: their digests, or those that fall into some buckets.

What is made can be sent from one process to another, so that many can share an audit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cassandra_client.decoding import RawRow
from cassandra_views.apply.cells import Cell, is_bare
from cassandra_views.apply.digests import Digest, bucket_of, digest_of
from cassandra_views.apply.scan import Scan
from cassandra_views.apply.token_ranges import TokenRange, read_range
from cassandra_views.model.schema import TableShape

_SAMPLES = 2
"""So many keys of each token range are held."""
_DAY = 86_400_000_000
"""In microseconds, as write times are."""
_CLOCKS_DIFFER = 1_000_000


@dataclass(frozen=True, slots=True)
class WriteCutOff:
    """Which rows an audit leaves out: those written since it began, which one side may have and the other not yet.

    A write time of more than a day later is no moment but an application's own number; such rows are compared.

    Args:
        began: by the servers' clock, in microseconds since 1970.
        started: the same moment by ``time.monotonic``.
    """

    cells: tuple[Cell, ...]
    began: int
    started: float = field(default_factory=time.monotonic)

    def __reduce__(self) -> tuple[Callable[..., WriteCutOff], tuple[Any, ...]]:
        """Go to another process, whose ``time.monotonic`` begins elsewhere."""
        return _received_cut_off, (self.cells, self.began, time.monotonic() - self.started)

    def settled(self, rows: Sequence[RawRow]) -> Sequence[RawRow]:
        """Return the rows that are compared."""
        if any(self._has_newer(rows, cell) for cell in self.cells):
            return [row for row in rows if not self.is_newer(row)]
        return rows

    def _has_newer(self, rows: Sequence[RawRow], cell: Cell) -> bool:
        if cell.written is None:
            return False
        if not cell.is_single:
            return any(self._is_since(cell.newest_write(row)) for row in rows)
        # As bytes, which is much faster: a time before 1970 is above all others.
        first, last = (moment.to_bytes(8, "big", signed=True) for moment in (self.began + 1, self.began + _DAY))
        return any(first <= written <= last for row in rows if (written := row[cell.written]))

    def is_newer(self, row: RawRow) -> bool:
        """Tell whether a row was written since."""
        return any(self._is_since(cell.newest_write(row)) for cell in self.cells)

    def is_ahead(self, row: RawRow) -> bool:
        """Tell whether a row was written at a time that has not come yet."""
        now = self.began + int((time.monotonic() - self.started) * 1e6) + _CLOCKS_DIFFER
        return any((cell.newest_write(row) or 0) > now for cell in self.cells)

    def _is_since(self, written: int | None) -> bool:
        return written is not None and self.began < written <= self.began + _DAY


def _received_cut_off(cells: tuple[Cell, ...], began: int, elapsed: float) -> WriteCutOff:
    return WriteCutOff(cells, began, time.monotonic() - elapsed)


@dataclass(slots=True)
class SideDigest:
    """One side's rows of a token range, or of all: their digest, a few keys, and how many were left out.

    Args:
        has_bare: some hold nothing but their key, so that no value tells whether they expire.
    """

    digest: Digest = field(default_factory=Digest)
    samples: list[RawRow] = field(default_factory=list)
    newer_rows: int = 0
    ahead_rows: int = 0
    has_bare: bool = False

    @property
    def rows(self) -> int:
        """How many rows are compared."""
        return self.digest.rows

    def merge(self, other: SideDigest) -> None:
        """Take what another range had."""
        self.digest.merge(other.digest)
        self.samples += other.samples
        self.newer_rows += other.newer_rows
        self.ahead_rows += other.ahead_rows
        self.has_bare = self.has_bare or other.has_bare


class RowsSink(Protocol):
    """Takes the rows of one token range, and holds what was made of them."""

    found: Any

    def add(self, rows: Sequence[RawRow]) -> None:
        """Take rows."""


class RowsReduction(Protocol):
    """What is to be made of rows."""

    def sink(self, scan: Scan) -> RowsSink:
        """Return what takes the rows of a token range."""


@dataclass(frozen=True, slots=True)
class DigestRows:
    """Makes a ``SideDigest``."""

    cut_off: WriteCutOff

    def sink(self, scan: Scan) -> RowsSink:
        """Return what takes the rows of a token range."""
        return _DigestSink(scan, self.cut_off)


class _DigestSink:
    def __init__(self, scan: Scan, cut_off: WriteCutOff) -> None:
        self._scan = scan
        self._cut_off = cut_off
        self.found = SideDigest()

    def add(self, rows: Sequence[RawRow]) -> None:
        found, width = self.found, self._scan.width
        settled = self._cut_off.settled(rows)
        if len(settled) < len(rows):
            newer = [row for row in rows if self._cut_off.is_newer(row)]
            ahead = sum(self._cut_off.is_ahead(row) for row in newer)
            found.ahead_rows += ahead
            found.newer_rows += len(newer) - ahead
        if not found.has_bare:
            found.has_bare = any(is_bare(row, self._cut_off.cells) for row in settled)
        found.digest.add_rows(self._scan.canonical_rows(settled), width)
        if len(found.samples) < _SAMPLES:
            found.samples += [row[:width] for row in settled[: _SAMPLES - len(found.samples)]]


@dataclass(frozen=True, slots=True)
class BucketRows:
    """Makes, of the rows that fall into some buckets, each one's key as it was sent, and its digest; by its key."""

    cut_off: WriteCutOff
    buckets: frozenset[int]

    def sink(self, scan: Scan) -> RowsSink:
        """Return what takes the rows of a token range."""
        return _BucketSink(scan, self)


class _BucketSink:
    def __init__(self, scan: Scan, wanted: BucketRows) -> None:
        self._scan = scan
        self._wanted = wanted
        self.found: dict[RawRow, tuple[RawRow, int]] = {}

    def add(self, rows: Sequence[RawRow]) -> None:
        width = self._scan.width
        settled = self._wanted.cut_off.settled(rows)
        for row, canonical in zip(settled, self._scan.canonical_rows(settled), strict=True):
            key = canonical[:width]
            if bucket_of(key) in self._wanted.buckets:
                self.found[key] = (row[:width], digest_of(canonical))


class RangeReader(Protocol):
    """Reads a side by token ranges, in this process or in others."""

    def __call__(
        self,
        scan: Scan,
        shape: TableShape,
        reduction: RowsReduction,
        on_progress: Callable[[float, int], None],
        spans: Sequence[TokenRange] | None,
        /,
    ) -> Iterator[tuple[TokenRange, Any]]:
        """Yield each range that is read, with what was made of its rows.

        Args:
            spans: the ranges to read; else the whole ring.
        """


def read_in_threads(
    scan: Scan,
    shape: TableShape,
    reduction: RowsReduction,
    on_progress: Callable[[float, int], None],
    spans: Sequence[TokenRange] | None,
) -> Iterator[tuple[TokenRange, Any]]:
    """Read ranges in threads of this process; a ``RangeReader``."""
    for span, sink in scan.fold_ranges(shape, lambda: reduction.sink(scan), on_progress, spans=spans):
        yield span, sink.found


def read_one(scan: Scan, shape: TableShape, reduction: RowsReduction, span: TokenRange) -> list[Any]:
    """Read one range in this thread, and return what was made of its rows: of the whole, or of its parts."""
    sinks = read_range(scan.pages_of(shape), lambda: reduction.sink(scan), span)
    return [sink.found for sink in sinks]


__all__ = [
    "BucketRows",
    "DigestRows",
    "RangeReader",
    "RowsReduction",
    "RowsSink",
    "SideDigest",
    "WriteCutOff",
    "read_in_threads",
    "read_one",
]
