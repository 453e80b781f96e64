"""CREATE INDEX among the statements of a schema: what it adds, and when a server refuses it."""

from __future__ import annotations

from cassandra_client.names import quoted
from cassandra_views.cql.printing import server_name, server_table
from cassandra_views.cql.schema_state import RefusedStatement, SchemaIndex, SchemaKeyspace, SchemaStatement
from cassandra_views.cql.token_reader import UnreadableStatement
from cassandra_views.cql.types import parse_type
from cassandra_views.model.schema import Column, ColumnKind, TableShape

_TARGETS = ("keys", "values", "entries", "full")


def create_index(statement: SchemaStatement, *, is_custom: bool) -> None:
    """Read what follows CREATE INDEX or CREATE CUSTOM INDEX."""
    words = statement.words
    is_lenient = statement.takes_if_not_exists()
    given: tuple[str | None, str] | None = None
    if not words.take("on"):
        given = words.qualified()
        if not words.take("on"):
            raise UnreadableStatement("ON is missing")
    table_name = words.qualified()
    keyspace_given = table_name[0] or (given[0] if given else None)
    home, keyspace, name = statement.resolve((keyspace_given, table_name[1]))
    targets = _read_targets(statement)
    implementation = _implementation(statement)
    if given and given[0] not in (None, keyspace):
        raise RefusedStatement(f"Keyspace name '{keyspace}' doesn't match index name '{keyspace}.{name}'")
    table = home.tables.get(name)
    if table is None and name not in home.views:
        raise RefusedStatement(f"Table '{name}' doesn't exist")
    if given and given[1] in home.indexes:
        if is_lenient:
            return
        raise RefusedStatement(f"Index '{given[1]}' already exists")
    if table is not None and table.is_counter:
        raise RefusedStatement("Secondary indexes on counter tables aren't supported")
    if table is None:
        raise RefusedStatement("Secondary indexes on materialized views aren't supported")
    if home.has_transient_replicas:
        raise RefusedStatement("Secondary indexes are not supported on transiently replicated keyspaces")
    index = SchemaIndex(
        table=name,
        columns=tuple(column for _how, column in targets),
        targets=tuple(_target(how, column, table) for how, column in targets),
        implementation=implementation,
    )
    _check_targets(index, table, home, is_custom=is_custom or implementation != "")
    made = given[1] if given else _free_name(home, index)
    for other, existing in home.indexes.items():
        if existing == index:
            if is_lenient:
                return
            raise RefusedStatement(f"Index {made} is a duplicate of existing index {other}")
    home.indexes[made] = index


def _read_targets(statement: SchemaStatement) -> list[tuple[str, str]]:
    words = statement.words
    if not words.take("("):
        raise UnreadableStatement("the column is missing")
    found: list[tuple[str, str]] = []
    while not words.take(")"):
        if found and not words.take(","):
            raise UnreadableStatement(f"unexpected '{words.peek()}'")
        how = next((how for how in _TARGETS if words.take(how, "(")), "")
        found.append((how, words.name()))
        if how and not words.take(")"):
            raise UnreadableStatement("')' is missing")
    return found


def _implementation(statement: SchemaStatement) -> str:
    """Read USING and the options; return the class by one spelling, empty for the server's own kind."""
    words = statement.words
    name = ""
    if words.take("using"):
        name = str(words.next()).rpartition(".")[2].lower()
    if words.take("with"):
        words.skip()
    words.end()
    return {"legacy_local_table": "", "sai": "storageattachedindex"}.get(name, name)


def _target(how: str, name: str, table: TableShape) -> str:
    column = table.find_column(name)
    if column is None:
        raise RefusedStatement(f"Undefined column name {server_name(name)} in table {server_table(table)}")
    type_ = parse_type(column.type)
    if not how and type_.is_collection:
        how = "values"
    return f"{how}({name})" if how else name


def _check_targets(index: SchemaIndex, table: TableShape, home: SchemaKeyspace, *, is_custom: bool) -> None:
    if not index.columns and not is_custom:
        raise RefusedStatement("Only CUSTOM indexes can be created without specifying a target column")
    if len(index.columns) > 1 and not is_custom:
        raise RefusedStatement("Only CUSTOM indexes support multiple columns")
    for place, name in enumerate(index.columns):
        if name in index.columns[:place]:
            raise RefusedStatement(f"Duplicate column '{name}' in index target list")
    for name, target in zip(index.columns, index.targets, strict=True):
        column = table.find_column(name)
        assert column is not None
        _check_target(column, target.partition("(")[0] if target != name else "simple", table, home)


def _check_target(column: Column, how: str, table: TableShape, home: SchemaKeyspace) -> None:
    type_, name = parse_type(column.type), column.name
    if type_.mentions("duration", home.types):
        kind = "UDTs containing durations" if type_.is_user_defined else "duration columns"
        kind = "tuples containing durations" if type_.name == "tuple" and not type_.is_user_defined else kind
        kind = "collections containing durations" if type_.is_collection else kind
        raise RefusedStatement(f"Secondary indexes are not supported on {kind}")
    if table.is_compact and (column.is_key or column.kind is ColumnKind.REGULAR):
        kind = "PRIMARY KEY columns in" if column.is_key else "compact value column of"
        raise RefusedStatement(f"Secondary indexes are not supported on {kind} COMPACT STORAGE tables")
    if column.kind is ColumnKind.PARTITION_KEY and len(table.partition_key) == 1:
        raise RefusedStatement(f"Cannot create secondary index on the only partition key column {name}")
    is_frozen_collection = type_.is_collection and type_.is_frozen
    if is_frozen_collection and how != "full":
        what = f"Cannot create {how}() index on frozen column {name}. Frozen collections are immutable and must be"
        raise RefusedStatement(f"{what} fully indexed by using the 'full({quoted(name)})' modifier")
    if not is_frozen_collection and how == "full":
        raise RefusedStatement("full() indexes can only be created on frozen collections")
    if not type_.is_collection and how != "simple":
        what = f"Cannot create {how}() index on {name}. Non-collection columns only support simple indexes"
        raise RefusedStatement(what)
    if how in ("keys", "entries") and type_.name != "map":
        raise RefusedStatement(f"Cannot create index on {how} of column {name} with non-map type")
    if type_.is_user_defined and not type_.is_frozen:
        raise RefusedStatement(f"Cannot create index on non-frozen UDT column {name}")


def _free_name(home: SchemaKeyspace, index: SchemaIndex) -> str:
    columns = [*(index.columns if len(index.columns) == 1 else ()), "idx"]
    base = "".join(one for one in "_".join((index.table, *columns)) if one.isalnum() or one == "_")
    name, number = base, 0
    while name in home.indexes:
        number += 1
        name = f"{base}_{number}"
    return name
