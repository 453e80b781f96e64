"""CQL as values: terms, the relations of a WHERE clause, CREATE MATERIALIZED VIEW and CREATE TABLE.

These hold whatever the language can say, also what a server or our lint refuses, so that the refusal can name it.
Places in files are carried along and take no part in comparisons. Prints nothing and parses nothing:
``cassandra_views.cql`` does both.
"""

from __future__ import annotations

import operator
from collections import abc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import chain, count
from typing import Any, TypeAlias

from cassandra_views.model.schema import Column, ColumnKind, TableShape


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
    """A constant; ``text`` is its one canonical spelling (of a string: the characters it stands for).

    ``written`` is how the text spells a number, for messages; empty where it was not read from a text.
    """

    kind: LiteralKind
    text: str
    at: At = field(default=NOWHERE, compare=False)
    written: str = field(default="", compare=False)


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
class Subscript:
    """``term[key]``, ``term[first..last]`` or ``term.field``: a part of a value, in SELECT only."""

    term: Term
    field: str | None = None
    first: Term | None = None
    last: Term | None = None
    is_slice: bool = False


Term: TypeAlias = (
    Literal | Null | WindowBound | Sequence | Mapping | Name | TypeHint | Conversion | Call | Arithmetic | Subscript
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
        case Subscript(term=one, first=first, last=last):
            inner = (one, first, last)
        case _:
            return
    for part in inner:
        if part is not None:
            yield from terms_in(part)


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
COMPARISONS: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.LESS: operator.lt,
    Operator.LESS_OR_EQUAL: operator.le,
    Operator.GREATER: operator.gt,
    Operator.GREATER_OR_EQUAL: operator.ge,
}
"""What a comparison with one value means, where the values are in the server's order."""


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


OptionValue: TypeAlias = str | tuple[tuple[str, str], ...]
"""The server keeps every option as text, or as a map of texts: ``'1'`` and ``1`` are the same to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selected:
    """One item after SELECT."""

    term: Term
    alias: str | None = None
    at: At = field(default=NOWHERE, compare=False)

    @property
    def column(self) -> str | None:
        """The column, where the item is one by its plain name; else None."""
        if self.alias is None and isinstance(self.term, Name) and self.term.qualifier is None:
            return self.term.name
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One ``name = value`` after WITH."""

    name: str
    value: OptionValue
    at: At = field(default=NOWHERE, compare=False)

    @property
    def is_no_lifetime(self) -> bool:
        """Whether it is the ``default_time_to_live = 0`` that DESCRIBE of older servers prints of every view."""
        return self.name == "default_time_to_live" and self.value == "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewStatement:
    """A CREATE MATERIALIZED VIEW.

    Args:
        selected: empty for ``SELECT *``.
        clustering_order: pairs of column and whether it is descending, as written; empty where absent.
    """

    view: str
    base: str
    selected: tuple[Selected, ...]
    where: tuple[Relation, ...]
    partition_key: tuple[str, ...]
    clustering: tuple[str, ...] = ()
    clustering_order: tuple[tuple[str, bool], ...] = ()
    options: tuple[Option, ...] = ()
    keyspace: str | None = None
    base_keyspace: str | None = None
    if_not_exists: bool = False
    is_compact: bool = False
    at: At = field(default=NOWHERE, compare=False)
    base_at: At = field(default=NOWHERE, compare=False)
    key_at: At = field(default=NOWHERE, compare=False)
    order_at: At = field(default=NOWHERE, compare=False)

    @property
    def selects_all(self) -> bool:
        """Whether it says ``SELECT *``."""
        return not self.selected

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns selected by their plain names, in order; empty for ``SELECT *``."""
        return tuple(item.column for item in self.selected if item.column is not None)

    @property
    def key(self) -> tuple[str, ...]:
        """The whole primary key in its order."""
        return self.partition_key + self.clustering

    @property
    def descending(self) -> frozenset[str]:
        """The clustering columns that are descending."""
        return frozenset(name for name, is_descending in self.clustering_order if is_descending)

    @property
    def windowed_columns(self) -> tuple[str, ...]:
        """The columns that the window's bounds restrict, sorted."""
        return tuple(sorted({name for one in self.where if one.bounds for name in one.columns}))

    @property
    def inherits_order(self) -> bool:
        """Whether it has clustering columns and leaves their order to its base."""
        return bool(self.clustering) and not self.clustering_order

    def ordered_like(self, base: TableShape | None) -> ViewStatement:
        """Return the statement with its whole clustering order stated.

        Where it states none the server (4.0.2 and newer) keeps each column that clusters the base in the base's
        order, and every other ascending. Without a base all are ascending.
        """
        if not self.inherits_order or len(set(self.clustering)) < len(self.clustering):
            return self
        return replace(self, clustering_order=order_from(base, self.clustering))

    def with_renamed_columns(self, names: abc.Mapping[str, str]) -> ViewStatement:
        """Return the statement of the same view after columns of its base have got new names.

        Args:
            names: the new name by the old one.
        """

        def renamed(columns: Iterable[str]) -> tuple[str, ...]:
            return tuple(names.get(column, column) for column in columns)

        return replace(
            self,
            selected=tuple(
                replace(item, term=Name(name=names.get(item.column, item.column))) if item.column else item
                for item in self.selected
            ),
            where=tuple(replace(one, columns=renamed(one.columns)) for one in self.where),
            partition_key=renamed(self.partition_key),
            clustering=renamed(self.clustering),
            clustering_order=tuple((names.get(name, name), descending) for name, descending in self.clustering_order),
        )

    def find_option(self, name: str) -> Option | None:
        """Return the option of that name, None where it is not given."""
        return next((option for option in self.options if option.name == name), None)


