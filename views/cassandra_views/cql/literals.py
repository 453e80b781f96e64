"""Whether a term is a value that a column of a type takes, in the server's words where it is none; tried on 5.0.9."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from cassandra_views.cql.functions import (
    NO_AGGREGATES,
    arithmetic_refusal,
    call_refusal,
    conversion_refusal,
    result_type,
)
from cassandra_views.cql.native_functions import is_compatible
from cassandra_views.cql.printing import server_term
from cassandra_views.cql.types import BadType, CqlType, parse_type, whole
from cassandra_views.model.statement import (
    Arithmetic,
    Call,
    Conversion,
    Literal,
    LiteralKind,
    Mapping,
    Name,
    Null,
    Sequence,
    Shape,
    Term,
    TypeHint,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserNames:
    """What users named in a keyspace.

    Args:
        types: the fields of each user-defined type; of one that is missing nothing is said.
        functions: the functions, None where they are not known: then nothing is said of one that is not the server's.
        aggregates: those of them that no WHERE clause can hold.
    """

    types: MappingOf[str, tuple[tuple[str, CqlType], ...]] = field(default_factory=dict)
    functions: frozenset[str] | None = None
    aggregates: frozenset[str] = frozenset()


_K = LiteralKind
_NUMBERS = ("bigint", "counter", "decimal", "double", "float", "int", "smallint", "tinyint", "varint")
_TYPES = {
    _K.STRING: ("ascii", "text", "inet", "date", "time", "timestamp"),
    _K.INTEGER: (*_NUMBERS, "date", "duration", "time", "timestamp"),
    _K.FLOAT: ("decimal", "double", "float"),
    _K.BOOLEAN: ("boolean",),
    _K.UUID: ("uuid", "timeuuid"),
    _K.BLOB: ("blob", "tinyint"),
    _K.DURATION: ("duration",),
}
_KIND_WORDS = {kind: kind.name for kind in LiteralKind} | {LiteralKind.BLOB: "HEX"}
_BITS = {"tinyint": (8, "byte"), "smallint": (16, "short"), "int": (32, "int"), "bigint": (64, "long")}
_BITS["counter"] = _BITS["bigint"]
TIMESTAMP = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2})(?::(?P<second>[0-9]{1,2})(?:\.[0-9]{1,9})?)?)?"
    r"(?P<zone> ?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?|[A-Za-z]{3,}(?:/[A-Za-z_]+)*))?"
)
_DATE = re.compile(r"[+-]?(?P<year>[0-9]{4,9})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})")
_TIME = re.compile(r"(?P<hour>[0-9]+):(?P<minute>[0-9]+):(?P<second>[0-9]+)(?:\.[0-9]{1,9})?")
_NANOSECONDS_A_DAY = 86_400_000_000_000


def value_refusal(term: Term, wanted: CqlType, column: str, names: UserNames, token: tuple[CqlType, ...] = ()) -> str:
    """Return why a server takes the term for no value of the type, in its words; "" where it takes it.

    Args:
        wanted: the type of what receives the value.
        column: how the server names that.
        token: the types of the base's partition key, which ``token()`` takes.
    """

    def inner(one: Term, type_: CqlType) -> str:
        return value_refusal(one, type_, column, names, token)

    match term:
        case Literal():
            if not is_assignable(term, wanted, names):
                kind = _KIND_WORDS[term.kind]
                return f'Invalid {kind} constant ({term.written or term.text}) for "{column}" of type {wanted}'
            return _text_refusal(term, wanted)
        case TypeHint(type=hint, term=one):
            return _hint_refusal(term, hint, one, wanted, column, names, token)
        case Sequence(shape=Shape.TUPLE, items=(one,)) if wanted.name != "tuple" and not wanted.is_user_defined:
            return inner(one, wanted)  # parentheses
        case Sequence(shape=shape):
            return _sequence_refusal(term, shape, wanted, column, names, token)
        case Mapping(entries=entries) if any(isinstance(key, Name) for key, _ in entries):
            return _fields_refusal(entries, wanted, column, names, token)
        case Mapping(entries=entries):
            if wanted.name != "map" or wanted.is_user_defined:
                return f"Invalid map literal for {column} of type {wanted}"
            for each in entries:
                for part, one, type_ in zip(("key", "value"), each, wanted.arguments, strict=True):
                    if not is_assignable(one, type_, names):
                        return f"Invalid map literal for {column}: {part} {server_term(one)} is not of type {type_}"
            return _inner_refusal(
                [(one, type_) for each in entries for one, type_ in zip(each, wanted.arguments, strict=True)],
                column,
                names,
                token,
                "collections",
            )
        case Call():
            if term.function in names.aggregates and term.keyspace != "system":
                return NO_AGGREGATES
            return call_refusal(term, wanted, column, token, names.functions, inner)
        case Conversion():
            return conversion_refusal(term, wanted, column, inner)
        case Arithmetic():
            return arithmetic_refusal(term, wanted, inner)
        case _:
            return ""


def is_assignable(term: Term, wanted: CqlType, names: UserNames) -> bool:
    """Tell whether a server's test of types lets the term pass, whatever its text says."""
    match term:
        case Literal(kind=kind):
            if wanted.is_user_defined or wanted.name in ("list", "set", "map", "vector"):
                return False
            return wanted.is_custom or wanted.name == "tuple" or wanted.name in _TYPES[kind]
        case TypeHint(type=hint):
            found = _parsed(hint)
            return found is None or is_compatible(found, wanted)
        case Sequence(shape=Shape.TUPLE, items=(one,)) if wanted.name != "tuple" and not wanted.is_user_defined:
            return is_assignable(one, wanted, names)
        case Call() | Conversion() | Arithmetic():
            found = result_type(term)
            return found is None or is_compatible(found, wanted)
        case Sequence(shape=shape, items=items):
            kinds = {Shape.LIST: ("list", "vector"), Shape.SET: ("set", "map"), Shape.TUPLE: ("tuple",)}[shape]
            if wanted.is_user_defined:
                return shape is Shape.TUPLE
            if wanted.name not in kinds or (wanted.name == "map" and items):
                return False
            if shape is Shape.TUPLE:
                pairs = zip(items, wanted.arguments, strict=False)
                return len(items) <= len(wanted.arguments) and all(is_assignable(*pair, names) for pair in pairs)
            return all(is_assignable(one, wanted.arguments[0], names) for one in items)
        case Mapping(entries=entries) if any(isinstance(key, Name) for key, _ in entries):
            return wanted.is_user_defined
        case Mapping(entries=entries):
            if wanted.name != "map" or wanted.is_user_defined:
                return False
            key, value = wanted.arguments
            return all(is_assignable(k, key, names) and is_assignable(v, value, names) for k, v in entries)
        case _:
            return True


