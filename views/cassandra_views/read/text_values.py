"""Values of columns from texts: what a client or a person writes, checked and made into what is bound."""

from __future__ import annotations

import json
import math
import re
import uuid
from base64 import b16decode
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from ipaddress import ip_address
from typing import Any

from cassandra import cqltypes as cql

from cassandra_views.model.times import TimeColumn, TimeKind, parse_instant
from cassandra_views.read.canonical import Pairs
from cassandra_views.read.json_values import BITS, find_moment
from cassandra_views.read.time_texts import date_from_text, time_from_text, timestamp_from_text

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
    if issubclass(kind, cql.UTF8Type):
        return text
    if issubclass(kind, cql.AsciiType):
        if not text.isascii():
            raise ValueError("a text of ASCII letters")
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
        found = [from_json(kind.subtypes[0], each) for each in _list(value)]
        return found if issubclass(kind, cql.ListType) else _set(found)
    if issubclass(kind, cql.MapType):
        pairs = value.items() if isinstance(value, dict) else [_pair(each) for each in _list(value)]
        keys, values = kind.subtypes
        return _map((from_json(keys, key), from_json(values, each)) for key, each in pairs)
    if issubclass(kind, cql.TupleType):
        if issubclass(kind, cql.UserType) and isinstance(value, dict):
            if unknown := value.keys() - set(kind.fieldnames):
                raise ValueError(f"an object of {', '.join(kind.fieldnames)}; {sorted(unknown)[0]} is none of them")
            value = [value.get(name) for name in kind.fieldnames]
        parts = _list(value)
        if len(parts) > len(kind.subtypes):
            raise ValueError(f"a list of {len(kind.subtypes)} values")
        return tuple(None if one is None else from_json(of, one) for of, one in zip(kind.subtypes, parts, strict=False))
    if issubclass(kind, cql.VectorType):
        return [from_json(kind.subtype, each) for each in _list(value)]
    if isinstance(value, dict | list):
        raise ValueError(f"a value of type {kind.cql_parameterized_type()}")
    return from_text(kind, value if isinstance(value, str) else json.dumps(value))


def _set(found: list[Any]) -> Any:
    try:
        return set(found)
    except TypeError:  # what Python cannot hold in a set, the driver takes as a list
        return found


def _map(found: Iterable[tuple[Any, Any]]) -> Any:
    pairs = Pairs(found)
    try:
        return dict(pairs)
    except TypeError:
        return pairs


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list as JSON")
    return value


def _pair(value: Any) -> tuple[Any, Any]:
    if not isinstance(value, list) or len(value) != 2:
        raise ValueError("an object, or a list of pairs of key and value, as JSON")
    return value[0], value[1]
