"""Values of columns as JSON and as texts: what clients are given, and what they give.

JSON is as ``SELECT JSON`` writes it, with few exceptions: ``decimal`` and ``varint`` are texts, which lose no digit on
their way; NaN and the infinities are texts, for which JSON has no number; a map whose keys are no texts is a list of
pairs.
"""

from __future__ import annotations

import json
import math
import re
import uuid
from base64 import b16decode
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from typing import Any

from cassandra import cqltypes as cql

from cassandra_views.model.times import TimeColumn, TimeKind, instant_text, parse_instant
from cassandra_views.read.driver_values import Pairs
from cassandra_views.read.result import ViewColumn
from cassandra_views.read.time_texts import (
    date_from_text,
    date_to_text,
    duration_to_text,
    time_from_text,
    time_to_text,
    timestamp_from_text,
    timestamp_to_text,
)

Convert = Callable[[Any], Any]

BITS: dict[Any, int] = {
    cql.ByteType: 8,
    cql.ShortType: 16,
    cql.Int32Type: 32,
    cql.LongType: 64,
    cql.CounterColumnType: 64,
}
"""The whole numbers of a fixed size."""


def unchanged(value: Any) -> Any:
    """Return the value as it is."""
    return value


def row_converters(
    columns: Sequence[ViewColumn], special: Mapping[str, Convert] | None = None
) -> tuple[tuple[int, Convert], ...]:
    """Return what has to be done with the values of a row, by their places in it.

    Args:
        special: for columns, by their names, that are not converted by their types.
    """
    makers = [(special or {}).get(column.name) or to_json(column.driver_type) for column in columns]
    return tuple((place, make) for place, make in enumerate(makers) if make is not unchanged)


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
    """Return what makes JSON's value of one of this type; ``unchanged`` where nothing has to be done. Null is null."""
    if issubclass(kind, cql.FrozenType | cql.ReversedType):
        return to_json(kind.subtypes[0])
    make = _json_of(kind)
    return make if make is unchanged else lambda value: None if value is None else make(value)


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
    if issubclass(kind, cql.ListType | cql.SetType | cql.VectorType):
        inner = to_json(kind.subtype if issubclass(kind, cql.VectorType) else kind.subtypes[0])
        return lambda value: [inner(each) for each in value]
    if issubclass(kind, cql.MapType):
        return _map(kind)
    if issubclass(kind, cql.UserType):
        fields = [(name, to_json(of)) for name, of in zip(kind.fieldnames, kind.subtypes, strict=True)]
        return lambda value: {name: make(each) for (name, make), each in zip(fields, value, strict=False)}
    if issubclass(kind, cql.TupleType):
        makers = [to_json(of) for of in kind.subtypes]
        return lambda value: [make(each) for make, each in zip(makers, value, strict=False)]
    if issubclass(kind, cql.DurationType):
        return duration_to_text
    plain = (cql.UTF8Type, cql.AsciiType, cql.BooleanType, *BITS)
    return unchanged if issubclass(kind, plain) else str


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


_WHOLE = re.compile(r"[+-]?[0-9]{1,1000}\Z")
_INFINITY = re.compile(r"\s*[+-]?inf", re.IGNORECASE)


def from_text(kind: Any, text: str, time: TimeColumn | None = None) -> Any:
    """Return the value that a text names.

    Args:
        time: given for the view's time column: ISO 8601 is taken beside the table's own form.

    Raises:
        ValueError: it names no value of this type; the message says what one looks like.
    """
    if "\0" in text:
        raise ValueError("a text without a zero byte")
    if time is not None:
        return _time_from(kind, text, time)
    if issubclass(kind, cql.FrozenType | cql.ReversedType):
        return from_text(kind.subtypes[0], text)
    if getattr(kind, "subtypes", ()) or issubclass(kind, cql.VectorType):
        try:
            return from_json(kind, json.loads(text))
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"JSON, such as a list, for {kind.cql_parameterized_type()}") from error
    return _scalar(kind, text)


def _time_from(kind: Any, text: str, time: TimeColumn) -> Any:
    if time.kind is TimeKind.TEXT:
        if find_moment(time, text) is not None:
            return text
    else:
        try:
            return _scalar(kind, text)
        except ValueError:
            pass
    try:
        return time.value(parse_instant(text))
    except (ValueError, OverflowError) as error:
        own = f", or a text of the form {time.format}" if time.format else f", or a value of type {time.kind.value}"
        raise ValueError(f"a time as ISO 8601, such as 2026-03-01T10:15:00Z{own}") from error


