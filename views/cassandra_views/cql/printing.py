"""Print values as CQL: what is sent to a server is made here, never a user's own text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cassandra_client.names import quoted
from cassandra_views.cql.parse import parse_literal
from cassandra_views.model.errors import StatementError
from cassandra_views.model.schema import Keyspace, TableShape
from cassandra_views.model.statement import (
    Arithmetic,
    Call,
    ColumnDeclaration,
    Conversion,
    Literal,
    LiteralKind,
    Mapping,
    Name,
    Null,
    Operator,
    OptionValue,
    Relation,
    Sequence,
    Subject,
    Subscript,
    TableStatement,
    Term,
    TypeHint,
    ViewStatement,
    WindowBound,
)

_BARE_OPTION = re.compile(
    r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|true|false|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)
Bounds = dict[WindowBound, Literal | None]


def view_cql(
    statement: ViewStatement,
    *,
    keyspace: str,
    physical: str,
    window_start: str | None,
    window_end: str | None,
    options: Iterable[tuple[str, OptionValue]] = (),
) -> str:
    """Return the CREATE MATERIALIZED VIEW of one generation.

    Args:
        statement: what the file says.
        keyspace: where the base is and the view shall be, when the statement names none.
        physical: the name of the generation.
        window_start: CQL literal for ``:window_start``; relations with it are left out where None.
        window_end: likewise for ``:window_end``.
        options: more options (comment, id), printed after those of the statement and instead of
            those of the same name.

    Raises:
        StatementError: a bound is no literal, is empty or holds a quote.
    """
    added = dict(options)
    kept = [
        (option.name, option.value)
        for option in statement.options
        if option.name not in added and not option.is_no_lifetime
    ]
    selected = ", ".join(
        term_cql(item.term) + (f" AS {quoted(item.alias)}" if item.alias is not None else "")
        for item in statement.selected
    )
    relations = bound_relations(statement, window_start=window_start, window_end=window_end)
    lines = [
        f"CREATE MATERIALIZED VIEW {quoted(statement.keyspace or keyspace)}.{quoted(physical)} AS",
        f"SELECT {selected or '*'}",
        f"FROM {quoted(statement.base_keyspace or statement.keyspace or keyspace)}.{quoted(statement.base)}",
    ]
    if relations:
        lines.append("WHERE " + where_cql(relations))
    lines.append(_key_cql(statement.partition_key, statement.clustering))
    return "\n".join(lines) + _with_cql(statement, (*kept, *added.items()))


def table_cql(statement: TableStatement, *, keyspace: str, name: str | None = None) -> str:
    """Return the CREATE TABLE, in the keyspace (where the statement names none) and under the name."""
    lines = [declaration_cql(column) + "," for column in statement.columns]
    lines.append(_key_cql(statement.partition_key, statement.clustering))
    body = "\n".join("    " + line for line in lines)
    where = f"{quoted(statement.keyspace or keyspace)}.{quoted(name or statement.table)}"
    exists = "IF NOT EXISTS " if statement.if_not_exists else ""
    options = tuple((option.name, option.value) for option in statement.options)
    return f"CREATE TABLE {exists}{where} (\n{body}\n)" + _with_cql(statement, options)


def bound_relations(
    statement: ViewStatement, *, window_start: str | None, window_end: str | None
) -> tuple[Relation, ...]:
    """Return the WHERE relations with the window's bounds put in.

    A relation whose bound is None is left out; a column that would lose its only restriction so
    gets IS NOT NULL, which the server asks for every key column of a view.

    Raises:
        StatementError: a bound is no literal, is empty or holds a quote.
    """
    bounds: Bounds = {WindowBound.START: _literal(window_start), WindowBound.END: _literal(window_end)}
    kept: list[Relation] = []
    dropped: list[Relation] = []
    for relation in statement.where:
        if any(bounds[bound] is None for bound in relation.bounds):
            dropped.append(relation)
        elif relation.bounds:
            values = tuple(_bound(value, bounds) for value in relation.values)
            kept.append(
                Relation(
                    columns=relation.columns,
                    operator=relation.operator,
                    values=values,
                    subject=relation.subject,
                    element=relation.element,
                    at=relation.at,
                )
            )
        else:
            kept.append(relation)
    restricted = {name for relation in kept for name in relation.columns}
    free = dict.fromkeys(name for relation in dropped for name in relation.columns if name not in restricted)
    return (*(Relation(columns=(name,), operator=Operator.IS_NOT_NULL) for name in free), *kept)


def _literal(bound: str | None) -> Literal | None:
    if bound is None:
        return None
    literal = parse_literal(bound)
    if literal.kind is LiteralKind.STRING and (not literal.text or "'" in literal.text):
        # Servers do not start again with a quote in WHERE; an empty key makes writes fail.
        raise StatementError(
            f"{bound} cannot bound a window: it is empty or holds a quote",
            next="Give the time column another format",
        )
    return literal


def _bound(term: Term, bounds: Bounds) -> Term:
    match term:
        case WindowBound():
            return bounds[term] or Null()
        case Sequence(shape=shape, items=items):
            return Sequence(shape, tuple(_bound(item, bounds) for item in items))
        case TypeHint(type=type_, term=inner):
            return TypeHint(type_, _bound(inner, bounds))
        case _:
            return term


def where_cql(relations: Iterable[Relation]) -> str:
    """Return the relations as the text after WHERE."""
    return " AND ".join(relation_cql(relation) for relation in relations)


def relation_cql(relation: Relation) -> str:
    """Return one relation as CQL."""
    names = ", ".join(quoted(name) for name in relation.columns)
    values = [term_cql(value) for value in relation.values]
    match relation.subject:
        case Subject.COLUMN:
            left = names
        case Subject.TUPLE:
            left = f"({names})"
        case Subject.TOKEN:
            left = f"token({names})"
        case Subject.ELEMENT:
            left = f"{names}[{term_cql(relation.element or Null())}]"
        case Subject.INDEX:
            return f"expr({names}, {values[0]})"
    match relation.operator:
        case Operator.IS_NOT_NULL:
            return f"{left} IS NOT NULL"
        case Operator.IN | Operator.NOT_IN:
            return f"{left} {relation.operator.value} ({', '.join(values)})"
        case Operator.BETWEEN:
            return f"{left} BETWEEN {values[0]} AND {values[1]}"
        case operator:
            return f"{left} {operator.value} {values[0]}"


def term_cql(term: Term) -> str:
    """Return a term as CQL; arithmetic inside arithmetic gets no parentheses, which CQL does not have."""
    match term:
        case Literal(kind=LiteralKind.STRING, text=text):
            return string_cql(text)
        case Literal(text=text):
            return text
        case Null():
            return "NULL"
        case WindowBound():
            return f":{term.value}"
        case Sequence(shape=shape, items=items):
            return shape.value[0] + ", ".join(map(term_cql, items)) + shape.value[1]
        case Mapping(entries=entries):
            return "{" + ", ".join(f"{term_cql(key)}: {term_cql(value)}" for key, value in entries) + "}"
        case Name(name="*"):
            return "*"
        case Name(name=name, qualifier=qualifier):
            return _qualified(qualifier, name)
        case TypeHint(type=type_, term=inner):
            return f"({type_}) {term_cql(inner)}"
        case Conversion(term=inner, type=type_):
            return f"CAST({term_cql(inner)} AS {type_})"
        case Call(function="token", arguments=arguments, keyspace=None):
            return f"token({', '.join(map(term_cql, arguments))})"
        case Call(function=function, arguments=arguments, keyspace=keyspace):
            return f"{_qualified(keyspace, function)}({', '.join(map(term_cql, arguments))})"
        case Arithmetic(operator=operator, left=left, right=right) if left is not None:
            return f"{term_cql(left)} {operator} {term_cql(right)}"
        case Arithmetic(right=right):
            return f"- {term_cql(right)}"
        case Subscript(term=inner, field=str() as name):
            return f"{term_cql(inner)}.{_term_name(name)}"
        case Subscript(term=inner, first=first, last=last, is_slice=True):
            ends = [term_cql(one) if one is not None else "" for one in (first, last)]
            return f"{term_cql(inner)}[{' .. '.join(ends)}]"
        case Subscript(term=inner, first=first):
            return f"{term_cql(inner)}[{term_cql(first or Null())}]"


_OPERATIONS = {"+": "_add", "-": "_substract", "*": "_multiply", "/": "_divide", "%": "_modulo"}


_FREE_WORDS = frozenset(("default", "mbean", "mbeans", "replace", "unset"))


def server_name(name: str) -> str:
    """Return a name as servers print it in their messages: these quote fewer words than we do."""
    return name if name in _FREE_WORDS else quoted(name)


def server_table(table: TableShape) -> str:
    """Return a table's full name as servers print it in their messages."""
    return f"{server_name(table.keyspace)}.{server_name(table.name)}"


