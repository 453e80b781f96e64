"""Reading the rows of a base that belong to a view, and those of the view, range by range."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.query import SimpleStatement

from cassandra_views.cluster.database import Database
from cassandra_views.cluster.retry import ReadRetry
from cassandra_views.cql.printing import where_cql
from cassandra_views.lifecycle.row_filter import RowFilter
from cassandra_views.model.errors import ClusterError
from cassandra_views.model.names import quoted
from cassandra_views.model.relation import Operator, Relation
from cassandra_views.model.table import ColumnKind, TableShape

RANGES = 64
_READERS = 4
_PAGE = 5000
_TIMEOUT_SECONDS = 600.0

Row = tuple[Any, ...]


class Scan:
    """Rows of a base and its view, in the same form: the base's key, then the view's other key column.

    Args:
        relations: the view's WHERE with its window's bounds put in.
    """

    def __init__(self, database: Database, base: TableShape, view: TableShape, relations: Sequence[Relation]) -> None:
        self._database = database
        self.base, self.view = base, view
        self.key = [column.name for column in base.key_columns]
        extra = [column.name for column in view.key_columns if column.name not in self.key]
        self.columns = self.key + extra
        #: Columns outside the base's key that must hold a value: those of the view's key. The server accepts
        #: IS NOT NULL of other columns, too, and does not heed it (tried on 5.0.9).
        self.not_null = extra
        #: Every other condition of the view.
        self.relations = [one for one in relations if one.operator is not Operator.IS_NOT_NULL]
        #: Given, the servers are asked for all rows of the base, and these conditions are judged here.
        self.filter: RowFilter | None = None
        self._judge: RowFilter | None = None
        partition = {column.name for column in base.partition_key}
        self._is_on_partition = any(name in partition for one in self.relations for name in one.columns)

    def prepare(self) -> None:
        """Find out whether the servers filter the base; where they forbid it, rows are filtered here.

        Raises:
            ClusterError: they forbid it, and a relation can only be judged by them.
        """
        if not self.relations:
            return
        answers = self._database.ask("SELECT value FROM system_views.settings WHERE name = 'allow_filtering_enabled'")
        is_forbidden = any(row["value"] == "false" for answer in answers for row in answer.rows)
        try:
            self._judge = RowFilter(self._database, self.base, self.relations, self.columns)
        except ClusterError:
            # Then a row of the view whose base row stands outside the WHERE is not told from a late one.
            if is_forbidden:
                raise
        if is_forbidden:
            self.filter = self._judge

    @property
    def can_count(self) -> bool:
        """Tell whether the servers can count the rows of the base that belong to the view."""
        return self.filter is None

    def count(self, shape: TableShape, on_range: Callable[[int], None]) -> int:
        """Return how many rows of the view a table holds.

        Args:
            on_range: is told the index of each token range that is done.
        """
        what = "count(*)"
        if shape is self.base:
            if self.not_null:
                what = f"count({quoted(self.not_null[0])})"
            elif any(column.kind is ColumnKind.STATIC for column in shape.columns) and shape.clustering:
                # A partition with static cells alone reads as one row without clustering.
                what = f"count({quoted(shape.clustering[-1].name)})"
        total = 0
        for index, rows in enumerate(self._ranges(shape, what)):
            total += sum(row[0] for row in rows)
            on_range(index)
        return total

    def rows(self, shape: TableShape) -> Iterator[Row]:
        """Yield every row that belongs to the view, of the base or of the view."""
        what = ", ".join(map(quoted, self.columns))
        if shape is self.view:
            for rows in self._ranges(shape, what):
                yield from rows
            return
        needed = [*self.not_null, *(column.name for column in self.base.clustering)]
        places = [self.columns.index(name) for name in needed]
        keep = self.filter
        for rows in self._ranges(shape, what):
            for row in rows:
                if all(row[place] is not None for place in places) and (keep is None or keep(row)):
                    yield row

    def find_base(self, row: Row) -> Row | None:
        """Return the row as the base holds it now, None where it holds none that the view should have."""
        found = self._point(self.base, self.key, row[: len(self.key)])
        if not found or any(found[0][self.columns.index(name)] is None for name in self.not_null):
            return None
        return found[0] if self._judge is None or self._judge(found[0]) else None

    def is_in_view(self, row: Row) -> bool:
        """Tell whether the view holds the row now."""
        return bool(self._point(self.view, self.columns, row))

    def _point(self, shape: TableShape, columns: Sequence[str], values: Row) -> list[Row]:
        conditions = " AND ".join(f"{quoted(name)} = ?" for name in columns)
        selected = ", ".join(map(quoted, self.columns))
        query = f"SELECT {selected} FROM {quoted(shape.keyspace)}.{quoted(shape.name)} WHERE {conditions}"
        return [tuple(row.values()) for row in self._database.rows(query, tuple(values))]

    def _select(self, shape: TableShape, what: str, *, is_ranged: bool) -> str:
        parts = []
        if is_ranged:
            names = ", ".join(quoted(column.name) for column in shape.partition_key)
            parts.append(f"token({names}) >= %s AND token({names}) <= %s")
        is_filtered = shape is self.base and bool(self.relations) and self.filter is None
        if is_filtered:
            text = where_cql(self.relations)
            parts.append(text.replace("%", "%%") if is_ranged else text)
        where = f" WHERE {' AND '.join(parts)}" if parts else ""
        filtering = " ALLOW FILTERING" if is_filtered else ""
        return f"SELECT {what} FROM {quoted(shape.keyspace)}.{quoted(shape.name)}{where}{filtering}"

    def _ranges(self, shape: TableShape, what: str) -> Iterator[list[Row]]:
        """Yield the rows of each token range; four ranges are read at a time."""
        # A restriction of a partition key column cannot stand beside token().
        is_ranged = shape is self.view or self.filter is not None or not self._is_on_partition
        query = self._select(shape, what, is_ranged=is_ranged)

        def read(bounds: tuple[int, int] | None) -> list[Row]:
            statement = SimpleStatement(
                query,
                fetch_size=_PAGE,
                consistency_level=ConsistencyLevel.LOCAL_QUORUM,
                retry_policy=ReadRetry(),
                is_idempotent=True,
            )
            options = self._database.profile_options
            found = self._database.session.execute(statement, bounds, timeout=_TIMEOUT_SECONDS, **options)
            names = found.column_names
            return [tuple(row[name] for name in names) if isinstance(row, dict) else tuple(row) for row in found]

        if not is_ranged:
            yield read(None)
            return
        with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="audit") as pool:
            yield from pool.map(read, token_ranges(RANGES))


def token_ranges(count: int) -> list[tuple[int, int]]:
    """Return equal token ranges, both ends included, that cover the ring once."""
    width = 2**64 // count
    starts = [-(2**63) + index * width for index in range(count)]
    return [(start, (starts[index + 1] if index + 1 < count else 2**63) - 1) for index, start in enumerate(starts)]
