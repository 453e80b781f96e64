"""Which type each literal inside a value is read as, and what of it depends on the server that reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from cassandra_views.cql.functions import argument_types
from cassandra_views.cql.literals import TIMESTAMP, UserNames
from cassandra_views.cql.types import BadType, CqlType, parse_type
from cassandra_views.model.statement import (
    Arithmetic,
    Call,
    Conversion,
    Literal,
    LiteralKind,
    Mapping,
    Name,
    Sequence,
    Shape,
    Term,
    TypeHint,
)

_FLOAT_MAX = 3.4028235677973366e38
_COLON = re.compile(r"(?<!\\):")


def received_literals(term: Term, wanted: CqlType, names: UserNames) -> Iterator[tuple[Literal, CqlType]]:
    """Yield each literal of a value with the type that a server reads it as; a value that is refused gives what it may.

    Args:
        wanted: the type of what receives the value.
    """
    match term:
        case Literal(kind=LiteralKind.STRING, text=text, at=at) if wanted.name == "tuple" and wanted.arguments:
            yield term, wanted
            parts = [Literal(LiteralKind.STRING, part.replace("\\:", ":"), at) for part in _COLON.split(text)]
            yield from _each(zip(parts, wanted.arguments, strict=False), names)
        case Literal():
            yield term, wanted
        case Sequence(shape=Shape.TUPLE, items=(one,)) if wanted.name != "tuple" and not wanted.is_user_defined:
            yield from received_literals(one, wanted, names)  # parentheses
        case Sequence(shape=Shape.TUPLE, items=items):
            types = [type_ for _, type_ in names.types.get(wanted.name, ())]
            yield from _each(zip(items, types if wanted.is_user_defined else wanted.arguments, strict=False), names)
        case Sequence(items=items) if wanted.arguments:
            yield from _each(((one, wanted.arguments[0]) for one in items), names)
        case Mapping(entries=entries) if wanted.is_user_defined:
            fields = dict(names.types.get(wanted.name, ()))
            given = [(value, fields.get(key.name)) for key, value in entries if isinstance(key, Name)]
            yield from _each(((value, type_) for value, type_ in given if type_ is not None), names)
        case Mapping(entries=entries) if len(wanted.arguments) == 2:
            yield from _each((pair for each in entries for pair in zip(each, wanted.arguments, strict=True)), names)
        case TypeHint(term=one):
            yield from received_literals(one, wanted, names)
        case Conversion(term=TypeHint(type=text) as one):
            yield from _each([(one, type_) for type_ in _parsed(text)], names)
        case Arithmetic(left=left, right=right):
            yield from _each([(one, wanted) for one in (left, right) if one is not None], names)
        case Call(arguments=arguments):
            types = list(argument_types(term, wanted))
            if not types:
                pairs = [(one, type_) for one in arguments if isinstance(one, TypeHint) for type_ in _parsed(one.type)]
                yield from _each(pairs, names)
            yield from _each(zip(arguments, types, strict=False), names)
        case _:
            return


def _each(pairs: Iterable[tuple[Term, CqlType]], names: UserNames) -> Iterator[tuple[Literal, CqlType]]:
    for one, type_ in pairs:
        yield from received_literals(one, type_, names)


def _parsed(text: str) -> list[CqlType]:
    try:
        return [parse_type(text)]
    except BadType:
        return []


def is_clock(literal: Literal, type_: CqlType) -> bool:
    """Tell whether this is the timestamp ``'now'``: each server reads its own clock."""
    return type_.name == "timestamp" and literal.kind is LiteralKind.STRING and literal.text.lower() == "now"


def lacks_zone(literal: Literal, type_: CqlType) -> bool:
    """Tell whether this is a timestamp's text without a zone: each server reads it in its own zone."""
    if type_.name != "timestamp" or literal.kind is not LiteralKind.STRING:
        return False
    match = TIMESTAMP.fullmatch(literal.text)
    return match is not None and match["zone"] is None


def overflows(literal: Literal, type_: CqlType) -> bool:
    """Tell whether a server takes the number and makes an infinite one of it."""
    if type_.name not in ("float", "double") or literal.kind not in (LiteralKind.FLOAT, LiteralKind.INTEGER):
        return False
    if literal.text in ("NaN", "Infinity", "-Infinity"):
        return False
    number = abs(float(literal.text))
    return number == float("inf") or (type_.name == "float" and number >= _FLOAT_MAX)


def is_empty(term: Term, type_: CqlType) -> bool:
    """Tell whether a value has no bytes at all."""
    match term:
        case Literal(kind=LiteralKind.STRING, text="") | Literal(kind=LiteralKind.BLOB, text="0x"):
            return True
        case Sequence(shape=Shape.TUPLE, items=(one,)) if type_.name != "tuple" and not type_.is_user_defined:
            return is_empty(one, type_)
        case TypeHint(term=one):
            return is_empty(one, type_)
        case Conversion(term=one, type="text" | "ascii" | "varchar"):
            return is_empty(one, parse_type("text"))
        case Call(function=function, arguments=(one,)):
            name = function.replace("_", "")
            is_conversion = name.startswith("blobas") or name.endswith("asblob")
            return is_conversion and is_empty(one, parse_type("blob"))
        case _:
            return False
