"""Reading what exists: the schema, sizes, first rows, repairs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from cassandra import ConsistencyLevel

from cassandra_client.database import Database, Row
from cassandra_client.decoding import RawRows
from cassandra_client.driver_errors import translate_driver_errors
from cassandra_client.errors import ClusterError
from cassandra_client.names import quoted
from cassandra_views.cql.types import canonical_type
from cassandra_views.model.schema import Catalog, Column, ColumnKind, Keyspace, LiveView, TableShape
from cassandra_views.model.times import EPOCH, TimeColumn, TimeKind, instant_text
from cassandra_views.plan.repairs import RepairHistory, RepairSession, gc_grace_of, read_range

_SKIPPED = frozenset({"keyspace_name", "table_name", "view_name", "id", "flags", "base_table_id", "base_table_name"})


def read_catalog(database: Database, keyspaces: Iterable[str]) -> Catalog:
    """Read keyspaces, tables, views and columns of the named keyspaces."""
    query = "SELECT keyspace_name, replication FROM system_schema.keyspaces"
    existing = {
        row["keyspace_name"]: Keyspace.of(row["keyspace_name"], row["replication"] or {})
        for row in database.rows(query)
    }
    tables: dict[tuple[str, str], TableShape] = {}
    views: dict[tuple[str, str], LiveView] = {}
    for keyspace in sorted(existing.keys() & set(keyspaces)):
        columns = defaultdict(list)
        for row in _rows(database, "columns", keyspace):
            columns[row["table_name"]].append(_column(row))
        for row in _rows(database, "tables", keyspace):
            name = row["table_name"]
            tables[keyspace, name] = _shape(keyspace, name, columns[name], row)
        for row in _rows(database, "views", keyspace):
            views[keyspace, row["view_name"]] = _live_view(row, columns[row["view_name"]])
    return Catalog(keyspaces=frozenset(existing), replications=existing, tables=tables, views=views)


def read_keyspace(database: Database, name: str) -> Keyspace:
    """Read a keyspace's replication; one that does not exist has none."""
    rows = database.rows("SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?", (name,))
    return Keyspace.of(name, rows[0]["replication"] if rows else {})


_TARGET = re.compile(r'(?:values\()?"?(?P<column>[^"()]+)"?\)?')


def read_indexes(database: Database, keyspace: str, table: str) -> dict[str, str]:
    """Return the index of each column of a table that has one on its values."""
    query = "SELECT index_name, options FROM system_schema.indexes WHERE keyspace_name = ? AND table_name = ?"
    found = {}
    for row in database.rows(query, (keyspace, table)):
        if target := _TARGET.fullmatch((row["options"] or {}).get("target", "")):
            found[target["column"]] = row["index_name"]
    return found


def has_storage_attached_indexes(database: Database) -> bool:
    """Tell whether the node that is asked has storage-attached indexes, by the table that lists them."""
    query = "SELECT table_name FROM system_virtual_schema.tables WHERE keyspace_name = 'system_views'"
    return any(row["table_name"] == SAI_TABLE for row in database.rows(query))


SAI_TABLE = "sai_column_indexes"
"""The virtual table that comes with storage-attached indexes."""


def find_view_and_base(database: Database, keyspace: str, physical: str) -> tuple[LiveView, TableShape] | None:
    """Read one physical view and its base table, which costs the same however many views there are."""
    views, view_columns = _read_by_name(database, "views", "view_name", keyspace, physical)
    if not views:
        return None
    live = _live_view(views[0], view_columns)
    tables, columns = _read_by_name(database, "tables", "table_name", keyspace, live.base)
    if not tables:
        return None
    return live, _shape(keyspace, live.base, columns, tables[0])


def find_base(database: Database, keyspace: str, table: str) -> tuple[UUID, TableShape, Keyspace] | None:
    """Read the id and shape of one base table, and its keyspace; None where one of them is not there."""
    tables, columns = _read_by_name(database, "tables", "table_name", keyspace, table)
    keyspaces = _rows(database, "keyspaces", keyspace)
    if not tables or not keyspaces:
        return None
    shape = _shape(keyspace, table, columns, tables[0])
    return tables[0]["id"], shape, Keyspace.of(keyspace, keyspaces[0]["replication"] or {})


