"""The lease of the process that executes an operation: one process at a time, and another one after its death."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from cassandra import ConsistencyLevel

from cassandra_client.driver_errors import DRIVER_ERRORS, short_driver_text
from cassandra_healing.errors import ExecutorBusy, JournalError
from cassandra_healing.session import ClusterSession


class ExecutorLease:
    """A row of ``control`` that expires when its holder dies, and is renewed while it works; one for each target.

    A process that loses it in the middle of a step finishes that step: steps may be done twice, and OpenTofu has
    a lock of its own.
    """

    def __init__(self, session: ClusterSession, keyspace: str, *, author: str, seconds: float, target: str) -> None:
        self._session = session
        self._table = f"{keyspace}.control"
        self._author = author
        self._seconds = seconds
        self._row = ("cluster", "healer", target)
        self._ttl = max(1, round(seconds))
        self._key = uuid.uuid4()

    @contextmanager
    def acquired(self) -> Iterator[None]:
        """Hold it for the length of a block.

        Raises:
            ExecutorBusy: another healer has it.
            JournalError: it could not be taken.
        """
        self._take()
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(ended,), name="cassandra_healing_hold", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()
            with suppress(*DRIVER_ERRORS):  # it goes by itself
                self._session.conditional(
                    f"DELETE FROM {self._table} WHERE scope = %s AND kind = %s AND name = %s IF operation = %s",
                    (*self._row, self._key),
                )

    def _take(self) -> None:
        insert = (
            f"INSERT INTO {self._table} (scope, kind, name, operation, author, at) "
            f"VALUES (%s, %s, %s, %s, %s, %s) IF NOT EXISTS USING TTL {self._ttl}"
        )
        try:
            if self._session.conditional(insert, (*self._row, self._key, self._author, datetime.now(UTC))):
                return
            holder = self._holder()
        except DRIVER_ERRORS as error:  # unknown: what stands is read
            holder = self._holder()
            if holder is None:
                raise JournalError(
                    f"the lease could not be acquired: {short_driver_text(error)}",
                    remains="Nothing was done",
                    next="Try again",
                ) from error
        if holder is None or holder[0] != self._key:
            by = holder[1] if holder else "another healer"
            raise ExecutorBusy(
                f"{by} is working on it",
                remains="It continues there",
                next=f"Wait for it; if it died, the next run resumes the operation after {self._seconds:g} s",
            )

    def _holder(self) -> tuple[uuid.UUID, str] | None:
        rows = self._session.rows(
            f"SELECT operation, author FROM {self._table} WHERE scope = %s AND kind = %s AND name = %s",
            self._row,
            consistency=ConsistencyLevel.SERIAL,
        )
        return (rows[0]["operation"], rows[0]["author"]) if rows and rows[0]["operation"] else None

    def _renew(self, ended: threading.Event) -> None:
        while not ended.wait(self._seconds / 4):
            with suppress(*DRIVER_ERRORS):  # the next time; steps may be done twice
                self._session.conditional(
                    f"UPDATE {self._table} USING TTL {self._ttl} SET operation = %s, author = %s, at = %s "
                    "WHERE scope = %s AND kind = %s AND name = %s IF operation = %s",
                    (self._key, self._author, datetime.now(UTC), *self._row, self._key),
                )
