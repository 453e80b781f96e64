"""The full audit: are the rows of the window in the generation as the base has them, and no others?

Reads the rows of base and view once each, by token ranges, into digests: equal digests pass. A row of the base and its
row of the view lie in different token ranges, so digests are made for buckets of the key. Where they differ
(writes never rest) the rows of those buckets are read again and compared, and each difference is looked at again, by
its key, before it counts. Rows are compared as the bytes that the server sent: keys, selected values, write times, and
whether a value has a TTL.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest

from cassandra_client.decoding import RawRow
from cassandra_views.apply.builds import server_time
from cassandra_views.apply.cells import Cell
from cassandra_views.apply.digests import BUCKETS, Digest, bucket_of, digest_of
from cassandra_views.apply.recheck import QUICK_LOOKS, AuditProgress, Recheck, is_enough
from cassandra_views.apply.scan import Scan
from cassandra_views.model.audit_result import EXAMPLES, AuditMethod, AuditResult, DifferenceKind, RowDifference
from cassandra_views.model.schema import TableShape
from cassandra_views.model.times import microseconds

_HELD_ROWS_MAX = 500_000
"""How many rows of differing buckets are held in memory at a time."""
_WHOLE_SIDE = 10
"""Of a side that has at least so many rows, while the other has none, writes under way are no likely reason."""
_SAMPLES = 2
"""So many keys of each token range are held."""
_SAMPLED = 200
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


class _Side:
    """One side's rows of a token range, or of all: their digest, a few keys, and how many were left out."""

    def __init__(self, scan: Scan, cut_off: WriteCutOff) -> None:
        self._scan = scan
        self._cut_off = cut_off
        self.digest = Digest()
        self.samples: list[RawRow] = []
        self.newer_rows = 0
        self.ahead_rows = 0

    @property
    def rows(self) -> int:
        """How many rows are compared."""
        return self.digest.rows

    def add(self, rows: Sequence[RawRow]) -> None:
        """Take rows."""
        settled = self._cut_off.settled(rows)
        if len(settled) < len(rows):
            newer = [row for row in rows if self._cut_off.is_newer(row)]
            ahead = sum(self._cut_off.is_ahead(row) for row in newer)
            self.ahead_rows += ahead
            self.newer_rows += len(newer) - ahead
        self.digest.add_rows(self._scan.canonical_rows(settled), self._scan.width)
        if len(self.samples) < _SAMPLES:
            self.samples += [row[: self._scan.width] for row in settled[: _SAMPLES - len(self.samples)]]

    def merge(self, other: _Side) -> None:
        """Take what another range had."""
        self.digest.merge(other.digest)
        self.samples += other.samples
        self.newer_rows += other.newer_rows
        self.ahead_rows += other.ahead_rows


class _BucketRows:
    """The rows of one token range that fall into some buckets: each one's key as it was sent, and its digest."""

    def __init__(self, scan: Scan, cut_off: WriteCutOff, buckets: frozenset[int]) -> None:
        self._scan = scan
        self._cut_off = cut_off
        self._buckets = buckets
        self.rows: dict[RawRow, tuple[RawRow, int]] = {}

    def add(self, rows: Sequence[RawRow]) -> None:
        """Take rows."""
        width = self._scan.width
        settled = self._cut_off.settled(rows)
        for row, canonical in zip(settled, self._scan.canonical_rows(settled), strict=True):
            key = canonical[:width]
            if bucket_of(key) in self._buckets:
                self.rows[key] = (row[:width], digest_of(canonical))


class TooManyRows(Exception):
    """A side has more rows than a full audit was to read."""


