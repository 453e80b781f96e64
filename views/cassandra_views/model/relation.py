"""One condition of a WHERE clause as a value, also one that a server or our lint refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from cassandra_views.model.term import NOWHERE, At, Term, WindowBound, terms_in


class Operator(Enum):
    """What a relation asks; the values are how CQL spells it."""

    EQUAL = "="
    NOT_EQUAL = "!="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    IN = "IN"
    NOT_IN = "NOT IN"
    BETWEEN = "BETWEEN"
    LIKE = "LIKE"
    CONTAINS = "CONTAINS"
    CONTAINS_KEY = "CONTAINS KEY"
    NOT_CONTAINS = "NOT CONTAINS"
    NOT_CONTAINS_KEY = "NOT CONTAINS KEY"
    IS_NOT_NULL = "IS NOT NULL"
    INDEX_EXPRESSION = "expr"

    @property
    def is_range(self) -> bool:
        """Whether this is one of ``<``, ``<=``, ``>``, ``>=``."""
        return self in _RANGES


_RANGES = frozenset((Operator.LESS, Operator.LESS_OR_EQUAL, Operator.GREATER, Operator.GREATER_OR_EQUAL))


class Subject(Enum):
    """What stands on the left of a relation."""

    COLUMN = "column"
    TUPLE = "tuple of columns"
    TOKEN = "token()"
    ELEMENT = "element of a column"
    INDEX = "custom index"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One condition of a WHERE clause.

    Args:
        columns: those on the left; of an index expression, the index's name.
        values: one for a comparison, any number for IN, two for BETWEEN, none for IS NOT NULL.
        element: the key in ``column[key] = value``.
    """

    columns: tuple[str, ...]
    operator: Operator
    values: tuple[Term, ...] = ()
    subject: Subject = Subject.COLUMN
    element: Term | None = None
    at: At = field(default=NOWHERE, compare=False)

    @property
    def bounds(self) -> tuple[WindowBound, ...]:
        """The window's bounds it holds, at any depth."""
        return tuple(inner for value in self.values for inner in terms_in(value) if isinstance(inner, WindowBound))
