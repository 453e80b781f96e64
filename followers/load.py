"""Write a history into the base tables, fast.

One unlogged batch holds rows of one partition only: such a batch is one mutation, about ten times
as fast as single inserts and free of the batch log. Rows have fixed keys and values, so writing
them again changes nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

from cassandra import ConsistencyLevel, RequestValidationException
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType, PreparedStatement

from followers.history import HistorySpan, Row, SampleHistory, TableRows
from followers.writes import BoundedWrites, bound_values, prepare_insert

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Called with a table, the rows written, and how many there will be at most."""

BATCH_ROWS = 100
BATCHES_IN_FLIGHT = 32
PAUSES_SECONDS = (1.0, 2.0, 4.0, None)
"""Waits before failed batches are tried again: a small server that builds views lets writes time out."""

REPORT_SECONDS = 0.1


class LoadError(Exception):
    """Rows could not be written; says how many, of which table, and why."""


def load_history(
    session: Session,
    *,
    keyspace: str = "insight",
    now: datetime,
    seed: int = 1,
    streamers: int = 100,
    span: HistorySpan | None = None,
    on_progress: Progress | None = None,
) -> dict[str, int]:
    """Write the rows that the pipeline would have stored before ``now``; return how many of each table.

    Args:
        session: used, not closed.
        keyspace: where the base tables are; they must exist.
        now: aware; rows depend on it and on the seed alone.
        seed: another seed gives other counts and gaps.
        streamers: the first so many of accounts.csv; the table ``accounts`` gets all.
        span: how far back each level reaches; None for the usual 35 days, 3 days, 6 hours and 5 minutes.
        on_progress: told about ten times a second, and at the end of each table.

    Raises:
        LoadError: some rows were refused, or timed out again and again; what was written stays, and
            loading again with the same seed and moment completes it.
        InvalidRequest: the driver's; the keyspace or a table does not exist, or lacks a column.
        ValueError: ``now`` is naive, or there are not that many streamers.
    """
    history = SampleHistory(now=now, seed=seed, streamers=streamers, span=span)
    return {rows.table: _load(session, keyspace, rows, on_progress) for rows in history.tables()}


def _load(session: Session, keyspace: str, rows: TableRows, on_progress: Progress | None) -> int:
    insert = prepare_insert(session, keyspace, rows.table, rows.columns)
    writing = _Writing(session, insert)
    chunks: Iterable[list[Row]] = _chunks(rows.partitions())
    for pause in PAUSES_SECONDS:
        reported = 0.0
        for chunk in chunks:
            writing.send(chunk)
            if on_progress and time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                on_progress(rows.table, writing.written, rows.at_most)
        chunks = writing.take_failed()
        if not chunks:
            break
        if pause is None or isinstance(writing.error, RequestValidationException):
            raise LoadError(
                f"{keyspace}.{rows.table}: {sum(map(len, chunks))} rows could not be written "
                f"({writing.error}). {writing.written} rows are written and stay. "
                "Check that the server is up and not overloaded, then load again with the same seed "
                "and time: rows that exist are written again unchanged."
            ) from writing.error
        log.warning("%s.%s: %d batches failed: %s", keyspace, rows.table, len(chunks), writing.error)
        time.sleep(pause)
    if on_progress:
        on_progress(rows.table, writing.written, writing.written)
    return writing.written


class _Writing:
    """One table's batches on their way: how many rows arrived, and which batches did not."""

    def __init__(self, session: Session, insert: PreparedStatement) -> None:
        self._writes = BoundedWrites(session, BATCHES_IN_FLIGHT)
        self._insert = insert
        self._lock = threading.Lock()
        self._failed: list[list[Row]] = []
        self.written = 0
        self.error: Exception | None = None

    def send(self, rows: list[Row]) -> None:
        """Write rows of one partition; waits only where too much is under way."""
        batch = BatchStatement(batch_type=BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
        for row in rows:
            batch.add(self._insert, bound_values(row))
        batch.is_idempotent = True
        self._writes.send(batch, None, on_written=partial(self._count, len(rows)), on_failed=partial(self._keep, rows))

    def take_failed(self) -> list[list[Row]]:
        """Wait for all answers and return the batches to write again."""
        if not self._writes.drain():
            raise LoadError(
                f"Nobody answered for writes under way. {self.written} rows are written and stay. "
                "Check that the server is up, then load again with the same seed and time."
            )
        failed, self._failed = self._failed, []
        return failed

    def _count(self, rows: int) -> None:
        with self._lock:
            self.written += rows

    def _keep(self, rows: list[Row], error: Exception) -> None:
        with self._lock:
            self._failed.append(rows)
            self.error = error


def _chunks(partitions: Iterable[list[Row]]) -> Iterator[list[Row]]:
    for rows in partitions:
        for first in range(0, len(rows), BATCH_ROWS):
            yield rows[first : first + BATCH_ROWS]
