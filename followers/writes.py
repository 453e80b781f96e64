"""Writes that do not wait for their answers, a bounded number of them at a time.

The driver's ``execute_concurrent`` makes the rows in its network thread, where an error in making
them would be swallowed and leave the caller waiting; here they are made by the caller.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from cassandra import ConsistencyLevel, DriverException
from cassandra.cluster import NoHostAvailable, Session
from cassandra.query import UNSET_VALUE, BatchStatement, PreparedStatement

DRAIN_SECONDS = 30.0
"""Longer than the driver waits for any answer (10 seconds unless told otherwise)."""


def prepare_insert(session: Session, keyspace: str, table: str, columns: Sequence[str]) -> PreparedStatement:
    """Return the prepared INSERT of these columns; how long rows live is the table's own affair.

    Written at LOCAL_QUORUM, which is what views are read and audited at: what was acknowledged is seen.
    """
    marks = ", ".join("?" * len(columns))
    statement = session.prepare(f'INSERT INTO "{keyspace}".{table} ({", ".join(columns)}) VALUES ({marks})')
    statement.consistency_level = ConsistencyLevel.LOCAL_QUORUM
    statement.is_idempotent = True
    return statement


def bound_values(row: Sequence[Any]) -> list[Any]:
    """Return the values to bind: what is not known stays unset, since binding a null writes a tombstone."""
    return [UNSET_VALUE if value is None else value for value in row]


class BoundedWrites:
    """At most ``limit`` writes under way; callbacks run in the driver's thread and must not block."""

    def __init__(self, session: Session, limit: int) -> None:
        self._session = session
        self._limit = limit
        self._free = threading.BoundedSemaphore(limit)

    def send(
        self,
        statement: PreparedStatement | BatchStatement,
        values: Sequence[Any] | None,
        *,
        on_written: Callable[[], None],
        on_failed: Callable[[Exception], None],
        timeout_seconds: float | None = None,
    ) -> bool:
        """Send one write and return; False if none of those under way was answered in time."""
        if not self._free.acquire(timeout=timeout_seconds):
            return False

        def written(_: object) -> None:
            on_written()
            self._free.release()

        def failed(error: Exception) -> None:
            on_failed(error)
            self._free.release()

        try:
            future = self._session.execute_async(statement, values)
        except (DriverException, NoHostAvailable) as error:
            failed(error)
        else:
            future.add_callbacks(written, failed)
        return True

    def drain(self) -> bool:
        """Wait until all writes are answered; False if some are not within 30 seconds."""
        taken = 0
        while taken < self._limit and self._free.acquire(timeout=DRAIN_SECONDS):
            taken += 1
        for _ in range(taken):
            self._free.release()
        return taken == self._limit
