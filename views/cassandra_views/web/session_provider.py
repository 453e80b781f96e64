"""The session of one process: opened when it is first needed, which is after a fork, and closed at the end."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from contextlib import ExitStack

from cassandra.cluster import Session

from cassandra_client.errors import ClusterError, ViewsError
from cassandra_views.project.session import session_of
from cassandra_views.project.settings import Settings

_REST_SECONDS = 1.0
"""After a failure nobody tries to connect for so long: all who come meanwhile get the same answer at once."""


class SessionProvider:
    """Gives one session to all threads of a process.

    A child of a fork opens its own: the driver's threads and sockets are its parent's.

    Args:
        find_settings: how the cluster is reached now; asked at each attempt to connect.
        timeout_seconds: how long a statement may take, and how long somebody waits for the first session.
    """

    def __init__(self, find_settings: Callable[[], Settings], *, timeout_seconds: float) -> None:
        self._find_settings = find_settings
        self._timeout_seconds = timeout_seconds
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
        if opening is None or self._is_stale(opening):
            with self._lock:
                opening = self._opening
                if opening is None or self._is_stale(opening):
                    opening = self._opening = Future()
                    threading.Thread(target=self._open, args=(opening,), name="views-connect", daemon=True).start()
        try:
            return opening.result(self._timeout_seconds)
        except TooLate as error:
            raise ClusterError(
                f"no connection to the cluster within {self._timeout_seconds:g} s",
                on="the cluster of this app",
                next="See that its nodes are up and reachable; it is tried again by itself",
            ) from error

    @property
    def is_open(self) -> bool:
        """Tell whether there is a session, without waiting for one."""
        opening = self._opening
        return opening is not None and opening.done() and opening.exception() is None

    def close(self) -> None:
        """Close the session; the next call of ``get`` opens another."""
        with self._lock:
            self._opening = None
            self._stack.close()

    def _is_stale(self, opening: Future[Session]) -> bool:
        return opening.done() and opening.exception() is not None and time.monotonic() > self._failed_at + _REST_SECONDS

    def _open(self, opening: Future[Session]) -> None:
        try:
            settings = self._find_settings()
            stack = ExitStack()
            session = stack.enter_context(session_of(settings, request_timeout_seconds=self._timeout_seconds))
        except ViewsError as error:
            self._failed_at = time.monotonic()
            opening.set_exception(error)
            return
        with self._lock:
            if self._opening is opening:
                self._stack = stack
                opening.set_result(session)
                return
        # It was closed meanwhile.
        stack.close()
        opening.set_exception(
            ClusterError("the connection was closed", on="the cluster of this app", next="Connect again")
        )

    def _forget(self) -> None:
        """Leave to the parent of a fork what is its own: kept, since what is thrown away would be closed."""
        self._parents = self._opening, self._stack
        self._opening = None
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
