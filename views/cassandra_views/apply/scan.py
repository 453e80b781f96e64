"""Reading the rows of a base that belong to a view, and those of the view, range by range, as bytes.

Where the servers forbid ALLOW FILTERING, the view's WHERE is carried out here, on rows of the base.

Beside each value its write time is read, and whether it has a TTL (``TTL(column) * 0``: the seconds that are left
fall from read to read). Before Cassandra 5.0 a collection tells neither.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cassandra import InvalidRequest
from cassandra.metadata import Murmur3Token

from cassandra_client.database import Database
from cassandra_client.decoding import RawRow, RawRows
from cassandra_client.driver_errors import is_unknown_table
from cassandra_client.errors import ClusterError
from cassandra_client.names import quoted
from cassandra_views.apply.raw_values import canonical_form, elements_of, shown, shown_row, ttl_form
from cassandra_views.apply.row_filter import RowFilter
from cassandra_views.apply.token_ranges import FIRST_TOKEN, LAST_TOKEN, AnySink, RateLimit, TokenRange, read_ranges
from cassandra_views.cql.printing import where_cql
from cassandra_views.cql.types import BadType, parse_type
from cassandra_views.model.audit_result import CellDifference
from cassandra_views.model.schema import TableShape
from cassandra_views.model.statement import Operator, Relation

_MOST_KEY_BYTES = 65_535
"""The server writes the length of each part of a composite partition key in two bytes."""
_PAGE_ROWS = 5000
DRAWN_FROM = 100
"""Of so many rows of a partition, its first, one is drawn."""
_TOTALS_SECONDS = 60.0
_WORD = 2**64 - 1
_PAGE_SECONDS = 20.0
"""More than the servers' own time-out of a range read, 10 s by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cell:
    """Where in a row a column's value, its write time and its TTL stand; None where the server tells none.

    Args:
        is_single: it is written as a whole, with one write time.
    """

    name: str
    value: int
    written: int | None
    ttl: int | None
    is_single: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRow:
    """The key of a row that was drawn at random.

    Args:
        is_cut: its partition has more rows than were drawn from.
    """

    key: RawRow
    is_cut: bool


class NoTotals(ClusterError):
    """The servers make no totals of the rows of the base that belong to the view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the server counts and adds up of one side's rows.

    Args:
        has_nulls: rows that the view cannot hold are among them; then ``cells`` is not of the view's rows alone.
        cells: what was counted or added up, and the total, 64 bits.
    """

    rows: int
    has_nulls: bool
    cells: tuple[tuple[str, int], ...]

    def differences(self, view: Totals) -> tuple[str, ...]:
        """Return what differs between these, of the base, and the view's, in words."""
        if self.rows != view.rows:
            return (f"{self.rows:,} rows in the base, {view.rows:,} in the view",)
        if self.has_nulls:
            return ()
        return tuple(
            f"{what}: {ours:,} in the base, {theirs:,} in the view" if what.startswith("number") else what
            for (what, ours), (_what, theirs) in zip(self.cells, view.cells, strict=True)
            if ours != theirs
        )


