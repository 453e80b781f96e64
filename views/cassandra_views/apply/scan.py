"""Reading the rows of a base that belong to a view, and those of the view, range by range, as bytes.

Where the servers forbid ALLOW FILTERING, the view's WHERE is carried out here, on rows of the base.

Beside each value its write time and its TTL are read. The seconds that are left fall from read to read, so all reads
of one comparison are made as of one moment. With native protocol v4 a read has no moment, and ``TTL(column) * 0`` tells
only whether there is a TTL. Before Cassandra 5.0 a collection tells neither.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from cassandra import InvalidRequest

from cassandra_client.database import Database
from cassandra_client.decoding import RawRow, RawRows
from cassandra_client.driver_errors import is_unknown_table
from cassandra_client.errors import ClusterError
from cassandra_client.names import quoted
from cassandra_views.apply.cells import Cell, is_multi_cell_type
from cassandra_views.apply.raw_values import canonical_form, shown, shown_row, ttl_form
from cassandra_views.apply.row_filter import RowFilter
from cassandra_views.apply.token_ranges import FIRST_TOKEN, LAST_TOKEN, AnySink, RateLimit, TokenRange, read_ranges
from cassandra_views.cql.printing import where_cql
from cassandra_views.model.audit_result import CellDifference
from cassandra_views.model.schema import TableShape
from cassandra_views.model.statement import Operator, Relation

_PAGE_ROWS = 2000
"""Four pages are held at a time; with larger ones a large table takes more memory than a small one."""
DRAWN_FROM = 100
"""Of so many rows of a partition, its first, one is drawn."""
PAGE_SECONDS = 20.0
"""More than the servers' own time-out of a range read, 10 s by default."""
_AGGREGATE_SECONDS = 60.0
_AGGREGATE_PAGE_ROWS = 10_000
"""The server reads its own pages of this size for a total, and sends one row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRow:
    """The key of a row that was drawn at random.

    Args:
        is_cut: its partition has more rows than were drawn from.
    """

    key: RawRow
    is_cut: bool


class Scan:
    """Rows of a base and its view, in the same form: key, values, write times, and which of them have a TTL.

    The key is the base's, then the view's other key column.

    Args:
        relations: the view's WHERE with its window's bounds put in.
        rows_per_second: how many rows are read in a second, of both sides together; None is no limit.
    """

    def __init__(
        self,
        database: Database,
        base: TableShape,
        view: TableShape,
        relations: Sequence[Relation],
        *,
        rows_per_second: float | None = None,
    ) -> None:
        self.database = database
        self._limit = RateLimit(rows_per_second) if rows_per_second else None
        self.page_rows = min(_PAGE_ROWS, max(1, int(rows_per_second or _PAGE_ROWS)))
        self.raw = RawRows(database)
        self.base, self.view = base, view
        self.key = [column.name for column in base.key_columns]
        extra = [column.name for column in view.key_columns if column.name not in self.key]
        #: How many values of a row, from its first on, are its key.
        self.width = len(self.key) + len(extra)
        #: The columns whose values are read, in their order.
        self.columns = self.key + extra + _value_names(base, view)
        #: Columns outside the base's key that must hold a value: those of the view's key. The server accepts
        #: IS NOT NULL of other columns, too, and does not heed it (tried on 5.0.9).
        self.not_null = extra
        # A partition with static cells alone has no clustering columns.
        needed = [*extra, *(column.name for column in base.clustering)]
        self.needed_places = [self.columns.index(name) for name in needed]
        #: Every other condition of the view.
        self.relations = [one for one in relations if one.operator is not Operator.IS_NOT_NULL]
        #: Given, the servers are asked for all rows of the base, and these conditions are judged here.
        self.filter: RowFilter | None = None
        self.judge: RowFilter | None = None
        self._is_split = {"base": True, "view": True}
        self._is_murmur: bool | None = None
        self._is_prepared = False
        #: As of when rows of ranges are read, in seconds since 1970; None is when they are. Only where ``has_moments``.
        self.moment: int | None = None
        self.has_moments = self.raw.has_moments
        self.cells: tuple[Cell, ...] = ()
        self._selected = list(map(quoted, self.columns))
        self._forms = self._canonical_keys()

    def prepare(self) -> None:
        """Ask the servers what they return of each column, and whether they filter the base.

        Only the first call asks.

        Raises:
            ClusterError: they forbid filtering, and a relation can only be judged by them.
        """
        if self._is_prepared:
            return
        self._select_cells()
        self._is_prepared = True
        if not self.relations:
            return
        answers = self.database.ask("SELECT value FROM system_views.settings WHERE name = 'allow_filtering_enabled'")
        is_forbidden = any(row["value"] == "false" for answer in answers for row in answer.rows)
        try:
            self.judge = RowFilter(self.database, self.base, self.relations, self.columns)
        except ClusterError:
            # Then a row of the view whose base row stands outside the WHERE is not told from a late one.
            if is_forbidden:
                raise
        if is_forbidden or not self._is_range_allowed():
            if self.judge is None:
                self._is_split["base"] = False
            self.filter = self.judge

    def _select_cells(self) -> None:
        """Select write time and TTL of each column for which the server returns them."""
        places: dict[str, int] = {}

        def select(term: str) -> None:
            places[term] = len(self._selected)
            self._selected.append(term)

        cells = []
        for index, name in enumerate(self.columns[self.width :], self.width):
            column = self.view.find_column(name)
            is_multi_cell = column is None or is_multi_cell_type(column.type)
            written, ttl = f"WRITETIME({quoted(name)})", f"TTL({quoted(name)})"
            if not is_multi_cell and not self.has_moments:
                ttl += " * 0"
            if not is_multi_cell or self._is_selectable(written):
                select(written)
                select(ttl)
                if is_multi_cell and not self.has_moments:
                    self._forms.append((places[ttl], ttl_form))
            cells.append(
                Cell(
                    name=name,
                    value=index,
                    written=places.get(written),
                    ttl=places.get(ttl),
                    is_single=not is_multi_cell,
                )
            )
        self.cells = tuple(cells)

    def _is_selectable(self, term: str) -> bool:
        try:
            self.raw.types(f"SELECT {term} FROM {quoted(self.view.keyspace)}.{quoted(self.view.name)}")
        except (InvalidRequest, ClusterError) as error:
            if not is_refused(error):
                raise
            return False
        return True

    @property
    def can_compare_ends(self) -> bool:
        """Tell whether both sides can be read as of a late moment without anything being written by that."""
        option = ("only_purge_repaired_tombstones", "true")
        return self.has_moments and not any(
            option in (shape.find_option("compaction") or ()) for shape in (self.base, self.view)
        )

    def coverage(self, *, with_ends: bool = False) -> str:
        """Say at which consistency rows are read, and that keys alone are compared where the view has nothing else.

        With several data centres it is one of them that is compared.

        Args:
            with_ends: which rows expire was compared, too.
        """
        center = self.database.local_dc
        consistency = f"LOCAL_QUORUM in {center}" if center else "LOCAL_QUORUM"
        if self.cells:
            return consistency
        return f"keys{' and which rows expire' if with_ends else ' alone'}, {consistency}"

    def _is_range_allowed(self) -> bool:
        """Tell whether the servers take a token range beside the WHERE: older ones may refuse that of key columns."""
        try:
            self.raw.read(self._select(self.base), (token_bytes(LAST_TOKEN), token_bytes(LAST_TOKEN)))
        except (InvalidRequest, ClusterError) as error:
            if not is_refused(error):
                raise
            return False
        return True

    def fold(
        self,
        shape: TableShape,
        make: Callable[[], AnySink],
        on_progress: Callable[[float, int], None] | None = None,
        *,
        aggregates: Sequence[str] = (),
    ) -> Iterator[AnySink]:
        """Read every row that belongs to the view, of the base or of the view, and yield a sink for each token range.

        Args:
            make: makes a sink. Rows are given to it in one of several threads, and to no two sinks twice.
            on_progress: is told from time to time how much of the ring is read, 0 to 1, and how many rows.
            aggregates: what the server makes of the rows of each token range, in place of the rows.
        """
        for _span, sink in self.fold_ranges(shape, make, on_progress, aggregates=aggregates):
            yield sink

    def fold_ranges(
        self,
        shape: TableShape,
        make: Callable[[], AnySink],
        on_progress: Callable[[float, int], None] | None = None,
        *,
        aggregates: Sequence[str] = (),
        spans: Sequence[TokenRange] | None = None,
    ) -> Iterator[tuple[TokenRange, AnySink]]:
        """Do as ``fold``, and yield with each sink its range.

        Args:
            spans: the ranges to read; else the whole ring.
        """
        pages = self.pages_of(shape, aggregates=aggregates)
        yield from read_ranges(
            pages,
            make,
            on_progress=on_progress,
            is_split=self.is_ranged(shape),
            is_slowed=self._limit is not None,
            spans=spans,
        )

    def pages_of(
        self, shape: TableShape, *, aggregates: Sequence[str] = ()
    ) -> Callable[[TokenRange], Iterator[Sequence[RawRow]]]:
        """Return what yields the rows of a token range that belong to the view, page by page, in any thread."""
        is_ranged = self.is_ranged(shape)
        query = self._select(shape, is_ranged=is_ranged, aggregates=aggregates)
        seconds = _AGGREGATE_SECONDS if aggregates else PAGE_SECONDS
        page_rows = _AGGREGATE_PAGE_ROWS if aggregates else self.page_rows
        moment = None if aggregates else self.moment

        def pages(span: TokenRange) -> Iterator[Sequence[RawRow]]:
            bounds = (token_bytes(span.first), token_bytes(span.last)) if is_ranged else ()
            found = self.raw.pages(query, bounds, page_rows=page_rows, timeout_seconds=seconds, at=moment)
            for rows in found:
                self.wait_for(len(rows))
                yield rows if aggregates else self._of_view(shape, rows)

        self.raw.types(query)  # prepared once, before threads ask
        return pages

    def is_ranged(self, shape: TableShape) -> bool:
        """Tell whether the servers read this side from one token to another."""
        return self._is_split["base" if shape is self.base else "view"] and self.has_murmur()

    def _of_view(self, shape: TableShape, rows: Sequence[RawRow]) -> Sequence[RawRow]:
        """Return the rows that belong to the view."""
        if shape is self.view or not (self.needed_places or self.filter):
            return rows
        return [
            row
            for row in rows
            if all(row[place] is not None for place in self.needed_places) and (self.filter is None or self.filter(row))
        ]

    def wait_for(self, rows: int) -> None:
        """Wait until so many rows may have been read."""
        if self._limit is not None:
            self._limit.wait(rows)

    def draw(self, shape: TableShape, choose: random.Random) -> DrawnRow | None:
        """Return a row that belongs to the view, drawn at random; None where the side has none.

        A token is drawn, and of the first rows of the partition after it one.

        Raises:
            ClusterError: the ring cannot be read from a token on.
        """
        if not self.is_ranged(shape):
            raise ClusterError(
                "no rows can be drawn: the servers do not read this table from a token on",
                next="Audit it in full",
            )
        query = self._select(shape)
        key_of = itemgetter(*(self.columns.index(column.name) for column in shape.partition_key))
        first = choose.randint(FIRST_TOKEN, LAST_TOKEN)
        for bounds in ((first, LAST_TOKEN), (FIRST_TOKEN, first)):
            for page in self.raw.pages(query, [token_bytes(bound) for bound in bounds], page_rows=DRAWN_FROM):
                self.wait_for(len(page))
                rows = self._of_view(shape, page)
                if not rows:
                    continue
                of_partition = [row for row in rows if key_of(row) == key_of(rows[0])]
                is_cut = len(page) >= DRAWN_FROM and key_of(page[0]) == key_of(page[-1])
                return DrawnRow(key=choose.choice(of_partition)[: self.width], is_cut=is_cut)
        return None

    def canonical(self, row: RawRow) -> RawRow:
        """Return the row in the form in which it is compared: equal bytes for what is one to the server."""
        if not self._forms:
            return row
        found = list(row)
        for place, form in self._forms:
            value = row[place] if place < len(row) else None
            if value is not None:
                found[place] = form(value)
        return tuple(found)

    def canonical_rows(self, rows: Sequence[RawRow]) -> Sequence[RawRow]:
        """Return rows in the form in which they are compared."""
        return list(map(self.canonical, rows)) if self._forms else rows

    def shown_key(self, row: RawRow) -> str:
        """Return a row's key for people."""
        return shown_row(row[: self.width], self._types()[: self.width], self.protocol_version)

    def cell_differences(self, base: RawRow, view: RawRow, *, at: int | None = None) -> list[CellDifference]:
        """Return the columns in which a row of the base and its row of the view differ.

        Args:
            at: as of when both were read.
        """
        ours, theirs, types = self.canonical(base), self.canonical(view), self._types()
        return [
            CellDifference(
                column=cell.name,
                base=shown(base[cell.value], types[cell.value], self.protocol_version),
                view=shown(view[cell.value], types[cell.value], self.protocol_version),
                base_written=cell.newest_write(base),
                view_written=cell.newest_write(view),
                is_base_expiring=cell.is_expiring(base),
                is_view_expiring=cell.is_expiring(view),
                base_expires=cell.expires(base, at),
                view_expires=cell.expires(view, at),
                is_value_equal=cell.is_equal(ours, theirs, with_ttl=False),
            )
            for cell in self.cells
            if not cell.is_equal(ours, theirs)
        ]

    def type_of(self, name: str) -> Any:
        """Return the driver's type of a column of the view."""
        return self._types()[self.columns.index(name)]

    def _types(self) -> list[Any]:
        return self.raw.types(self._select(self.view))

    @property
    def protocol_version(self) -> int:
        """The version in which values are encoded."""
        return int(self.database.session.cluster.protocol_version)

    def _canonical_keys(self) -> list[tuple[int, Callable[[bytes], bytes]]]:
        """Return how columns are compared of which the server takes more than one form for one value.

        Of a partition key it never does: there the bytes are the key. Of a clustering column it keeps any of them.
        """
        by_bytes = {column.name for column in (*self.base.partition_key, *self.view.partition_key)}
        found = []
        for column in self.view.clustering:
            form = canonical_form(column.type)
            if form is not None and column.name not in by_bytes:
                found.append((self.columns.index(column.name), form))
        return found

    def has_murmur(self) -> bool:
        """Tell whether the cluster's tokens are those that we know to split."""
        if self._is_murmur is None:
            (row,) = self.database.rows("SELECT partitioner FROM system.local")
            self._is_murmur = str(row["partitioner"]).endswith("Murmur3Partitioner")
        return self._is_murmur

    def select_all(self, shape: TableShape, terms: Sequence[str] = ()) -> str:
        """Return a SELECT of these terms, else of all that is compared, without a WHERE."""
        selected = ", ".join(terms or self._selected)
        return f"SELECT {selected} FROM {quoted(shape.keyspace)}.{quoted(shape.name)}"

    def _select(self, shape: TableShape, *, is_ranged: bool = True, aggregates: Sequence[str] = ()) -> str:
        parts = []
        if is_ranged:
            names = ", ".join(quoted(column.name) for column in shape.partition_key)
            parts.append(f"token({names}) >= ? AND token({names}) <= ?")
        is_filtered = shape is self.base and bool(self.relations) and self.filter is None
        if is_filtered:
            parts.append(where_cql(self.relations))
        where = f" WHERE {' AND '.join(parts)}" if parts else ""
        filtering = " ALLOW FILTERING" if is_filtered else ""
        return f"{self.select_all(shape, aggregates)}{where}{filtering}"


def _value_names(base: TableShape, view: TableShape) -> list[str]:
    """Return the view's columns outside both keys."""
    keys = {column.name for column in (*base.key_columns, *view.key_columns)}
    return [column.name for column in view.columns if column.name not in keys]


def is_refused(error: BaseException) -> bool:
    """Tell whether the server refuses the statement itself, though the table is there."""
    refusal = error if isinstance(error, InvalidRequest) else error.__cause__
    return isinstance(refusal, InvalidRequest) and not is_unknown_table(refusal)


def token_bytes(value: int) -> bytes:
    """Return a token as the server takes it."""
    return struct.pack(">q", value)
