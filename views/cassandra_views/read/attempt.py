"""One read by one answer of the registry; a second attempt is made by the reader."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cassandra.cluster import ResponseFuture, ResultSet

from cassandra_views.model.errors import BadRead
from cassandra_views.read.covering import Span, route
from cassandra_views.read.pages import Position, from_token, query_digest, to_token
from cassandra_views.read.physical import PhysicalView, PhysicalViews
from cassandra_views.read.pointer import Pointer
from cassandra_views.read.query import SEVERAL, Query, Shape, compile_query
from cassandra_views.read.result import Result
from cassandra_views.read.statements import Course, Statement, position_after
from cassandra_views.read.time_column import checked_spans
from cassandra_views.read.values import WRONG_VALUE, fingerprinted, given_values, refused_value

_AHEAD = 8
"""Statements that a read of all rows has under way at once; a read with a limit takes one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What an application asks of a view."""

    conditions: Mapping[str, Any]
    limit: int | None
    page: str | None
    reverse: bool


class Attempt:
    """One read by one pointer. ``reading`` is the physical view that is or was being read."""

    __slots__ = ("_ask", "_clock", "_names", "_views", "pointer", "reading")

    def __init__(self, views: PhysicalViews, pointer: Pointer, ask: Ask, clock: Callable[[], float]) -> None:
        self._views = views
        self.pointer = pointer
        self._ask = ask
        self._clock = clock
        self._names: dict[str, None] = {}
        self.reading = pointer.spans[-1].entry.name

    @property
    def on(self) -> str:
        """The view and the physical view being read, for errors."""
        return f"{self.pointer.on} ({self.reading})"

    def run(self) -> Result:
        """Read.

        Errors of the driver come through as they are.

        Raises:
            ReadError: as ``ViewReader.select`` says.
            Missing: a physical view is not in the server's schema.
        """
        ask, pointer, on = self._ask, self.pointer, self.pointer.on
        view = self._find(pointer.spans[-1])
        spans = checked_spans(pointer.spans, view, on=on)
        shape: Shape = tuple([(key, isinstance(value, SEVERAL)) for key, value in ask.conditions.items()])
        query = view.queries.get(shape)
        if query is None:
            query = view.queries[shape] = compile_query(view, shape, on=on)
        if ask.reverse and query.is_whole:
            raise BadRead(
                "only the rows of a partition have an order that can be reversed",
                on=on,
                next=f"Give {', '.join(map(repr, query.partition_names))} too, or read without 'reverse'",
            )
        given = given_values(query, list(ask.conditions.values()), view, spans[-1].entry.time, on=on)
        way = route(spans, query, given, on=on)
        after = None
        if ask.page is not None:
            after = from_token(ask.page, query=self._digest(query, given, view), layout=view.layout, on=on)
        course = Course(query, given, way, self._find, after, reverse=ask.reverse, on=on)
        rows, last = self._fetch(course.statements(), query, given)
        token = None
        if ask.limit is not None and last is not None and len(rows) > ask.limit:
            del rows[ask.limit :]
            token = self._token(rows, last, query, given, after)
        return Result(
            rows=rows,
            generations=tuple(self._names),
            window=pointer.window,
            pointer_age_seconds=max(0.0, self._clock() - pointer.read_at),
            token=token,
        )

    def _find(self, span: Span) -> PhysicalView:
        self.reading = span.entry.name
        return self._views.find(self.pointer.name.keyspace, self.pointer.on, self.reading, self.pointer.serving)

    def _token(
        self, rows: list[Any], last: PhysicalView, query: Query, given: list[Any], after: Position | None
    ) -> Callable[[], str]:
        # A copy of what the token needs: the application may change its list of rows.
        kept = list(rows) if query.has_inner_in else rows[-1:]
        on, view = str(self.pointer.name), last

        def make() -> str:
            position = position_after(kept, view, query, given, after, on=on)
            return to_token(position, query=self._digest(query, given, view), layout=view.layout)

        return make

    def _digest(self, query: Query, given: list[Any], view: PhysicalView) -> bytes:
        on = self.pointer.on
        conditions = fingerprinted(query.terms, given, view.protocol_version, on=on)
        # Without a column's name no condition looks like this one.
        return query_digest(on, [*conditions, b"reverse"] if self._ask.reverse else conditions)

    def _fetch(
        self, statements: Iterator[Statement], query: Query, given: list[Any]
    ) -> tuple[list[Any], PhysicalView | None]:
        """Return the rows, one more than the limit where there are more, and the view of the last row to keep."""
        limit = self._ask.limit
        rows: list[Any] = []
        last: PhysicalView | None = None
        under_way: deque[tuple[Statement, ResponseFuture]] = deque()
        while True:
            while len(under_way) < (1 if limit is not None else _AHEAD):
                statement = next(statements, None)
                if statement is None:
                    break
                wanted = None if limit is None else limit + 1 - len(rows)
                under_way.append((statement, self._send(statement, wanted, query, given)))
            if not under_way:
                return rows, last
            statement, future = under_way.popleft()
            self.reading = statement.view.name
            self._names[self.reading] = None
            before = len(rows)
            answer: ResultSet = future.result()
            rows += answer.current_rows
            while answer.has_more_pages:
                answer.fetch_next_page()
                rows += answer.current_rows
            if limit is not None:
                if before < limit <= len(rows):
                    last = statement.view
                if len(rows) > limit:
                    return rows, last

    def _send(self, statement: Statement, limit: int | None, query: Query, given: list[Any]) -> ResponseFuture:
        rest, values = statement.rest, statement.values
        if limit is not None:
            rest, values = f"{rest} LIMIT ?", [*values, limit]
        prepared = statement.view.statement(rest)
        try:
            bound = prepared.bind(values)
        except WRONG_VALUE as error:
            raise refused_value(query, given, statement.view, error, on=self.pointer.on) from error
        return self._views.send(bound, statement.view)