class _RangeTotals:
    """The totals of one token range."""

    def __init__(self) -> None:
        self.sums: list[int] = []

    def add(self, rows: Sequence[RawRow]) -> None:
        for row in rows:
            self.sums = [int.from_bytes(value or b"", "big") for value in row]


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
        self._page_rows = min(_PAGE_ROWS, max(1, int(rows_per_second or _PAGE_ROWS)))
        self._raw = RawRows(database)
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
        #: Every other condition of the view.
        self.relations = [one for one in relations if one.operator is not Operator.IS_NOT_NULL]
        #: Given, the servers are asked for all rows of the base, and these conditions are judged here.
        self.filter: RowFilter | None = None
        self._judge: RowFilter | None = None
        self._is_split = {"base": True, "view": True}
        self._is_murmur: bool | None = None
        self._is_prepared = False
        self._cells: tuple[_Cell, ...] = ()
        self._selected = list(map(quoted, self.columns))
        self._forms = self._canonical_keys()

    def prepare(self) -> None:
        """Find out what the servers tell of each column, and what they filter of the base; the rest is filtered here.

        Done once, however often it is asked for.

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
            self._judge = RowFilter(self.database, self.base, self.relations, self.columns)
        except ClusterError:
            # Then a row of the view whose base row stands outside the WHERE is not told from a late one.
            if is_forbidden:
                raise
        if is_forbidden or not self._is_range_allowed():
            if self._judge is None:
                self._is_split["base"] = False
            self.filter = self._judge

    def _select_cells(self) -> None:
        """Add write time and TTL of each column that tells them."""
        places: dict[str, int] = {}

        def select(term: str) -> None:
            places[term] = len(self._selected)
            self._selected.append(term)

        cells = []
        for index, name in enumerate(self.columns[self.width :], self.width):
            column = self.view.find_column(name)
            is_multi_cell = column is None or _is_multi_cell(column.type)
            written, ttl = f"WRITETIME({quoted(name)})", f"TTL({quoted(name)})"
            if not is_multi_cell:
                ttl += " * 0"
            if not is_multi_cell or self._is_selectable(written):
                select(written)
                select(ttl)
                if is_multi_cell:
                    self._forms.append((places[ttl], ttl_form))
            cells.append(
                _Cell(
                    name=name,
                    value=index,
                    written=places.get(written),
                    ttl=places.get(ttl),
                    is_single=not is_multi_cell,
                )
            )
        self._cells = tuple(cells)

    def _is_selectable(self, term: str) -> bool:
        try:
            self._raw.types(f"SELECT {term} FROM {quoted(self.view.keyspace)}.{quoted(self.view.name)}")
        except (InvalidRequest, ClusterError) as error:
            if not _is_refused(error):
                raise
            return False
        return True

    @property
    def written_places(self) -> tuple[tuple[int, bool], ...]:
        """Where in a row the write times stand, and whether there is one time or one for each element."""
        return tuple((cell.written, cell.is_single) for cell in self._cells if cell.written is not None)

    @property
    def has_values(self) -> bool:
        """Whether the view has columns outside its key."""
        return bool(self._cells)

    def _is_range_allowed(self) -> bool:
        """Tell whether the servers take a token range beside the WHERE: older ones may refuse that of key columns."""
        try:
            self._raw.read(self._select(self.base), (_token(LAST_TOKEN), _token(LAST_TOKEN)))
        except (InvalidRequest, ClusterError) as error:
            if not _is_refused(error):
                raise
            return False
        return True

    def fold(
        self, shape: TableShape, make: Callable[[], AnySink], on_progress: Callable[[float, int], None] | None = None
    ) -> Iterator[AnySink]:
        """Read every row that belongs to the view, of the base or of the view, and yield a sink for each token range.

        Args:
            make: makes a sink. Rows are given to it in one of several threads, and to no two sinks twice.
            on_progress: is told from time to time how much of the ring is read, 0 to 1, and how many rows.
        """
        is_base = shape is self.base
        is_split = self._is_split["base" if is_base else "view"] and self._has_murmur()
        query = self._select(shape, is_ranged=is_split)
        places = self._needed_places() if is_base else []
        keep = self.filter if is_base else None
        conditions = bool(places or keep)

        def pages(span: TokenRange) -> Iterator[Sequence[RawRow]]:
            bounds = (_token(span.first), _token(span.last)) if is_split else ()
            for rows in self._raw.pages(query, bounds, page_rows=self._page_rows, timeout_seconds=_PAGE_SECONDS):
                self._wait_for(len(rows))
                if conditions:
                    yield [
                        row
                        for row in rows
                        if all(row[place] is not None for place in places) and (keep is None or keep(row))
                    ]
                else:
                    yield rows

        self._raw.types(query)  # prepared once, before threads ask
        is_slowed = self._limit is not None
        yield from read_ranges(pages, make, on_progress=on_progress, is_split=is_split, is_slowed=is_slowed)

    def _wait_for(self, rows: int) -> None:
        """Wait until so many rows may have been read."""
        if self._limit is not None:
            self._limit.wait(rows)

    def totals(self, shape: TableShape) -> Totals:
        """Return totals of every row that belongs to the view, made by the server: of the base or of the view.

        Raises:
            NoTotals: they do not filter the base, so that no total of it is one of the view's rows alone.
        """
        if self.filter is not None and shape is self.base:
            raise NoTotals(
                "the servers do not filter the base by the view's WHERE, so they make no totals of its rows",
                next="Audit it in full, or by a sample",
            )
        single = [cell.name for cell in self._cells if cell.is_single]
        last = shape.key_columns[-1].name
        terms = [f"count({quoted(name)})" for name in [last, *self.not_null]]
        terms += [f"count(TTL({quoted(name)}))" for name in single]
        terms += [f"sum(WRITETIME({quoted(name)}))" for name in single]
        summed = {name: term for name in self.not_null if (term := self._number_term(shape, name))}
        terms += [f"sum({term})" for term in summed.values()]
        is_split = self._is_split["base" if shape is self.base else "view"] and self._has_murmur()
        query = self._select(shape, is_ranged=is_split, what=", ".join(terms))

        def pages(span: TokenRange) -> Iterator[Sequence[RawRow]]:
            bounds = (_token(span.first), _token(span.last)) if is_split else ()
            yield self._raw.read(query, bounds, timeout_seconds=_TOTALS_SECONDS)

        self._raw.types(query)
        sums = [0] * len(terms)
        for part in read_ranges(pages, _RangeTotals, is_split=is_split):
            sums = [(one + other) & _WORD for one, other in zip(sums, part.sums, strict=True)]
        rows, not_null = sums[0], sums[1 : 1 + len(self.not_null)]
        labels = [f"{what} of {name}" for what in ("number of TTLs", "write times") for name in single]
        labels += [f"values of {name}" for name in summed]
        return Totals(
            rows=min(sums[: 1 + len(not_null)]),
            has_nulls=any(count != rows for count in not_null),
            cells=tuple(zip(labels, sums[1 + len(not_null) :], strict=True)),
        )

    def _number_term(self, shape: TableShape, name: str) -> str:
        """Return what makes a bigint of a column, empty where there is none: the view has no write time of its key."""
        column = shape.find_column(name)
        match column.type if column else "":
            case "tinyint" | "smallint" | "int" | "bigint":
                return f"CAST({quoted(name)} AS bigint)"
            case "timestamp" | "date":
                return f"toUnixTimestamp({quoted(name)})"
            case _:
                return ""

    def draw(self, shape: TableShape, choose: random.Random) -> DrawnRow | None:
        """Return a row that belongs to the view, drawn at random; None where the side has none.

        A token is drawn, and of the first rows of the partition after it one.

        Raises:
            ClusterError: the ring cannot be read from a token on.
        """
        if not self._is_split["base" if shape is self.base else "view"] or not self._has_murmur():
            raise ClusterError(
                "no rows can be drawn: the servers do not read this table from a token on",
                next="Audit it in full",
            )
        query = self._select(shape)
        partition = [self.columns.index(column.name) for column in shape.partition_key]
        first = choose.randint(FIRST_TOKEN, LAST_TOKEN)
        places = self._needed_places() if shape is self.base else []
        for bounds in ((first, LAST_TOKEN), (FIRST_TOKEN, first)):
            for page in self._raw.pages(query, [_token(bound) for bound in bounds], page_rows=DRAWN_FROM):
                self._wait_for(len(page))
                rows = [
                    row
                    for row in page
                    if all(row[place] is not None for place in places)
                    and (shape is not self.base or self.filter is None or self.filter(row))
                ]
                if rows:
                    key = [rows[0][place] for place in partition]
                    alike = [row for row in rows if [row[place] for place in partition] == key]
                    is_cut = [page[0][place] for place in partition] == [page[-1][place] for place in partition] == key
                    drawn = choose.choice(alike)[: self.width]
                    return DrawnRow(key=drawn, is_cut=is_cut and len(page) >= DRAWN_FROM)
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

    def find_base(self, key: RawRow) -> RawRow | None:
        """Return the row of a key as the base holds it now, None where it holds none that the view should have.

        Args:
            key: the base's key and the view's other key column, as the server sent them.
        """
        found = self._find(self.base, key)
        if found is None or any(found[place] is None for place in self._needed_places()):
            return None
        is_its_own = self.canonical(found)[: self.width] == self.canonical(key)[: self.width]
        return found if is_its_own and (self._judge is None or self._judge(found)) else None

    def find_view(self, key: RawRow) -> RawRow | None:
        """Return the row of a key as the view holds it now."""
        return self._find(self.view, key)

    def shown_key(self, row: RawRow) -> str:
        """Return a row's key for people."""
        return shown_row(row[: self.width], self._types()[: self.width], self._protocol_version)

    def cell_differences(self, base: RawRow, view: RawRow) -> list[CellDifference]:
        """Return the columns in which a row of the base and its row of the view differ."""
        ours, theirs, types = self.canonical(base), self.canonical(view), self._types()
        found = []
        for cell in self._cells:
            places = [place for place in (cell.value, cell.written, cell.ttl) if place is not None]
            if all(ours[place] == theirs[place] for place in places):
                continue
            type_ = types[cell.value]
            found.append(
                CellDifference(
                    column=cell.name,
                    base=shown(base[cell.value], type_, self._protocol_version),
                    view=shown(view[cell.value], type_, self._protocol_version),
                    base_written=None
                    if cell.written is None
                    else newest_write(base[cell.written], is_single=cell.is_single),
                    view_written=None
                    if cell.written is None
                    else newest_write(view[cell.written], is_single=cell.is_single),
                    is_base_expiring=cell.ttl is not None and is_expiring(base[cell.ttl]),
                    is_view_expiring=cell.ttl is not None and is_expiring(view[cell.ttl]),
                    is_value_equal=all(ours[place] == theirs[place] for place in places if place != cell.ttl),
                )
            )
        return found

    def _types(self) -> list[Any]:
        return self._raw.types(self._select(self.view))

    @property
    def _protocol_version(self) -> int:
        return int(self.database.session.cluster.protocol_version)

    def _find(self, shape: TableShape, row: RawRow) -> RawRow | None:
        """Return the row of this key: by the key, or by its token where the server takes no such key in a WHERE.

        Such are an empty value or one of more than 64 KiB where it is the whole partition key.
        """
        names = [column.name for column in shape.key_columns]
        values = [row[self.columns.index(name)] for name in names]
        partition = values[: len(shape.partition_key)]
        if len(partition) > 1 and any(len(value or b"") > _MOST_KEY_BYTES for value in partition):
            return None  # no partition can have this key
        if len(partition) > 1 or 0 < len(partition[0] or b"") <= _MOST_KEY_BYTES:
            conditions = " AND ".join(f"{quoted(name)} = ?" for name in names)
            try:
                found = self._raw.read(f"{self._select_all(shape)} WHERE {conditions}", values)
                return found[0] if found else None
            except (InvalidRequest, ClusterError) as error:
                if not _is_refused(error):
                    raise
        return self._find_by_token(shape, row, partition)

    def _find_by_token(self, shape: TableShape, row: RawRow, partition: Sequence[bytes | None]) -> RawRow | None:
        names = ", ".join(quoted(column.name) for column in shape.partition_key)
        query, bounds = self._select_all(shape), ()  # type: tuple[str, tuple[bytes, ...]]
        if self._has_murmur():
            query += f" WHERE token({names}) >= ? AND token({names}) <= ?"
            bounds = tuple(map(_token, _token_of(partition)))
        places = [self.columns.index(column.name) for column in shape.key_columns]
        sought = self.canonical(row)
        for page in self._raw.pages(query, bounds, timeout_seconds=_PAGE_SECONDS):
            for each in page:
                found = self.canonical(each)
                if all(found[place] == sought[place] for place in places):
                    return each
        return None

    def _needed_places(self) -> list[int]:
        """Return where a row of the base must hold a value; a partition with static cells alone has no clustering."""
        names = [*self.not_null, *(column.name for column in self.base.clustering)]
        return [self.columns.index(name) for name in names]

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

    def _has_murmur(self) -> bool:
        """Tell whether the cluster's tokens are those that we know to split."""
        if self._is_murmur is None:
            (row,) = self.database.rows("SELECT partitioner FROM system.local")
            self._is_murmur = str(row["partitioner"]).endswith("Murmur3Partitioner")
        return self._is_murmur

    def _select_all(self, shape: TableShape) -> str:
        return f"SELECT {', '.join(self._selected)} FROM {quoted(shape.keyspace)}.{quoted(shape.name)}"

    def _select(self, shape: TableShape, *, is_ranged: bool = True, what: str = "") -> str:
        parts = []
        if is_ranged:
            names = ", ".join(quoted(column.name) for column in shape.partition_key)
            parts.append(f"token({names}) >= ? AND token({names}) <= ?")
        is_filtered = shape is self.base and bool(self.relations) and self.filter is None
        if is_filtered:
            parts.append(where_cql(self.relations))
        where = f" WHERE {' AND '.join(parts)}" if parts else ""
        filtering = " ALLOW FILTERING" if is_filtered else ""
        selected = what or ", ".join(self._selected)
        return f"SELECT {selected} FROM {quoted(shape.keyspace)}.{quoted(shape.name)}{where}{filtering}"


