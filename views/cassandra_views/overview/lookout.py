"""Looks at the registry for pages: few threads, never longer than people wait, one look for all who ask the same."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_views.registry.store import Registry

T = TypeVar("T")
Question = Callable[[Database, Registry], T]

PATIENCE_SECONDS = 4.0
"""How long a page waits for the cluster; its statements and connections give up sooner."""

STATEMENT_SECONDS = 3.0

KEEP_SECONDS = 1.5
"""How long an answer, or a failure, is given to those who ask the same."""

THREADS = "cassandra-views-page"
_THREADS = 2
_MOST_WAITING = 8
"""More questions than these at once are refused: a cluster that hangs would only collect them."""


@dataclass(slots=True, kw_only=True)
class _Asked:
    """A question that was asked, and its answer once that is there."""

    future: Future[Any]
    keep_seconds: float
    ended_at: float = field(default=float("inf"))

    def is_over(self, now: float) -> bool:
        return now - self.ended_at > self.keep_seconds

    def end(self, _future: Future[Any]) -> None:
        self.ended_at = time.monotonic()


class Lookout:
    """Answers questions to one registry; safe to use from many threads, and after a fork.

    Args:
        find_database: opens what the questions are asked of, or gives the one that is open; called in a thread.
        find_registry: the registry's keyspace.
        retell: returns a failure to reach the cluster with what to do next where the page is.
    """

    def __init__(
        self,
        find_database: Callable[[], Database],
        find_registry: Callable[[], str],
        retell: Callable[[ClusterError], ClusterError],
    ) -> None:
        self._find_database = find_database
        self._find_registry = find_registry
        self._retell = retell
        self._begin()

    def begin(self, key: Hashable, question: Question[T], *, keep_seconds: float = KEEP_SECONDS) -> Future[T]:
        """Return the answer of now or of a moment ago, as soon as it is there; the same question is asked once.

        Raises:
            ClusterError: too much is asked already.
        """
        if self._pid != os.getpid():
            self._begin()  # threads and answers are the parent's
        now = time.monotonic()
        with self._lock:
            for old in [each for each, asked in self._asked.items() if asked.is_over(now)]:
                del self._asked[old]
            asked = self._asked.get(key)
            if asked is None:
                if sum(not each.future.done() for each in self._asked.values()) >= _MOST_WAITING:
                    raise self._silence("too many questions wait for the cluster's answer")
                asked = _Asked(future=self._threads.submit(self._answer, question), keep_seconds=keep_seconds)
                asked.future.add_done_callback(asked.end)
                self._asked[key] = asked
        return asked.future

    def ask(
        self,
        key: Hashable,
        question: Question[T],
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        keep_seconds: float = KEEP_SECONDS,
    ) -> T:
        """Wait for the answer.

        Raises:
            ViewsError: of the question, or of reaching the cluster.
            ClusterError: there is no answer in time, or too much is asked already.
        """
        return self.wait(self.begin(key, question, keep_seconds=keep_seconds), patience_seconds)

    def wait(self, future: Future[T], seconds: float) -> T:
        """Wait for the answer of ``begin``; errors as ``ask``."""
        try:
            return future.result(max(0.0, seconds))
        except TooLate as error:
            # Who waits for several answers has waited for the others before.
            raise self.too_late(max(seconds, PATIENCE_SECONDS)) from error

    def too_late(self, seconds: float = PATIENCE_SECONDS) -> ClusterError:
        """Return what those are told who have waited so long for an answer."""
        return self._silence(f"the cluster gave no answer within {seconds:.0f} s")

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[Hashable, _Asked] = {}
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix=THREADS)
        self._pid = os.getpid()

    def _silence(self, what: str) -> ClusterError:
        on = f"registry {self._find_registry()}"
        return ClusterError(what, on=on, next="See that its nodes are up and not overloaded, then look again")

    def _answer(self, question: Question[T]) -> T:
        try:
            database = self._find_database()
            return question(database, Registry(database, self._find_registry(), run="", author=""))
        except ClusterError as error:
            error.on = error.on or f"registry {self._find_registry()}"
            raise self._retell(error) from error
