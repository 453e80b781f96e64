"""The conditions of ``views query``: CQL text into what the reader takes, each literal as its column's type."""

from __future__ import annotations

from typing import Any

from cassandra import cqltypes as cql

from cassandra_views.cql.parse import parse_where
from cassandra_views.cql.printing import term_cql
from cassandra_views.model.errors import BadRead, StatementError
from cassandra_views.model.statement import (
    Literal,
    LiteralKind,
    Mapping,
    Name,
    Null,
    Operator,
    Relation,
    Sequence,
    Shape,
    Subject,
    Term,
)
from cassandra_views.model.times import TimeColumn
from cassandra_views.read import ViewColumn, ViewDescription
from cassandra_views.read.driver_values import Pairs
from cassandra_views.read.json_values import from_text
from cassandra_views.read.time_texts import time_of, timestamp_from_text

_OPERATORS = {
    Operator.EQUAL: "=",
    Operator.LESS: "<",
    Operator.LESS_OR_EQUAL: "<=",
    Operator.GREATER: ">",
    Operator.GREATER_OR_EQUAL: ">=",
    Operator.IN: "IN",
}

_K = LiteralKind
_NUMBERS = (_K.INTEGER, _K.FLOAT)
_KINDS: tuple[tuple[Any, tuple[LiteralKind, ...], str], ...] = (
    (cql.UTF8Type | cql.AsciiType | cql.InetAddressType, (_K.STRING,), "a text in single quotes"),
    (cql.UUIDType | cql.TimeUUIDType, (_K.UUID,), "a UUID without quotes"),
    (cql.BooleanType, (_K.BOOLEAN,), "true or false"),
    (cql.BytesType, (_K.BLOB,), "bytes as hexadecimal digits after 0x"),
    (cql.DurationType, (_K.DURATION,), "a duration, such as 1d12h"),
    (cql.FloatType | cql.DoubleType | cql.DecimalType, _NUMBERS, "a number"),
    (cql.DateType, (_K.STRING, _K.INTEGER), "a time in single quotes, such as '2026-03-01T10:15:00Z'"),
    (cql.SimpleDateType, (_K.STRING, _K.INTEGER), "a date in single quotes, such as '2026-03-01'"),
    (cql.TimeType, (_K.STRING, _K.INTEGER), "a time of day in single quotes, such as '10:15:00.5'"),
    (
        cql.LongType | cql.Int32Type | cql.ShortType | cql.ByteType | cql.IntegerType,
        (_K.INTEGER,),
        "a whole number without quotes",
    ),
)
"""How the literals of each type are spelled, and in words; TimeUUIDType stands before DateType, its base."""


_SHAPES = (
    (cql.ListType | cql.VectorType, "[value, ...]"),
    (cql.SetType, "{value, ...}"),
    (cql.MapType, "{key: value, ...}"),
    (cql.TupleType, "(value, ...)"),
)


def conditions(text: str, view: ViewDescription) -> dict[str, Any]:
    """Return the reader's ``where`` of a text such as ``day = '2026-11-23' AND total_count > 5``.

    Raises:
        BadRead: it holds something that the reader does not take, or a literal of another type than its column's.
        StatementError: it is no CQL.
    """
    on = str(view.name)
    found: dict[str, Any] = {}
    try:
        relations = parse_where(text, file="query")
    except StatementError as error:
        error.on = on
        raise
    for relation in relations:
        operator, name = _operator(relation, on), relation.columns[0]
        quoted = name.replace('"', '""')
        key = f'"{quoted}" {operator}'
        if key in found:
            raise BadRead(f"'{name} {operator}' is given twice", on=on, next="Give each condition once")
        column = next((each for each in view.columns if each.name == name and each.part), None)
        # What is not of the key has no value here: the reader says what can be asked for.
        values = [None if column is None else _value(column, term, view.time, on) for term in relation.values]
        found[key] = values if relation.operator is Operator.IN else values[0]
    return found


def _operator(relation: Relation, on: str) -> str:
    if relation.subject is not Subject.COLUMN or relation.operator not in _OPERATORS:
        raise BadRead(
            f"a condition on {', '.join(relation.columns)} with {relation.operator.value} cannot be read",
            on=on,
            next="Use column = value, <, <=, >, >= and IN (...), joined by AND",
        )
    return _OPERATORS[relation.operator]


