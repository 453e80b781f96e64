"""Which of the rows that a SELECT asks its base for a view holds, by its filter, its window and its key. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from cassandra_views.cql.parse import parse_where
from cassandra_views.cql.printing import relation_cql
from cassandra_views.cql.select_text import SelectStatement
from cassandra_views.model.errors import StatementError
from cassandra_views.model.schema import TableShape
from cassandra_views.model.statement import (
    COMPARISONS,
    Literal,
    LiteralKind,
    Operator,
    Relation,
    Subject,
    Term,
    WindowBound,
    terms_in,
)
from cassandra_views.model.times import EPOCH


class Coverage(StrEnum):
    """How many of the rows that are asked for a view holds."""

    ALL = "all"
    PART = "part"
    """Or all of them: that depends on values that are not known."""
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewCoverage:
    """Which of the rows that are asked for a view holds, and in words what it holds."""

    coverage: Coverage
    notes: tuple[str, ...] = ()


def find_coverage(statement: SelectStatement, view: TableShape, where_clause: str, base: TableShape) -> ViewCoverage:
    """Return which of the rows of its base that a SELECT asks for a view holds.

    Args:
        where_clause: of the view, as the schema has it.
    """
    try:
        relations = parse_where(where_clause)
    except StatementError:
        note = "its WHERE cannot be read here, so which rows it holds is not known"
        return ViewCoverage(coverage=Coverage.UNKNOWN, notes=(note,))
    filters = [each for each in relations if each.operator is not Operator.IS_NOT_NULL]
    found = [_coverage_of(each, statement.where, base) for each in filters]
    notes = [f"it holds only rows where {' AND '.join(map(relation_cql, filters))}"] if filters else []
    for column in view.key_columns:
        own = base.find_column(column.name)
        if own is None or own.is_key or any(column.name in each.columns for each in statement.where):
            continue
        notes.append(f"rows without {column.name} are not in it")
        if column.name not in dict((*statement.order, *statement.group)):
            found.append(Coverage.PART)
    if Coverage.NONE in found:
        return ViewCoverage(coverage=Coverage.NONE, notes=tuple(notes))
    coverage = Coverage.ALL if all(each is Coverage.ALL for each in found) else Coverage.PART
    return ViewCoverage(coverage=coverage, notes=tuple(notes))


def _coverage_of(filter_: Relation, where: Sequence[Relation], base: TableShape) -> Coverage:
    """Return how many rows that meet a SELECT's conditions meet one condition of a view."""
    if any(each == filter_ and not _has_marker(each) for each in where):
        return Coverage.ALL
    column = base.find_column(filter_.columns[0])
    if column is None or filter_.subject is not Subject.COLUMN:
        return Coverage.PART
    own = [each for each in where if each.subject is Subject.COLUMN and each.columns == filter_.columns]
    wanted = _values(filter_.values, column.type)
    if wanted is None:
        return Coverage.PART
    found = {one for each in own if (one := _compare(each, filter_.operator, wanted, column.type)) is not None}
    return Coverage.NONE if Coverage.NONE in found else Coverage.ALL if Coverage.ALL in found else Coverage.PART


def _compare(relation: Relation, operator: Operator, wanted: list[Any], type_: str) -> Coverage | None:
    """Return how many values that meet a relation meet an operator and its values; None where that is not known."""
    values = _values(relation.values, type_)
    if values is None:
        return None
    if relation.operator in (Operator.EQUAL, Operator.IN):
        met = [_meets(value, operator, wanted) for value in values]
        return None if None in met else Coverage.ALL if all(met) else Coverage.PART if any(met) else Coverage.NONE
    if relation.operator is Operator.BETWEEN:
        lower, upper = values
        if lower > upper:
            return None
        bounds = ((Operator.GREATER_OR_EQUAL, lower), (Operator.LESS_OR_EQUAL, upper))
        found = {_compare_ranges(each, value, operator, wanted) for each, value in bounds}
    else:
        found = {_compare_ranges(relation.operator, values[0], operator, wanted)}
    return Coverage.NONE if Coverage.NONE in found else Coverage.ALL if Coverage.ALL in found else None


def _compare_ranges(asked: Operator, value: Any, operator: Operator, wanted: list[Any]) -> Coverage | None:
    if not asked.is_range:
        return None
    compare, rising = COMPARISONS[asked], asked.value[0] == ">"
    if operator in (Operator.EQUAL, Operator.IN):
        return None if any(compare(each, value) for each in wanted) else Coverage.NONE
    if not operator.is_range:
        return None
    (bound,) = wanted
    if rising == (operator.value[0] == ">"):
        # Both are open to one side: the narrower one lies inside of the other.
        is_inside = COMPARISONS[operator](value, bound) or (value == bound and asked.value == asked.value[0])
        return Coverage.ALL if is_inside else None
    is_apart = not COMPARISONS[operator](value, bound) or (value == bound and asked.value == asked.value[0])
    return Coverage.NONE if is_apart else None


def _meets(value: Any, operator: Operator, wanted: list[Any]) -> bool | None:
    if operator is Operator.IN:
        return value in wanted
    compare = COMPARISONS.get(operator)
    return bool(compare(value, wanted[0])) if compare is not None else None


def _values(terms: Iterable[Term], type_: str) -> list[Any] | None:
    """Return constants in the server's order; None where one of them is none, or the order is not known here."""
    found = [_value(each, type_) for each in terms]
    return None if None in found or not found else found


_WHOLE = ("tinyint", "smallint", "int", "bigint", "varint")


def _value(term: Term, type_: str) -> Any:
    if not isinstance(term, Literal):
        return None
    match term.kind, type_:
        case LiteralKind.INTEGER, _ if type_ in _WHOLE:
            return int(term.text)
        case LiteralKind.STRING, "text" | "ascii":
            return term.text.encode()
        case LiteralKind.STRING, "date":
            return _moment(term.text) if len(term.text) == len("2026-01-31") else None
        case LiteralKind.STRING, "timestamp":
            moment = _moment(term.text)
            return moment if moment is not None and moment.tzinfo is not None else None
        case LiteralKind.INTEGER, "timestamp":
            try:
                return EPOCH + timedelta(milliseconds=int(term.text))
            except OverflowError:
                return None
        case _:
            return None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _has_marker(relation: Relation) -> bool:
    return any(isinstance(one, WindowBound) for value in relation.values for one in terms_in(value))


def limit_notes(statement: SelectStatement) -> Iterator[str]:
    """Yield what a limit means for a view that was not asked for."""
    if statement.has_partition_limit:
        yield "PER PARTITION LIMIT counts the rows of its own partitions"
    if (statement.limit is not None or statement.has_marked_limit) and not statement.order:
        yield "LIMIT without ORDER BY takes the first rows of its own order"


__all__ = ["Coverage", "ViewCoverage", "find_coverage", "limit_notes"]
