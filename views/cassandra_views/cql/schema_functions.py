"""CREATE and DROP FUNCTION and AGGREGATE among the statements of a schema; how they compute is not looked at."""

from __future__ import annotations

from cassandra_views.cql.schema_state import RefusedStatement, SchemaFunction, SchemaKeyspace, SchemaStatement
from cassandra_views.cql.token_reader import TokenReader, UnreadableStatement
from cassandra_views.cql.types import CqlType


def create_function(statement: SchemaStatement, *, is_replaced: bool) -> None:
    """Read what follows CREATE FUNCTION or CREATE OR REPLACE FUNCTION."""
    words = statement.words
    is_lenient = statement.takes_if_not_exists()
    home, _keyspace, name = statement.resolve(words.qualified())
    arguments = _read_types(words, are_named=True)
    if not words.take("called", "on", "null", "input") and not words.take("returns", "null", "on", "null", "input"):
        raise UnreadableStatement("CALLED or RETURNS NULL ON NULL INPUT is missing")
    if not words.take("returns"):
        raise UnreadableStatement("RETURNS is missing")
    function = SchemaFunction(is_aggregate=False, types=(*arguments, words.type()))
    words.skip()
    _keep(home, name, arguments, function, is_lenient=is_lenient, is_replaced=is_replaced)


def create_aggregate(statement: SchemaStatement, *, is_replaced: bool) -> None:
    """Read what follows CREATE AGGREGATE or CREATE OR REPLACE AGGREGATE."""
    words = statement.words
    is_lenient = statement.takes_if_not_exists()
    home, _keyspace, name = statement.resolve(words.qualified())
    arguments = _read_types(words, are_named=False)
    if not words.take("sfunc"):
        raise UnreadableStatement("SFUNC is missing")
    words.name()
    if not words.take("stype"):
        raise UnreadableStatement("STYPE is missing")
    function = SchemaFunction(is_aggregate=True, types=(*arguments, words.type()))
    words.skip()
    _keep(home, name, arguments, function, is_lenient=is_lenient, is_replaced=is_replaced)


def _read_types(words: TokenReader, *, are_named: bool) -> tuple[CqlType, ...]:
    if not words.take("("):
        raise UnreadableStatement("the arguments are missing")
    types: list[CqlType] = []
    while not words.take(")"):
        if types and not words.take(","):
            raise UnreadableStatement(f"unexpected '{words.peek()}'")
        if are_named:
            words.name()
        types.append(words.type())
    return tuple(types)


def _keep(
    home: SchemaKeyspace,
    name: str,
    arguments: tuple[CqlType, ...],
    new: SchemaFunction,
    *,
    is_lenient: bool,
    is_replaced: bool,
) -> None:
    """Put a function or aggregate into its keyspace, unless one of its name takes the same."""
    if is_lenient and is_replaced:
        raise RefusedStatement("Cannot use both 'OR REPLACE' and 'IF NOT EXISTS' directives")
    old = home.functions.get((name, arguments))
    kind = "Aggregate" if new.is_aggregate else "Function"
    if old is not None and old.is_aggregate is not new.is_aggregate:
        raise RefusedStatement(f"{kind} '{name}' cannot replace {'a function' if new.is_aggregate else 'an aggregate'}")
    if old is not None and not is_replaced:
        if is_lenient:
            return
        raise RefusedStatement(f"{kind} '{name}' already exists")
    home.functions[name, arguments] = new


def drop_function(statement: SchemaStatement, *, is_aggregate: bool) -> None:
    """Read what follows DROP FUNCTION or DROP AGGREGATE."""
    words = statement.words
    is_lenient = statement.takes_if_exists()
    home, keyspace, name = statement.resolve_existing(words.qualified())
    start = words.position
    arguments = _read_types(words, are_named=False) if words.peek() else None
    written = words.written(start)
    words.end()
    kind = "Aggregate" if is_aggregate else "Function"
    overloads = [key for key in home.functions if key[0] == name]
    if arguments is None and len(overloads) > 1:
        what = f"'DROP {kind.upper()} {name}' matches multiple function definitions; specify the argument types by"
        what += f" issuing a statement like 'DROP {kind.upper()} {name} (type, type, ...)'. You can use cqlsh"
        raise RefusedStatement(f"{what} 'DESCRIBE {kind.upper()} {name}' command to find all overloads")
    found = [
        key for key in overloads if home.functions[key].is_aggregate is is_aggregate and arguments in (None, key[1])
    ]
    if found:
        del home.functions[found[0]]
    elif not is_lenient:
        raise RefusedStatement(f"{kind} '{keyspace}.{name}{written}' doesn't exist")
