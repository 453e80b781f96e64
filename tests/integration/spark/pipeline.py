"""The tables of the pipeline on a real server: readings in, tasks run, rows out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from cassandra.cluster import Session

from spark_jobs.job import JobReport
from spark_jobs.ledger import TABLE
from spark_jobs.levels import DAY, HOUR, LIVE, MINUTE, RollupLevel, parse_interval
from spark_jobs.session import Spark
from spark_jobs.tasks import level_of, run_task
from tests.integration.cassandra.test_followers import ALL_TABLES, create
from tests.paths import ROOT

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
"""When the views were made: that of minutes begins at five of this day, a step before the six hours it promises."""

LONG_AGO = datetime(2025, 1, 1, tzinfo=UTC)
"""The first of the days that tests have to themselves."""

STREAMERS = ("ann", "bob", "cyd")
LEVELS = {"minute": MINUTE, "hour": HOUR, "day": DAY}

Rows = dict[tuple[str, str], tuple[int | None, int | None, int | None, int]]
"""Rows by (streamer, time): youtube, twitter, twitch, total."""


def make_keyspace(session: Session, name: str) -> Iterator[str]:
    session.execute(f"DROP KEYSPACE IF EXISTS {name}")
    session.execute(f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")
    create(session, name, *ALL_TABLES)
    for streamer in STREAMERS:
        session.execute(f"INSERT INTO {name}.accounts (streamer) VALUES (%s)", (streamer,))
    yield name
    session.execute(f"DROP KEYSPACE IF EXISTS {name}")


def write_project(folder: Path, keyspace: str) -> Path:
    """Copy the repository's own files of what the jobs read, for another keyspace."""
    files = [*(ROOT / "cql_templates" / "tables").iterdir(), *(ROOT / "cql_templates" / "views").glob("*_view.cql.j2")]
    for source in files:
        target = folder / source.relative_to(ROOT / "cql_templates")
        target.parent.mkdir(exist_ok=True)
        target.write_text(source.read_text().replace("keyspace: insight", f"keyspace: {keyspace}"))
    return folder


@dataclass(kw_only=True)
class Pipeline:
    """One keyspace; ``start`` is the beginning of a day that this test has to itself."""

    session: Session
    spark: Any
    keyspace: str
    registry: str
    start: datetime

    def at(self, text: str, day: int = 0) -> datetime:
        """Return a time of the day, such as ``10:15`` or ``10:15:07``."""
        moment = time.fromisoformat(text)
        return self.start + timedelta(days=day, hours=moment.hour, minutes=moment.minute, seconds=moment.second)

    def read(self, platform: str, streamer: str, moment: datetime, count: int | None) -> None:
        """Write a reading."""
        self.session.execute(
            f"INSERT INTO {self.keyspace}.{platform}_live (streamer, timestamp, follower_count) VALUES (%s, %s, %s)",
            (streamer, LIVE.text(moment), count),
        )

    def forget(self, platform: str, streamer: str, moment: datetime) -> None:
        """Delete a reading, as its expiry would."""
        self.session.execute(
            f"DELETE FROM {self.keyspace}.{platform}_live WHERE streamer = %s AND timestamp = %s",
            (streamer, LIVE.text(moment)),
        )

    def load(self, level: str, streamer: str, moment: datetime, total: int) -> None:
        """Write a row of a unified table, as others would."""
        self.session.execute(
            f"INSERT INTO {self.keyspace}.unified_{level} (streamer, timestamp, twitch_count, total_count) "
            "VALUES (%s, %s, %s, %s)",
            (streamer, LEVELS[level].text(moment), min(total, 2**31 - 1), total),
        )

    def run(self, task: str, start: datetime, end: datetime | None = None, *, now: datetime | None = None) -> JobReport:
        """Run a task for one interval, or for a range; the clock says an hour after its end."""
        end = end or start + level_of(task).span
        moment = now or end + timedelta(hours=1)
        interval = parse_interval(start.isoformat(), end.isoformat(), task=task, span=level_of(task).span, now=moment)

        @contextmanager
        def opened() -> Iterator[Spark]:
            yield Spark(session=self.spark, where="test")

        return run_task(
            task, interval, self.session, keyspace=self.keyspace, registry=self.registry, now=moment, spark=opened
        )

    def rows(self, level: str, day: int = 0) -> Rows:
        """Return the rows of the test's day (or one after it), with the time of day only."""
        prefix = DAY.text(self.start + timedelta(days=day))
        found = self.session.execute(
            "SELECT streamer, timestamp, youtube_count, twitter_count, twitch_count, total_count "
            f"FROM {self.keyspace}.unified_{level}"
        )
        return {(row[0], row[1][len(prefix) + 1 :]): tuple(row)[2:] for row in found if row[1].startswith(prefix)}

    def written(self, level: str) -> dict[tuple[str, str], int]:
        """Return the write time of every row of the test's day."""
        prefix = DAY.text(self.start)
        found = self.session.execute(
            f"SELECT streamer, timestamp, writetime(total_count) FROM {self.keyspace}.unified_{level}"
        )
        return {(row[0], row[1]): row[2] for row in found if row[1].startswith(prefix)}

    def ledger(self, level: RollupLevel) -> dict[str, Any]:
        """Return the ledger's lines of the test's day, by their time of day."""
        day = DAY.text(self.start)
        found = self.session.execute(
            f"SELECT * FROM {self.keyspace}.{TABLE.name} WHERE level = %s AND day = %s", (level.name, day)
        )
        return {row.start[len(day) + 1 :]: row for row in found}