def _value(column: ViewColumn, term: Term, time: TimeColumn | None, on: str) -> Any:
    own = time if time is not None and time.name == column.name else None
    try:
        return value_of(column.driver_type, term, own)
    except ValueError as error:
        raise BadRead(
            f"'{column.name}' is {column.type} and is given {term_cql(term)}", on=on, next=f"Give {error}"
        ) from error


def value_of(kind: Any, term: Term, time: TimeColumn | None = None) -> Any:
    """Return the value of a type that a literal names.

    Args:
        kind: the driver's type.
        time: given for the view's time column, which takes times as ISO 8601 too.

    Raises:
        ValueError: it names none; the message says what one looks like.
    """
    if issubclass(kind, cql.FrozenType | cql.ReversedType):
        return value_of(kind.subtypes[0], term)
    match term:
        case Literal():
            return _scalar(kind, term, time)
        case Sequence(shape=Shape.LIST, items=items) if issubclass(kind, cql.ListType | cql.VectorType):
            of = kind.subtype if issubclass(kind, cql.VectorType) else kind.subtypes[0]
            return [value_of(of, each) for each in items]
        case Sequence(shape=Shape.SET, items=()) if issubclass(kind, cql.MapType):
            return Pairs()
        case Sequence(shape=Shape.SET, items=items) if issubclass(kind, cql.SetType):
            return [value_of(kind.subtypes[0], each) for each in items]
        case Mapping(entries=entries) if issubclass(kind, cql.MapType):
            key, value = kind.subtypes
            return Pairs((value_of(key, one), value_of(value, each)) for one, each in entries)
        case Mapping(entries=entries) if issubclass(kind, cql.UserType):
            return _fields(kind, entries)
        case Sequence(shape=Shape.TUPLE, items=items) if _is_tuple(kind) and len(items) <= len(kind.subtypes):
            return tuple(_or_null(of, each) for of, each in zip(kind.subtypes, items, strict=False))
    raise ValueError(_example(kind))


def _is_tuple(kind: Any) -> bool:
    return issubclass(kind, cql.TupleType) and not issubclass(kind, cql.UserType)


def _fields(kind: Any, entries: tuple[tuple[Term, Term], ...]) -> tuple[Any, ...]:
    given = {}
    for name, term in entries:
        if not isinstance(name, Name) or name.qualifier is not None or name.name not in kind.fieldnames:
            raise ValueError(_example(kind))
        given[name.name] = term
    return tuple(_or_null(of, given.get(name, Null())) for name, of in zip(kind.fieldnames, kind.subtypes, strict=True))


def _or_null(kind: Any, term: Term) -> Any:
    return None if isinstance(term, Null) else value_of(kind, term)


def _scalar(kind: Any, literal: Literal, time: TimeColumn | None) -> Any:
    spelled = next((kinds for of, kinds, _ in _KINDS if issubclass(kind, of)), ())
    if literal.kind not in spelled and not (time is not None and literal.kind is _K.STRING):
        raise ValueError(_example(kind))
    if literal.kind is _K.INTEGER:
        try:
            if issubclass(kind, cql.DateType):
                return timestamp_from_text(literal.text)
            if issubclass(kind, cql.TimeType):
                return time_of(int(literal.text))
        except (ValueError, OverflowError) as error:
            raise ValueError(_example(kind)) from error
        if issubclass(kind, cql.SimpleDateType):
            return int(literal.text)  # as the server counts: 1970-01-01 is 2147483648
    return from_text(kind, literal.text, time if literal.kind is _K.STRING else None)


def _example(kind: Any) -> str:
    for of, _, words in _KINDS:
        if issubclass(kind, of):
            return words
    if issubclass(kind, cql.UserType):
        return f"{{{', '.join(f'{name}: value' for name in kind.fieldnames)}}}"
    shape = next((words for of, words in _SHAPES if issubclass(kind, of)), "another condition")
    return f"{shape} for {kind.cql_parameterized_type()}"
