"""Reading what exists, in one round of concurrent reads of ``system_schema``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from cassandra_client.database import Database, Row
from cassandra_views.cql.types import canonical_type
from cassandra_views.model.schema import Catalog, Column, ColumnKind, Keyspace, LiveView, TableShape

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