def _value_names(base: TableShape, view: TableShape) -> list[str]:
    """Return the view's columns outside both keys."""
    keys = {column.name for column in (*base.key_columns, *view.key_columns)}
    return [column.name for column in view.columns if column.name not in keys]


def _is_multi_cell(type_: str) -> bool:
    try:
        return parse_type(type_).is_multi_cell
    except BadType:  # one that this program does not know: what the server tells of it is found out
        return True


def newest_write(written: bytes | None, *, is_single: bool) -> int | None:
    """Return a write time in microseconds since 1970: of a collection, that of its newest element."""
    if not written:
        return None
    if is_single:
        return int.from_bytes(written, "big", signed=True)
    return max((int.from_bytes(each, "big", signed=True) for each in elements_of(written) if each), default=None)


def is_expiring(ttl: bytes | None) -> bool:
    """Tell whether a cell, or an element of a collection, has a TTL."""
    if ttl is None:
        return False
    return len(ttl) == 4 or any(ttl_form(ttl))


def _is_refused(error: BaseException) -> bool:
    """Tell whether the server refuses the statement itself, though the table is there."""
    refusal = error if isinstance(error, InvalidRequest) else error.__cause__
    return isinstance(refusal, InvalidRequest) and not is_unknown_table(refusal)


def _token(value: int) -> bytes:
    return struct.pack(">q", value)


def _token_of(partition: Sequence[bytes | None]) -> tuple[int, int]:
    """Return the first and last token of a range that holds this partition key."""
    parts = [value or b"" for value in partition]
    # The parts of a composite key, each behind its length; a key of one column is that column.
    packed = parts[0] if len(parts) == 1 else b"".join(struct.pack(">H", len(part)) + part + b"\0" for part in parts)
    if not packed:
        # Of the empty key alone the token is the least one; a range of this one alone is the whole ring.
        return FIRST_TOKEN, FIRST_TOKEN + 1
    token = int(Murmur3Token.hash_fn(packed))
    return token, token
