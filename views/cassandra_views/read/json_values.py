"""Values of columns as JSON: as ``SELECT JSON`` writes them, with few exceptions.

Other than there: ``decimal`` and ``varint`` are texts, which lose no digit on their way; NaN and the infinities are
texts, for which JSON has no number; a map whose keys are no texts is a list of pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from cassandra import cqltypes as cql

from cassandra_views.model.times import TimeColumn, TimeKind, instant_text, parse_instant
from cassandra_views.read.description import ViewColumn
from cassandra_views.read.time_texts import date_to_text, duration_to_text, time_to_text, timestamp_to_text

Convert = Callable[[Any], Any]

BITS: dict[Any, int] = {
    cql.ByteType: 8,
    cql.ShortType: 16,
    cql.Int32Type: 32,
    cql.LongType: 64,
    cql.CounterColumnType: 64,
}
"""The whole numbers of a fixed size."""


def same(value: Any) -> Any:
    """Return the value as it is."""
    return value


def row_converters(
    columns: Sequence[ViewColumn], special: Mapping[str, Convert] | None = None
) -> tuple[tuple[int, Convert], ...]:
    """Return what has to be done with the values of a row, by their places in it.

    Args:
        special: for columns, by their names, that are not converted by their types.
    """
    found = []
    for place, column in enumerate(columns):
        make = (special or {}).get(column.name) or to_json(column.driver_type)
        if make is not same:
            found.append((place, make))
    return tuple(found)


def rows_to_json(
    columns: Sequence[ViewColumn], rows: Sequence[tuple[Any, ...]], converters: tuple[tuple[int, Convert], ...]
) -> list[dict[str, Any]]:
    """Return rows, which are tuples in the order of the columns, as JSON's objects: each name as the schema has it."""
    names = [column.name for column in columns]
    if not converters:
        return [dict(zip(names, row, strict=True)) for row in rows]
    found = []
    for row in rows:
        each = dict(zip(names, row, strict=True))
        for place, make in converters:
            value = row[place]
            if value is not None:
                each[names[place]] = make(value)
        found.append(each)
    return found


def to_json(kind: Any) -> Convert:
    """Return what makes JSON's value of one of this type; ``same`` where nothing has to be done. Null is null."""
    if issubclass(kind, cql.FrozenType | cql.ReversedType):
        return to_json(kind.subtypes[0])
    make = _json_of(kind)
    return make if make is same else lambda value: None if value is None else make(value)


def _json_of(kind: Any) -> Convert:
    if issubclass(kind, cql.TimeUUIDType):  # which the driver derives from the type of times
        return str
    if issubclass(kind, cql.DateType):
        return timestamp_to_text
    if issubclass(kind, cql.SimpleDateType):
        return date_to_text
    if issubclass(kind, cql.TimeType):
        return time_to_text
    if issubclass(kind, cql.FloatType | cql.DoubleType):
        return lambda value: value if math.isfinite(value) else str(value)
    if issubclass(kind, cql.BytesType):
        return lambda value: f"0x{bytes(value).hex()}"
    if issubclass(kind, cql.ListType | cql.SetType):
        inner = to_json(kind.subtypes[0])
        return lambda value: [inner(each) for each in value]
    if issubclass(kind, cql.MapType):
        return _map(kind)
    if issubclass(kind, cql.UserType):
        fields = [(name, to_json(of)) for name, of in zip(kind.fieldnames, kind.subtypes, strict=True)]
        return lambda value: {name: make(each) for (name, make), each in zip(fields, value, strict=False)}
    if issubclass(kind, cql.TupleType):
        makers = [to_json(of) for of in kind.subtypes]
        return lambda value: [make(each) for make, each in zip(makers, value, strict=False)]
    if issubclass(kind, cql.VectorType):
        inner = to_json(kind.subtype)
        return lambda value: [inner(each) for each in value]
    if issubclass(kind, cql.DurationType):
        return duration_to_text
    plain = (cql.UTF8Type, cql.AsciiType, cql.BooleanType, *BITS)
    return same if issubclass(kind, plain) else str


def _map(kind: Any) -> Convert:
    keys, values = (to_json(each) for each in kind.subtypes)
    if issubclass(kind.subtypes[0], cql.UTF8Type | cql.AsciiType):
        return lambda value: {key: values(each) for key, each in value.items()}
    return lambda value: [[keys(key), values(each)] for key, each in value.items()]


