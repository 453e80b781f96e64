"""The statements that a view stands on, read one by one into the schema that they leave.

CREATE TABLE and CREATE MATERIALIZED VIEW are parsed as everywhere; of the others only what a view depends on is read.
A statement that a server refuses is reported and leaves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from cassandra_client.names import quoted
from cassandra_views.cql.findings import Finding, Findings, Kind
from cassandra_views.cql.lint_tables import lint_table
from cassandra_views.cql.options import lint_options
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.cql.parser import TokenReader, UnreadableStatement, split_statements
from cassandra_views.cql.types import CqlType
from cassandra_views.model.errors import StatementError
from cassandra_views.model.schema import Column, ColumnKind, TableShape
from cassandra_views.model.statement import At, TableStatement


@dataclass(slots=True)
class SchemaKeyspace:
    """What a keyspace holds."""

    tables: dict[str, TableShape] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)
    types: dict[str, tuple[tuple[str, CqlType], ...]] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)
    indexed: dict[str, set[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Schema:
    """Keyspaces by their names, and the one that unqualified names are read in."""

    keyspaces: dict[str, SchemaKeyspace] = field(default_factory=dict)
    session: str | None = None

    def keyspace(self, name: str) -> SchemaKeyspace:
        """Return the keyspace, which is taken to exist where a statement names it."""
        return self.keyspaces.setdefault(name, SchemaKeyspace())


def read_schema(text: str, *, file: str) -> tuple[Schema, tuple[Finding, ...]]:
    """Return the schema that the statements leave, and what is wrong with them.

    Args:
        text: statements, each ended by ``;``.
        file: for the places of the findings.
    """
    schema = Schema()
    found: list[Finding] = []
    for tokens, padded in split_statements(text):
        findings = Findings(file)
        at = At(tokens[0].line or 0, tokens[0].column or 0)
        try:
            with unreadable_reported(findings, "CV002", at):
                _read(schema, TokenReader(tokens, text), padded, file, found)
        except StatementError as error:
            place = At(error.place.line, error.place.column) if error.place else at
            findings.add("CV002", error.what, place, error.next)
        except UnreadableStatement as error:
            findings.add("CV002", f"the statement cannot be read: {error}", at, "Correct it, or leave it out")
        except _RefusedStatement as refusal:
            findings.add("CV002", str(refusal), at, "Correct the statement", server=str(refusal))
        found += findings.sorted()
    return schema, tuple(found)


@contextmanager
def unreadable_reported(findings: Findings, code: str, at: At) -> Iterator[None]:
    """Report what is too deep or too large to be read, under a code of findings."""
    try:
        yield
    except RecursionError:
        findings.add(code, "the statement is nested too deeply", at, "Write it in fewer levels")
    except (ArithmeticError, ValueError) as error:
        findings.add(code, f"a value of the statement cannot be read: {error}", at, "Write a smaller one")


class _RefusedStatement(Exception):
    """The server's words about a statement."""


def _read(schema: Schema, words: TokenReader, text: str, file: str, found: list[Finding]) -> None:
    if words.take("use"):
        schema.session = words.name()
        schema.keyspace(schema.session)
    elif words.take("create"):
        _create(schema, words, text, file, found)
    elif words.take("alter", "table") or words.take("alter", "columnfamily"):
        _alter_table(schema, words, file, found)
    elif words.take("alter", "type"):
        _alter_type(schema, words)
    elif words.take("drop"):
        _drop(schema, words)
    elif words.peek().lower() not in ("alter", *_NO_SCHEMA_CHANGES):
        raise UnreadableStatement(f"it begins with '{words.peek()}'")


_NO_SCHEMA_CHANGES = (
    *("grant", "revoke", "list", "select", "insert", "update", "delete", "truncate", "begin", "apply"),
    *("describe", "desc", "consistency", "source", "tracing", "paging", "exit"),
)


def _place(schema: Schema, name: tuple[str | None, str]) -> tuple[SchemaKeyspace, str, str]:
    keyspace = name[0] or schema.session
    if keyspace is None:
        raise _RefusedStatement(NO_KEYSPACE)
    return schema.keyspace(keyspace), keyspace, name[1]


NO_KEYSPACE = "No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename"


def _create(schema: Schema, words: TokenReader, text: str, file: str, found: list[Finding]) -> None:
    if words.take("keyspace"):
        _exists(words)
        schema.keyspace(words.name())
    elif words.take("table") or words.take("columnfamily"):
        _create_table(schema, parse_table(text, file=file), file, found)
    elif words.take("materialized", "view"):
        view = parse_view(text, file=file)
        home, _, name = _place(schema, (view.keyspace, view.view))
        if view.base not in home.tables:
            raise _RefusedStatement(f"Base table '{view.base}' doesn't exist")
        if name in home.tables:
            raise _RefusedStatement(
                f"Cannot create materialized view '{name}' - a table with the same name already exists"
            )
        home.views[name] = view.base
    elif words.take("type"):
        _create_type(schema, words)
    elif words.take("index") or words.take("custom", "index"):
        _create_index(schema, words)
    elif words.take("function") or words.take("or", "replace", "function"):
        _exists(words)
        home, _, name = _place(schema, words.qualified())
        home.functions.add(name)
    elif words.peek().lower() not in ("aggregate", "or", "role", "user", "trigger"):
        raise UnreadableStatement(f"there is no CREATE '{words.peek()}'")


