"""The rows that the benchmarks read and write: one a minute of each streamer."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

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
        RuntimeError: some could not be written, tried several times.
    """
    insert = prepare_insert(session, KEYSPACE, table, COLUMNS)
    moments = [minute_text(now - timedelta(minutes=back)) for back in range(minutes)]
    chunks = [(number, first) for number in range(streamers) for first in range(0, minutes, BATCH_ROWS)]
    for pause in (0.0, 1.0, 3.0):  # a server on a busy machine lets writes time out
        time.sleep(pause)
        writes, failed, error = BoundedWrites(session, 16), list[tuple[int, int]](), ""

        def keep(chunk: tuple[int, int], reason: Exception, into: list[tuple[int, int]] = failed) -> None:
            nonlocal error
            into.append(chunk)
            error = str(reason)

        for place, (number, first) in enumerate(chunks):
            batch = BatchStatement(batch_type=BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
            for moment in moments[first : first + BATCH_ROWS]:
                batch.add(insert, row_values(streamer_name(number), moment, number))
            writes.send(batch, None, on_written=lambda: None, on_failed=partial(keep, (number, first)))
            on_progress(place * BATCH_ROWS)
        if writes.drain() and not failed:
            return streamers * minutes
        chunks = failed or chunks
    raise RuntimeError(f"{KEYSPACE}.{table}: {len(chunks)} batches were not written: {error}")