def time_to_iso(time: TimeColumn) -> Convert:
    """Return what makes ISO 8601 in UTC of a value of a view's time column; what is no time stays as it is."""

    def make(value: Any) -> Any:
        moment = find_moment(time, value)
        if moment is not None:
            return instant_text(moment)
        if time.kind is TimeKind.TIMESTAMP:
            return timestamp_to_text(value)
        return date_to_text(value) if time.kind is TimeKind.DATE else value

    return make


def find_moment(time: TimeColumn, value: Any) -> datetime | None:
    """Return the moment that a value of a time column names, in UTC; None where it names none."""
    try:
        match time.kind:
            case TimeKind.TEXT:
                return datetime.strptime(value, time.format).replace(tzinfo=UTC)
            case TimeKind.TIMESTAMP:
                return value.replace(tzinfo=UTC) if isinstance(value, datetime) else parse_instant(value)
            case TimeKind.DATE:
                return datetime.combine(time.comparable(value), datetime.min.time(), tzinfo=UTC)
            case TimeKind.TIMEUUID:
                return datetime.fromtimestamp((value.time - 0x01B21DD213814000) / 1e7, UTC)
            case TimeKind.SECONDS:
                return datetime.fromtimestamp(value, UTC)
            case TimeKind.MILLISECONDS:
                return datetime.fromtimestamp(value / 1000, UTC)
    except (TypeError, ValueError, OverflowError, OSError, AttributeError):
        return None


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema of what ``to_json`` makes of a type (without null)."""
    if issubclass(kind, cql.FrozenType | cql.ReversedType):
        return schema_of(kind.subtypes[0])
    if issubclass(kind, cql.ListType | cql.SetType):
        return {"type": "array", "items": nullable(schema_of(kind.subtypes[0]))}
    if issubclass(kind, cql.VectorType):
        return {"type": "array", "items": schema_of(kind.subtype)}
    if issubclass(kind, cql.MapType):
        keys, values = (nullable(schema_of(each)) for each in kind.subtypes)
        if issubclass(kind.subtypes[0], cql.UTF8Type | cql.AsciiType):
            return {"type": "object", "additionalProperties": values}
        return {"type": "array", "items": {"type": "array", "items": {"anyOf": [keys, values]}}}
    if issubclass(kind, cql.UserType):
        fields = zip(kind.fieldnames, kind.subtypes, strict=True)
        return {"type": "object", "properties": {name: nullable(schema_of(of)) for name, of in fields}}
    if issubclass(kind, cql.TupleType):
        return {"type": "array"}
    for of, found in _SCHEMAS:
        if issubclass(kind, of):
            return dict(found)
    return {"type": "string"}


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that takes null too."""
    return {"anyOf": [schema, {"type": "null"}]}


_LONG_YEAR = {"pattern": "^[+-][0-9]{4,9}-"}

_SCHEMAS: tuple[tuple[Any, dict[str, Any]], ...] = (
    *(
        (kind, {"type": "integer", "minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1})
        for kind, bits in BITS.items()
    ),
    (cql.BooleanType, {"type": "boolean"}),
    (cql.FloatType, {"type": ["number", "string"]}),
    (cql.DoubleType, {"type": ["number", "string"]}),
    (cql.UUIDType, {"type": "string", "format": "uuid"}),
    (cql.TimeUUIDType, {"type": "string", "format": "uuid"}),
    (cql.DateType, {"type": "string", "anyOf": [{"format": "date-time"}, _LONG_YEAR]}),
    (cql.SimpleDateType, {"type": "string", "anyOf": [{"format": "date"}, _LONG_YEAR]}),
    (cql.BytesType, {"type": "string", "pattern": "^0x[0-9a-f]*$"}),
)


def schema_of_text(type_text: str) -> dict[str, Any]:
    """Return the JSON Schema of a type as CQL writes it; anything at all where it is no plain one."""
    name = type_text.removeprefix("frozen<").rstrip(">") if type_text.startswith("frozen<") else type_text
    for of, found in _SCHEMAS:
        if of.typename == name:
            return dict(found)
    return {"type": "string"} if name in _TEXTS else {}


_TEXTS = frozenset({"text", "varchar", "ascii", "decimal", "varint", "inet", "time", "duration"})
