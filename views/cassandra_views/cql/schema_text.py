"""The statements that a view stands on, read one by one into the schema that they leave.

CREATE TABLE and CREATE MATERIALIZED VIEW are parsed as everywhere; of the others only what a view depends on is read.
A statement that a server refuses is reported and leaves nothing.
"""

from __future__ import annotations

from itertools import pairwise

from lark import Token

from cassandra_views.cql.findings import Finding, Findings, Kind
from cassandra_views.cql.lint_tables import lint_table
from cassandra_views.cql.parse import parse_table
from cassandra_views.cql.schema_functions import create_aggregate, create_function, drop_function
from cassandra_views.cql.schema_indexes import create_index
from cassandra_views.cql.schema_keyspaces import alter_keyspace, create_keyspace
from cassandra_views.cql.schema_state import (
    RefusedStatement,
    Schema,
    SchemaKeyspace,
    SchemaStatement,
    check_keyspace_name,
    limits_reported,
)
from cassandra_views.cql.schema_tables import alter_table, alter_view, check_read_repair
from cassandra_views.cql.schema_types import alter_type, create_type, drop_type
from cassandra_views.cql.schema_views import create_view
from cassandra_views.cql.token_reader import (
    SplitStatement,
    TokenReader,
    UnreadableStatement,
    is_keyword,
    split_statements,
)
from cassandra_views.model.errors import StatementError
from cassandra_views.model.statement import At


def read_schema(
    text: str, *, file: str, views_per_table: int = -1, session: str | None = None
) -> tuple[Schema, tuple[Finding, ...]]:
    """Return the schema that the statements leave, and what is wrong with them.

    Args:
        text: statements, each ended by ``;``.
        file: for the places of the findings.
        views_per_table: how many views a table may have; none where negative.
        session: the keyspace that unqualified names are read in before any USE.
    """
    schema = Schema(views_per_table=views_per_table, session=session)
    found: list[Finding] = []
    for statement in split_statements(text):
        found += read_statement(statement, schema, file=file)
    return schema, tuple(found)


def read_statement(split: SplitStatement, schema: Schema, *, file: str) -> list[Finding]:
    """Read one statement into the schema; return what is wrong with it."""
    found: list[Finding] = []
    findings = Findings(file)
    at = split.at
    words = TokenReader(split.tokens, split.source)
    try:
        _check_end(split.tokens)
        with limits_reported(findings, at):
            _read(SchemaStatement(schema=schema, words=words, text=split.text, file=file, found=found))
    except StatementError as error:
        at = At(error.place.line, error.place.column) if error.place else at
        findings.add("CV002", error.what, at, error.next, server=_words_on_key(error.what, split.tokens))
    except UnreadableStatement as error:
        what = f"the statement breaks the grammar: {error}"
        findings.add("CV002", what, at, "Correct it, or leave it out")
    except RefusedStatement as refusal:
        findings.add("CV002", str(refusal), at, "Correct the statement", server=refusal.server)
    return [*found, *findings.sorted()]


_ALTERED = ("table", "columnfamily", "materialized", "keyspace")
_BEGINNINGS = {"create": (*_ALTERED, "type", "index", "custom", "function"), "alter": _ALTERED, "drop": _ALTERED}
"""How a statement begins that no other one can hold: these words are reserved, or follow CREATE in no other place."""


def _check_end(tokens: list[Token]) -> None:
    """Refuse a statement that holds another one, which would be lost with it.

    Raises:
        UnreadableStatement: it does.
    """
    for first, second in pairwise(tokens[1:]):
        nouns = next((nouns for verb, nouns in _BEGINNINGS.items() if is_keyword(first, verb)), ())
        if any(is_keyword(second, noun) for noun in nouns):
            begin = f"{first} {second}".upper()
            raise UnreadableStatement(f"a ';' is missing before {begin} in line {first.line}")