def read_sizes(database: Database, tables: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (partitions, bytes) of tables, summed over all nodes' own estimates; empty where unknown."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for keyspace, table in sorted(set(tables)):
        query = (
            "SELECT partitions_count, mean_partition_size FROM system.size_estimates "
            "WHERE keyspace_name = %s AND table_name = %s"
        )
        answers = database.ask(query, values=(keyspace, table))
        rows = [row for answer in answers for row in answer.rows]
        partitions = sum(row["partitions_count"] for row in rows)
        if partitions and not any(answer.error for answer in answers):
            size = sum(row["partitions_count"] * row["mean_partition_size"] for row in rows)
            found[keyspace, table] = (partitions, size)
    return found


def _rows(database: Database, table: str, keyspace: str) -> list[Row]:
    return database.rows(f"SELECT * FROM system_schema.{table} WHERE keyspace_name = ?", (keyspace,))


def _read_by_name(
    database: Database, table: str, column: str, keyspace: str, name: str
) -> tuple[list[Row], list[Column]]:
    """Return the row of a table or view, and its columns."""
    query = "SELECT * FROM system_schema.{} WHERE keyspace_name = ? AND {} = ?"
    rows, columns = database.rows_of_each(
        [(query.format(table, column), (keyspace, name)), (query.format("columns", "table_name"), (keyspace, name))]
    )
    return rows, [_column(row) for row in columns]


def _live_view(row: Row, columns: list[Column]) -> LiveView:
    keyspace, name = row["keyspace_name"], row["view_name"]
    return LiveView(
        keyspace=keyspace,
        name=name,
        base=row["base_table_name"],
        table_id=row["id"],
        where_clause=row["where_clause"] or "",
        include_all_columns=bool(row["include_all_columns"]),
        comment=row["comment"] or "",
        shape=_shape(keyspace, name, columns, row),
        base_id=row["base_table_id"],
    )


def _column(row: Row) -> Column:
    kind = ColumnKind(row["kind"])
    return Column(
        name=row["column_name"],
        type=canonical_type(row["type"]),
        kind=kind,
        position=row["position"] if kind in (ColumnKind.PARTITION_KEY, ColumnKind.CLUSTERING) else -1,
        is_descending=row["clustering_order"] == "desc",
    )


def _shape(keyspace: str, name: str, columns: list[Column], row: Row) -> TableShape:
    options = [(key, _text(value)) for key, value in row.items() if key not in _SKIPPED and value is not None]
    return TableShape(keyspace=keyspace, name=name, columns=tuple(columns), options=tuple(options))


def _text(value: Any) -> str | tuple[tuple[str, str], ...]:
    if hasattr(value, "items"):
        return tuple(sorted((str(key), str(each)) for key, each in value.items()))
    return str(value).lower() if isinstance(value, bool) else str(value)


_PARENTS_AT_ONCE = 50


def read_repairs(database: Database, keyspace: str, table: str, since: datetime) -> RepairHistory:
    """Return the repairs of a table that began since a moment, as far as the cluster remembers them.

    Raises:
        ClusterError: the history of repairs cannot be read.
    """
    rows = _distributed_rows(
        database,
        "SELECT parent_id, range_begin, range_end, participants, status FROM system_distributed.repair_history "
        "WHERE keyspace_name = ? AND columnfamily_name = ? AND id >= minTimeuuid(?)",
        (keyspace, table, since),
    )
    sessions = tuple(
        RepairSession(
            parent=row["parent_id"],
            range=read_range(f"({row['range_begin']},{row['range_end']}]"),
            nodes=len(row["participants"] or ()) + 1,  # the coordinator is not among them
            is_success=row["status"] == "SUCCESS",
        )
        for row in rows
        if row["parent_id"]
    )
    ids = sorted({each.parent for each in sessions})
    query = (
        "SELECT parent_id, columnfamily_names, started_at, successful_ranges "
        "FROM system_distributed.parent_repair_history WHERE parent_id IN ?"
    )
    parents = {
        row["parent_id"]: tuple(filter(None, map(read_range, row["successful_ranges"] or ())))
        for start in range(0, len(ids), _PARENTS_AT_ONCE)
        for row in _distributed_rows(database, query, (ids[start : start + _PARENTS_AT_ONCE],))
        if table in (row["columnfamily_names"] or ()) and row["started_at"].replace(tzinfo=UTC) >= since
    }
    return RepairHistory(sessions=sessions, parents=parents)


def find_repairs(
    database: Database, catalog: Catalog, base: tuple[str, str], data_centers: Mapping[str, int], now: datetime
) -> RepairHistory | str | None:
    """Return the repairs of a base table since its ``gc_grace_seconds`` ago, or why they cannot be read.

    None where it has one replica in all, or is on one node: there is nothing to repair.
    """
    shape, replication = catalog.find_table(*base), catalog.replications.get(base[0])
    if shape is None or replication is None or replication.replicas(data_centers) < 2:
        return None
    try:
        return read_repairs(database, *base, now - gc_grace_of(shape))
    except ClusterError as error:
        return error.what


def _distributed_rows(database: Database, query: str, values: tuple[Any, ...]) -> list[Row]:
    """Read a table that has three replicas by default, and that the servers write at consistency ONE."""
    try:
        return database.rows(query, values, consistency=ConsistencyLevel.QUORUM)
    except ClusterError:
        return database.rows(query, values, consistency=ConsistencyLevel.ONE)


_UUID_EPOCH = datetime(1582, 10, 15, tzinfo=UTC)
_NEVER_BEFORE = datetime(1971, 1, 1, tzinfo=UTC)
"""Seconds that are read as milliseconds lie in January 1970."""
_NEVER_AFTER = timedelta(days=3652)
"""Milliseconds that are read as seconds lie tens of thousands of years ahead."""


def find_first_time(database: Database, keyspace: str, table: str, time: TimeColumn) -> bytes | None:
    """Return the time column of some first row of a table, as the server sends it; None where there is no row.

    One read of one row.

    Raises:
        ClusterError: the table cannot be read.
    """
    query = f"SELECT {quoted(time.name)} FROM {quoted(keyspace)}.{quoted(table)} LIMIT 1"
    with translate_driver_errors("the base's first row cannot be read", on=f"{keyspace}.{table}"):
        rows = RawRows(database).read(query)
    return rows[0][0] if rows else None


def read_time(time: TimeColumn, value: bytes) -> datetime | None:
    """Return the moment of a value, as the table's file reads it; None where it is none that a calendar has."""
    number = int.from_bytes(value, "big", signed=True)
    try:
        match time.kind:
            case TimeKind.TEXT:
                return datetime.strptime(value.decode(), time.format).replace(tzinfo=UTC)
            case TimeKind.TIMESTAMP | TimeKind.MILLISECONDS:
                return EPOCH + timedelta(milliseconds=number)
            case TimeKind.SECONDS:
                return EPOCH + timedelta(seconds=number)
            case TimeKind.DATE:
                return EPOCH + timedelta(days=int.from_bytes(value, "big") - 2**31)
            case TimeKind.TIMEUUID:
                return _UUID_EPOCH + timedelta(microseconds=UUID(bytes=value).time // 10)
    except (ValueError, OverflowError):
        return None


def time_text(time: TimeColumn, value: bytes) -> str:
    """Return the moment of a value for people, or why it has none."""
    moment = read_time(time, value)
    if moment is not None:
        return instant_text(moment)
    if time.kind is TimeKind.TEXT:
        return f"no time: {value.decode(errors='replace')!r} is not of the form {time.format}"
    number = int.from_bytes(value, "big", signed=True)
    return f"no time: {number:,} as {time.kind.value} is in no year from 1 to 9999"


def is_implausible(time: TimeColumn, value: bytes, now: datetime) -> bool:
    """Tell whether a table's file can hardly mean what its rows hold: another form, or another unit."""
    moment = read_time(time, value)
    return moment is None or moment < _NEVER_BEFORE or moment > now + _NEVER_AFTER
