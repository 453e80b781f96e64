"""One read by one answer of the registry; the reader makes a second one where what serves has changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from cassandra.cluster import ResponseFuture
from cassandra.query import PreparedStatement

from cassandra_views.model.errors import BadRead
from cassandra_views.read.paging import (
    Position,
    Statement,
    StatementSequence,
    from_token,
    position_after,
    query_digest,
    to_token,
)
from cassandra_views.read.physical import PhysicalView, PhysicalViewCache
from cassandra_views.read.pointer import Pointer
from cassandra_views.read.query import (
    SEVERAL,
    WRONG_VALUE,
    Query,
    Shape,
    compile_query,
    condition_bytes,
    refused_value,
    values_to_bind,
)
from cassandra_views.read.result import Result
from cassandra_views.read.routing import Span, find_route, find_span, resolved_spans
from cassandra_views.read.waits import Load, ReadSteps, loaded

_MAX_PENDING = 8
"""How many statements a read of all rows sends at once; a read with a limit sends one after another."""


class ViewRead:
    """One read of a view by one pointer.

    Args:
        conditions: the ``where``.
        limit: how many rows at most; None for all.
        page: the token of the page before, or None for the first page.
        reverse: the rows of each partition come against the view's order.

    ``physical_name`` is the name of the physical view that is or was being read.
    """

    __slots__ = ("_clock", "_conditions", "_limit", "_page", "_reverse", "_views", "physical_name", "pointer")

    def __init__(
        self,
        views: PhysicalViewCache,
        pointer: Pointer,
        conditions: Mapping[str, Any],
        limit: int | None,
        page: str | None,
        reverse: bool,
        clock: Callable[[], float],
    ) -> None:
        self._views = views
        self.pointer = pointer
        self._conditions = conditions
        self._limit = limit
        self._page = page
        self._reverse = reverse
        self._clock = clock
        self.physical_name = pointer.spans[-1].entry.name

    @property
    def on(self) -> str:
        """The view and the physical view being read, for errors."""
        return f"{self.pointer.on} ({self.physical_name})"

    def with_pointer(self, pointer: Pointer) -> ViewRead:
        """Return the same read by another pointer."""
        return ViewRead(self._views, pointer, self._conditions, self._limit, self._page, self._reverse, self._clock)

    def run(self) -> ReadSteps[Result]:
        """Read, and yield what is waited for.

        Errors of the driver come through as they are.

        Raises:
            ReadError: as ``ViewReader.select`` says.
            MissingView: a physical view is not in the server's schema.
        """
        pointer, limit, on = self.pointer, self._limit, self.pointer.on
        view = self._find_view(pointer.spans[-1]) or (yield from self._load_view(pointer.spans[-1]))
        spans = resolved_spans(pointer.spans, view, on=on)
        shape: Shape = tuple([(key, isinstance(value, SEVERAL)) for key, value in self._conditions.items()])
        query = view.queries.get(shape)
        if query is None:
            query = view.queries[shape] = compile_query(view, shape, on=on)
        if self._reverse and query.is_whole:
            raise BadRead(
                "only the rows of a partition have an order that can be reversed",
                on=on,
                next=f"Give {', '.join(map(repr, query.partition_names))} too, or read without 'reverse'",
            )
        given = values_to_bind(query, list(self._conditions.values()), view, spans[-1].entry.time, on=on)
        after: Position | None = None
        names: tuple[str, ...]
        last: PhysicalView | None
        if self._page is None and query.binding is not None:
            span = find_span(spans, query, given, on=on)
            if span is not spans[-1]:
                view = self._find_view(span) or (yield from self._load_view(span))
            last, names = view, (view.name,)
            key = query.rest, self._reverse, limit is not None
            prepared = view.partition_statements.get(key) or (
                yield from loaded(Load(partial(view.partition_statement, *key), (view, key)))
            )
            future = self._execute(prepared, self._partition_values(query, query.binding, given), view, query, given)
            yield future
            rows = list(future.result().current_rows)
            if future.has_more_pages:
                rows += yield from _more_rows(future)
        else:
            route = find_route(spans, query, given, on=on)
            if self._page is not None:
                digest = self._digest(query, given, view)
                after = from_token(self._page, query=digest, layout=view.layout, on=on)
            sequence = StatementSequence(query, given, route, view, after, reverse=self._reverse, on=on)
            rows, names, last = yield from self._read_all(sequence, query, given)
        token = None
        if limit is not None and last is not None and len(rows) > limit:
            del rows[limit:]
            token = self._token(rows, last, query, given, after)
        return Result(
            rows=rows,
            generations=names,
            window=pointer.window,
            pointer_age_seconds=max(0.0, self._clock() - pointer.read_at),
            token=token,
        )

    def _find_view(self, span: Span) -> PhysicalView | None:
        self.physical_name = span.entry.name
        return self._views.find(self.pointer.on, self.physical_name)

    def _load_view(self, span: Span) -> ReadSteps[PhysicalView]:
        pointer = self.pointer
        return loaded(self._views.load(pointer.name.keyspace, pointer.on, span.entry.name, pointer.serving))

    def _token(
        self, rows: list[Any], last: PhysicalView, query: Query, given: list[Any], after: Position | None
    ) -> Callable[[], str]:
        # A copy of what the token needs: the application may change its list of rows.
        kept = list(rows) if query.has_inner_in else rows[-1:]
        on, view = self.pointer.on, last

        def make() -> str:
            position = position_after(kept, view, query, given, after, on=on)
            return to_token(position, query=self._digest(query, given, view), layout=view.layout)

        return make

    def _digest(self, query: Query, given: list[Any], view: PhysicalView) -> bytes:
        on = self.pointer.on
        conditions = condition_bytes(query.terms, given, view.protocol_version, on=on)
        # Without a column's name no condition looks like this one.
        return query_digest(on, [*conditions, b"reverse"] if self._reverse else conditions)

    def _partition_values(self, query: Query, binding: tuple[int, ...], given: list[Any]) -> list[Any]:
        """Return what is bound for the rows of one partition from its first one on: the usual read, one statement."""
        values = [given[index] for index in binding]
        if query.has_inner_in:
            for place, term in enumerate(query.flat, start=len(query.partition)):
                if term.op == "IN":
                    values[place] = list(values[place])
        if self._limit is not None:
            values.append(self._limit + 1)
        return values

    def _read_all(
        self, sequence: StatementSequence, query: Query, given: list[Any]
    ) -> ReadSteps[tuple[list[Any], tuple[str, ...], PhysicalView | None]]:
        """Return the rows, one more than the limit where there are more, the names of the views they are from, and the
        view of the last row to keep.
        """
        limit = self._limit
        names: dict[str, None] = {}
        rows: list[Any] = []
        last: PhysicalView | None = None
        pending: deque[tuple[Statement, ResponseFuture]] = deque()
        sections = sequence.sections()
        statements: Iterator[Statement] = iter(())
        while True:
            while len(pending) < (1 if limit is not None else _MAX_PENDING):
                statement = next(statements, None)
                if statement is None:
                    section = next(sections, None)
                    if section is None:
                        break
                    span = section.span
                    statements = section.statements(self._find_view(span) or (yield from self._load_view(span)))
                    continue
                wanted = None if limit is None else limit + 1 - len(rows)
                pending.append((statement, (yield from self._send(statement, wanted, query, given))))
            if not pending:
                return rows, tuple(names), last
            statement, future = pending.popleft()
            self.physical_name = statement.view.name
            names[self.physical_name] = None
            before = len(rows)
            yield future
            rows += future.result().current_rows
            if future.has_more_pages:
                rows += yield from _more_rows(future)
            if limit is not None:
                if before < limit <= len(rows):
                    last = statement.view
                if len(rows) > limit:
                    return rows, tuple(names), last

    def _send(
        self, statement: Statement, limit: int | None, query: Query, given: list[Any]
    ) -> ReadSteps[ResponseFuture]:
        view, rest, values = statement.view, statement.rest, statement.values
        if limit is not None:
            rest, values = f"{rest} LIMIT ?", [*values, limit]
        prepared = view.statements.get(rest) or (yield from loaded(Load(partial(view.statement, rest), (view, rest))))
        return self._execute(prepared, values, view, query, given)

    def _execute(
        self, prepared: PreparedStatement, values: list[Any], view: PhysicalView, query: Query, given: list[Any]
    ) -> ResponseFuture:
        try:
            bound = prepared.bind(values)
        except WRONG_VALUE as error:
            raise refused_value(query, given, view, error, on=self.pointer.on) from error
        return self._views.send(bound, view)


def _more_rows(future: ResponseFuture) -> ReadSteps[list[Any]]:
    """Return the rows of all further pages of the driver."""
    rows: list[Any] = []
    while future.has_more_pages:
        future.start_fetching_next_page()
        yield future
        rows += future.result().current_rows
    return rows
