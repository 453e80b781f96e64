"""The audit of keys: are the rows of the window in the generation, and no others?

Counts base and view by token ranges. Where the counts differ (writes never rest), or the servers
cannot count, the keys themselves are compared, and each difference is looked at again by point reads
before it counts. A full audit (STALE, KEY) has the same place and verdict.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cassandra_views.cluster.database import Database, explained
from cassandra_views.cluster.drain import find_undrained, server_time
from cassandra_views.cluster.members import read_members
from cassandra_views.lifecycle.scan import RANGES, Row, Scan
from cassandra_views.model.relation import Relation
from cassandra_views.model.table import TableShape

_BUCKETS = 65_536
_KEPT_ROWS = 500_000
"""How many rows of differing buckets are held at a time."""
_EVERY_BUCKET = frozenset(range(_BUCKETS))
_LOOKS = 7
"""With the pauses doubling from half a second the last look is half a minute after the first: a view write that
was not delivered from a batch waits as a hint, which no table shows until it is flushed, every ten seconds."""
_MORE_LOOKS = 30
"""How often it is looked again after that, while a node holds a batch or hint of before the first look."""
_MORE_PAUSE_SECONDS = 10.0
_CHUNK = 200
_ENOUGH = 100
"""As many differences prove one; more are not looked at again one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an audit found.

    Args:
        missing: rows of the base that the view lacks, as examples.
        extra: rows of the view that the base lacks, as examples.
        is_partial: there may be more than these.
    """

    base_rows: int
    view_rows: int
    missing: tuple[Row, ...] = ()
    extra: tuple[Row, ...] = ()
    method: str = "counts"
    is_partial: bool = False

    @property
    def is_passed(self) -> bool:
        """Tell whether the view holds what it should."""
        return not self.missing and not self.extra

    def __str__(self) -> str:
        if self.is_passed and self.view_rows != self.base_rows:
            return f"{self.view_rows:,} rows, {self.base_rows:,} in the base a moment before ({self.method})"
        if self.is_passed:
            return f"{self.view_rows:,} rows of {self.base_rows:,} ({self.method})"
        least = "at least " if self.is_partial else ""
        found = []
        for label, rows in (("MISSING", self.missing), ("EXTRA", self.extra)):
            if rows:
                found.append(f"{least}{len(rows):,} {label} (such as {', '.join(map(str, rows[0]))})")
        return "; ".join(found)


class Audit:
    """Compares one generation with its base table.

    Args:
        relations: the view's WHERE with its window's bounds put in.
        remains: what an error says of the view's state.
        recheck_seconds: the pause before the second look at a difference; it doubles with each.
    """

    def __init__(
        self,
        database: Database,
        base: TableShape,
        view: TableShape,
        relations: Sequence[Relation],
        *,
        on_progress: Callable[[str, float], None] = lambda text, share: None,
        remains: str = "It was not served",
        recheck_seconds: float = 0.5,
    ) -> None:
        self._database = database
        self._scan = Scan(database, base, view, relations)
        self._on_progress = on_progress
        self._remains = remains
        self._recheck_seconds = recheck_seconds

    def run(self) -> Verdict:
        """Compare; reads only.

        Raises:
            ClusterError: base or view cannot be read.
        """
        on = str(self._scan.view)
        with explained("the audit cannot read", on=on, remains=self._remains):
            self._scan.prepare()
            if self._scan.can_count:
                before = self._count(self._scan.base, "base", 0.0)
                seen = self._count(self._scan.view, "view", 0.25)
                if seen == before:
                    return Verdict(base_rows=before, view_rows=seen)
                if before + seen <= _KEPT_ROWS:
                    return self._compare(before, seen, [_EVERY_BUCKET])
            return self._compare_buckets()

    def _count(self, shape: TableShape, label: str, from_share: float) -> int:
        def tell(index: int) -> None:
            self._on_progress(f"audit: counting {label}", from_share + 0.25 * index / RANGES)

        return self._scan.count(shape, tell)

    def _compare_buckets(self) -> Verdict:
        """Compare digests of the keys, then the keys of those buckets that differ: more than fit in memory at once."""
        base, base_rows = self._digest(self._scan.base, "base", 0.5)
        view, view_rows = self._digest(self._scan.view, "view", 0.6)
        differing = [index for index in range(_BUCKETS) if base[index] != view[index]]
        at_a_time = max(1, _KEPT_ROWS * _BUCKETS // max(_BUCKETS, base_rows + view_rows))
        groups = [frozenset(differing[start : start + at_a_time]) for start in range(0, len(differing), at_a_time)]
        return self._compare(base_rows, view_rows, groups)

    def _compare(self, base_rows: int, view_rows: int, groups: Iterable[frozenset[int]]) -> Verdict:
        """Compare the keys of the buckets, one group at a time, and look again at what differs."""
        missing: list[Row] = []
        extra: list[Row] = []
        is_partial = False
        for group in groups:
            only_base, only_view = self._difference(group)
            self._on_progress("audit: looking again at what differs", 0.9)
            missing += self._still(only_base, self._is_missing)
            extra += self._still(only_view, self._is_extra)
            is_partial = max(len(missing), len(extra)) >= _ENOUGH
            if is_partial:
                break
        return Verdict(
            base_rows=base_rows,
            view_rows=view_rows,
            missing=tuple(missing),
            extra=tuple(extra),
            method="keys",
            is_partial=is_partial,
        )

    def _digest(self, shape: TableShape, label: str, from_share: float) -> tuple[list[int], int]:
        buckets, count = [0] * _BUCKETS, 0
        for row in self._scan.rows(shape):
            value = _hash(row)
            place = value % _BUCKETS
            buckets[place] = (buckets[place] + (value >> 16) * 2 + 1) & 0xFFFFFFFFFFFFFFFF
            count += 1
            if count % 50_000 == 0:
                self._on_progress(f"audit: comparing keys of {label}, {count:,}", from_share)
        return buckets, count

    def _difference(self, buckets: frozenset[int]) -> tuple[list[Row], list[Row]]:
        """Return the rows of these buckets that only the base, and that only the view has."""
        found: dict[Any, Row] = {}
        for row in self._scan.rows(self._scan.base):
            if _hash(row) % _BUCKETS in buckets:
                found[_hashable(row)] = row
        only_view: list[Row] = []
        for row in self._scan.rows(self._scan.view):
            if _hash(row) % _BUCKETS in buckets and found.pop(_hashable(row), None) is None:
                only_view.append(row)
        return list(found.values()), only_view

    def _still(self, rows: list[Row], differs: Callable[[Row], bool]) -> list[Row]:
        """Return the rows that differ at each of several looks: a write under way is no difference."""
        still: list[Row] = []
        began = server_time(self._database)
        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="audit") as pool:
            for start in range(0, len(rows), _CHUNK):
                left = rows[start : start + _CHUNK]
                for pause in self._pauses(began):
                    time.sleep(pause)
                    left = [row for row, is_so in zip(left, pool.map(differs, left), strict=True) if is_so]
                    if not left:
                        break
                still += left
                if len(still) >= _ENOUGH:
                    break
        return still

    def _pauses(self, began: datetime) -> Iterator[float]:
        """Yield the seconds to wait before each look: as long as writes of before ``began`` can be under way."""
        yield 0.0
        for look in range(_LOOKS - 1):
            yield self._recheck_seconds * 2**look
        for _ in range(_MORE_LOOKS):
            if not find_undrained(self._database, read_members(self._database), began):
                return
            self._on_progress("audit: waiting for view writes that a node still holds", 0.95)
            yield _MORE_PAUSE_SECONDS

    def _is_missing(self, row: Row) -> bool:
        """Tell whether the base has the row before and after the view has it not."""
        if self._scan.find_base(row) != row or self._scan.is_in_view(row):
            return False
        return self._scan.find_base(row) == row

    def _is_extra(self, row: Row) -> bool:
        """Tell whether the view has the row before and after the base has it not."""
        if not self._scan.is_in_view(row) or self._scan.find_base(row) == row:
            return False
        return self._scan.is_in_view(row)


def _hashable(row: Row) -> Any:
    try:
        hash(row)
    except TypeError:  # collections
        return repr(row)
    return row


def _hash(row: Row) -> int:
    return hash(_hashable(row))
