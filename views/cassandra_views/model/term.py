"""What stands for a value in CQL: constants, collections, calls, arithmetic, and the place each has in a file.

Holds whatever the language can say, also what a server or our lint refuses, so that the refusal can name it.
Places are carried along and take no part in comparisons.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class At:
    """A line and a column in a file, both from 1; zeros where unknown."""

    line: int = 0
    column: int = 0


NOWHERE = At()


class LiteralKind(Enum):
    """How a literal is spelled, which is not always the type it becomes."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    UUID = "uuid"
    BLOB = "blob"
    DURATION = "duration"


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; ``text`` is its one canonical spelling (of a string: the characters it stands for)."""

    kind: LiteralKind
    text: str
    at: At = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Null:
    """``NULL`` as a value."""


class WindowBound(Enum):
    """The two named markers that a template's ``in_window()`` leaves for the window's bounds."""

    START = "window_start"
    END = "window_end"


class Shape(Enum):
    """What encloses a sequence of terms."""

    LIST = "[]"
    SET = "{}"
    TUPLE = "()"


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list, set or tuple literal; ``{}`` is a set here, though it may stand for an empty map."""

    shape: Shape
    items: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A map literal; with bare names for keys it is a literal of a user-defined type."""

    entries: tuple[tuple[Term, Term], ...]


@dataclass(frozen=True, slots=True)
class Name:
    """A bare name: a column in SELECT, a field in a literal of a user-defined type, else a mistake."""

    name: str
    qualifier: str | None = None
    at: At = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class TypeHint:
    """``(type) term``."""

    type: str
    term: Term


@dataclass(frozen=True, slots=True)
class Conversion:
    """``CAST(term AS type)``."""

    term: Term
    type: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function call."""

    function: str
    arguments: tuple[Term, ...]
    keyspace: str | None = None
    at: At = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``left operator right``; a negation has no ``left``."""

    operator: str
    left: Term | None
    right: Term


@dataclass(frozen=True, slots=True)
class Part:
    """``term[key]``, ``term[first..last]`` or ``term.field``: a part of a value, in SELECT only."""

    term: Term
    field: str | None = None
    first: Term | None = None
    last: Term | None = None
    is_slice: bool = False


Term: TypeAlias = (
    Literal | Null | WindowBound | Sequence | Mapping | Name | TypeHint | Conversion | Call | Arithmetic | Part
)


def terms_in(term: Term) -> Iterator[Term]:
    """Yield the term and all terms inside it."""
    yield term
    match term:
        case Sequence(items=items) | Call(arguments=items):
            inner: tuple[Term | None, ...] = items
        case Mapping(entries=entries):
            inner = tuple(one for entry in entries for one in entry)
        case TypeHint(term=one) | Conversion(term=one):
            inner = (one,)
        case Arithmetic(left=left, right=right):
            inner = (left, right)
        case Part(term=one, first=first, last=last):
            inner = (one, first, last)
        case _:
            return
    for part in inner:
        if part is not None:
            yield from terms_in(part)
