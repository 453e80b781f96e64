"""Whether a term is a value that a column of a type takes; stricter than the server where it is lax."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterable
from datetime import date
from uuid import UUID

from cassandra_views.cql.printing import term_cql
from cassandra_views.cql.types import BadType, CqlType, parse_type
from cassandra_views.model.statement import Literal, LiteralKind, Mapping, Sequence, Shape, Term, TypeHint

_INTEGER_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64, "counter": 64, "varint": 0}
_K = LiteralKind
_KINDS = {
    "ascii": (_K.STRING,),
    "text": (_K.STRING,),
    "inet": (_K.STRING,),
    "uuid": (_K.UUID,),
    "timeuuid": (_K.UUID,),
    "boolean": (_K.BOOLEAN,),
    "blob": (_K.BLOB,),
    "duration": (_K.DURATION,),
    "float": (_K.FLOAT, _K.INTEGER),
    "double": (_K.FLOAT, _K.INTEGER),
    "decimal": (_K.FLOAT, _K.INTEGER),
    "timestamp": (_K.STRING, _K.INTEGER),
    "date": (_K.STRING, _K.INTEGER),
    "time": (_K.STRING, _K.INTEGER),
} | dict.fromkeys(_INTEGER_BITS, (_K.INTEGER,))
_FLOAT_MAX = 3.4028235677973366e38
_DAY = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_TIMESTAMP = re.compile(
    rf"{_DAY}(?:[T ](?P<hour>[0-9]{{2}}):(?P<minute>[0-9]{{2}})"
    r"(?::(?P<second>[0-9]{2})(?:\.[0-9]{1,9})?)?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_TIME = re.compile(r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:\.[0-9]{1,9})?")
_NANOSECONDS_A_DAY = 86_400_000_000_000


def mismatch(term: Term, wanted: CqlType, column: str) -> str:
    """Return why the term is no value of the type, in the server's words where it has some, else ""."""
    match term:
        case Literal():
            return _literal_mismatch(term, wanted, column)
        case TypeHint(type=hint, term=inner):
            if _plain(hint) != str(wanted).removeprefix("frozen<").removesuffix(">" if wanted.is_frozen else ""):
                return f"Cannot assign value {term_cql(term)} to {column} of type {wanted}"
            return mismatch(inner, wanted, column)
        case Sequence(shape=Shape.TUPLE, items=items) if wanted.name == "tuple":
            if len(items) != len(wanted.arguments):
                return _count("tuple", column, wanted, len(wanted.arguments), len(items))
            return _first(mismatch(one, type_, column) for one, type_ in zip(items, wanted.arguments, strict=True))
        case Sequence(shape=Shape.LIST, items=items) if wanted.name in ("list", "vector"):
            if wanted.dimension and len(items) != wanted.dimension:
                return _count("vector", column, wanted, wanted.dimension, len(items))
            return _first(mismatch(one, wanted.arguments[0], column) for one in items)
        case Sequence(shape=Shape.SET, items=()) if wanted.name == "map":
            return ""
        case Sequence(shape=Shape.SET, items=items) if wanted.name == "set":
            return _first(mismatch(one, wanted.arguments[0], column) for one in items)
        case Mapping(entries=entries) if wanted.name == "map":
            key, value = wanted.arguments
            return _first(mismatch(k, key, column) or mismatch(v, value, column) for k, v in entries)
        case _:
            return f"Invalid value {term_cql(term)} for {column} of type {wanted}"


def _count(what: str, column: str, wanted: CqlType, expected: int, found: int) -> str:
    return f"Invalid {what} literal for {column}: type {wanted} expects {expected} but got {found}"


def lacks_zone(term: Term, wanted: CqlType) -> bool:
    """Tell whether this is a timestamp's text without a zone: each server reads it in its own zone."""
    if wanted.name != "timestamp" or not isinstance(term, Literal) or term.kind is not LiteralKind.STRING:
        return False
    match = _TIMESTAMP.fullmatch(term.text)
    return match is not None and match["zone"] is None


def _plain(hint: str) -> str:
    try:
        found = parse_type(hint)
    except BadType:
        return hint
    return str(found).removeprefix("frozen<").removesuffix(">" if found.is_frozen else "")


def _first(reasons: Iterable[str]) -> str:
    return next((reason for reason in reasons if reason), "")


def _literal_mismatch(literal: Literal, wanted: CqlType, column: str) -> str:
    if wanted.is_custom:
        return ""
    kinds = _KINDS.get(wanted.name, ()) if not wanted.is_user_defined else ()
    if literal.kind not in kinds:
        return f'Invalid {_SERVER_KINDS[literal.kind]} constant ({literal.text}) for "{column}" of type {wanted}'
    if _is_valid(literal, wanted.name):
        return ""
    return f"{term_cql(literal)} is no value of type {wanted}, which {column} has"


_SERVER_KINDS = {kind: kind.name for kind in LiteralKind} | {LiteralKind.BLOB: "HEX"}


def _is_valid(literal: Literal, name: str) -> bool:
    text = literal.text
    if name in _INTEGER_BITS:
        return _is_in_range(text, _INTEGER_BITS[name])
    match name:
        case "ascii":
            return text.isascii()
        case "blob":
            return len(text) % 2 == 0
        case "inet":
            return _is_address(text)
        case "timeuuid":
            return UUID(text).version == 1
        case "float" | "double" | "decimal":
            return _is_number(text, name)
        case "timestamp" | "date" | "time" if literal.kind is LiteralKind.INTEGER:
            number = int(text)
            limit = {"timestamp": 2**63, "date": 2**32, "time": _NANOSECONDS_A_DAY}[name]
            return (-limit if name == "timestamp" else 0) <= number < limit
        case "timestamp":
            return _is_moment(_TIMESTAMP.fullmatch(text))
        case "date":
            return _is_moment(re.fullmatch(_DAY, text))
        case "time":
            return _is_moment(_TIME.fullmatch(text))
        case _:
            return True


def _is_in_range(text: str, bits: int) -> bool:
    return bits == 0 or -(2 ** (bits - 1)) <= int(text) < 2 ** (bits - 1)


def _is_number(text: str, name: str) -> bool:
    if text in ("NaN", "Infinity", "-Infinity"):
        return name != "decimal"
    number = abs(float(text))
    return math.isfinite(number) and (name != "float" or number < _FLOAT_MAX)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _is_moment(match: re.Match[str] | None) -> bool:
    if match is None:
        return False
    parts = {name: int(value) for name, value in match.groupdict().items() if value and name != "zone"}
    if "year" in parts:
        try:
            date(parts["year"], parts["month"], parts["day"])
        except ValueError:
            return False
    return parts.get("hour", 0) < 24 and parts.get("minute", 0) < 60 and parts.get("second", 0) < 60
