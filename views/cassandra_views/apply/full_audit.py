"""The full audit: are the rows of the window in the generation as the base has them, and no others?

Reads the rows of base and view once each, by token ranges, into digests: equal digests pass. A row of the base and its
row of the view lie in different token ranges, so digests are made for buckets of the key. Where they differ
(writes never rest) the rows of those buckets are read again and compared, and each difference is looked at again, by
its key, before it counts. Rows are compared as the bytes that the server sent: keys, selected values, write times, and
TTLs, all as of the moment at which the audit began.

No function of CQL tells the TTL of a row itself. Where rows hold nothing but their key, both sides are read once more
as of a moment in 2038: what is there then does not expire. A table that keeps tombstones until they are repaired
(``only_purge_repaired_tombstones``) is not read so: an expired row would still be a tombstone there, and read repair
would write that to a replica that lacks the row.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from cassandra_client.decoding import RawRow
from cassandra_views.apply.audit_journal import AuditJournal
from cassandra_views.apply.builds import server_time
from cassandra_views.apply.digests import BUCKETS
from cassandra_views.apply.range_rows import (
    BucketRows,
    DigestRows,
    RangeReader,
    SideDigest,
    WriteCutOff,
    read_in_threads,
)
from cassandra_views.apply.recheck import LAST_MOMENT, QUICK_LOOKS, AuditProgress, Recheck, is_enough
from cassandra_views.apply.scan import Scan
from cassandra_views.model.audit_result import EXAMPLES, AuditMethod, AuditResult, DifferenceKind, RowDifference
from cassandra_views.model.schema import TableShape
from cassandra_views.model.times import microseconds

_HELD_ROWS_MAX = 500_000
"""How many rows of differing buckets are held in memory at a time."""
_WHOLE_SIDE = 10
"""Of a side that has at least so many rows, while the other has none, writes under way are no likely reason."""
_SAMPLED = 200


class TooManyRows(Exception):
    """A side has more rows than a full audit was to read."""


class FullAudit:
    """Compares every row of one generation with its base table: keys, values, write times and TTLs.

    Args:
        max_rows: more rows of one side are not read.
        read: reads the ranges of a side.
        journal: keeps what is read, for an audit that goes on where this one is stopped.
    """

    def __init__(
        self,
        scan: Scan,
        recheck: Recheck,
        *,
        on_progress: AuditProgress,
        max_rows: int | None = None,
        read: RangeReader = read_in_threads,
        journal: AuditJournal | None = None,
    ) -> None:
        self._scan = scan
        self._read = read
        self._journal = journal
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
        now = microseconds(server_time(self._scan.database))
        began = now if self._journal is None else self._journal.open(now)
        cut_off = WriteCutOff(self._scan.cells, began, time.monotonic() - (now - began) / 1e6)
        if self._scan.has_moments:
            self._scan.moment = began // 1_000_000
        # What is read a second time has the same rows: growth meanwhile makes no difference unproven.
        limit, journal = self._max_rows, self._journal
        base = self._read_side(self._scan.base, "base", cut_off, 0.0, journal=journal, max_rows=limit)
        view = self._read_side(self._scan.view, "view", cut_off, 0.3, journal=journal, max_rows=limit)
        result = AuditResult(
            base_rows=base.rows,
            view_rows=view.rows,
            newer_rows=max(base.newer_rows, view.newer_rows),
            ahead_rows=max(base.ahead_rows, view.ahead_rows),
            coverage=self._scan.coverage(),
        )
        differing = base.digest.differing(view.digest)
        if differing:
            result = self._whole_side(result, base, view) or self._compare(result, cut_off, differing)
        if self._scan.can_compare_ends and not result.is_partial:
            if base.has_bare and view.has_bare:
                result = self._compare_ends(result, cut_off)
            result = replace(result, coverage=self._scan.coverage(with_ends=not result.is_partial))
        if self._journal is not None:
            self._journal.close()
        return result

    def _read_side(
        self,
        shape: TableShape,
        label: str,
        cut_off: WriteCutOff,
        from_share: float,
        *,
        journal: AuditJournal | None = None,
        max_rows: int | None = None,
    ) -> SideDigest:
        found, spans = SideDigest(), None
        if journal is not None:
            found, spans = journal.kept(label), journal.missing(label)
        kept_rows = found.rows

        def tell(share: float, rows: int) -> None:
            if max_rows is not None and rows + kept_rows > max_rows:
                raise TooManyRows
            self._on_progress(f"audit: reading rows of {label}, {rows + kept_rows:,}", from_share + 0.3 * share)

        for span, part in self._read(self._scan, shape, DigestRows(cut_off), tell, spans):
            found.merge(part)
            if journal is not None:
                journal.note(label, span, found)
        return found

    def _read_differing(self, cut_off: WriteCutOff, from_share: float) -> Sequence[int]:
        """Read both sides once more, and return the buckets that differ."""
        base = self._read_side(self._scan.base, "base", cut_off, from_share)
        view = self._read_side(self._scan.view, "view", cut_off, from_share)
        return base.digest.differing(view.digest)

    def _whole_side(self, result: AuditResult, base: SideDigest, view: SideDigest) -> AuditResult | None:
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

    def _compare_ends(self, result: AuditResult, cut_off: WriteCutOff) -> AuditResult:
        """Compare which rows ever expire."""
        self._scan.moment = LAST_MOMENT
        differing = self._read_differing(cut_off, 0.6)
        if not differing:
            return result
        # Rows that differ otherwise are among these; of each the recheck tells which it is.
        found = self._compare(result, cut_off, differing, is_of_ends=True)
        return replace(found, settled_rows=result.settled_rows)

    def _compare(
        self, result: AuditResult, cut_off: WriteCutOff, differing: Sequence[int], *, is_of_ends: bool = False
    ) -> AuditResult:
        """Compare the rows of the buckets that differ, some at a time, and look again at what differs.

        Args:
            is_of_ends: not the rows are compared, but whether they ever expire.
        """
        at_a_time = max(1, _HELD_ROWS_MAX * BUCKETS // max(BUCKETS, result.base_rows + result.view_rows))
        if len(differing) > at_a_time:
            # Most differ by writes that came between the two reads; both sides leave those out now.
            again = set(self._read_differing(cut_off, 0.3))
            differing = [bucket for bucket in differing if bucket in again]
        starts = range(0, len(differing), at_a_time)
        found: list[RowDifference] = []
        settled = undecided = 0
        is_partial = False
        for start in starts:
            keys = self._differing_keys(cut_off, frozenset(differing[start : start + at_a_time]))
            checked = self._recheck.run(keys, is_of_ends=is_of_ends)
            found += checked.found
            undecided += checked.undecided_rows
            settled += len(keys) - len(checked.found) - checked.undecided_rows if checked.is_done else 0
            is_partial = not checked.is_done or (is_enough(found) and start != starts[-1])
            if is_partial:
                break
        return replace(
            result.with_differences(found),
            newer_rows=result.newer_rows + undecided,
            settled_rows=result.settled_rows + settled,
            method=AuditMethod.ROWS,
            is_partial=result.is_partial or is_partial,
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
            for _span, part in self._read(self._scan, shape, BucketRows(cut_off, buckets), tell, None):
                if shape is self._scan.base:
                    found |= part
                    continue
                for key, (sent, digest) in part.items():
                    other = found.pop(key, None)
                    if other is None:
                        only_view.append(sent)
                    elif other[1] != digest:
                        on_both.append(sent)
        only_base = [sent for sent, _digest in found.values()]
        return [key for turn in zip_longest(only_base, only_view, on_both) for key in turn if key is not None]
