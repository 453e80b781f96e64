"""The rows that the benchmarks read and write: one a minute of each streamer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType

from followers.writes import BoundedWrites, prepare_insert

KEYSPACE = "bench"
COLUMNS = ("timestamp", "streamer", "total_count", "twitch_count", "twitter_count", "youtube_count")
MINUTE = "%Y-%m-%d_%H-%M"

BATCH_ROWS = 100


def streamer_name(number: int) -> str:
    """Return the streamer of this number."""
    return f"streamer{number:04d}"


def minute_text(moment: datetime) -> str:
    """Return the timestamp column's value."""
    return moment.astimezone(UTC).strftime(MINUTE)


def row_values(streamer: str, moment: str, count: int) -> tuple[str, str, int, int, int, int]:
    """Return a row in the order of ``COLUMNS``."""
    return (moment, streamer, count * 3, count, count, count)


def served_minutes(now: datetime, *, minutes: int) -> tuple[str, ...]:
    """Return timestamps that every generation made today or tomorrow holds, and for which rows exist.

    The views' window starts three to four days back; two days are left, so that it can slide under a run.
    """
    count = min(minutes, 2 * 24 * 60) - 10
    return tuple(minute_text(now - timedelta(minutes=back)) for back in range(5, count))


def create_table(session: Session, table: str) -> None:
    """Create a base table, and the keyspace where it is missing."""
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE IF NOT EXISTS {KEYSPACE} WITH replication = {replication}", timeout=60.0)
    session.execute(
        f"CREATE TABLE {KEYSPACE}.{table} (streamer text, timestamp text, youtube_count int, twitter_count int, "
        "twitch_count int, total_count bigint, PRIMARY KEY (streamer, timestamp))",
        timeout=60.0,
    )


def load_rows(
    session: Session,
    table: str,
    *,
    streamers: int,
    minutes: int,
    now: datetime,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> int:
    """Write one row a minute of each streamer, up to now; return how many.

    Raises:
        RuntimeError: some were not written.
    """
    insert = prepare_insert(session, KEYSPACE, table, COLUMNS)
    writes, failures, lock = BoundedWrites(session, 32), list[Exception](), threading.Lock()
    moments = [minute_text(now - timedelta(minutes=back)) for back in range(minutes)]
    rows = 0

    def failed(error: Exception) -> None:
        with lock:
            failures.append(error)

    for number in range(streamers):
        for first in range(0, minutes, BATCH_ROWS):
            chunk = moments[first : first + BATCH_ROWS]
            batch = BatchStatement(batch_type=BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
            for moment in chunk:
                batch.add(insert, row_values(streamer_name(number), moment, number))
            writes.send(batch, None, on_written=lambda: None, on_failed=failed)
            rows += len(chunk)
        on_progress(rows)
    if not writes.drain() or failures:
        raise RuntimeError(f"{KEYSPACE}.{table}: {len(failures)} batches were not written: {failures[:1]}")
    return rows
