"""The session of a process that serves pages: opened when it is first needed, after a fork, and closed at the end."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field

from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError, ViewsError
from cassandra_views.overview.query_runner import STATEMENT_SECONDS

_REST_SECONDS = 1.0
"""After a failure nobody tries to connect for so long: all who come meanwhile get the same answer at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSource:
    """How a session is opened now.

    Attributes:
        open: opens one for the length of a block.
        key: equal where the same cluster is reached in the same way; may hold secrets.
    """

    open: Callable[[], AbstractContextManager[Session]]
    key: str = field(default="", repr=False)


class SessionProvider:
    """Gives one session to all threads of a process.

    A child of a fork opens its own: the driver's threads and sockets are its parent's.

    Args:
        find_source: how the cluster is reached now; asked at each attempt to connect.
        timeout_seconds: how long somebody waits for the first session, and a statement of ``get_database`` at most.
        renew_seconds: after so long the source is asked again, and another session is opened where its key differs or
            the session knows no node that is up; None for never.
    """

    def __init__(
        self,
        find_source: Callable[[], SessionSource],
        *,
        timeout_seconds: float,
        renew_seconds: float | None = None,
    ) -> None:
        self._find_source = find_source
        self._timeout_seconds = timeout_seconds
        self._renew_seconds = renew_seconds
        self._source = SessionSource(open=ExitStack)
        self._asked_at = 0.0
        self._database: Database | None = None
        self._opening: Future[Session] | None = None
        self._stack = ExitStack()
        self._parents: tuple[object, ...] = ()
        self._failed_at = 0.0
        self._lock = threading.RLock()
        _living.add(self)

    def get(self) -> Session:
        """Return the session; the first one of a process waits for it.

        Raises:
            ClusterError: the cluster cannot be reached, or not in time. The next call tries again.
            ConfigurationError: what is configured cannot be used.
        """
        opening = self._opening
        if opening is None or self._is_stale(opening) or self._is_due():
            with self._lock:
                if self._is_due():
                    self._renew()
                opening = self._opening
                if opening is None or self._is_stale(opening):
                    opening = self._opening = Future()
                    threading.Thread(target=self._open, args=(opening,), name="views-connect", daemon=True).start()
        try:
            return opening.result(self._timeout_seconds)
        except TooLate as error:
            raise ClusterError(
                f"no connection to the cluster within {self._timeout_seconds:g} s",
                on="the cluster of these pages",
                next="Check that its nodes are up and reachable; it is tried again by itself",
            ) from error

    def get_database(self) -> Database:
        """Return the session as the queries of pages use it; errors as ``get``."""
        session, database = self.get(), self._database
        if database is None or database.session is not session:
            database = Database(session, timeout_seconds=min(STATEMENT_SECONDS, self._timeout_seconds))
            self._database = database
        return database

    def close(self) -> None:
        """Close the session; the next call of ``get`` opens another."""
        with self._lock:
            self._opening = None
            self._stack.close()

    def _is_open(self) -> bool:
        opening = self._opening
        return opening is not None and opening.done() and opening.exception() is None

    def _is_due(self) -> bool:
        return (
            self._renew_seconds is not None
            and self._is_open()
            and time.monotonic() - self._asked_at >= self._renew_seconds
        )

    def _renew(self) -> None:
        """Close the session where its source has changed, or all nodes may have got other addresses since."""
        key = self._find_source().key
        self._asked_at = time.monotonic()
        assert self._opening is not None
        hosts = self._opening.result().cluster.metadata.all_hosts()
        if key != self._source.key or not any(host.is_up for host in hosts):
            self.close()

    def _is_stale(self, opening: Future[Session]) -> bool:
        return opening.done() and opening.exception() is not None and time.monotonic() > self._failed_at + _REST_SECONDS

    def _open(self, opening: Future[Session]) -> None:
        try:
            source = self._find_source()
            stack = ExitStack()
            session = stack.enter_context(source.open())
        except ViewsError as error:
            self._failed_at = time.monotonic()
            opening.set_exception(error)
            return
        with self._lock:
            if self._opening is opening:
                self._stack = stack
                self._source, self._asked_at = source, time.monotonic()
                opening.set_result(session)
                return
        # It was closed meanwhile.
        stack.close()
        opening.set_exception(
            ClusterError("the connection was closed", on="the cluster of these pages", next="Connect again")
        )

    def _forget(self) -> None:
        """Leave to the parent of a fork what is its own: kept, since what is thrown away would be closed."""
        self._parents = self._opening, self._stack, self._database
        self._opening = self._database = None
        self._stack = ExitStack()
        self._lock = threading.RLock()


_living: weakref.WeakSet[SessionProvider] = weakref.WeakSet()


def _forget_all() -> None:
    for each in list(_living):
        each._forget()


def _close_all() -> None:
    for each in list(_living):
        each.close()


os.register_at_fork(after_in_child=_forget_all)
atexit.register(_close_all)