def order_from(base: TableShape | None, clustering: Iterable[str]) -> tuple[tuple[str, bool], ...]:
    """Return the order in which a view over the base keeps these columns where its statement states none."""
    descending = {column.name for column in base.clustering if column.is_descending} if base else set()
    return tuple((name, name in descending) for name in clustering)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDeclaration:
    """One column of a CREATE TABLE; ``mask`` is the function after MASKED WITH."""

    name: str
    type: str
    is_static: bool = False
    mask: Call | None = None
    at: At = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableStatement:
    """A CREATE TABLE; an inline ``PRIMARY KEY`` is read into ``partition_key``."""

    table: str
    columns: tuple[ColumnDeclaration, ...]
    partition_key: tuple[str, ...]
    clustering: tuple[str, ...] = ()
    clustering_order: tuple[tuple[str, bool], ...] = ()
    options: tuple[Option, ...] = ()
    keyspace: str | None = None
    if_not_exists: bool = False
    is_compact: bool = False
    at: At = field(default=NOWHERE, compare=False)
    key_at: At = field(default=NOWHERE, compare=False)
    order_at: At = field(default=NOWHERE, compare=False)

    @property
    def key(self) -> tuple[str, ...]:
        """The whole primary key in its order."""
        return self.partition_key + self.clustering

    def shape(self, keyspace: str) -> TableShape:
        """Return the table that this statement would create in the keyspace."""
        descending = {name for name, is_descending in self.clustering_order if is_descending}

        def column(one: ColumnDeclaration) -> Column:
            if one.name in self.partition_key:
                kind, position = ColumnKind.PARTITION_KEY, self.partition_key.index(one.name)
            elif one.name in self.clustering:
                kind, position = ColumnKind.CLUSTERING, self.clustering.index(one.name)
            else:
                kind, position = (ColumnKind.STATIC if one.is_static else ColumnKind.REGULAR), -1
            is_descending = kind is ColumnKind.CLUSTERING and one.name in descending
            return Column(name=one.name, type=one.type, kind=kind, position=position, is_descending=is_descending)

        columns = tuple(column(one) for one in self.columns)
        return TableShape(
            keyspace=self.keyspace or keyspace,
            name=self.table,
            columns=_compact_columns(columns) if self.is_compact else columns,
            options=tuple((option.name, option.value) for option in self.options),
            is_compact=self.is_compact,
        )


def _compact_columns(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return the columns that a server keeps of a table WITH COMPACT STORAGE: it adds some that nobody declared."""
    names = {column.name for column in columns}

    def free(name: str, first: str) -> str:
        others = (f"{name}{number}" for number in count(1))
        return next(one for one in chain([first] if first else [], others) if one not in names)

    value = Column(name=free("value", "value"), type="blob", kind=ColumnKind.REGULAR)
    if any(column.kind is ColumnKind.CLUSTERING for column in columns):
        if any(column.kind is ColumnKind.REGULAR for column in columns):
            return columns
        return (*columns, replace(value, type="'org.apache.cassandra.db.marshal.EmptyType'"))
    if any(column.type == "counter" for column in columns):
        value = replace(value, type="counter")
    declared = [replace(one, kind=ColumnKind.STATIC) if one.kind is ColumnKind.REGULAR else one for one in columns]
    return (*declared, Column(name=free("column", ""), type="text", kind=ColumnKind.CLUSTERING, position=0), value)
