"""What a read asks of a physical view: which columns, how, with which values, and whether the key can answer it."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from cassandra.query import UNSET_VALUE

from cassandra_views.model.errors import BadRead
from cassandra_views.model.names import nearest
from cassandra_views.model.times import EPOCH, TimeColumn, TimeKind
from cassandra_views.read.driver_values import NotExact
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


_FIRST_DAY, _LAST_DAY = ((each - EPOCH.date()).days for each in (date.min, date.max))
_FIRST_MILLISECOND, _LAST_MILLISECOND = _FIRST_DAY * 86_400_000, (_LAST_DAY + 1) * 86_400_000 - 1

WRONG_VALUE = (TypeError, ValueError, AttributeError, ArithmeticError, LookupError, OSError, struct.error)
"""What the driver's types raise for a value that is not theirs."""


def values_to_bind(
    query: Query, values: list[Any], view: PhysicalView, time: TimeColumn | None, *, on: str
) -> list[Any]:
    """Return the values as they are bound, in the order of the ``where``; those of IN as tuples without doubles.

    Raises:
        BadRead: a value is missing, or is not of its column's type.
    """
    found = values.copy()
    for term in query.terms:
        value = values[term.index]
        if term.op != "IN" and type(value) in term.column.plain and _is_ready(term.column, value, time):
            continue
        if term.op == "IN":
            if not isinstance(value, SEVERAL):
                raise BadRead(
                    f"'{term.column.name} IN' is given {_value_text(value)}", on=on, next="Give a list of values"
                )
            found[term.index] = _in_values(term.column, value, view.protocol_version, time, on)
        else:
            found[term.index] = _value_to_bind(term.column, value, term.op, time, on)
    return found


def _is_ready(column: KeyColumn, value: Any, time: TimeColumn | None) -> bool:
    """Tell whether ``time_value`` would return a value as it is."""
    return time is None or column.name != time.name or (time.kind is TimeKind.TEXT and type(value) is str)


def _value_to_bind(column: KeyColumn, value: Any, op: str, time: TimeColumn | None, on: str) -> Any:
    if value is None or value is UNSET_VALUE:
        raise BadRead(
            f"'{column.name}' is given no value (None), and a key is never null",
            on=on,
            next="Give a value, or leave the condition out",
        )
    if time is not None and column.name == time.name:
        try:
            value = time_value(time, value)
        except (ValueError, OverflowError) as error:
            raise bad_value(column, value, on, error) from error
    if type(value) in column.plain:
        return value
    try:
        return column.exact(value, op)
    except WRONG_VALUE as error:
        raise bad_value(column, value, on, error) from error


def _in_values(
    column: KeyColumn, values: Any, protocol_version: int, time: TimeColumn | None, on: str
) -> tuple[Any, ...]:
    by_bytes: dict[bytes, Any] = {}
    for value in values:
        bound = _value_to_bind(column, value, "=", time, on)
        by_bytes.setdefault(serialized(column, bound, protocol_version, on=on), bound)
    if isinstance(values, set | frozenset):  # sets of texts have another order in each process
        return tuple(by_bytes[each] for each in sorted(by_bytes))
    return tuple(by_bytes.values())


def time_value(time: TimeColumn, value: Any) -> Any:
    """Return an application's time as the value that the column is bound and compared with.

    Raises:
        ValueError: it is no time of this kind.
    """
    if isinstance(value, bool):
        raise ValueError("a bool is no time")
    if isinstance(value, datetime):
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    elif isinstance(value, date) and time.kind is not TimeKind.DATE:
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
    if is_beyond_calendar(time, value):
        return value
    return time.comparable(value)


def is_beyond_calendar(time: TimeColumn, value: Any) -> bool:
    """Tell whether a column's value is a time for which Python has none: the reader returns it in another form."""
    if time.kind is TimeKind.TIMESTAMP:
        return isinstance(value, int) and not _FIRST_MILLISECOND <= value <= _LAST_MILLISECOND
    if time.kind is TimeKind.DATE:
        return hasattr(value, "days_from_epoch") and not _FIRST_DAY <= value.days_from_epoch <= _LAST_DAY
    return False


def serialized(column: KeyColumn, value: Any, protocol_version: int, *, on: str) -> bytes:
    """Return the value as the server keeps it.

    Raises:
        BadRead: the value is not of the column's type.
    """
    try:
        return column.serialize(value, protocol_version)
    except WRONG_VALUE as error:
        raise bad_value(column, value, on, error) from error


def refused_value(query: Query, given: list[Any], view: PhysicalView, error: Exception, *, on: str) -> BadRead:
    """Return the error for values that could not be bound, naming the one at fault."""
    for term in query.terms:
        for value in given[term.index] if term.op == "IN" else (given[term.index],):
            try:
                term.column.type.serialize(value, view.protocol_version)
            except WRONG_VALUE as reason:
                return bad_value(term.column, value, on, reason)
    return BadRead(f"a value cannot be bound: {error}", on=on, next="Give values of the types of the key's columns")


def bad_value(column: KeyColumn, value: Any, on: str, reason: Exception) -> BadRead:
    """Return the error for a value that is not of its column's type."""
    named = column.type.cql_parameterized_type().replace("varchar", "text")
    return BadRead(
        f"'{column.name}' is {named} and is given {_value_text(value)}",
        on=on,
        next=str(reason) if isinstance(reason, NotExact) else "Give a value of that type",
    )


def _value_text(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def condition_bytes(terms: tuple[Term, ...], given: list[Any], protocol_version: int, *, on: str) -> list[bytes]:
    """Return columns, operators and values as bytes, in an order that does not depend on how they were written."""
    parts = []
    for term in terms:
        value = given[term.index]
        if term.op == "IN":
            data = [serialized(term.column, one, protocol_version, on=on) for one in value]
            parts.append(term.mark + b"".join([len(one).to_bytes(4) + one for one in data]))
        else:
            parts.append(term.mark + serialized(term.column, value, protocol_version, on=on))
    return sorted(parts)