def _parsed(text: str) -> CqlType | None:
    try:
        return parse_type(text)
    except BadType:
        return None


def _hint_refusal(
    term: Term, hint: str, one: Term, wanted: CqlType, column: str, names: UserNames, token: tuple[CqlType, ...]
) -> str:
    found = _parsed(hint)
    if found is None:
        return ""
    if found.is_user_defined and names.types and found.name not in names.types:
        return f"Unknown type {found.name}"
    if not is_assignable(one, found, names):
        return f"Cannot cast value {server_term(one)} to type {found}"
    if not is_compatible(found, wanted):
        return f"Cannot assign value {server_term(term)} to {column} of type {wanted}"
    return value_refusal(one, wanted, column, names, token)


def _sequence_refusal(
    term: Sequence, shape: Shape, wanted: CqlType, column: str, names: UserNames, token: tuple[CqlType, ...]
) -> str:
    items = term.items
    name = "" if wanted.is_user_defined else wanted.name
    if shape is Shape.LIST:
        if name not in ("list", "vector"):
            return f"Unexpected receiver type '{wanted}'; only list and vector are expected"
        element = wanted.arguments[0]
        if name == "vector" and len(items) != wanted.dimension:
            expected = f"expected {wanted.dimension} elements, but given {len(items)}"
            return f"Invalid vector literal for {column} of type {wanted}; {expected}"
        for one in items:
            if not is_assignable(one, element, names):
                return f"Invalid {name} literal for {column}: value {server_term(one)} is not of type {element}"
        kind = "vectors" if name == "vector" else "collections"
        return _inner_refusal([(one, element) for one in items], column, names, token, kind)
    if shape is Shape.SET:
        if name == "map" and not items:
            return ""
        if name != "set":
            return f"Invalid set literal for {column} of type {wanted}"
        element = wanted.arguments[0]
        for one in items:
            if not is_assignable(one, element, names):
                return f"Invalid set literal for {column}: value {server_term(one)} is not of type {element}"
        return _inner_refusal([(one, element) for one in items], column, names, token, "collections")
    if wanted.is_user_defined:
        fields = names.types.get(wanted.name)
        if fields is None:
            return ""
        components = tuple(type_ for _, type_ in fields)
    elif name == "tuple":
        components = wanted.arguments
    else:
        return f"Invalid tuple type literal for {column} of type {wanted}"
    for index, one in enumerate(items):
        if index >= len(components):
            counts = f"Type {wanted} expects {len(components)} but got {len(items)}"
            return f"Invalid tuple literal for {column}: too many elements. {counts}"
        # What stands in brackets is told of by its own check, which comes first.
        nested = isinstance(one, Sequence) and one.shape is Shape.LIST
        if nested and components[index].name not in ("list", "vector"):
            return f"Unexpected receiver type '{components[index]}'; only list and vector are expected"
        if not is_assignable(one, components[index], names):
            return f"Invalid tuple literal for {column}: component {index} is not of type {components[index]}"
    return _inner_refusal(list(zip(items, components, strict=False)), column, names, token, "")


