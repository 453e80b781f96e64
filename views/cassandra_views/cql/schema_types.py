"""CREATE, ALTER and DROP TYPE among the statements of a schema: what they change, and when a server refuses them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from cassandra_views.cql.findings import Findings, Kind
from cassandra_views.cql.lint_tables import lint_type
from cassandra_views.cql.schema_state import RefusedStatement, SchemaKeyspace, SchemaStatement, full_name
from cassandra_views.cql.token_reader import TokenReader, UnreadableStatement
from cassandra_views.cql.types import NATIVE, CqlType, parse_type
from cassandra_views.model.statement import At


def create_type(statement: SchemaStatement) -> None:
    """Read what follows CREATE TYPE."""
    words = statement.words
    is_lenient = statement.takes_if_not_exists()
    home, keyspace, name = statement.resolve(_read_type_name(words))
    start = words.position
    fields: list[tuple[str, CqlType]] = []
    if not words.take("("):
        raise UnreadableStatement("the fields are missing")
    while not words.take(")"):
        if fields and not words.take(","):
            raise UnreadableStatement("')' is missing")
        # Commas may stand without a field between them, but not before the first.
        if not fields or words.peek() not in (",", ")"):
            fields.append((words.name(), words.type()))
    words.end()
    if not fields:
        raise UnreadableStatement("the fields are missing")
    if name in home.types:
        if is_lenient:
            return
        raise RefusedStatement(f"A user type with name '{name}' already exists")
    for index, (field_name, _type) in enumerate(fields):
        if field_name in dict(fields[:index]):
            raise RefusedStatement(f"Duplicate field name '{field_name}' in type '{name}'")
    for _name, type_ in fields:
        _check_field(type_)
    statement.check_type_keyspaces(keyspace, start)
    for _name, type_ in fields:
        check_type(type_, keyspace, home)
    home.types[name] = tuple(fields)


_NO_TYPE_NAMES = NATIVE | frozenset(
    """byte complex enum date interval macaddr bitstring varchar cast count distinct json maxwritetime ttl
    writetime""".split()  # noqa: SIM905
)


def _read_type_name(words: TokenReader) -> tuple[str | None, str]:
    keyspace, name = words.qualified()
    if words.tokens[words.position - 1].type != "QUOTED" and name.lower() in _NO_TYPE_NAMES:
        raise UnreadableStatement(f"no type can be named {name}")
    return keyspace, name


def _check_field(type_: CqlType) -> None:
    if type_.name == "counter" and not type_.is_user_defined:
        raise RefusedStatement("A user type cannot contain counters")
    if type_.is_user_defined and not type_.is_frozen:
        raise RefusedStatement("A user type cannot contain non-frozen UDTs")


def check_type(type_: CqlType, keyspace: str, home: SchemaKeyspace) -> None:
    """Refuse a type that no column or field of the keyspace can have.

    Raises:
        RefusedStatement: with the server's words.
    """
    findings = Findings("")
    lint_type(type_, At(), keyspace, home.types, findings)
    for finding in findings.sorted():
        if finding.kind is Kind.REFUSED:
            raise RefusedStatement(finding.server_message or finding.message)


Change = Callable[[SchemaKeyspace, str, str], None]
"""Changes a type, by its keyspace, that one's name and its own; or raises RefusedStatement and changes nothing."""


def alter_type(statement: SchemaStatement) -> None:
    """Read what follows ALTER TYPE."""
    words = statement.words
    is_lenient = statement.takes_if_exists()
    home, keyspace, name = statement.resolve_existing(_read_type_name(words))
    change = _read_change(statement)
    words.end()
    if name in home.types:
        change(home, keyspace, name)
    elif not is_lenient:
        raise RefusedStatement(f"Type {keyspace}.{name} doesn't exist")


def _read_change(statement: SchemaStatement) -> Change:
    words = statement.words
    if words.take("add"):
        return _read_add(statement)
    if words.take("rename"):
        return _read_rename(statement)
    if words.take("alter"):
        words.name()
        if not words.take("type"):
            raise UnreadableStatement("TYPE is missing")
        words.type()
        return _refuse_other_type
    raise UnreadableStatement(f"there is no ALTER TYPE ... '{words.peek()}'")