def _exists(words: TokenReader) -> bool:
    return words.take("if", "not", "exists") or words.take("if", "exists")


def _create_table(schema: Schema, table: TableStatement, file: str, found: list[Finding]) -> None:
    home, keyspace, name = _place(schema, (table.keyspace, table.table))
    if name in home.tables or name in home.views:
        if table.if_not_exists:
            return
        raise _RefusedStatement(f'Cannot add already existing table "{name}" to keyspace "{keyspace}"')
    findings = lint_table(table, file=file, types=home.types, keyspace=keyspace)
    found += findings
    if not any(one.kind is Kind.REFUSED for one in findings):
        home.tables[name] = table.shape(keyspace)


def _create_type(schema: Schema, words: TokenReader) -> None:
    is_lenient = _exists(words)
    home, _, name = _place(schema, words.qualified())
    fields: list[tuple[str, CqlType]] = []
    if not words.take("("):
        raise UnreadableStatement("the fields are missing")
    while not words.take(")"):
        if not words.take(","):
            fields.append((words.name(), words.type()))
    if name in home.types:
        if is_lenient:
            return
        raise _RefusedStatement(f"A user type with name '{name}' already exists")
    for index, (field_name, type_) in enumerate(fields):
        if field_name in dict(fields[:index]):
            raise _RefusedStatement(f"Duplicate field name '{field_name}' in type '{name}'")
        if type_.name == "counter" and not type_.is_user_defined:
            raise _RefusedStatement("A user type cannot contain counters")
        if type_.is_user_defined and not type_.is_frozen:
            raise _RefusedStatement("A user type cannot contain non-frozen UDTs")
    home.types[name] = tuple(fields)


def _create_index(schema: Schema, words: TokenReader) -> None:
    _exists(words)
    if not words.take("on"):
        words.qualified()
        if not words.take("on"):
            raise UnreadableStatement("ON is missing")
    home, keyspace, name = _place(schema, words.qualified())
    if name in home.views:
        raise _RefusedStatement("Secondary indexes on materialized views aren't supported")
    table = home.tables.get(name)
    if table is None:
        raise _RefusedStatement(f"Table '{name}' doesn't exist")
    if not words.take("("):
        raise UnreadableStatement("the column is missing")
    column = words.name()
    if words.take("("):
        column = words.name()
    if table.find_column(column) is None:
        raise _RefusedStatement(f"Undefined column name {column} in table {keyspace}.{name}")
    home.indexed.setdefault(name, set()).add(column)


def _alter_table(schema: Schema, words: TokenReader, file: str, found: list[Finding]) -> None:
    is_lenient = _exists(words)
    home, keyspace, name = _place(schema, words.qualified())
    table = home.tables.get(name)
    if table is None:
        if is_lenient:
            return
        raise _RefusedStatement(f"Table '{keyspace}.{name}' doesn't exist")
    if words.take("add"):
        home.tables[name] = _with_columns(table, words, home)
    elif words.take("drop"):
        home.tables[name] = _without_columns(table, words, name in home.views.values())
    elif words.take("rename"):
        _exists(words)
        for old, new in _renames(words):
            home.tables[name] = _renamed(home.tables[name], old, new)
    elif words.take("with"):
        home.tables[name] = _with_options(table, words, file, found)
    elif words.take("alter"):
        if words.name() and words.take("type"):
            raise _RefusedStatement("Altering column types is no longer supported")
    else:
        raise UnreadableStatement(f"there is no ALTER TABLE ... '{words.peek()}'")


def _with_columns(table: TableShape, words: TokenReader, home: SchemaKeyspace) -> TableShape:
    is_lenient = _exists(words)
    is_list = words.take("(")
    columns = list(table.columns)
    while True:
        name, type_ = words.name(), words.type()
        kind = ColumnKind.STATIC if words.take("static") else ColumnKind.REGULAR
        _check_added(table, name, type_, kind, home)
        if table.find_column(name) is None:
            columns.append(Column(name=name, type=str(type_), kind=kind))
        elif not is_lenient:
            raise _RefusedStatement(f"Column with name '{name}' already exists")
        if not is_list or not words.take(","):
            return replace(table, columns=tuple(columns))


