"""Which of the serving generations answer a read: a time that none covers is an error, never an empty answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from cassandra_views.model.errors import NotCovered, ReadError
from cassandra_views.model.generation import Serving
from cassandra_views.model.times import TimeColumn, TimeKind, instant_text
from cassandra_views.read.physical import PhysicalView
from cassandra_views.read.query import Query, is_beyond_calendar

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A serving generation with its bounds in the form of its time column; None where open."""

    entry: Serving
    low: Any
    high: Any

    @classmethod
    def of(cls, entry: Serving) -> Span:
        """Work the bounds out once: they are compared at each read."""

        def bound(moment: datetime | None) -> Any:
            if entry.time is None or moment is None:
                return None
            return _sortable(entry.time, entry.time.value(moment))

        return cls(entry=entry, low=bound(entry.start), high=bound(entry.end))

    def covers(self, value: Any) -> bool:
        """Tell whether a time, in the form of ``_sortable``, lies inside."""
        return (self.low is None or value >= self.low) and (self.high is None or value < self.high)

    def holds(self, value: Any) -> bool:
        """Tell whether a value as the column returns it lies inside."""
        time = self.entry.time
        if time is None:
            return True
        return self.covers(_sortable(time, value if is_beyond_calendar(time, value) else time.comparable(value)))


