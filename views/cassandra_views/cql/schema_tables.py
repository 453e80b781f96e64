"""ALTER TABLE among the statements of a schema: what it changes, and when a server refuses it; read from 5.0.9."""

from __future__ import annotations

from dataclasses import replace

from cassandra_views.cql.lint_tables import holds_multi_cell
from cassandra_views.cql.native_functions import is_compatible
from cassandra_views.cql.printing import server_name, server_table
from cassandra_views.cql.schema_state import RefusedStatement, SchemaKeyspace, SchemaStatement
from cassandra_views.cql.schema_types import check_type, renames
from cassandra_views.cql.token_reader import UnreadableStatement
from cassandra_views.cql.types import CqlType, parse_type
from cassandra_views.model.schema import Column, ColumnKind, TableShape


def alter_table(statement: SchemaStatement) -> None:
    """Read what follows ALTER TABLE."""
    words = statement.words
    is_lenient = statement.takes_existence()
    home, keyspace, name = statement.named()
    if name in home.views:
        what = "Cannot use ALTER TABLE on a materialized view; use ALTER MATERIALIZED VIEW instead"
        raise RefusedStatement(what)
    table = home.tables.get(name)
    if table is None:
        if is_lenient:
            return
        raise RefusedStatement(f"Table '{keyspace}.{name}' doesn't exist")
    if words.take("add"):
        home.tables[name] = _with_columns(statement, table, home)
    elif words.take("drop", "compact", "storage"):
        raise RefusedStatement("DROP COMPACT STORAGE is disabled. Enable in cassandra.yaml to use.")
    elif words.take("drop"):
        home.tables[name] = _without_columns(statement, table, home)
    elif words.take("rename"):
        statement.takes_existence()  # makes no difference to 5.0
        for old, new in renames(words):
            home.tables[name] = _renamed(home.tables[name], old, new, home)
    elif words.take("with"):
        home.tables[name] = _with_options(statement, table, home)
    elif words.take("alter"):
        _alter_column(statement, table)
    else:
        raise UnreadableStatement(f"there is no ALTER TABLE ... '{words.peek()}'")
    words.end()


def _with_columns(statement: SchemaStatement, table: TableShape, home: SchemaKeyspace) -> TableShape:
    words = statement.words
    is_lenient = statement.takes_existence()
    is_list = words.take("(")
    start = words.position
    added: list[tuple[str, CqlType, ColumnKind]] = []
    while not added or (is_list and words.take(",")):
        name, type_ = words.name(), words.type()
        kind = ColumnKind.STATIC if words.take("static") else ColumnKind.REGULAR
        if words.take("masked", "with"):
            words.skip(",", ")")
        added.append((name, type_, kind))
    if is_list and not words.take(")"):
        raise UnreadableStatement("')' is missing")
    words.end()
    columns = list(table.columns)
    for name, type_, kind in added:
        statement.check_type_keyspaces(table.keyspace, start)
        check_type(type_, table.keyspace, home)
        if any(column.name == name for column in columns):
            if is_lenient:
                continue
            raise RefusedStatement(f"Column with name '{name}' already exists")
        if kind is ColumnKind.STATIC and not table.clustering:
            what = "Static columns are only useful (and thus allowed) if the table has at least one clustering column"
            raise RefusedStatement(what)
        if holds_multi_cell(type_, home.types):
            what = "Non-frozen UDTs with nested non-frozen collections are not supported for column"
            raise RefusedStatement(f"{what} {name}")
        column = Column(name=name, type=str(type_), kind=kind)
        _check_dropped(home, table, column)
        columns.append(column)
    _check_counters(table, columns, is_counter=home.is_counter(table))
    return replace(table, columns=tuple(columns))


def _check_dropped(home: SchemaKeyspace, table: TableShape, new: Column) -> None:
    """Refuse a column of the name of a dropped one whose data it could not read."""
    old = home.dropped.get((table.name, new.name))
    if old is None:
        return
    types = parse_type(new.type), parse_type(old.type)
    if not is_readable_as(types[1], types[0]):
        what = f"Cannot add a column '{new.name}' of type {new.type}, incompatible with previously dropped column"
        raise RefusedStatement(f"{what} '{old.name}' of type {old.type}")
    if new.kind is not old.kind:
        what = f"Cannot re-add previously dropped column '{new.name}' of kind {new.kind.name}"
        raise RefusedStatement(f"{what}, incompatible with previous kind {old.kind.name}")
    if home.is_counter(table):
        raise RefusedStatement(f"Cannot re-add previously dropped counter column {new.name}")


_LENGTHS = {"bigint": 8, "boolean": 1, "double": 8, "float": 4, "int": 4, "timestamp": 8, "timeuuid": 16, "uuid": 16}


def is_readable_as(old: CqlType, new: CqlType) -> bool:
    """Tell whether stored values of the one type can be read as those of the other."""
    if old.is_multi_cell != new.is_multi_cell or _LENGTHS.get(old.name) != _LENGTHS.get(new.name):
        return False
    return is_compatible(old, new)


def _check_counters(table: TableShape, columns: list[Column], *, is_counter: bool) -> None:
    others = sorted((column for column in columns if not column.is_key), key=lambda column: column.name)
    for column in others:
        if (column.type == "counter") is not is_counter:
            kinds = ("non counter", "counter") if is_counter else ("counter", "non counter")
            what = f'Cannot have a {kinds[0]} column ("{column.name}") in a {kinds[1]} table'
            raise RefusedStatement(f"{table}: {what}")