def server_relation(relation: Relation) -> str:
    """Return a relation as servers print it in their messages."""
    names = ", ".join(map(server_name, relation.columns))
    left = f"({names})" if relation.subject is Subject.TUPLE else names
    if relation.subject is Subject.ELEMENT and relation.element is not None:
        left += f"[{server_term(relation.element)}]"
    return f"{left} {relation.operator.value} {', '.join(map(server_term, relation.values))}"


def server_term(term: Term) -> str:
    """Return a term as servers print it in their messages."""
    match term:
        case Literal(written=written) if written:
            return written
        case TypeHint(type=type_, term=inner):
            return f"({type_}){server_term(inner)}"
        case Arithmetic(operator=operator, left=left, right=right) if left is not None:
            return f'system."{_OPERATIONS[operator]}"({server_term(left)}, {server_term(right)})'
        case Arithmetic(right=right):
            return f'system."_negate"({server_term(right)})'
        case Sequence(shape=shape, items=items):
            return shape.value[0] + ", ".join(map(server_term, items)) + shape.value[1]
        case Mapping(entries=entries):
            return "{" + ", ".join(f"{server_term(key)}: {server_term(value)}" for key, value in entries) + "}"
        case Subscript(term=inner, first=first, field=None, is_slice=False) if first is not None:
            return f"{server_name(inner.name) if isinstance(inner, Name) else server_term(inner)}[{server_term(first)}]"
        case _:
            return term_cql(term)


