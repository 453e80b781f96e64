"""What differs between a statement and what the server's schema tables say, and the ALTERs that mend it."""

from __future__ import annotations

from cassandra_client.names import quoted
from cassandra_views.cql.fingerprint import canonical_relation
from cassandra_views.cql.options import option_differences
from cassandra_views.cql.parse import parse_where
from cassandra_views.cql.printing import bound_relations, declaration_cql, option_cql
from cassandra_views.cql.types import BadType, canonical_type
from cassandra_views.model.errors import StatementError
from cassandra_views.model.schema import Column, TableShape
from cassandra_views.model.statement import TableStatement, ViewStatement


def view_drift(
    statement: ViewStatement,
    base: TableShape,
    live: TableShape,
    *,
    where_clause: str,
    include_all_columns: bool,
    base_name: str,
    window_start: str | None = None,
    window_end: str | None = None,
    ignore_window: bool = False,
) -> tuple[str, ...]:
    """Return the differences between what was asked for and the view that exists; empty where none.

    Options are left out (``option_differences`` tells of them): none changes what rows a view holds.

    Args:
        statement: what the file says.
        base: the base table's shape, for the types of columns.
        live: the view's shape.
        where_clause: as ``system_schema.views`` has it.
        include_all_columns: likewise.
        base_name: likewise.
        window_start: the CQL literal that ``:window_start`` was printed as, None where it was left out.
        window_end: likewise.
        ignore_window: leave restrictions of the window's column out of the comparison.
    """
    statement = statement.ordered_like(base)
    differences: list[str] = []
    if base_name != statement.base:
        differences.append(f"its base is {base_name}, not {statement.base}")
    if include_all_columns != statement.selects_all:
        differences.append("it selects all columns" if include_all_columns else "it does not select all columns")
    names = [column.name for column in base.columns] if statement.selects_all else list(statement.columns)
    found = {column.name: column for column in live.columns}
    differences += [f"column {name} is missing" for name in dict.fromkeys(names) if name not in found]
    differences += [f"column {name} is not asked for" for name in found if name not in names]
    for name in dict.fromkeys(names):
        wanted, column = base.find_column(name), found.get(name)
        if wanted is not None and column is not None and _type(wanted) != _type(column):
            differences.append(f"column {name} is of type {_type(column)}, not {_type(wanted)}")
    differences += _key_drift(statement.partition_key, statement.clustering, statement.descending, live)
    differences += _where_drift(statement, where_clause, window_start, window_end, ignore_window)
    return tuple(differences)


def table_drift(wanted: TableStatement, live: TableShape) -> tuple[str, ...]:
    """Return the differences between a CREATE TABLE and the table; options only where the file names them."""
    shape = wanted.shape(live.keyspace)
    found = {column.name: column for column in live.columns}
    differences = [f"column {one.name} is missing" for one in shape.columns if one.name not in found]
    differences += [f"column {name} is not in the file" for name in found if shape.find_column(name) is None]
    for column in shape.columns:
        other = found.get(column.name)
        if other is None:
            continue
        if _type(column) != _type(other):
            differences.append(f"column {column.name} is of type {_type(other)}, not {_type(column)}")
        if column.is_key == other.is_key and not column.is_key and column.kind is not other.kind:
            differences.append(f"column {column.name} is {other.kind.value}, not {column.kind.value}")
    descending = frozenset(column.name for column in shape.clustering if column.is_descending)
    differences += _key_drift(wanted.partition_key, wanted.clustering, descending, live)
    differences += option_differences(wanted.options, live)
    return tuple(differences)


def alter_table_cql(statement: TableStatement, live: TableShape) -> tuple[str, ...]:
    """Return the ALTER statements that give a table what its file says; what no ALTER can change is left out.

    No column is ever dropped by them: that deletes data.
    """
    table = quoted(live.keyspace) + "." + quoted(live.name)
    added = [
        f"ALTER TABLE {table} ADD {declaration_cql(column)}"
        for column in statement.columns
        if column.name not in statement.key and live.find_column(column.name) is None
    ]
    options = [
        f"{quoted(option.name)} = {option_cql(option.value)}"
        for option in statement.options
        if live.find_option(option.name) is not None and option_differences([option], live)
    ]
    return (*added, *([f"ALTER TABLE {table} WITH {' AND '.join(options)}"] if options else []))


def _type(column: Column) -> str:
    try:
        return canonical_type(column.type)
    except BadType:
        return column.type


def _key_drift(
    partition_key: tuple[str, ...], clustering: tuple[str, ...], descending: frozenset[str], live: TableShape
) -> list[str]:
    differences: list[str] = []
    live_partition = tuple(column.name for column in live.partition_key)
    live_clustering = tuple(column.name for column in live.clustering)
    if live_partition != partition_key:
        differences.append(f"the partition key is ({', '.join(live_partition)}), not ({', '.join(partition_key)})")
    if live_clustering != clustering:
        differences.append(f"the clustering is ({', '.join(live_clustering)}), not ({', '.join(clustering)})")
        return differences
    for column in live.clustering:
        if column.is_descending != (column.name in descending):
            is_, wanted = ("descending", "ascending") if column.is_descending else ("ascending", "descending")
            differences.append(f"clustering column {column.name} is {is_}, not {wanted}")
    return differences


def _where_drift(
    statement: ViewStatement,
    where_clause: str,
    window_start: str | None,
    window_end: str | None,
    ignore_window: bool,
) -> list[str]:
    try:
        live = parse_where(where_clause, file="system_schema.views.where_clause")
    except StatementError as error:
        return [f"its WHERE cannot be read: {error.what}"]
    wanted = bound_relations(statement, window_start=window_start, window_end=window_end)
    skipped = set(statement.windowed_columns) if ignore_window else set()
    has = {canonical_relation(one) for one in live if not skipped.intersection(one.columns)}
    asked = {canonical_relation(one) for one in wanted if not skipped.intersection(one.columns)}
    return [f"its WHERE lacks {text}" for text in sorted(asked - has)] + [
        f"its WHERE also has {text}" for text in sorted(has - asked)
    ]