def _check_added(table: TableShape, name: str, type_: CqlType, kind: ColumnKind, home: SchemaKeyspace) -> None:
    """Raise where the server would not take this column in a CREATE TABLE either."""
    static = " static" if kind is ColumnKind.STATIC else ""
    clustering = ", c int" if table.clustering else ""
    key = "k, c" if table.clustering else "k"
    added = f"k int{clustering}, {quoted(f'{name}_')} {type_}{static}"
    statement = parse_table(f"CREATE TABLE {quoted(table.keyspace)}.t ({added}, PRIMARY KEY ({key}))", file="")
    for finding in lint_table(statement, file="", types=home.types):
        if finding.kind is Kind.REFUSED and finding.server_message:
            raise _RefusedStatement(finding.server_message)


def _without_columns(table: TableShape, words: TokenReader, has_views: bool) -> TableShape:
    is_lenient = _exists(words)
    is_list = words.take("(")
    while True:
        name = words.name()
        column = table.find_column(name)
        if column is None:
            if not is_lenient:
                raise _RefusedStatement(f"Column {name} was not found in table '{table}'")
        elif column.is_key:
            raise _RefusedStatement(f"Cannot drop PRIMARY KEY column {name}")
        elif has_views:
            raise _RefusedStatement(f"Cannot drop column {name} on base table {table.name} with materialized views")
        else:
            table = replace(table, columns=tuple(one for one in table.columns if one.name != name))
        if not is_list or not words.take(","):
            return table


def _renames(words: TokenReader) -> Iterator[tuple[str, str]]:
    while True:
        old = words.name()
        if not words.take("to"):
            raise UnreadableStatement("TO is missing")
        yield old, words.name()
        if not words.take("and"):
            return


def _renamed(table: TableShape, old: str, new: str) -> TableShape:
    column = table.find_column(old)
    if column is None:
        raise _RefusedStatement(f"Column {old} was not found in table '{table}'")
    if not column.is_key:
        raise _RefusedStatement(f"Cannot rename non PRIMARY KEY column {old}")
    if table.find_column(new) is not None:
        what = f"Cannot rename column {old} to {new} in table '{table}'"
        raise _RefusedStatement(f"{what}; another column with that name already exists")
    columns = tuple(replace(one, name=new) if one.name == old else one for one in table.columns)
    return replace(table, columns=columns)


def _with_options(table: TableShape, words: TokenReader, file: str, found: list[Finding]) -> TableShape:
    """Return the table with other options, which are read and checked as those of a CREATE TABLE."""
    first = words.tokens[words.position - 1]
    if words.position == len(words.tokens):
        raise UnreadableStatement("the options are missing")
    text = words.source[words.tokens[words.position].start_pos or 0 : words.tokens[-1].end_pos]
    statement = parse_table(f"CREATE TABLE t (k int PRIMARY KEY) WITH {text}", file=file)
    findings = Findings(file)
    at = At(first.line or 0, first.column or 0)
    options = tuple(replace(option, at=at) for option in statement.options)
    lint_options(options, findings, unknown="CV412", twice="CV413", kind="CV414")
    told = findings.sorted()
    found += told
    if any(one.kind is Kind.REFUSED for one in told):
        return table
    changed = dict(table.options) | dict(statement.shape(table.keyspace).options)
    return replace(table, options=tuple(changed.items()))


def _alter_type(schema: Schema, words: TokenReader) -> None:
    is_lenient = _exists(words)
    home, keyspace, name = _place(schema, words.qualified())
    if name not in home.types:
        if is_lenient:
            return
        raise _RefusedStatement(f"Type {keyspace}.{name} doesn't exist")
    fields = dict(home.types[name])
    if words.take("add"):
        is_lenient = _exists(words)
        added, type_ = words.name(), words.type()
        if added in fields and not is_lenient:
            raise _RefusedStatement(
                f"Cannot add field {added} to type {keyspace}.{name}: a field with name {added} already exists"
            )
        fields.setdefault(added, type_)
    elif words.take("rename"):
        _exists(words)
        for old, new in _renames(words):
            if old not in fields:
                raise _RefusedStatement(f"Unkown field {old} in user type {keyspace}.{name}")
            fields = {new if one == old else one: type_ for one, type_ in fields.items()}
    else:
        raise _RefusedStatement("Altering field types is no longer supported")
    home.types[name] = tuple(fields.items())


def _drop(schema: Schema, words: TokenReader) -> None:
    kind = "view" if words.take("materialized", "view") else str(words.next()).lower()
    is_lenient = _exists(words)
    if kind == "keyspace":
        schema.keyspaces.pop(words.name(), None)
        return
    if kind not in ("view", "table", "columnfamily", "type"):
        return
    home, keyspace, name = _place(schema, words.qualified())
    if kind == "view":
        known, what = home.views.pop(name, None) is not None, "Materialized view"
    elif kind == "type":
        known, what = home.types.pop(name, None) is not None, "Type"
    else:
        if name in home.views.values():
            what = f"Cannot drop a table when materialized views still depend on it ({keyspace})"
            raise _RefusedStatement(what)
        known, what = home.tables.pop(name, None) is not None, "Table"
    if not known and not is_lenient:
        raise _RefusedStatement(f"{what} '{keyspace}.{name}' doesn't exist")
