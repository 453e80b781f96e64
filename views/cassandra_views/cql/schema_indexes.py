"""CREATE INDEX among the statements of a schema: what it adds, and when a server refuses it."""

from __future__ import annotations

from cassandra_client.names import quoted
from cassandra_views.cql.findings import doubled
from cassandra_views.cql.option_values import RefusedValue, java_list, read_map
from cassandra_views.cql.printing import server_name, server_table
from cassandra_views.cql.schema_state import RefusedStatement, SchemaIndex, SchemaKeyspace, SchemaStatement
from cassandra_views.cql.token_reader import UnreadableStatement
from cassandra_views.cql.types import NATIVE, parse_type
from cassandra_views.model.names import is_word
from cassandra_views.model.schema import Column, ColumnKind, TableShape

_TARGETS = ("keys", "values", "entries", "full")
_OWN_KIND = "legacy_local_table"
_NAME_LIMIT = 48
_PACKAGE = "org.apache.cassandra.index."
_SAI, _SASI = f"{_PACKAGE}sai.StorageAttachedIndex", f"{_PACKAGE}sasi.SASIIndex"
_SAI_OPTIONS = frozenset(
    """maximum_node_connections construction_beam_width similarity_function optimize_for case_sensitive normalize
    ascii""".split()  # noqa: SIM905
)
_SAI_TYPES = NATIVE - {"blob", "counter", "duration"}


def create_index(statement: SchemaStatement, *, is_custom: bool) -> None:
    """Read what follows CREATE INDEX or CREATE CUSTOM INDEX."""
    words = statement.words
    is_lenient = statement.takes_if_not_exists()
    given: str | None = None
    if not words.take("on"):
        given = words.name()
        if not words.take("on"):
            raise UnreadableStatement("ON is missing")
    home, _keyspace, name = statement.resolve(words.qualified())
    targets = _read_targets(statement)
    class_name = _read_class(statement, is_custom=is_custom)
    options = _read_options(statement, is_custom=class_name != "")
    table = home.tables.get(name)
    if table is None and name not in home.views:
        raise RefusedStatement(f"Table '{name}' doesn't exist")
    if given in home.indexes:
        if is_lenient:
            return
        raise RefusedStatement(f"Index '{given}' already exists")
    if table is not None and table.is_counter:
        raise RefusedStatement("Secondary indexes on counter tables aren't supported")
    if table is None:
        raise RefusedStatement("Secondary indexes on materialized views aren't supported")
    if home.has_transient_replicas:
        raise RefusedStatement("Secondary indexes are not supported on transiently replicated keyspaces")
    targets = [_target(how, column, table) for how, column in targets]
    index = SchemaIndex(
        table=name,
        columns=tuple(column for _how, column in targets),
        targets=tuple(quoted(column) if how == "simple" else f"{how}({quoted(column)})" for how, column in targets),
        class_name=class_name,
        options=options,
    )
    _check_targets(targets, table, home, is_custom=class_name != "")
    made = given or _free_name(home, index)
    for other, existing in home.indexes.items():
        if existing == index:
            if is_lenient:
                return
            raise RefusedStatement(f"Index {made} is a duplicate of existing index {other}")
    if not is_word(made):
        raise RefusedStatement(f"Illegal index name {made}")
    _check_class(index, targets, table, home)
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


def _read_class(statement: SchemaStatement, *, is_custom: bool) -> str:
    """Read USING; return the class as it is written, empty for the server's own kind."""
    given = _OWN_KIND
    if statement.words.take("using"):
        token = statement.words.next()
        if token.type != "STRING":
            raise UnreadableStatement(f"'{token}' is no text")
        given = str(token)
    return "" if not is_custom and given.lower() == _OWN_KIND else given


def _read_options(statement: SchemaStatement, *, is_custom: bool) -> tuple[tuple[str, str], ...]:
    words = statement.words
    if not words.take("with"):
        words.end()
        return ()
    options = {option.name: option.value for option in statement.options()}
    for name in options:
        if name != "options":
            raise RefusedStatement(f"Unknown property '{name}'")
    if not is_custom:
        raise RefusedStatement("Cannot specify options for a non-CUSTOM index")
    try:
        entries = read_map("options", options["options"])
    except RefusedValue as refusal:
        raise RefusedStatement(str(refusal)) from refusal
    for name in ("class_name", "target"):
        if name in entries:
            raise RefusedStatement(f"Cannot specify {name} as a CUSTOM option")
    return tuple(sorted(entries.items()))