def _words_on_key(what: str, tokens: list[Token]) -> str | None:
    """Return the server's words where a table has not exactly one PRIMARY KEY."""
    begin = {"has no PRIMARY KEY": "No PRIMARY KEY specifed", "has more than": "Multiple PRIMARY KEY specified"}
    found = next((server for ours, server in begin.items() if ours in what), None)
    if found is None:
        return None
    body = _body(tokens)
    start = body - 3 if is_keyword(tokens[body - 2], ".") else body - 1
    return f"{found} for table '{''.join(tokens[start:body])}' (exactly one required)"


def _body(tokens: list[Token]) -> int:
    """Return where the columns of a CREATE TABLE begin."""
    return next((position for position, token in enumerate(tokens) if is_keyword(token, "(")), len(tokens))


def _read(statement: SchemaStatement) -> None:
    words = statement.words
    if words.take("use"):
        _use(statement)
    elif words.take("create"):
        _create(statement)
    elif words.take("alter"):
        _alter(statement)
    elif words.take("drop"):
        _drop(statement)
    elif words.take("truncate"):
        _truncate(statement)
    elif words.peek().lower() not in _NO_SCHEMA_CHANGES:
        raise UnreadableStatement(f"it begins with '{words.peek()}'")


def _use(statement: SchemaStatement) -> None:
    name = statement.words.name()
    statement.words.end()
    if statement.schema.find_keyspace(name) is None:
        raise RefusedStatement(f"Keyspace '{name}' does not exist")
    statement.schema.session = name


_NO_SCHEMA_CHANGES = frozenset(
    """grant revoke list select insert update delete begin apply add
    describe desc consistency source tracing paging exit quit capture copy show expand serial login help clear cls
    history unicode debug""".split()  # noqa: SIM905
)
"""How the other statements of a server begin, and those of cqlsh, which no server sees."""


def _create(statement: SchemaStatement) -> None:
    words = statement.words
    if words.take("keyspace"):
        create_keyspace(statement)
    elif words.take("table") or words.take("columnfamily"):
        _create_table(statement)
    elif words.take("materialized", "view"):
        create_view(statement)
    elif words.take("type"):
        create_type(statement)
    elif words.take("index"):
        create_index(statement, is_custom=False)
    elif words.take("custom", "index"):
        create_index(statement, is_custom=True)
    elif words.take("function"):
        create_function(statement, is_replaced=False)
    elif words.take("or", "replace", "function"):
        create_function(statement, is_replaced=True)
    elif words.take("aggregate"):
        create_aggregate(statement, is_replaced=False)
    elif words.take("or", "replace", "aggregate"):
        create_aggregate(statement, is_replaced=True)
    elif words.take("trigger"):
        _create_trigger(statement)
    elif words.peek().lower() not in ("role", "user"):
        raise UnreadableStatement(f"there is no CREATE '{words.peek()}'")


def _create_table(statement: SchemaStatement) -> None:
    table = parse_table(statement.text, file=statement.file)
    statement.words.skip()
    home, keyspace, name = statement.resolve((table.keyspace, table.table))
    if name in home.views:
        raise RefusedStatement(f"'{name}' is the name of a view: the server fails on it", has_words=False)
    if name in home.tables:
        if table.if_not_exists:
            return
        raise RefusedStatement(f'Cannot add already existing table "{name}" to keyspace "{keyspace}"')
    statement.check_type_keyspaces(keyspace, _body(statement.words.tokens))
    findings = lint_table(table, file=statement.file, types=home.types, keyspace=keyspace)
    refusals = [one for one in findings if one.kind is Kind.REFUSED]
    statement.found += refusals
    if not refusals:
        shape = table.shape(keyspace)
        check_read_repair(home, shape.find_option("read_repair"))
        home.tables[name] = shape


