"""The first audit: are the rows of the window in the generation, and no others?

Counts base and view by token ranges. Where the counts differ (writes never rest), the keys
themselves are compared, and each difference is looked at again by point reads before it counts.
A full audit (STALE, KEY) has the same place and verdict.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.query import SimpleStatement

from cassandra_views.cluster.database import Database, explained
from cassandra_views.cql.printing import where_cql
from cassandra_views.model.names import quoted
from cassandra_views.model.statement import Operator, Relation
from cassandra_views.model.table import ColumnKind, TableShape

_BUCKETS = 4096
_CANDIDATES = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an audit found.

    Args:
        missing: rows of the base that the view lacks, as examples.
        extra: rows of the view that the base lacks, as examples.
    """

    base_rows: int
    view_rows: int
    missing: tuple[tuple[Any, ...], ...] = ()
    extra: tuple[tuple[Any, ...], ...] = ()
    method: str = "counts"

    @property
    def is_passed(self) -> bool:
        """Tell whether the view holds what it should."""
        return not self.missing and not self.extra

    def __str__(self) -> str:
        if self.is_passed:
            return f"{self.view_rows:,} rows of {self.base_rows:,} ({self.method})"
        found = []
        for label, rows in (("MISSING", self.missing), ("EXTRA", self.extra)):
            if rows:
                found.append(f"{len(rows):,} {label} (such as {', '.join(map(str, rows[0]))})")
        return "; ".join(found)