def _target(how: str, name: str, table: TableShape) -> tuple[str, str]:
    """Return how a column is indexed, as the server understands it, and the column."""
    column = table.find_column(name)
    if column is None:
        raise RefusedStatement(f"Undefined column name {server_name(name)} in table {server_table(table)}")
    return how or ("values" if parse_type(column.type).is_collection else "simple"), name


def _check_targets(targets: list[tuple[str, str]], table: TableShape, home: SchemaKeyspace, *, is_custom: bool) -> None:
    if not targets and not is_custom:
        raise RefusedStatement("Only CUSTOM indexes can be created without specifying a target column")
    if len(targets) > 1 and not is_custom:
        raise RefusedStatement("Only CUSTOM indexes support multiple columns")
    for name in doubled(name for _how, name in targets):
        raise RefusedStatement(f"Duplicate column '{name}' in index target list")
    for how, name in targets:
        if is_custom and not is_word(name):
            raise RefusedStatement(f"Column '{name}' contains non-alphanumeric-underscore characters")
        if is_custom and len(name) > _NAME_LIMIT:
            what = f"Column '{name}' is longer than the permissible name length of {_NAME_LIMIT} characters"
            raise RefusedStatement(what)
        column = table.find_column(name)
        assert column is not None
        _check_target(column, how, table, home)


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


def _full_class(written: str) -> str:
    return _SAI if written.lower() in ("sai", "storageattachedindex") else written


def _check_class(index: SchemaIndex, targets: list[tuple[str, str]], table: TableShape, home: SchemaKeyspace) -> None:
    """Refuse a class that there is not, and what the server's own classes refuse; others are taken to exist."""
    full = _full_class(index.class_name)
    if full == _SAI:
        _check_sai(index, targets, table, home)
    elif full == _SASI:
        for column in (table.find_column(name) for name in index.columns):
            assert column is not None
            if parse_type(column.type).is_multi_cell:
                raise RefusedStatement("complex columns are not yet supported by SASI")
            if column.kind is ColumnKind.PARTITION_KEY:
                raise RefusedStatement("partition key columns are not yet supported by SASI")
    elif full and ("." not in full or full.startswith(("org.apache.cassandra.", "java."))):
        raise RefusedStatement(f"Unable to find custom indexer class '{full}'")


def _check_sai(index: SchemaIndex, targets: list[tuple[str, str]], table: TableShape, home: SchemaKeyspace) -> None:
    unknown = [name for name, _value in index.options if name not in _SAI_OPTIONS]
    if unknown:
        what = f"Properties specified {java_list(unknown)} are not understood by StorageAttachedIndex"
        raise RefusedStatement(what)
    if len(targets) != 1:
        what = "A storage-attached index cannot be created over multiple columns"
        raise RefusedStatement(f"{what}: {', '.join(index.targets)}" if targets else "Missing target column")
    for other in home.indexes.values():
        is_same = (other.table, other.targets) == (index.table, index.targets)
        if is_same and _full_class(other.class_name) == _SAI:
            what = "Cannot create more than one storage-attached index on the same column"
            raise RefusedStatement(f"{what}: {index.columns[0]}")
    how, name = targets[0]
    column = table.find_column(name)
    assert column is not None
    type_ = parse_type(column.type)
    indexed = {"keys": type_.arguments[:1], "values": type_.arguments[-1:], "entries": type_.arguments}
    for one in indexed.get(how, (type_,)):
        is_kept_whole = one.is_user_defined or (one.arguments and not one.is_multi_cell)
        if not is_kept_whole and one.name not in _SAI_TYPES:
            raise RefusedStatement(f"Unsupported type: {one}")
        if how == "simple" and one.name == "vector" and one.arguments[0].name != "float":
            raise RefusedStatement("SAI ANN indexes are only allowed on vector columns with float elements")


def _free_name(home: SchemaKeyspace, index: SchemaIndex) -> str:
    columns = [*(index.columns if len(index.columns) == 1 else ()), "idx"]
    base = "".join(one for one in "_".join((index.table, *columns)) if one.isalnum() or one == "_")
    name, number = base, 0
    while name in home.indexes:
        number += 1
        name = f"{base}_{number}"
    return name