def _sortable(time: TimeColumn, value: Any) -> Any:
    if time.kind is TimeKind.TIMEUUID:
        return value.time
    if isinstance(value, int) and time.kind is TimeKind.TIMESTAMP:
        return _FIRST if value < 0 else _LAST
    if time.kind is TimeKind.DATE and not isinstance(value, date):
        return date.min if value.days_from_epoch < 0 else date.max
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a read goes.

    Args:
        spans: the generations, in the order of their times; each is read by itself.
        by_time: for reads of several times, the generation of each; else empty.
    """

    spans: tuple[Span, ...]
    by_time: dict[Any, Span] | None = None


def sorted_spans(entries: tuple[Serving, ...]) -> tuple[Span, ...]:
    """Return the serving generations in the order of their times."""
    spans = [Span.of(entry) for entry in entries]
    return tuple(sorted(spans, key=lambda span: (span.entry.start is not None, span.entry.start)))


def covered_window(spans: tuple[Span, ...]) -> tuple[datetime | None, datetime | None]:
    """Return what of time all of them cover together."""
    ends = [span.entry.end for span in spans]
    return spans[0].entry.start, None if None in ends else max(end for end in ends if end is not None)


def find_route(spans: tuple[Span, ...], query: Query, given: list[Any], *, on: str) -> Route:
    """Choose the generations for a read by what it asks of the time column.

    Raises:
        NotCovered: a time that is asked for is covered by none.
        ReadError: the answer would have to be merged from several generations.
    """
    time = spans[0].entry.time
    terms = query.by_column.get(time.name) if time is not None else None
    if time is None or not terms:
        return _unrestricted(spans, query, on)
    first = terms[0]
    if first.op == "=":
        value = given[first.index]
        return Route(spans=(_covering(spans, _sortable(time, value), value, on),))
    if first.op == "IN":
        by_time = {value: _covering(spans, _sortable(time, value), value, on) for value in given[first.index]}
        used = tuple(span for span in spans if span in by_time.values())
        if len(used) > 1 and first not in query.partition:
            raise _merge_unsupported(on)
        return Route(spans=used or spans[:1], by_time=by_time if len(used) > 1 else None)
    return _range(spans, {term.op[0]: _sortable(time, given[term.index]) for term in terms}, on)


def find_span(spans: tuple[Span, ...], query: Query, given: list[Any], *, on: str) -> Span:
    """Choose the generation for a read of one partition; errors as ``find_route``."""
    time = spans[0].entry.time
    terms = query.by_column.get(time.name) if time is not None else None
    if time is not None and terms and terms[0].op == "=":
        value = given[terms[0].index]
        return _covering(spans, _sortable(time, value), value, on)
    return find_route(spans, query, given, on=on).spans[0]


def _covering(spans: tuple[Span, ...], value: Any, shown: Any, on: str) -> Span:
    for span in spans:
        if span.covers(value):
            return span
    raise _not_ready(spans, f"{shown}", on)


def _unrestricted(spans: tuple[Span, ...], query: Query, on: str) -> Route:
    if len(spans) > 1 and not (query.is_whole and _time_is_partition(spans, query)):
        raise _merge_unsupported(on)
    return Route(spans=spans)


def _time_is_partition(spans: tuple[Span, ...], query: Query) -> bool:
    time = spans[0].entry.time
    return time is not None and query.partition_names == (time.name,)


def _range(spans: tuple[Span, ...], bounds: dict[str, Any], on: str) -> Route:
    low, high = bounds.get(">"), bounds.get("<")
    start, end = spans[0].low, spans[-1].high
    if low is None:
        if start is not None and high <= start:
            raise _not_ready(spans, f"before {high}", on)
    elif (start is not None and low < start) or (end is not None and low >= end):
        raise _not_ready(spans, f"from {low}", on)
    touched = tuple(
        span
        for span in spans
        if (low is None or span.high is None or low < span.high)
        and (high is None or span.low is None or high >= span.low)
    )
    if len(touched) > 1:
        raise _merge_unsupported(on)
    return Route(spans=touched or spans[-1:])


def _not_ready(spans: tuple[Span, ...], asked: str, on: str) -> NotCovered:
    start, end = covered_window(spans)
    served = f"from {instant_text(start)}" if start else "from its base's first row"
    if end is not None:
        served += f" to {instant_text(end)}"
    return NotCovered(
        f"the time {asked} is not covered by what serves ({served})",
        on=on,
        remains="Other times can be read",
        next="Ask for a time inside the window, or make the window of the view's file longer",
    )


def _merge_unsupported(on: str) -> ReadError:
    return ReadError(
        "the read would have to be merged from several generations, which is not supported yet",
        on=on,
        remains="Reads of single times can be made",
        next="Ask for one time, or for a range inside one step of the window",
    )


_TEXT = re.compile(r"'(?:[^']|'')*'")
_RESTRICTED = re.compile(r'(?:"((?:[^"]|"")+)"|(\w+))\s*(?:>=|<=|>|<|=|IN\b)', re.IGNORECASE)


def resolved_spans(spans: tuple[Span, ...], view: PhysicalView, *, on: str) -> tuple[Span, ...]:
    """Return what serves as ``resolve_spans`` does, which is worked out once for each answer of the registry.

    Raises:
        ReadError: as ``resolve_spans``.
    """
    known = view.checked
    if known is None or known[0] is not spans:
        known = view.checked = spans, resolve_spans(spans, view, on=on)
    return known[1]


def resolve_spans(spans: tuple[Span, ...], view: PhysicalView, *, on: str) -> tuple[Span, ...]:
    """Return what serves with its time column by the name that it has in the physical view.

    The registry keeps the name of the time that a generation was made. A server carries a rename of a base's column
    into the view's key and clause, so the column is found as the one of its type that the clause bounds.

    Raises:
        ReadError: no column can be it, or several: a read could miss the window without an error.
    """
    entry = spans[-1].entry
    time = entry.time
    if time is None or all(span.entry.start is None and span.entry.end is None for span in spans):
        return spans
    found = _candidates(time, view)
    if time.name in found:
        return spans
    if len(found) == 1:
        renamed = replace(time, name=found[0])
        return tuple(replace(span, entry=replace(span.entry, time=renamed)) for span in spans)
    raise ReadError(
        f"the registry says that its time column is '{time.name}', and {view.name} has no such column of type "
        f"{' or '.join(time.kind.cql_types)} in its key and window: it was renamed in the base table",
        on=on,
        remains="Nothing was read",
        next="Rename it in the files of the table and of its views too, then run 'views apply'",
    )


def _candidates(time: TimeColumn, view: PhysicalView) -> list[str]:
    fitting = [name for name, kind in view.key_types.items() if kind in time.kind.cql_types]
    if not view.where:
        return fitting if time.name in fitting else []
    clause = _TEXT.sub("''", view.where)
    bounded = {match[1].replace('""', '"') if match[1] else match[2].lower() for match in _RESTRICTED.finditer(clause)}
    return [name for name in fitting if name in bounded]