class Audit:
    """Compares one generation with its base table.

    Args:
        relations: the view's WHERE with its window's bounds put in.
    """

    def __init__(
        self,
        database: Database,
        base: TableShape,
        view: TableShape,
        relations: Sequence[Relation],
        *,
        on_progress: Callable[[str, float], None] = lambda text, share: None,
        recheck_seconds: float = 1.0,
    ) -> None:
        self._database = database
        self._base, self._view = base, view
        self._on_progress = on_progress
        self._recheck_seconds = recheck_seconds
        key = [column.name for column in base.key_columns]
        not_null = [one.columns[0] for one in relations if one.operator is Operator.IS_NOT_NULL]
        self._not_null = [name for name in dict.fromkeys(not_null) if name not in key]
        self._filter = [one for one in relations if one.operator is not Operator.IS_NOT_NULL]
        extra = [column.name for column in view.key_columns if column.name not in key]
        self._not_null += [name for name in extra if name not in self._not_null]
        self._key = key
        self._columns = key + extra
        partition = {column.name for column in base.partition_key}
        # A slice of a partition key column cannot stand beside token().
        self._has_ranges = not any(name in partition for one in self._filter for name in one.columns)

    def run(self) -> Verdict:
        """Compare; reads only.

        Raises:
            ClusterError: base or view cannot be read.
        """
        with explained(
            "the audit cannot read",
            on=f"{self._view.keyspace}.{self._view.name}",
            remains="It was not served",
        ):
            if len(self._not_null) <= 1:
                before = self._count(self._base, "base", 0.0)
                seen = self._count(self._view, "view", 0.4)
                if seen == before:
                    return Verdict(base_rows=before, view_rows=seen)
                after = self._count(self._base, "base again", 0.7)
                # Rows came (or expired) while we counted: the view's count lies on the way.
                if min(before, after) <= seen <= max(before, after):
                    return Verdict(base_rows=after, view_rows=seen)
            return self._compare()

    def _select(self, shape: TableShape, what: str, *, is_ranged: bool) -> str:
        parts = []
        if is_ranged:
            names = ", ".join(quoted(column.name) for column in shape.partition_key)
            parts.append(f"token({names}) >= %s AND token({names}) <= %s")
        needs_filter = shape is self._base and bool(self._filter)
        if needs_filter:
            parts.append(where_cql(self._filter).replace("%", "%%") if is_ranged else where_cql(self._filter))
        where = f" WHERE {' AND '.join(parts)}" if parts else ""
        filtering = " ALLOW FILTERING" if needs_filter else ""
        return f"SELECT {what} FROM {quoted(shape.keyspace)}.{quoted(shape.name)}{where}{filtering}"

    def _count(self, shape: TableShape, label: str, from_share: float) -> int:
        what = "count(*)"
        if shape is self._base:
            if self._not_null:
                what = f"count({quoted(self._not_null[0])})"
            elif any(column.kind is ColumnKind.STATIC for column in shape.columns) and shape.clustering:
                # A partition with static cells alone reads as one row without clustering.
                what = f"count({quoted(shape.clustering[-1].name)})"
        total = 0
        for index, rows in enumerate(self._scan(shape, what, size=5000)):
            total += sum(row[0] for row in rows)
            self._on_progress(f"audit: counting {label}", from_share + 0.3 * index / 64)
        return total

    def _scan(self, shape: TableShape, what: str, *, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of each token range; four ranges are read at a time."""
        is_ranged = shape is self._view or self._has_ranges
        query = self._select(shape, what, is_ranged=is_ranged)

        def read(bounds: tuple[int, int] | None) -> list[tuple[Any, ...]]:
            statement = SimpleStatement(query, fetch_size=size, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
            found = self._database.session.execute(statement, bounds, timeout=600.0, **self._database.profile_options)
            names = found.column_names
            return [tuple(row[name] for name in names) if isinstance(row, dict) else tuple(row) for row in found]

        if not is_ranged:
            yield read(None)
            return
        with ThreadPoolExecutor(max_workers=4, thread_name_prefix="audit") as pool:
            yield from pool.map(read, _ranges(64))

    def _rows(self, shape: TableShape) -> Iterator[tuple[Any, ...]]:
        """Yield (base key..., extra key column...) of every row that belongs to the view."""
        needed = self._columns + [name for name in self._not_null if name not in self._columns]
        wanted = needed if shape is self._base else self._columns
        places = [wanted.index(name) for name in self._not_null if name in wanted and shape is self._base]
        clustering = [wanted.index(column.name) for column in self._base.clustering] if shape is self._base else []
        for rows in self._scan(shape, ", ".join(map(quoted, wanted)), size=5000):
            for row in rows:
                if all(row[place] is not None for place in (*places, *clustering)):
                    yield row[: len(self._columns)]

    def _compare(self) -> Verdict:
        """Compare the keys themselves, and look again at what differs."""
        base, base_count = self._digest(self._base, "base", 0.0)
        view, view_count = self._digest(self._view, "view", 0.4)
        differing = {bucket for bucket in range(_BUCKETS) if base[bucket] != view[bucket]}
        only_base, only_view = self._difference(differing)
        missing = self._still([row for row in only_base], self._is_missing)
        extra = self._still([row for row in only_view], self._is_extra)
        return Verdict(
            base_rows=base_count,
            view_rows=view_count,
            missing=tuple(missing),
            extra=tuple(extra),
            method="keys",
        )

    def _digest(self, shape: TableShape, label: str, from_share: float) -> tuple[list[int], int]:
        buckets, count = [0] * _BUCKETS, 0
        for row in self._rows(shape):
            value = _hash(row)
            place = _hash(row[: len(self._key)]) % _BUCKETS
            buckets[place] = (buckets[place] + value * 2 + 1) & 0xFFFFFFFFFFFFFFFF
            count += 1
            if count % 50_000 == 0:
                self._on_progress(f"audit: comparing keys of {label}, {count:,}", from_share)
        return buckets, count

    def _difference(self, buckets: set[int]) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        found: dict[tuple[Any, ...] | str, list[Any]] = defaultdict(lambda: [0, None])
        for sign, shape in ((1, self._base), (-1, self._view)):
            for row in self._rows(shape):
                if _hash(row[: len(self._key)]) % _BUCKETS in buckets:
                    entry = found[_hashable(row)]
                    entry[0] += sign
                    entry[1] = row
        only_base = [row for count, row in found.values() if count > 0]
        only_view = [row for count, row in found.values() if count < 0]
        return only_base[:_CANDIDATES], only_view[:_CANDIDATES]

    def _still(
        self, rows: list[tuple[Any, ...]], differs: Callable[[tuple[Any, ...]], bool]
    ) -> Iterable[tuple[Any, ...]]:
        """Return the rows that differ at each of several looks: a write under way is no difference."""
        for attempt in range(4):
            if not rows:
                break
            if attempt:
                time.sleep(self._recheck_seconds * attempt)
            rows = [row for row in rows if differs(row)]
        return rows

    def _is_missing(self, row: tuple[Any, ...]) -> bool:
        now = self._base_row(row)
        return now is not None and not self._point(self._view, self._columns, now)

    def _is_extra(self, row: tuple[Any, ...]) -> bool:
        if not self._point(self._view, self._columns, row):
            return False
        return self._base_row(row) != row

    def _base_row(self, row: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """Return the row as the base holds it now, None where it holds none that the view should have."""
        wanted = self._columns + [name for name in self._not_null if name not in self._columns]
        found = self._point(self._base, self._key, row[: len(self._key)], ", ".join(map(quoted, wanted)))
        if not found or any(found[0][wanted.index(name)] is None for name in self._not_null):
            return None
        return found[0][: len(self._columns)]

    def _point(
        self, shape: TableShape, columns: Sequence[str], values: Sequence[Any], what: str = ""
    ) -> list[tuple[Any, ...]]:
        conditions = " AND ".join(f"{quoted(name)} = ?" for name in columns)
        what = what or ", ".join(map(quoted, self._columns))
        query = f"SELECT {what} FROM {quoted(shape.keyspace)}.{quoted(shape.name)} WHERE {conditions}"
        rows = self._database.rows(query, tuple(values))
        return [tuple(row.values()) for row in rows]


def _ranges(count: int) -> list[tuple[int, int]]:
    """Return equal token ranges, both ends included, that cover the ring once."""
    width = 2**64 // count
    starts = [-(2**63) + index * width for index in range(count)]
    return [(start, (starts[index + 1] if index + 1 < count else 2**63) - 1) for index, start in enumerate(starts)]


def _hashable(row: tuple[Any, ...]) -> tuple[Any, ...] | str:
    try:
        hash(row)
    except TypeError:  # collections
        return repr(row)
    return row


def _hash(row: tuple[Any, ...]) -> int:
    return hash(_hashable(row))
