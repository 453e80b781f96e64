"""ALTER TABLE among the statements of a schema: what it changes, and when a server refuses it; read from 5.0.9."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cassandra_views.cql.java_order import identifier_order
from cassandra_views.cql.lint_tables import holds_multi_cell
from cassandra_views.cql.option_values import find_integer
from cassandra_views.cql.printing import server_name, server_table
from cassandra_views.cql.schema_state import RefusedStatement, SchemaKeyspace, SchemaStatement
from cassandra_views.cql.schema_types import check_type, renames
from cassandra_views.cql.stored_types import is_readable_as, with_tuples
from cassandra_views.cql.token_reader import UnreadableStatement
from cassandra_views.cql.types import CqlType, parse_type
from cassandra_views.model.schema import Column, ColumnKind, TableShape
from cassandra_views.model.statement import Option, OptionValue

Change = Callable[[SchemaKeyspace, TableShape], TableShape]
"""What an ALTER TABLE makes of a table in a keyspace; where a server refuses it RefusedStatement is raised
and nothing is changed."""


def alter_table(statement: SchemaStatement) -> None:
    """Read what follows ALTER TABLE."""
    words = statement.words
    is_lenient = statement.takes_if_exists()
    home, keyspace, name = statement.resolve_existing(words.qualified())
    change = _read_change(statement)
    words.end()
    if name in home.views:
        what = "Cannot use ALTER TABLE on a materialized view; use ALTER MATERIALIZED VIEW instead"
        raise RefusedStatement(what)
    table = home.tables.get(name)
    if table is None:
        if is_lenient:
            return
        raise RefusedStatement(f"Table '{keyspace}.{name}' doesn't exist")
    home.tables[name] = change(home, table)


def _read_change(statement: SchemaStatement) -> Change:
    words = statement.words
    if words.take("add"):
        return _read_add(statement)
    if words.take("drop", "compact", "storage"):
        return _refuse("DROP COMPACT STORAGE is disabled. Enable in cassandra.yaml to use.")
    if words.take("drop"):
        return _read_drop(statement)
    if words.take("rename"):
        return _read_rename(statement)
    if words.take("with"):
        options = statement.options()
        return lambda home, table: _with_options(statement, options, table, home)
    if words.take("alter"):
        return _read_column_change(statement)
    raise UnreadableStatement(f"there is no ALTER TABLE ... '{words.peek()}'")


def _refuse(what: str) -> Change:
    def refuse(_home: SchemaKeyspace, _table: TableShape) -> TableShape:
        raise RefusedStatement(what)

    return refuse


def _read_add(statement: SchemaStatement) -> Change:
    words = statement.words
    is_lenient = statement.takes_if_not_exists()
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

    def add(home: SchemaKeyspace, table: TableShape) -> TableShape:
        columns = list(table.columns)
        for name, type_, kind in added:
            statement.check_type_keyspaces(table.keyspace, start)
            check_type(type_, table.keyspace, home)
            if any(column.name == name for column in columns):
                if is_lenient:
                    continue
                raise RefusedStatement(f"Column with name '{name}' already exists")
            column = Column(name=name, type=str(type_), kind=kind)
            _check_add(column, type_, table, home)
            columns.append(column)
        _check_counters(table, columns)
        return replace(table, columns=tuple(columns))

    return add


def _check_add(column: Column, type_: CqlType, table: TableShape, home: SchemaKeyspace) -> None:
    if table.is_compact:
        raise RefusedStatement("Cannot add new column to a COMPACT STORAGE table")
    if column.kind is ColumnKind.STATIC and not table.clustering:
        what = "Static columns are only useful (and thus allowed) if the table has at least one clustering column"
        raise RefusedStatement(what)
    if holds_multi_cell(type_, home.types):
        what = "Non-frozen UDTs with nested non-frozen collections are not supported for column"
        raise RefusedStatement(f"{what} {column.name}")
    _check_dropped(home, table, column)


def _check_dropped(home: SchemaKeyspace, table: TableShape, new: Column) -> None:
    """Refuse a column of the name of a dropped one whose data it could not read."""
    old = home.dropped_columns.get((table.name, new.name))
    if old is None:
        return
    if not is_readable_as(parse_type(old.type), parse_type(new.type), home.types):
        what = f"Cannot add a column '{new.name}' of type {new.type}, incompatible with previously dropped column"
        raise RefusedStatement(f"{what} '{old.name}' of type {old.type}")
    if new.kind is not old.kind:
        what = f"Cannot re-add previously dropped column '{new.name}' of kind {new.kind.name}"
        raise RefusedStatement(f"{what}, incompatible with previous kind {old.kind.name}")
    if table.is_counter:
        raise RefusedStatement(f"Cannot re-add previously dropped counter column {new.name}")


def _check_counters(table: TableShape, columns: list[Column]) -> None:
    is_counter = table.is_counter
    others = sorted((column for column in columns if not column.is_key), key=lambda column: column.name)
    for column in others:
        if (column.type == "counter") is not is_counter:
            kinds = ("non counter", "counter") if is_counter else ("counter", "non counter")
            what = f'Cannot have a {kinds[0]} column ("{column.name}") in a {kinds[1]} table'
            raise RefusedStatement(f"{table}: {what}")


def _read_drop(statement: SchemaStatement) -> Change:
    words = statement.words
    is_lenient = statement.takes_if_exists()
    is_list = words.take("(")
    names = [words.name()]
    while is_list and words.take(","):
        names.append(words.name())
    if is_list and not words.take(")"):
        raise UnreadableStatement("')' is missing")
    if words.take("using", "timestamp"):
        words.next()

    def drop(home: SchemaKeyspace, table: TableShape) -> TableShape:
        dropped: dict[str, Column] = {}
        for name in dict.fromkeys(names):
            column = table.find_column(name)
            if column is not None:
                _check_drop(column, table, home)
                dropped[name] = replace(column, type=str(with_tuples(parse_type(column.type), home.types)))
            elif not is_lenient:
                raise RefusedStatement(f"Column {name} was not found in table '{server_table(table)}'")
        home.dropped_columns |= {(table.name, name): column for name, column in dropped.items()}
        kept = tuple(column for column in table.columns if column.name not in dropped)
        return replace(table, columns=kept, had_counters=table.is_counter)

    return drop


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


def _read_rename(statement: SchemaStatement) -> Change:
    statement.takes_if_exists()  # makes no difference to 5.0
    names = dict(renames(statement.words))

    def rename(home: SchemaKeyspace, table: TableShape) -> TableShape:
        for old in identifier_order(names):
            _check_rename(table, old, names[old], home)
        if len(set(names.values())) < len(names):
            raise RefusedStatement("two columns get the same name: the server fails on it", has_words=False)
        for view in home.views_of(table.name):
            home.views[view.view] = view.with_renamed_columns(names)
        return replace(table, columns=tuple(replace(one, name=names.get(one.name, one.name)) for one in table.columns))

    return rename


def _check_rename(table: TableShape, old: str, new: str, home: SchemaKeyspace) -> None:
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


_UNDELIVERED = (
    "to 0, since this value is used to TTL undelivered updates. Setting gc_grace_seconds too low might cause "
    "undelivered updates to expire before being replayed."
)


def _with_options(
    statement: SchemaStatement, options: tuple[Option, ...], table: TableShape, home: SchemaKeyspace
) -> TableShape:
    given = _read_options(statement, options)
    if table.is_counter and (find_integer(given.get("default_time_to_live")) or 0) > 0:
        raise RefusedStatement("Cannot set default_time_to_live on a table with counters")
    if home.views_of(table.name) and find_integer(given.get("gc_grace_seconds")) == 0:
        what = "Cannot alter gc_grace_seconds of the base table of a materialized view"
        raise RefusedStatement(f"{what} {_UNDELIVERED}")
    changed = dict(table.options) | given
    check_read_repair(home, changed.get("read_repair"))
    return replace(table, options=tuple(changed.items()))


def _read_options(statement: SchemaStatement, options: tuple[Option, ...]) -> dict[str, OptionValue]:
    """Return what an ALTER sets; nothing where a server refuses one of the options."""
    given = {option.name: option.value for option in statement.valid_options(options)}
    if "id" in given:
        raise RefusedStatement("Cannot alter table id.")
    return given


def check_read_repair(home: SchemaKeyspace, read_repair: object) -> None:
    """Refuse a table that repairs reads where replicas are transient."""
    if home.has_transient_replicas and str(read_repair).upper() != "NONE":
        raise RefusedStatement("read_repair must be set to 'NONE' for transiently replicated keyspaces")


def _read_column_change(statement: SchemaStatement) -> Change:
    words = statement.words
    is_lenient = statement.takes_if_exists()
    name = words.name()
    if words.take("type"):
        words.type()
        return _refuse("Altering column types is no longer supported")
    if not words.take("masked", "with") and not words.take("drop", "masked"):
        raise UnreadableStatement(f"there is no ALTER TABLE ... ALTER ... '{words.peek()}'")
    words.skip()

    def change(_home: SchemaKeyspace, table: TableShape) -> TableShape:
        if table.find_column(name) is None and not is_lenient:
            raise RefusedStatement(f"Column with name '{name}' doesn't exist on table '{table.name}'")
        return table

    return change


def alter_view(statement: SchemaStatement) -> None:
    """Read what follows ALTER MATERIALIZED VIEW."""
    words = statement.words
    is_lenient = statement.takes_if_exists()
    home, keyspace, name = statement.resolve_existing(words.qualified())
    if not words.take("with"):
        raise UnreadableStatement("WITH is missing")
    options = statement.options()
    if name not in home.views:
        if is_lenient:
            return
        raise RefusedStatement(f"Materialized view '{keyspace}.{name}' doesn't exist")
    given = _read_options(statement, options)
    if find_integer(given.get("gc_grace_seconds")) == 0:
        raise RefusedStatement(f"Cannot alter gc_grace_seconds of a materialized view {_UNDELIVERED}")
    if (find_integer(given.get("default_time_to_live")) or 0) > 0:
        what = "Forbidden default_time_to_live detected for a materialized view. Data in a materialized view always"
        what += " expire at the same time than the corresponding data in the parent table. default_time_to_live must"
        raise RefusedStatement(f"{what} be set to zero, see CASSANDRA-12868 for more information")
    changed = {option.name: option for option in home.views[name].options} | {option.name: option for option in options}
    home.views[name] = replace(home.views[name], options=tuple(changed.values()))