def _inner_refusal(
    pairs: Iterable[tuple[Term, CqlType]], column: str, names: UserNames, token: tuple[CqlType, ...], nulls: str
) -> str:
    """Return the first refusal of what a literal holds; ``nulls`` names what can hold no null."""
    for one, type_ in pairs:
        if nulls and isinstance(one, Null):
            return f"null is not supported inside {nulls}"
        if reason := value_refusal(one, type_, column, names, token):
            return reason
    return ""


def _fields_refusal(
    entries: tuple[tuple[Term, Term], ...], wanted: CqlType, column: str, names: UserNames, token: tuple[CqlType, ...]
) -> str:
    if not wanted.is_user_defined:
        return f"Invalid user type literal for {column} of type {wanted}"
    fields = names.types.get(wanted.name)
    if fields is None:
        return ""
    given = {key.name: value for key, value in entries if isinstance(key, Name)}
    for name, type_ in fields:
        value = given.get(name)
        if isinstance(value, Sequence) and value.shape is Shape.LIST and type_.name not in ("list", "vector"):
            return f"Unexpected receiver type '{type_}'; only list and vector are expected"
        if value is not None and not is_assignable(value, type_, names):
            return f"Invalid user type literal for {column}: field {name} is not of type {type_}"
    for name in given:
        if name not in dict(fields):
            return f"Unknown field '{name}' in value of user defined type {wanted.name}"
    return _inner_refusal([(given[name], type_) for name, type_ in fields if name in given], column, names, token, "")


