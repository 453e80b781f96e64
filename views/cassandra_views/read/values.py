"""The values of a read: checked, brought into the form of their columns, ready to bind."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime
from typing import Any

from cassandra.query import UNSET_VALUE

from cassandra_views.model.errors import BadRead
from cassandra_views.model.times import TimeColumn, TimeKind
from cassandra_views.read.exact_values import NotExact
from cassandra_views.read.physical import KeyColumn, PhysicalView
from cassandra_views.read.query import SEVERAL, Query, Term
from cassandra_views.read.routing import is_beyond_calendar

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
