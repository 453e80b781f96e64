"""Runs queries of pages: in few threads, never longer than people wait, once for all who ask the same."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from cassandra import Unauthorized

from cassandra_client.database import Database
from cassandra_client.driver_errors import advice
from cassandra_client.errors import ClusterError, ViewsError
from cassandra_views.registry.store import Registry

T = TypeVar("T")
Clock = Callable[[], datetime]
"""Tells the time, aware and in UTC."""


def utc_now() -> datetime:
    """Return what time it is by the machine's clock."""
    return datetime.now(UTC)


PATIENCE_SECONDS = 4.0
"""How long a page waits for the cluster; its statements and connections give up sooner."""

STATEMENT_SECONDS = 3.0

NODE_SECONDS = 2.0
"""How long a page, or a look at the whole cluster, waits for one node that it asks by itself."""

KEEP_SECONDS = 1.5
"""How long an answer, or a failure, is given to those who ask the same."""

THREADS = "cassandra-views-page"
_THREADS = 2
_MOST_WAITING = 8
"""More queries than these at once are refused: a cluster that hangs would only collect them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryQuery(Generic[T]):
    """What a page asks of a cluster and its registry.

    Args:
        key: those who ask with the same key share one answer.
        read: returns the answer; called in a thread.
        keep_seconds: how old an answer may be.
        patience_seconds: how long a page waits for it.
    """

    key: Hashable
    read: Callable[[Database, Registry], T]
    keep_seconds: float = KEEP_SECONDS
    patience_seconds: float = PATIENCE_SECONDS


QuerySteps = Generator[tuple[RegistryQuery[Any], ...], list[Any], T]
"""Work that needs answers: it yields queries to be run at once, and is sent their answers.

An error among them stands for the answer that there is not.
"""


@dataclass(slots=True, kw_only=True)
class _QueryRun:
    """A query that was begun, and its answer once that is there."""

    future: Future[Any]
    keep_seconds: float
    ended_at: float = field(default=float("inf"))

    def is_over(self, now: float) -> bool:
        return now - self.ended_at > self.keep_seconds

    def end(self, _future: Future[Any]) -> None:
        self.ended_at = time.monotonic()


class QueryRunner:
    """Runs queries on one registry; safe to use from many threads, and after a fork.

    Args:
        find_database: opens what is queried, or returns the one that is open; called in a thread.
        find_registry: the registry's keyspace.
        connection_advice: what to do next where the cluster cannot be reached, instead of what the driver's error
            advises: it knows the variables of the command line alone.
    """

    def __init__(
        self, find_database: Callable[[], Database], find_registry: Callable[[], str], *, connection_advice: str = ""
    ) -> None:
        self._find_database = find_database
        self._find_registry = find_registry
        self._connection_advice = connection_advice
        self._begin()

    def begin(self, query: RegistryQuery[T]) -> Future[T]:
        """Return the answer of now or of a moment ago, as soon as it is there; the same query is run once.

        Raises:
            ClusterError: too many queries are under way.
        """
        if self._pid != os.getpid():
            self._begin()  # threads and answers are the parent's
        now = time.monotonic()
        key = (query.key, query.keep_seconds)
        with self._lock:
            for old in [each for each, run in self._runs.items() if run.is_over(now)]:
                del self._runs[old]
            run = self._runs.get(key)
            if run is None:
                if sum(not each.future.done() for each in self._runs.values()) >= _MOST_WAITING:
                    raise self._no_answer("too many queries wait for the cluster's answer")
                run = _QueryRun(future=self._threads.submit(self._answer, query), keep_seconds=query.keep_seconds)
                run.future.add_done_callback(run.end)
                self._runs[key] = run
        return run.future

    def ask(self, query: RegistryQuery[T]) -> T:
        """Wait for the answer.

        Raises:
            ViewsError: of the query, or of reaching the cluster.
            ClusterError: there is no answer in time, or too many queries are under way.
        """
        (answer,) = self.ask_all((query,))
        if isinstance(answer, ViewsError):
            raise answer
        found: T = answer
        return found

    def ask_all(self, queries: Sequence[RegistryQuery[Any]]) -> list[Any]:
        """Return the answers to queries that are run at once; an error stands for the answer that there is not.

        Waits no longer for all of them than for the one that may take the longest.
        """
        began = time.monotonic()
        begun: list[Future[Any] | ViewsError] = []
        for query in queries:
            try:
                begun.append(self.begin(query))
            except ViewsError as error:
                begun.append(error)
        patience = max((query.patience_seconds for query in queries), default=0.0)
        return [each if isinstance(each, ViewsError) else self._wait(each, began, patience) for each in begun]

    def run(self, steps: QuerySteps[T]) -> T:
        """Do work that needs answers, and return its result."""
        try:
            queries = next(steps)
            while True:
                queries = steps.send(self.ask_all(queries))
        except StopIteration as end:
            result: T = end.value
            return result

    def too_late(self, seconds: float) -> ClusterError:
        """Return what those are told who have waited so long for an answer."""
        return self._no_answer(f"the cluster gave no answer within {seconds:.0f} s")

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._runs: dict[Hashable, _QueryRun] = {}
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix=THREADS)
        self._pid = os.getpid()

    def _wait(self, future: Future[Any], began: float, patience: float) -> Any:
        try:
            return future.result(max(0.0, began + patience - time.monotonic()))
        except TooLate:
            return self.too_late(patience)
        except ViewsError as error:
            return error

    def _no_answer(self, what: str) -> ClusterError:
        on = f"registry {self._find_registry()}"
        return ClusterError(what, on=on, next="Check that its nodes are up and not overloaded, then look again")

    def _answer(self, query: RegistryQuery[T]) -> T:
        try:
            database = self._find_database()
            return query.read(database, Registry(database, self._find_registry(), run="", author=""))
        except ClusterError as error:
            on = error.on or f"registry {self._find_registry()}"
            raise ClusterError(error.what, on=on, remains=error.remains, next=self._next(error)) from error

    def _next(self, error: ClusterError) -> str:
        """Return what to do next on a page, where there is no command to run again."""
        cause = error.__cause__
        if isinstance(cause, Unauthorized):
            return advice(cause, again="look again")
        if cause is not None and error.next == advice(cause):
            return self._connection_advice or advice(cause, again="look again")
        return error.next