def string_cql(text: str) -> str:
    """Return the text as a CQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def map_cql(pairs: Iterable[tuple[str, str]]) -> str:
    """Return pairs of texts as a CQL map."""
    return "{" + ", ".join(f"{string_cql(key)}: {string_cql(value)}" for key, value in pairs) + "}"


def option_cql(value: OptionValue) -> str:
    """Return an option's value as CQL: numbers, booleans and uuids bare, other texts quoted."""
    if isinstance(value, str):
        return value if _BARE_OPTION.fullmatch(value) else string_cql(value)
    return map_cql(value)


def keyspace_cql(keyspace: Keyspace, *, verb: str = "CREATE", if_not_exists: bool = False) -> str:
    """Return the CREATE KEYSPACE, or with another verb the ALTER KEYSPACE, that gives it its replication."""
    exists = "IF NOT EXISTS " if if_not_exists else ""
    return f"{verb} KEYSPACE {exists}{quoted(keyspace.name)} WITH replication = {map_cql(keyspace.replication)}"


def _qualified(qualifier: str | None, name: str) -> str:
    return _term_name(name) if qualifier is None else f"{_term_name(qualifier)}.{_term_name(name)}"


def _term_name(name: str) -> str:
    # Not reserved, yet each would be read otherwise where a term may begin.
    return f'"{name}"' if name in ("as", "between", "cast", "contains", "like") else quoted(name)


def declaration_cql(column: ColumnDeclaration) -> str:
    """Return a column as a CREATE TABLE or an ALTER TABLE declares it."""
    mask = ""
    if column.mask is not None:
        is_default = column.mask.function == "default" and not column.mask.arguments
        mask = " MASKED WITH " + ("DEFAULT" if is_default else term_cql(column.mask))
    return f"{quoted(column.name)} {column.type}" + (" static" if column.is_static else "") + mask


def _key_cql(partition_key: tuple[str, ...], clustering: tuple[str, ...]) -> str:
    partition = ", ".join(quoted(name) for name in partition_key)
    return f"PRIMARY KEY (({partition})" + "".join(f", {quoted(name)}" for name in clustering) + ")"


def _with_cql(statement: ViewStatement | TableStatement, options: Iterable[tuple[str, OptionValue]]) -> str:
    parts = [f"{quoted(name)} = {option_cql(value)}" for name, value in options]
    if statement.clustering_order:
        order = ", ".join(
            f"{quoted(name)} {'DESC' if is_descending else 'ASC'}" for name, is_descending in statement.clustering_order
        )
        parts.insert(0, f"CLUSTERING ORDER BY ({order})")
    if statement.is_compact:
        parts.append("COMPACT STORAGE")
    return "\nWITH " + "\n    AND ".join(parts) if parts else ""
