"""What the jobs of one keyspace share, and what a job says of itself: one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cassandra.cluster import Session

from cassandra_views.model.times import instant_text
from spark_jobs.levels import Interval

if TYPE_CHECKING:
    from spark_jobs.connector import SparkTables
    from spark_jobs.ledger import RollupLedger
    from spark_jobs.source import LevelSource


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """What the jobs of one keyspace share.

    Args:
        tables: gives Spark's side of the tables; called when it is needed first.
        accounts: the streamers that are expected.
        lifetimes: how long rows of each level live, where they expire by themselves.
        now: the clock, for what has begun to expire.
    """

    session: Session
    keyspace: str
    source: LevelSource
    ledger: RollupLedger
    tables: Callable[[], SparkTables]
    accounts: frozenset[str]
    lifetimes: Mapping[str, timedelta]
    now: datetime
    report: JobReport


@dataclass(slots=True, kw_only=True)
class JobReport:
    """The counts of one job; docs/reference/rollups.md says what each means."""

    task: str
    interval: Interval
    intervals: int = 0
    rows_read: int = 0
    rows_written: int = 0
    streamers_missing: int = 0
    expected: int = 0
    seen: int = 0
    filled: int = 0
    kept: int = 0
    source: list[str] = field(default_factory=list)
    spark: str | None = None
    seconds: float = 0.0
    unknown: dict[str, int] | None = None

    def line(self) -> str:
        """Return the JSON line."""
        found: dict[str, Any] = {
            "task": self.task,
            "start": instant_text(self.interval.start),
            "end": instant_text(self.interval.end),
            "intervals": self.intervals,
            "rows_read": self.rows_read,
            "rows_written": self.rows_written,
            "streamers_missing": self.streamers_missing,
            "expected": self.expected,
            "seen": self.seen,
            "completeness": round(self.seen / self.expected, 6) if self.expected else 0.0,
            "filled": self.filled,
            "kept": self.kept,
            "source": sorted(self.source),
            "spark": self.spark,
            "seconds": round(self.seconds, 3),
        }
        if self.unknown is not None:
            found["unknown"] = self.unknown
        return json.dumps(found)
