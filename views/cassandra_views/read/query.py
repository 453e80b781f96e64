"""What a read asks of a physical view: which columns, how, and whether the key can answer it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from cassandra_views.model.errors import BadRead
from cassandra_views.model.names import nearest
from cassandra_views.read.physical import KeyColumn, PhysicalView

Shape = tuple[tuple[str, bool], ...]
"""The keys of a ``where``, each with whether its value holds several values."""

SEVERAL = (list, tuple, set, frozenset)
"""The kinds of values that mean IN where the column itself is no collection."""

OPERATORS = ("=", "<", "<=", ">", ">=", "IN")

_KEY = re.compile(r"\s*(?P<column>.*?)\s*(?P<op><=|>=|=|<|>|(?<=[\s\"])IN)?\s*\Z", re.IGNORECASE | re.DOTALL)
_QUOTED = re.compile(r'"((?:[^"]|"")+)"\Z')
_WORD = re.compile(r'\s*("(?:[^"]|"")+"|\w+)\s*(.*?)\s*\Z', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One condition.

    Args:
        op: one of OPERATORS.
        index: where its value stands among the values of the ``where``.
    """

    column: KeyColumn
    op: str
    index: int

    @property
    def mark(self) -> bytes:
        """What stands for the column and the operator where a query is digested."""
        return b"%s\0%s\0" % (self.column.name.encode(), self.op.encode())

    def __str__(self) -> str:
        return f"{self.column.cql} {self.op} ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The conditions of a read in the order of the key.

    Args:
        partition: one term for each column of the partition key, or none at all: the whole view.
        clustering: the terms of each restricted clustering column, a prefix of them.
        terms: all of them, in the order of the ``where``.
        has_inner_in: whether a clustering column is asked for by IN.
        partition_names: the columns of the partition key, also where none is given.
        flat: the terms of ``clustering``, one after another.
        rest: what follows ``SELECT ... FROM view`` for one partition, or for the whole view.
        by_column: the terms of each column.
        binding: of a read of one partition, where each value to bind stands among those of the ``where``; None for
            any other read.
    """

    partition: tuple[Term, ...]
    clustering: tuple[tuple[Term, ...], ...]
    terms: tuple[Term, ...]
    rest: str
    flat: tuple[Term, ...]
    has_inner_in: bool
    partition_names: tuple[str, ...]
    by_column: dict[str, tuple[Term, ...]]
    binding: tuple[int, ...] | None

    @property
    def is_whole(self) -> bool:
        """Tell whether no partition is named."""
        return not self.partition


def compile_query(view: PhysicalView, shape: Shape, *, on: str) -> Query:
    """Check the conditions against the key and put them in its order.

    Args:
        on: the logical view, for the errors.

    Raises:
        BadRead: an unknown column or operator, or a read that the key cannot answer.
    """
    found: dict[str, list[Term]] = {}
    terms = []
    for index, (text, is_several) in enumerate(shape):
        name, op = parse_key(text, view.columns, on=on)
        column = next((each for each in view.key if each.name == name), None)
        if column is None:
            raise BadRead(
                f"'{name}' is not part of the view's key, and only the key can be asked for",
                on=on,
                next=f"Ask by {_words(view)}, or add a view whose key holds '{name}'",
            )
        if not op:
            op = "IN" if is_several and not column.is_nested else "="
        term = Term(column=column, op=op, index=index)
        terms.append(term)
        found.setdefault(name, []).append(term)
    for name, several in found.items():
        _check_together(name, several, on)
    partition = _partition(view, found, on)
    clustering = _clustering(view, found, on)
    if clustering and not partition:
        raise BadRead(
            f"'{clustering[0][0].column.name}' is asked for without the partition key",
            on=on,
            next=f"Give {_names(view.partition)} too, or read the whole view with no conditions",
        )
    flat = tuple(term for each in clustering for term in each)
    conditions = [f"{term.column.cql} = ?" for term in partition] + [str(term) for term in flat]
    rest = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    is_one_partition = bool(partition) and all(term.op == "=" for term in partition)
    binding = tuple(term.index for term in (*partition, *flat)) if is_one_partition else None
    return Query(
        partition=partition,
        clustering=clustering,
        terms=tuple(terms),
        rest=rest,
        flat=flat,
        has_inner_in=any(term.op == "IN" for term in flat),
        partition_names=tuple(column.name for column in view.partition),
        by_column={name: tuple(several) for name, several in found.items()},
        binding=binding,
    )


def parse_key(text: Any, columns: tuple[str, ...], *, on: str) -> tuple[str, str]:
    """Return the column and the operator (empty where none is written) of one key of a ``where``.

    Raises:
        BadRead: there is no such column or operator.
    """
    if text in columns:
        return text, ""
    if not isinstance(text, str):
        raise BadRead(
            f"{text!r} is no key of a 'where'", on=on, next="Write 'column' or 'column op', such as 'total >='"
        )
    match = _KEY.match(text)
    if match is not None:
        name = _bare(match["column"])
        if name in columns:
            return name, (match["op"] or "").upper()
    word = _WORD.match(text)
    name, after = (_bare(word[1]), word[2]) if word else (text.strip(), "")
    if name in columns:
        raise BadRead(f"'{after}' is no operator in '{text}'", on=on, next=f"Use one of {' '.join(OPERATORS)}")
    raise BadRead(
        f"the view has no column '{name}'{nearest(name, list(columns))}",
        on=on,
        next=f"Its columns are {', '.join(columns)}",
    )


def _bare(text: str) -> str:
    match = _QUOTED.match(text)
    return match[1].replace('""', '"') if match else text


def _check_together(name: str, terms: list[Term], on: str) -> None:
    sides = [term.op[0] for term in terms]
    if len(terms) > 1 and (len(set(sides)) < len(sides) or not set(sides) <= {"<", ">"}):
        raise BadRead(
            f"'{name}' is asked for by {' and '.join(repr(term.op) for term in terms)} at once",
            on=on,
            next="Give one = or IN, or one lower and one upper bound",
        )


def _partition(view: PhysicalView, found: dict[str, list[Term]], on: str) -> tuple[Term, ...]:
    given = [column for column in view.partition if column.name in found]
    if given and len(given) < len(view.partition):
        missing = [column for column in view.partition if column.name not in found]
        raise BadRead(
            f"the partition key is given in part: {_names(tuple(missing))} is missing",
            on=on,
            next=f"Give all of {_names(view.partition)}, or read the whole view with no conditions",
        )
    for column in given:
        if found[column.name][0].op not in ("=", "IN"):
            raise BadRead(
                f"'{column.name}' is of the partition key and cannot be asked for by '{found[column.name][0].op}'",
                on=on,
                next="Give its values by = or IN, or read the whole view with no conditions",
            )
    return tuple(found[column.name][0] for column in given)


def _clustering(view: PhysicalView, found: dict[str, list[Term]], on: str) -> tuple[tuple[Term, ...], ...]:
    restricted: list[tuple[Term, ...]] = []
    gap = ""
    for column in view.clustering:
        terms = found.get(column.name)
        if terms is None:
            gap = gap or f"'{column.name}', which stands before it in the key, is not given"
            continue
        if gap:
            raise BadRead(
                f"'{column.name}' cannot be asked for: {gap}",
                on=on,
                next=f"The key is {_words(view)}: give its columns from the left, and a range last",
            )
        restricted.append(tuple(terms))
        if terms[0].op not in ("=", "IN"):
            gap = f"'{column.name}', which stands before it in the key, is given as a range"
    return tuple(restricted)


def _names(columns: tuple[KeyColumn, ...]) -> str:
    return ", ".join(f"'{column.name}'" for column in columns)


def _words(view: PhysicalView) -> str:
    partition = ", ".join(column.name for column in view.partition)
    return ", ".join([f"({partition})", *(column.name for column in view.clustering)])