class FullAudit:
    """Compares every row of one generation with its base table: keys, values, write times, and what has a TTL.

    Args:
        max_rows: more rows of one side are not read.
    """

    def __init__(
        self, scan: Scan, recheck: Recheck, *, on_progress: AuditProgress, max_rows: int | None = None
    ) -> None:
        self._scan = scan
        self._recheck = recheck
        self._on_progress = on_progress
        self._max_rows = max_rows

    def run(self) -> AuditResult:
        """Compare; reads only.

        Raises:
            TooManyRows: one side has more rows than are to be read.
            ClusterError: base or view cannot be read.
        """
        self._scan.prepare()
        cut_off = WriteCutOff(self._scan.cells, microseconds(server_time(self._scan.database)))
        base = self._read_side(self._scan.base, "base", cut_off, 0.0)
        view = self._read_side(self._scan.view, "view", cut_off, 0.3)
        result = AuditResult(
            base_rows=base.rows,
            view_rows=view.rows,
            newer_rows=max(base.newer_rows, view.newer_rows),
            ahead_rows=max(base.ahead_rows, view.ahead_rows),
            coverage=self._scan.coverage,
        )
        differing = base.digest.differing(view.digest)
        if not differing:
            return result
        return self._whole_side(result, base, view) or self._compare(result, cut_off, differing)

    def _read_side(self, shape: TableShape, label: str, cut_off: WriteCutOff, from_share: float) -> _Side:
        found = _Side(self._scan, cut_off)

        def tell(share: float, rows: int) -> None:
            if self._max_rows is not None and rows > self._max_rows:
                raise TooManyRows
            self._on_progress(f"audit: reading rows of {label}, {rows:,}", from_share + 0.3 * share)

        for part in self._scan.fold(shape, lambda: _Side(self._scan, cut_off), tell):
            found.merge(part)
        return found

    def _whole_side(self, result: AuditResult, base: _Side, view: _Side) -> AuditResult | None:
        """Return the verdict where one side has rows and the other none at all, after a few quick looks at some."""
        if min(base.rows, view.rows) or max(base.rows, view.rows) < _WHOLE_SIDE:
            return None
        is_view_empty = not view.rows
        samples = (base.samples if is_view_empty else view.samples)[:_SAMPLED]
        left = self._recheck.run(samples, looks=QUICK_LOOKS).found
        kind = DifferenceKind.MISSING if is_view_empty else DifferenceKind.EXTRA
        if len(left) < len(samples) or any(each.kind is not kind for each in left):
            return None
        return replace(
            result,
            missing_rows=base.rows,
            extra_rows=view.rows,
            examples=left[:EXAMPLES],
            method=AuditMethod.ROWS,
        )

    def _compare(self, result: AuditResult, cut_off: WriteCutOff, differing: Sequence[int]) -> AuditResult:
        """Compare the rows of the buckets that differ, some at a time, and look again at what differs."""
        at_a_time = max(1, _HELD_ROWS_MAX * BUCKETS // max(BUCKETS, result.base_rows + result.view_rows))
        if len(differing) > at_a_time:
            # Most differ by writes that came between the two reads; both sides leave those out now.
            base, view = (
                self._read_side(shape, label, cut_off, 0.3)
                for shape, label in ((self._scan.base, "base"), (self._scan.view, "view"))
            )
            again = set(base.digest.differing(view.digest))
            differing = [bucket for bucket in differing if bucket in again]
        starts = range(0, len(differing), at_a_time)
        found: list[RowDifference] = []
        settled = undecided = 0
        is_partial = False
        for start in starts:
            keys = self._differing_keys(cut_off, frozenset(differing[start : start + at_a_time]))
            checked = self._recheck.run(keys)
            found += checked.found
            undecided += checked.undecided_rows
            settled += len(keys) - len(checked.found) - checked.undecided_rows if checked.is_done else 0
            is_partial = not checked.is_done or (is_enough(found) and start != starts[-1])
            if is_partial:
                break
        return replace(
            result.with_differences(found),
            newer_rows=result.newer_rows + undecided,
            settled_rows=settled,
            method=AuditMethod.ROWS,
            is_partial=is_partial,
        )

    def _differing_keys(self, cut_off: WriteCutOff, buckets: frozenset[int]) -> list[RawRow]:
        """Return the keys of these buckets whose rows differ, in turns those that one side, the other, and both have.

        So the first of each are looked at first.
        """
        found: dict[RawRow, tuple[RawRow, int]] = {}
        for label, shape, from_share in (("base", self._scan.base, 0.6), ("view", self._scan.view, 0.75)):

            def tell(share: float, rows: int, label: str = label, from_share: float = from_share) -> None:
                self._on_progress(f"audit: comparing rows of {label}, {rows:,}", from_share + 0.15 * share)

            only_view: list[RawRow] = []
            on_both: list[RawRow] = []
            for part in self._scan.fold(shape, lambda: _BucketRows(self._scan, cut_off, buckets), tell):
                if shape is self._scan.base:
                    found |= part.rows
                    continue
                for key, (sent, digest) in part.rows.items():
                    other = found.pop(key, None)
                    if other is None:
                        only_view.append(sent)
                    elif other[1] != digest:
                        on_both.append(sent)
        only_base = [sent for sent, _digest in found.values()]
        return [key for turn in zip_longest(only_base, only_view, on_both) for key in turn if key is not None]