def _create_trigger(statement: SchemaStatement) -> None:
    words = statement.words
    statement.takes_if_not_exists()
    words.name()
    if not words.take("on"):
        raise UnreadableStatement("ON is missing")
    home, _keyspace, name = statement.resolve(words.qualified())
    if name in home.views:
        raise RefusedStatement("Cannot CREATE TRIGGER for a materialized view")
    if name not in home.tables:
        raise RefusedStatement(f"Table '{name}' doesn't exist")


def _alter(statement: SchemaStatement) -> None:
    words = statement.words
    if words.take("table") or words.take("columnfamily"):
        alter_table(statement)
    elif words.take("type"):
        alter_type(statement)
    elif words.take("materialized", "view"):
        alter_view(statement)
    elif words.take("keyspace"):
        alter_keyspace(statement)
    elif words.peek().lower() not in ("role", "user"):
        raise UnreadableStatement(f"there is no ALTER '{words.peek()}'")


def _truncate(statement: SchemaStatement) -> None:
    words = statement.words
    if len(words.tokens) > words.position + 1 and not words.take("table"):
        words.take("columnfamily")
    keyspace, name = words.qualified()
    words.end()
    keyspace = statement.keyspace_of((keyspace, name))
    home = statement.schema.find_keyspace(keyspace)
    if home is None:
        raise RefusedStatement(f"keyspace {keyspace} does not exist")
    if name in home.views:
        raise RefusedStatement("Cannot TRUNCATE materialized view directly; must truncate base table instead")
    if name not in home.tables:
        raise RefusedStatement(f"table {name} does not exist")


_OBJECTS = {"table": "Table", "columnfamily": "Table", "view": "Materialized view", "type": "Type", "index": "Index"}
"""What DROP takes out of a keyspace, and how the server names it."""


def _drop(statement: SchemaStatement) -> None:
    words = statement.words
    kind = "view" if words.take("materialized", "view") else str(words.next()).lower()
    if kind in ("function", "aggregate"):
        drop_function(statement, is_aggregate=kind == "aggregate")
    elif kind == "keyspace":
        _drop_keyspace(statement)
    elif kind in _OBJECTS:
        is_lenient = statement.takes_if_exists()
        home, keyspace, name = statement.resolve_existing(words.qualified())
        words.end()
        if not _take_out(kind, home, keyspace, name) and not is_lenient:
            # The server's words about an index end in a quote too many.
            end = "'" if kind == "index" else ""
            raise RefusedStatement(f"{_OBJECTS[kind]} '{keyspace}.{name}' doesn't exist{end}")
    elif kind not in ("role", "user", "trigger", "identity"):
        raise UnreadableStatement(f"there is no DROP '{kind}'")


def _drop_keyspace(statement: SchemaStatement) -> None:
    words, schema = statement.words, statement.schema
    is_lenient = statement.takes_if_exists()
    name = words.name()
    words.end()
    check_keyspace_name(name)
    if name in schema.dropped_keyspaces and not is_lenient:
        raise RefusedStatement(f"Keyspace '{name}' doesn't exist")
    schema.keyspaces.pop(name, None)
    schema.dropped_keyspaces.add(name)


def _take_out(kind: str, home: SchemaKeyspace, keyspace: str, name: str) -> bool:
    """Take something out; tell whether it was there."""
    if kind == "view":
        return home.views.pop(name, None) is not None
    if kind == "index":
        return home.indexes.pop(name, None) is not None
    if kind == "type":
        return drop_type(home, keyspace, name)
    if name in home.views:
        raise RefusedStatement(
            "Cannot use DROP TABLE on a materialized view. Please use DROP MATERIALIZED VIEW instead."
        )
    if home.views_of(name):
        # The server means the views and prints the keyspace.
        raise RefusedStatement(f"Cannot drop a table when materialized views still depend on it ({keyspace})")
    home.indexes = {other: index for other, index in home.indexes.items() if index.table != name}
    home.dropped_columns = {key: column for key, column in home.dropped_columns.items() if key[0] != name}
    return home.tables.pop(name, None) is not None
