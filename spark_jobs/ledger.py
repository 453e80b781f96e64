"""The table ``rollups``: what was read for each interval and whether its rows were written.

An interval's line is opened before its rows are written and closed after, so that a killed job leaves a
trace. Lines and rows of one run carry the time at which the run looked at the level below as their write
time: of two runs at once, the one that looked later wins everywhere, in whatever order they write.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from cassandra.policies import FallthroughRetryPolicy
from cassandra.query import SimpleStatement

from cassandra_client.database import Database
from cassandra_client.driver_errors import explained
from cassandra_client.names import quoted
from cassandra_client.own_tables import OwnTable
from spark_jobs.freshness import IntervalDigest, LedgerEntry
from spark_jobs.statements import PreparedReads, PreparedWrites

TABLE = OwnTable(
    name="rollups",
    columns="""
    level text,
    day text,
    start text,
    run text,
    started timestamp,
    finished timestamp,
    rows_read bigint,
    newest_read bigint,
    rows_written bigint,
    streamers_missing bigint,
    seen bigint,
    expected bigint,
    PRIMARY KEY ((level, day), start)
""",
)
"""As ``cql_templates/tables/rollups.cql.j2`` has it: that folder is not on the Spark master."""

_DAY = len("2026-03-01")


@dataclass(slots=True, kw_only=True)
class IntervalOutcome:
    """What came of one interval: see the columns of the same names."""

    streamers_missing: int
    rows_written: int = 0
    seen: int = 0
    expected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupRun:
    """One computation: its name, and the time of its look in microseconds since the Unix epoch."""

    name: str
    looked: int


class RollupLedger:
    """The ledger of one keyspace."""

    def __init__(self, database: Database, keyspace: str) -> None:
        self._database = database
        self._keyspace = keyspace
        self._table = f"{quoted(keyspace)}.{TABLE.name}"

    def create(self) -> None:
        """Make the table if it is missing; with a fixed id, so that two jobs at once make one."""
        with explained("the ledger could not be made", on=f"{self._keyspace}.{TABLE.name}"):
            self._database.session.execute(
                SimpleStatement(TABLE.create_cql(self._keyspace), retry_policy=FallthroughRetryPolicy()), timeout=30
            )

    def read(self, level: str, starts: Sequence[str]) -> dict[str, LedgerEntry]:
        """Return the lines of these intervals of a level; one that was never opened is not in it."""
        wanted = set(starts)
        query = (
            "SELECT start, started, finished, rows_read, newest_read, rows_written, streamers_missing, seen, expected "
            f"FROM {self._table} WHERE level = ? AND day = ? AND start >= ? AND start <= ?"
        )
        reads = PreparedReads(self._database.session, query, on=f"{self._keyspace}.{TABLE.name}")
        bounds = ((level, day, texts[0], texts[-1]) for day, texts in _by_day(starts))
        return {row.start: _entry(row) for row in reads.rows(bounds) if row.start in wanted}

    def open(self, level: str, read: Mapping[str, IntervalDigest], run: RollupRun) -> None:
        """Write that the rows of these intervals are about to be written."""
        query = (
            f"INSERT INTO {self._table} "
            "(level, day, start, run, started, finished, rows_read, newest_read, rows_written) "
            "VALUES (?, ?, ?, ?, ?, null, ?, ?, 0) USING TIMESTAMP ?"
        )
        self._write(
            query,
            level,
            (
                (start, (run.name, run.looked // 1000, digest.rows, digest.newest, run.looked))
                for start, digest in read.items()
            ),
        )

    def close(self, level: str, outcomes: Mapping[str, IntervalOutcome], run: RollupRun, finished: int) -> None:
        """Write that the rows of these intervals were written.

        Args:
            finished: when, in milliseconds since the Unix epoch.
        """
        query = (
            f"INSERT INTO {self._table} "
            "(level, day, start, finished, rows_written, streamers_missing, seen, expected) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
        )
        self._write(
            query,
            level,
            (
                (
                    start,
                    # One later than the opening, which it follows, and before any other run's.
                    (finished, each.rows_written, each.streamers_missing, each.seen, each.expected, run.looked + 1),
                )
                for start, each in outcomes.items()
            ),
        )

    def _write(self, query: str, level: str, lines: Iterable[tuple[str, tuple[Any, ...]]]) -> None:
        writes = PreparedWrites(self._database.session, query, on=f"{self._keyspace}.{TABLE.name}")
        days: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for start, values in lines:
            days[start[:_DAY]].append((level, start[:_DAY], start, *values))
        writes.write(days.values())


def _by_day(starts: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    days: dict[str, list[str]] = defaultdict(list)
    for start in starts:
        days[start[:_DAY]].append(start)
    for day, texts in days.items():
        yield day, sorted(texts)


def _entry(row: Any) -> LedgerEntry:
    return LedgerEntry(
        is_open=row.finished is None,
        read=IntervalDigest(rows=row.rows_read or 0, newest=row.newest_read or 0),
        rows_written=row.rows_written or 0,
        looked=round(row.started.replace(tzinfo=UTC).timestamp() * 1000) * 1000 if row.started else 0,
        streamers_missing=row.streamers_missing or 0,
        seen=row.seen or 0,
        expected=row.expected or 0,
    )
