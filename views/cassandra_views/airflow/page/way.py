"""The page's way to its cluster: one session for the process, by the Airflow connection as it is now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from cassandra import Unauthorized

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_views.airflow.hook import Access, describe
from cassandra_views.overview.lookout import STATEMENT_SECONDS

_RENEW_SECONDS = 30.0
"""After so long the Airflow connection is read again: somebody may have changed it."""


class Way:
    """Opens a session when it is first needed, and another one where the connection says something else.

    Args:
        find_access: how the cluster is reached now; called from time to time.
    """

    def __init__(self, find_access: Callable[[], Access]) -> None:
        self._find_access = find_access
        self._opening = threading.Lock()
        self._open: tuple[str, Database, ExitStack] | None = None
        self._read_at = 0.0

    def database(self) -> Database:
        """Return the session, as questions use it.

        Raises:
            ClusterError: the cluster cannot be reached.
            ConfigurationError: the connection is wrong.
        """
        with self._opening:
            now = time.monotonic()
            if self._open is not None and now - self._read_at < _RENEW_SECONDS:
                return self._open[1]
            access = _hurried(self._find_access())
            self._read_at = now
            key = describe(access)
            if self._open is not None and (self._open[0] != key or _is_lost(self._open[1])):
                self._shut()
            if self._open is None:
                with ExitStack() as stack:
                    session = stack.enter_context(access.opened())
                    database = Database(session, timeout_seconds=STATEMENT_SECONDS)
                    self._open = (key, database, stack.pop_all())
            return self._open[1]

    def close(self) -> None:
        """Close the session; the next call of ``database`` opens it again."""
        with self._opening:
            self._shut()

    def _shut(self) -> None:
        if self._open is not None:
            stack, self._open = self._open[2], None
            stack.close()


def retold(error: ClusterError) -> ClusterError:
    """Return the error with what to do next on a page, where there is no command to run again."""
    if isinstance(error.__cause__, Unauthorized):
        return error
    return ClusterError(
        error.what,
        on=error.on,
        next="See that its nodes are up and reachable, and that host, login and password of the Airflow connection "
        "are right; then look again",
    )


def _hurried(access: Access) -> Access:
    """Return the access with time-outs of a page instead of those of a task."""
    seconds = {
        key: min(STATEMENT_SECONDS, access.options.get(key, STATEMENT_SECONDS))
        for key in ("request_timeout_seconds", "connect_timeout_seconds")
    }
    return replace(access, options={**access.options, **seconds})


def _is_lost(database: Database) -> bool:
    """Tell whether no node that the session knows is up: all may have got other addresses since."""
    return not any(host.is_up for host in database.hosts())