def _text_refusal(literal: Literal, wanted: CqlType) -> str:
    """Return why a text of a kind that fits cannot be read as the type."""
    text, name = literal.text, wanted.name
    if wanted.is_custom or wanted.is_user_defined:
        return ""
    if literal.kind is LiteralKind.BLOB:
        # Whatever receives it: its bytes are not read.
        return f"cannot parse '{text[2:]}' as hex bytes" if len(text) % 2 else ""
    if name in _BITS:
        bits, word = _BITS[name]
        is_in = -(2 ** (bits - 1)) <= whole(text) < 2 ** (bits - 1)
        return "" if is_in else f"Unable to make {word} from '{text}'"
    match name:
        case "ascii" if not text.isascii():
            cause = "java.nio.charset.UnmappableCharacterException: Input length = 1"
            return f"Invalid ASCII character in string literal: {cause}"
        case "inet" if text and not _is_address(text):
            return f"Unable to make inet address from '{text}'"
        case "timeuuid" if UUID(text).version != 1:
            return "TimeUUID supports only version 1 UUIDs"
        case "duration" if literal.kind is LiteralKind.INTEGER:
            return f"Unable to convert '{text}' to a duration"
        case "decimal" if text in ("NaN", "Infinity", "-Infinity"):
            return f"unable to make BigDecimal from '{text}'"
        case "timestamp":
            return _timestamp_refusal(text)
        case "date":
            return _date_refusal(text)
        case "time":
            return _time_refusal(text)
        case "tuple":
            return _tuple_text_refusal(literal, wanted)
        case _:
            return ""


def _timestamp_refusal(text: str) -> str:
    if re.fullmatch(r"-?[0-9]+", text):
        return "" if -(2**63) <= whole(text) < 2**63 else f"Unable to make long (for date) from: '{text}'"
    match = TIMESTAMP.fullmatch(text)
    fits = match is not None and _is_in(match, month=(1, 12), day=(1, 31), hour=(0, 23), minute=(0, 59), second=(0, 59))
    return "" if not text or text.lower() == "now" or fits else f"Unable to parse a date/time from '{text}'"


def _date_refusal(text: str) -> str:
    if re.fullmatch(r"-?[0-9]+", text):
        return "" if 0 <= whole(text) < 2**32 else f"Unable to make unsigned int (for date) from: '{text}'"
    match = _DATE.fullmatch(text)
    if match is not None:
        year = whole(match["year"])
        try:
            date(2000 + year % 400, int(match["month"]), int(match["day"]))
        except ValueError:
            match = None
    return "" if match is not None else f"Unable to coerce '{text}' to a formatted date (long)"


def _time_refusal(text: str) -> str:
    if re.fullmatch(r"-?[0-9]+", text):
        return "" if 0 <= whole(text) < _NANOSECONDS_A_DAY else f"Unable to make long (for time) from: '{text}'"
    match = _TIME.fullmatch(text)
    if match is not None and _is_in(match, hour=(0, 23), minute=(0, 59), second=(0, 59)):
        return ""
    return f"(TimeType) Unable to coerce '{text}' to a formatted time (long)"


def _tuple_text_refusal(literal: Literal, wanted: CqlType) -> str:
    parts = literal.text.split(":") if literal.text else []
    if len(parts) > len(wanted.arguments):
        counts = f"Type {wanted} expects {len(wanted.arguments)} but got {len(parts)}"
        return f"Invalid tuple literal: too many elements. {counts}"
    for part, type_ in zip(parts, wanted.arguments, strict=False):
        kind = LiteralKind.STRING
        if type_.name in _BITS and not re.fullmatch(r"[+-]?[0-9]+", part):
            return f"Unable to make {_BITS[type_.name][1]} from '{part}'"
        if type_.name not in ("blob", "uuid", "timeuuid") and (reason := _text_refusal(Literal(kind, part), type_)):
            return reason
    return ""


def _is_in(match: re.Match[str], **limits: tuple[int, int]) -> bool:
    return all(match[name] is None or low <= whole(match[name]) <= high for name, (low, high) in limits.items())


def _is_address(text: str) -> bool:
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+){0,3}", text):
        # Java takes fewer than four parts, too; the last one fills what is left.
        *parts, last = map(whole, text.split("."))
        return all(part < 256 for part in parts) and last < 256 ** (4 - len(parts))
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return text == "localhost"
    return "%" not in text
