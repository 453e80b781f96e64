"""Values as the server sends them: their order, which of them are one to it, and how a person reads them. Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from cassandra_views.model.times import instant_text

Key = Callable[[bytes], Any]

_MOST_CHARACTERS = 80
_MOST_BYTES = 24
_UNDECODABLE = (ValueError, ArithmeticError, LookupError, TypeError, AttributeError, struct.error)
"""What the driver raises where Python has no such value."""

_SIGNED = ("tinyint", "smallint", "int", "bigint", "varint", "timestamp", "counter")
_BYTE_ORDER = ("text", "ascii", "blob", "date", "time")


def order_key(type_: str) -> Key | None:
    """Return what makes of a value one that Python compares as the server does; None where that is not known.

    Args:
        type_: in its canonical spelling.
    """
    key = _ORDER_KEYS.get(type_)
    if key is None:
        return None
    return lambda value: (1, key(value)) if value else (0, b"")


def canonical_form(type_: str) -> Callable[[bytes], bytes] | None:
    """Return what makes equal bytes of two values that are one to the server; None where their bytes are equal."""
    return _CANONICAL_FORMS.get(type_)


def ttl_form(value: bytes) -> bytes:
    """Return which elements of a collection have a TTL: of ``TTL(column)``, whose figures fall from read to read."""
    return bytes(each is not None for each in elements_of(value))


def elements_of(value: bytes) -> Iterator[bytes | None]:
    """Yield the elements of a list, each behind its length; that of a null is below 0."""
    (count,), place = struct.unpack_from(">i", value), 4
    for _ in range(count):
        (size,) = struct.unpack_from(">i", value, place)
        place += 4
        yield value[place : place + size] if size >= 0 else None
        place += max(0, size)


def _signed(value: bytes) -> int:
    return int.from_bytes(value, "big", signed=True)


def _boolean(value: bytes) -> bool:
    return value[0] != 0


def _decimal(value: bytes) -> Decimal:
    unscaled, scale = _signed(value[4:]), _signed(value[:4])
    digits = []
    rest = abs(unscaled)
    while rest:
        rest, digit = divmod(rest, 10)
        digits.append(digit)
    return Decimal((int(unscaled < 0 and bool(digits)), tuple(reversed(digits)) or (0,), -scale))


def _canonical_varint(value: bytes) -> bytes:
    return b"%d" % _signed(value) if value else b""


def _canonical_decimal(value: bytes) -> bytes:
    if not value:
        return b""
    unscaled, scale = _signed(value[4:]), _signed(value[:4])
    while unscaled and unscaled % 10 == 0:
        unscaled, scale = unscaled // 10, scale - 1
    return b"%de%d" % (unscaled, -scale if unscaled else 0)


def _canonical_boolean(value: bytes) -> bytes:
    return (b"true" if value[0] else b"false") if value else b""


def _canonical_floating(form: str) -> Callable[[bytes], bytes]:
    def canonical(value: bytes) -> bytes:
        if not value:
            return b""
        (number,) = struct.unpack(form, value)
        return value if number == number else b"NaN"  # every NaN is one

    return canonical


def _floating(form: str) -> Key:
    def key(value: bytes) -> tuple[int, float, int]:
        (number,) = struct.unpack(form, value)
        if number != number:  # every NaN is one, and above all else
            return (1, 0.0, 0)
        return (0, number, 0 if value[0] & 0x80 else 1)  # -0.0 is below 0.0

    return key


def _timeuuid(value: bytes) -> Any:
    """By time, then by the signed bytes of the rest."""
    return (UUID(bytes=value).time, bytes(byte ^ 0x80 for byte in value[8:]))


def _uuid(value: bytes) -> Any:
    """By version, those of version 1 by time, then by bytes."""
    found = UUID(bytes=value)
    first = found.time if value[6] >> 4 == 1 else value[:8]
    return (value[6] >> 4, first, value[8:])


_ORDER_KEYS: dict[str, Key] = {
    **dict.fromkeys(_SIGNED, _signed),
    **dict.fromkeys(_BYTE_ORDER, bytes),
    "boolean": _boolean,
    "decimal": _decimal,
    "float": _floating(">f"),
    "double": _floating(">d"),
    "timeuuid": _timeuuid,
    "uuid": _uuid,
}

_CANONICAL_FORMS: dict[str, Callable[[bytes], bytes]] = {
    "boolean": _canonical_boolean,
    "decimal": _canonical_decimal,
    "double": _canonical_floating(">d"),
    "float": _canonical_floating(">f"),
    "varint": _canonical_varint,
}


def shown_row(row: Sequence[bytes | None], types: Sequence[Any], protocol_version: int) -> str:
    """Return a row's values for people, comma-separated.

    Args:
        types: the driver's type of each value.
    """
    return ", ".join(shown(value, type_, protocol_version) for value, type_ in zip(row, types, strict=True))


def shown(value: bytes | None, type_: Any, protocol_version: int) -> str:
    """Return a value for people; one that Python cannot hold as its type and its bytes in hex."""
    if value is None:
        return "null"
    try:
        decoded = type_.from_binary(value, protocol_version)
        return _shortened(_text(decoded)) if value or isinstance(decoded, str | bytes) else f"empty {_name(type_)}"
    except _UNDECODABLE:
        return f"{_name(type_)} {_hex(value)}"


def _name(type_: Any) -> str:
    name: str = type_.cql_parameterized_type()
    return "text" if name == "varchar" else name


def _hex(value: bytes) -> str:
    if len(value) <= _MOST_BYTES:
        return f"0x{value.hex()}"
    return f"0x{value[:_MOST_BYTES].hex()}... ({len(value):,} bytes)"


def _shortened(text: str) -> str:
    if len(text) <= _MOST_CHARACTERS:
        return text
    return f"{text[: _MOST_CHARACTERS // 2]}... ({len(text):,} characters)"


def _text(value: Any, *, is_inner: bool = False) -> str:
    match value:
        case None:
            return "null"
        case str():
            return value if value and value.isprintable() and not is_inner else repr(value)
        case bytes():
            return _hex(value)
        case float():
            return "NaN" if value != value else repr(value)
        case datetime():
            return instant_text(value.replace(tzinfo=UTC))
        case Mapping():
            pairs = (f"{_text(key, is_inner=True)}: {_text(each, is_inner=True)}" for key, each in value.items())
            return f"{{{', '.join(pairs)}}}"
        case tuple():
            return f"({_inner(value)})"
        case list():
            return f"[{_inner(value)}]"
        case _ if hasattr(value, "isdisjoint"):  # the driver's own sets among them
            return f"{{{_inner(value)}}}"
        case _:
            return str(value)


def _inner(values: Iterable[Any]) -> str:
    return ", ".join(_text(each, is_inner=True) for each in values)