def _without_columns(statement: SchemaStatement, table: TableShape, home: SchemaKeyspace) -> TableShape:
    words = statement.words
    is_lenient = statement.takes_existence()
    is_list = words.take("(")
    names = [words.name()]
    while is_list and words.take(","):
        names.append(words.name())
    if is_list and not words.take(")"):
        raise UnreadableStatement("')' is missing")
    if words.take("using", "timestamp"):
        words.next()
    words.end()
    for name in dict.fromkeys(names):
        column = table.find_column(name)
        if column is None:
            if not is_lenient:
                raise RefusedStatement(f"Column {name} was not found in table '{server_table(table)}'")
            continue
        _check_drop(column, table, home)
        home.dropped[table.name, name] = column
        table = replace(table, columns=tuple(one for one in table.columns if one.name != name))
    return table


def _check_drop(column: Column, table: TableShape, home: SchemaKeyspace) -> None:
    name, type_ = column.name, parse_type(column.type)
    if column.is_key:
        raise RefusedStatement(f"Cannot drop PRIMARY KEY column {name}")
    if type_.is_user_defined and not type_.is_frozen:
        raise RefusedStatement(f"Cannot drop non-frozen column {name} of user type {type_}")
    if indexes := home.indexes_of(table.name, name):
        what = f"Cannot drop column {name} because it has dependent secondary indexes ({', '.join(indexes)})"
        raise RefusedStatement(what)
    if home.views_of(table.name):
        raise RefusedStatement(f"Cannot drop column {name} on base table {table.name} with materialized views")


def _renamed(table: TableShape, old: str, new: str, home: SchemaKeyspace) -> TableShape:
    column = table.find_column(old)
    if column is None:
        raise RefusedStatement(f"Undefined column name {server_name(old)} in table {server_table(table)}")
    if not column.is_key:
        raise RefusedStatement(f"Cannot rename non PRIMARY KEY column {old}")
    if table.find_column(new) is not None:
        what = f"Cannot rename column {old} to {new} in table '{server_table(table)}'"
        raise RefusedStatement(f"{what}; another column with that name already exists")
    if indexes := home.indexes_of(table.name, old):
        what = f"Can't rename column {old} because it has dependent secondary indexes ({', '.join(indexes)})"
        raise RefusedStatement(what)
    for view in home.views_of(table.name):
        home.views[view.view] = replace(
            view, partition_key=tuple(new if name == old else name for name in view.partition_key)
        )
    columns = tuple(replace(one, name=new) if one.name == old else one for one in table.columns)
    return replace(table, columns=columns)


_UNDELIVERED = (
    "to 0, since this value is used to TTL undelivered updates. Setting gc_grace_seconds too low might cause "
    "undelivered updates to expire before being replayed."
)


def _with_options(statement: SchemaStatement, table: TableShape, home: SchemaKeyspace) -> TableShape:
    options = statement.table_options()
    given = {option.name: option.value for option in options}
    if home.is_counter(table) and str(given.get("default_time_to_live", "0")).strip("+-0"):
        raise RefusedStatement("Cannot set default_time_to_live on a table with counters")
    if home.views_of(table.name) and is_zero(given.get("gc_grace_seconds")):
        what = "Cannot alter gc_grace_seconds of the base table of a materialized view"
        raise RefusedStatement(f"{what} {_UNDELIVERED}")
    changed = dict(table.options) | given
    check_read_repair(home, changed.get("read_repair"))
    return replace(table, options=tuple(changed.items()))


def check_read_repair(home: SchemaKeyspace, read_repair: object) -> None:
    """Refuse a table that repairs reads where replicas are transient."""
    if home.has_transient_replicas and str(read_repair).upper() != "NONE":
        raise RefusedStatement("read_repair must be set to 'NONE' for transiently replicated keyspaces")


def is_zero(value: object) -> bool:
    """Tell whether an option's value is 0, however it is spelled."""
    return isinstance(value, str) and value != "" and not value.strip("+-0")


def _alter_column(statement: SchemaStatement, table: TableShape) -> None:
    words = statement.words
    is_lenient = statement.takes_existence()
    name = words.name()
    if words.take("type"):
        words.skip()
        raise RefusedStatement("Altering column types is no longer supported")
    if not words.take("masked", "with") and not words.take("drop", "masked"):
        raise UnreadableStatement(f"there is no ALTER TABLE ... ALTER ... '{words.peek()}'")
    words.skip()
    if table.find_column(name) is None and not is_lenient:
        raise RefusedStatement(f"Column with name '{name}' doesn't exist on table '{table.name}'")


def alter_view(statement: SchemaStatement) -> None:
    """Read what follows ALTER MATERIALIZED VIEW."""
    words = statement.words
    is_lenient = statement.takes_existence()
    home, keyspace, name = statement.named()
    if not words.take("with"):
        raise UnreadableStatement("WITH is missing")
    options = statement.table_options()
    if name not in home.views:
        if is_lenient:
            return
        raise RefusedStatement(f"Materialized view '{keyspace}.{name}' doesn't exist")
    given = {option.name: option.value for option in options}
    if is_zero(given.get("gc_grace_seconds")):
        raise RefusedStatement(f"Cannot alter gc_grace_seconds of a materialized view {_UNDELIVERED}")
    if str(given.get("default_time_to_live", "0")).strip("+-0"):
        what = "Forbidden default_time_to_live detected for a materialized view. Data in a materialized view always"
        what += " expire at the same time than the corresponding data in the parent table. default_time_to_live must"
        raise RefusedStatement(f"{what} be set to zero, see CASSANDRA-12868 for more information")
    changed = {option.name: option for option in home.views[name].options} | {option.name: option for option in options}
    home.views[name] = replace(home.views[name], options=tuple(changed.values()))
