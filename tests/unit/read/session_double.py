"""A stand-in for the driver's session: what two generations of one view hold, and when each request is answered."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, NamedTuple

from cassandra import InvalidRequest
from cassandra.cqltypes import DecimalType, Int32Type, SimpleDateType
from cassandra.protocol import ProtocolHandler
from cassandra.query import BoundStatement, PreparedStatement, SimpleStatement
from cassandra.util import Date

COLUMNS = (("day", "partition_key", 0, SimpleDateType), ("total", "clustering", 0, DecimalType))
NAMES = frozenset({"orders_by_day__g1", "orders_by_day__g2"})


class Row(NamedTuple):
    day: Date
    total: Decimal


class Metadata(NamedTuple):
    keyspace_name: str
    table_name: str
    name: str
    type: Any


class Rows(list[Any]):
    """The rows of an answer, as ``ResultSet`` gives them."""

    column_names: tuple[str, ...] = ()

    @property
    def current_rows(self) -> list[Any]:
        return self


class Answer:
    """What ``ResponseFuture`` is to a reader: pages that come from another thread, one after another."""

    def __init__(
        self,
        pages: list[list[Any]] | Exception,
        begin: Callable[[Callable[[], None]], object],
        threads: set[threading.Thread],
    ) -> None:
        self._pages = pages
        self._threads = threads
        self._begin = begin
        self._place = -1
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[Any], None]] = []
        begin(self._complete)

    def _complete(self) -> None:
        with self._lock:
            self._place += 1
            self._event.set()
        self.notify()

    def notify(self) -> None:
        """Call what waits for an answer."""
        with self._lock:
            callbacks = list(self._callbacks)
        for each in callbacks:
            each(None)

    @property
    def has_more_pages(self) -> bool:
        return not isinstance(self._pages, Exception) and self._place + 1 < len(self._pages)

    def start_fetching_next_page(self) -> None:
        self._event.clear()
        self._begin(self._complete)

    def add_callbacks(self, callback: Callable[[Any], None], errback: Callable[[Any], None]) -> None:
        with self._lock:
            self._callbacks.append(callback)
            is_answered = self._event.is_set()
        if is_answered:
            callback(None)

    def result(self) -> Rows:
        if not self._event.is_set():
            self._threads.add(threading.current_thread())
        assert self._event.wait(20)
        if isinstance(self._pages, Exception):
            raise self._pages
        return Rows(self._pages[self._place])


class SessionDouble:
    """A registry that names what serves, the generations that exist, and rows of days.

    Args:
        rows: how many rows each day has.
        page_size: how many rows an answer of the driver holds.

    Attributes:
        serving: the physical view that the registry names.
        existing: the physical views of the schema.
        sent: the statements that were sent, each with its physical view and values.
        answers: what was returned for each of them.
        asked: the texts of what was asked of the registry and the schema.
        failure: what each of these raises, if anything.
        threads: the threads in which something was waited for.
        begin: takes what completes an answer, and calls it when the answer comes.
    """

    client_protocol_handler = type("OwnHandler", (ProtocolHandler,), {})
    keyspace = "shop"
    cluster = None

    def __init__(self, *, rows: int = 3, page_size: int = 5000) -> None:
        self.rows = rows
        self.page_size = page_size
        self.serving = "orders_by_day__g1"
        self.existing = set(NAMES)
        self.sent: list[tuple[str, list[Any]]] = []
        self.answers: list[Answer] = []
        self.asked: list[str] = []
        self.threads: set[threading.Thread] = set()
        self.failure: Exception | None = None
        self._pool = ThreadPoolExecutor(2)
        self.begin: Callable[[Callable[[], None]], object] = self._pool.submit

    def execution_profile_clone_update(self, *_: Any, **__: Any) -> Any:
        raise ValueError("this session knows no profiles")

    def execute(self, statement: SimpleStatement, values: tuple[Any, ...] = (), **_: Any) -> Rows:
        self.threads.add(threading.current_thread())
        text = statement.query_string
        self.asked.append(text)
        if self.failure is not None:
            raise self.failure
        if "system_schema.columns" in text:
            return Rows(self._schema_rows(values[1]))
        if "system_schema.views" in text:
            return Rows([{"where_clause": "day IS NOT NULL AND total IS NOT NULL"}])
        if values and values[1] != "orders_by_day":
            return Rows()
        return Rows([{"keyspace_name": "shop", "view_name": "orders_by_day", "read_from": [{"name": self.serving}]}])

    def _schema_rows(self, name: str) -> Iterator[dict[str, Any]]:
        for column, kind, place, _type in COLUMNS if name in self.existing else ():
            order = "asc" if kind == "clustering" else "none"
            yield {"column_name": column, "kind": kind, "position": place, "clustering_order": order}

    def prepare(self, query: str) -> PreparedStatement:
        self.threads.add(threading.current_thread())
        name = re.findall(r"orders_by_day__g\d", query)[0]
        if name not in self.existing:
            raise InvalidRequest(f"table {name} does not exist")
        types = {column: kind for column, _, _, kind in COLUMNS} | {"LIMIT": Int32Type}
        marks = re.findall(r"(\w+) (?:=|[<>]=?|IN)? ?\?", query)
        columns = [Metadata("shop", name, each, types[each]) for each in marks]
        found = [Metadata("shop", name, column, types[column]) for column, *_ in COLUMNS]
        return PreparedStatement(columns, b"id", [0], query, "shop", 4, found, None)

    def execute_async(self, bound: BoundStatement, **_: Any) -> Answer:
        query = bound.prepared_statement.query_string
        name = re.findall(r"orders_by_day__g\d", query)[0]
        columns = bound.prepared_statement.column_metadata
        values = [each.type.deserialize(value, 4) for each, value in zip(columns, bound.values, strict=True)]
        self.sent.append((name, values))
        if name not in self.existing:
            return self._answer(InvalidRequest(f"table {name} does not exist"))
        day = values[0] if columns else Date("2026-11-01")
        limit = values[-1] if query.endswith("LIMIT ?") else self.rows
        rows = [Row(day, Decimal(total)) for total in range(min(self.rows, limit))]
        pages = [rows[begin : begin + self.page_size] for begin in range(0, len(rows), self.page_size)]
        return self._answer(pages or [[]])

    def _answer(self, pages: list[list[Any]] | Exception) -> Answer:
        answer = Answer(pages, self.begin, self.threads)
        self.answers.append(answer)
        return answer