def _scalar(kind: Any, text: str) -> Any:
    if issubclass(kind, cql.AsciiType) and not text.isascii():
        raise ValueError("a text of ASCII letters")
    if issubclass(kind, cql.UTF8Type | cql.AsciiType):
        return text
    for whole, bits in BITS.items():
        if issubclass(kind, whole):
            value = _integer(text)
            if not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
                raise ValueError(f"a whole number of {bits} bits")
            return value
    if issubclass(kind, cql.IntegerType):
        return _integer(text)
    if issubclass(kind, cql.BooleanType):
        if text.lower() not in ("true", "false"):
            raise ValueError("true or false")
        return text.lower() == "true"
    for other, make, example in _OTHERS:
        if issubclass(kind, other):
            try:
                return make(text)
            except (ValueError, OverflowError, InvalidOperation) as error:
                raise ValueError(example) from error
    raise ValueError(f"nothing: values of type {kind.cql_parameterized_type()} cannot be given here")


def _integer(text: str) -> int:
    if not _WHOLE.match(text):
        raise ValueError("a whole number")
    return int(text)


def _number(text: str) -> float:
    if "_" in text:
        raise ValueError
    found = float(text)
    if math.isinf(found) and not _INFINITY.match(text):
        raise ValueError
    return found


def _decimal(text: str) -> Decimal:
    found = Decimal(text)
    if "_" in text or not found.is_finite() or len(text) > 1000 or abs(found.adjusted()) > 10_000:
        raise ValueError
    return found


def _bytes(text: str) -> bytes:
    if not text.startswith("0x"):
        raise ValueError
    return b16decode(text[2:], casefold=True)


def _timeuuid(text: str) -> uuid.UUID:
    found = uuid.UUID(text)
    if found.version != 1:
        raise ValueError
    return found


# TimeUUIDType stands before DateType, which the driver derives it from.
_OTHERS: tuple[tuple[Any, Callable[[str], Any], str], ...] = (
    (cql.FloatType, _number, "a number"),
    (cql.DoubleType, _number, "a number"),
    (cql.DecimalType, _decimal, "a decimal number"),
    (cql.UUIDType, uuid.UUID, "a UUID"),
    (cql.TimeUUIDType, _timeuuid, "a UUID of version 1"),
    (cql.DateType, timestamp_from_text, "a time as ISO 8601, such as 2026-03-01T10:15:00Z"),
    (cql.SimpleDateType, date_from_text, "a date, such as 2026-03-01"),
    (cql.TimeType, time_from_text, "a time of day, such as 10:15:00.5"),
    (cql.InetAddressType, lambda text: str(ip_address(text)), "an IP address"),
    (cql.BytesType, _bytes, "bytes as hexadecimal digits after 0x"),
)


def from_json(kind: Any, value: Any) -> Any:
    """Return the value of a collection, tuple or user type that JSON's value names; texts name scalars.

    Raises:
        ValueError: it names no value of this type.
    """
    if issubclass(kind, cql.FrozenType | cql.ReversedType):
        return from_json(kind.subtypes[0], value)
    if value is None:
        raise ValueError("values, and null is none")
    if issubclass(kind, cql.ListType | cql.SetType):
        found = [from_json(kind.subtypes[0], each) for each in _checked_list(value)]
        return found if issubclass(kind, cql.ListType) else _to_set(found)
    if issubclass(kind, cql.MapType):
        pairs = value.items() if isinstance(value, dict) else [_checked_pair(each) for each in _checked_list(value)]
        keys, values = kind.subtypes
        return _to_map((from_json(keys, key), from_json(values, each)) for key, each in pairs)
    if issubclass(kind, cql.TupleType):
        if issubclass(kind, cql.UserType) and isinstance(value, dict):
            if unknown := value.keys() - set(kind.fieldnames):
                raise ValueError(f"an object of {', '.join(kind.fieldnames)}; {sorted(unknown)[0]} is none of them")
            value = [value.get(name) for name in kind.fieldnames]
        parts = _checked_list(value)
        if len(parts) > len(kind.subtypes):
            raise ValueError(f"a list of {len(kind.subtypes)} values")
        return tuple(None if one is None else from_json(of, one) for of, one in zip(kind.subtypes, parts, strict=False))
    if issubclass(kind, cql.VectorType):
        return [from_json(kind.subtype, each) for each in _checked_list(value)]
    if isinstance(value, dict | list):
        raise ValueError(f"a value of type {kind.cql_parameterized_type()}")
    return from_text(kind, value if isinstance(value, str) else json.dumps(value))


def _to_set(found: list[Any]) -> Any:
    try:
        return set(found)
    except TypeError:  # what Python cannot hold in a set, the driver takes as a list
        return found


def _to_map(found: Iterable[tuple[Any, Any]]) -> Any:
    pairs = Pairs(found)
    try:
        return dict(pairs)
    except TypeError:
        return pairs


def _checked_list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list as JSON")
    return value


def _checked_pair(value: Any) -> tuple[Any, Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("an object, or a list of pairs of key and value, as JSON")
    return value[0], value[1]
