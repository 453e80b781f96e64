"""Values of columns as JSON: as ``SELECT JSON`` writes them, with few exceptions.

Other than there: ``decimal`` and ``varint`` are texts, which lose no digit on their way; NaN and the infinities are
texts, for which JSON has no number; a map whose keys are no texts is a list of pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from cassandra import cqltypes as cql
from cassandra.util import Duration

from cassandra_views.model.times import TimeColumn, TimeKind, instant_text, parse_instant

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
        return _instant
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


def _instant(value: datetime) -> str:
    text = value.isoformat(timespec="milliseconds")
    return f"{text.removesuffix('+00:00')}Z"


def duration_to_text(value: Duration) -> str:
    """Return a duration as the server writes it: ``1y2mo3d4h5m6s7ms8us9ns``, a minus sign before all of it."""
    parts = (
        (abs(value.months), (("y", 12), ("mo", 1))),
        (abs(value.days), (("d", 1),)),
        (
            abs(value.nanoseconds),
            (("h", 3_600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("us", 1_000), ("ns", 1)),
        ),
    )
    found = "-" if min(value.months, value.days, value.nanoseconds) < 0 else ""
    for rest, units in parts:
        for unit, size in units:
            count, rest = divmod(rest, size)
            found += f"{count}{unit}" if count else ""
    return found


def time_to_iso(time: TimeColumn) -> Convert:
    """Return what makes ISO 8601 in UTC of a value of a view's time column; what is no such time stays as it is."""

    def make(value: Any) -> Any:
        moment = find_moment(time, value)
        return value if moment is None else instant_text(moment)

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
    (cql.DateType, {"type": "string", "format": "date-time"}),
    (cql.SimpleDateType, {"type": "string", "format": "date"}),
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