def _refuse_other_type(_home: SchemaKeyspace, _keyspace: str, _name: str) -> None:
    raise RefusedStatement("Altering field types is no longer supported")


def _read_add(statement: SchemaStatement) -> Change:
    words = statement.words
    is_lenient = statement.takes_if_not_exists()
    start = words.position
    added, type_start = words.name(), words.position
    type_ = words.type()
    written = words.written(type_start)

    def add(home: SchemaKeyspace, keyspace: str, name: str) -> None:
        _check_field(type_)
        if added in dict(home.types[name]):
            if is_lenient:
                return
            what = f"Cannot add field {added} to type {full_name(keyspace, name)}"
            raise RefusedStatement(f"{what}: a field with name {added} already exists")
        statement.check_type_keyspaces(keyspace, start)
        check_type(type_, keyspace, home)
        what = f"Cannot add new field {added} of type {written} to user type {full_name(keyspace, name)}"
        if type_.names_type(name, home.types):
            raise RefusedStatement(f"{what} as it would create a circular reference")
        if tables := list(_with_type_in_partition_key(home, name)):
            users = ", ".join(full_name(keyspace, table) for table in tables)
            what += " as the type is being used in partition key by the following tables"
            raise RefusedStatement(f"{what}: {users}")
        home.types[name] = (*home.types[name], (added, type_))

    return add


def _with_type_in_partition_key(home: SchemaKeyspace, name: str) -> Iterator[str]:
    for table in home.tables.values():
        if any(parse_type(column.type).names_type(name, home.types) for column in table.partition_key):
            yield table.name
    for view in home.views.values():
        columns = [home.tables[view.base].find_column(column) for column in view.partition_key]
        if any(column is not None and parse_type(column.type).names_type(name, home.types) for column in columns):
            yield view.view


def _read_rename(statement: SchemaStatement) -> Change:
    is_lenient = statement.takes_if_exists()
    names = dict(renames(statement.words))

    def rename(home: SchemaKeyspace, keyspace: str, name: str) -> None:
        fields = home.types[name]
        for old in names:
            if old not in dict(fields) and not is_lenient:
                raise RefusedStatement(f"Unkown field {old} in user type {full_name(keyspace, name)}")
        renamed = [names.get(old, old) for old, _type in fields]
        for given in renamed:
            if renamed.count(given) > 1:
                raise RefusedStatement(f"Duplicate field name {given} in type {keyspace}")
        home.types[name] = tuple((new, type_) for new, (_old, type_) in zip(renamed, fields, strict=True))

    return rename


def renames(words: TokenReader) -> Iterator[tuple[str, str]]:
    """Read ``old TO new AND ...``."""
    while True:
        old = words.name()
        if not words.take("to"):
            raise UnreadableStatement("TO is missing")
        yield old, words.name()
        if not words.take("and"):
            return


def drop_type(home: SchemaKeyspace, keyspace: str, name: str) -> bool:
    """Take a type out that nothing uses; tell whether it was there."""
    if name not in home.types:
        return False
    functions = [
        f"{keyspace}.{function}"
        for (function, _arguments), held in home.functions.items()
        if any(type_.names_type(name, home.types) for type_ in held.types)
    ]
    types = [
        other
        for other, fields in home.types.items()
        if other != name and any(type_.names_type(name, home.types) for _field, type_ in fields)
    ]
    tables = [
        table.name
        for table in home.tables.values()
        if any(parse_type(column.type).names_type(name, home.types) for column in table.columns)
    ]
    for kind, users in (("functions", functions), ("user types", types), ("tables", tables)):
        if users:
            what = f"Cannot drop user type '{keyspace}.{name}' as it is still used by {kind}"
            raise RefusedStatement(f"{what} {', '.join(users)}")
    del home.types[name]
    return True
