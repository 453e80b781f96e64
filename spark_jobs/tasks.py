"""The tasks by their names, and the running of one: the keyspace checked, work done, a report returned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_views.model.names import nearest
from spark_jobs.aggregation_job import Aggregations
from spark_jobs.errors import JobError, translate_spark_errors
from spark_jobs.job import JobContext, JobReport
from spark_jobs.ledger import TABLE, RollupLedger
from spark_jobs.levels import CATEGORIES, DAY, HOUR, LIVE, MINUTE, Interval, RollupLevel, aggregation_table
from spark_jobs.rollup_job import Rollup
from spark_jobs.source import LevelSource

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from spark_jobs.connector import SparkTables
    from spark_jobs.session import Spark

ROLLUPS = {"live_to_minute": MINUTE, "minute_to_hour": HOUR, "hour_to_day": DAY}
"""The level that each task brings up to date."""

AGGREGATIONS = "aggregations"
TASKS = (*ROLLUPS, AGGREGATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKeyspace:
    """What was found.

    Args:
        lifetimes: how long rows of a level live, where all its tables let them expire.
        has_ledger: the table ``rollups`` exists.
        has_registry: there is a registry of views.
    """

    lifetimes: dict[str, timedelta]
    has_ledger: bool
    has_registry: bool


def inspect_keyspace(database: Database, *, keyspace: str, registry: str, needed: Iterable[str]) -> JobKeyspace:
    """Look at the keyspace's tables. Reads only.

    Raises:
        JobError: the keyspace or one of the tables that the job needs does not exist.
    """
    query = "SELECT table_name, default_time_to_live FROM system_schema.tables WHERE keyspace_name = ?"
    seconds = {row["table_name"]: row["default_time_to_live"] or 0 for row in database.rows(query, (keyspace,))}
    if not seconds:
        known = [row["keyspace_name"] for row in database.rows("SELECT keyspace_name FROM system_schema.keyspaces")]
        what = "has no tables" if keyspace in known else f"does not exist{nearest(keyspace, known)}"
        raise JobError(
            f"the keyspace '{keyspace}' {what}",
            on=keyspace,
            next="Give the right --keyspace, or create the tables with 'views apply'",
        )
    if missing := [name for name in needed if name not in seconds]:
        raise JobError(
            f"there is no table {', '.join(missing)}",
            on=keyspace,
            next="Create it with 'views apply', from the files in cql_templates/tables",
        )
    lifetimes = {}
    for level in (LIVE, MINUTE, HOUR, DAY):
        longest = [seconds.get(table.name, 0) for table in level.tables]
        if all(longest):
            lifetimes[level.name] = timedelta(seconds=min(longest))
    found = database.rows(query, (registry,))
    return JobKeyspace(
        lifetimes=lifetimes,
        has_ledger=TABLE.name in seconds,
        has_registry=any(row["table_name"] == "views" for row in found),
    )


def level_of(task: str) -> RollupLevel:
    """Return the level whose borders the task's interval must have."""
    return ROLLUPS.get(task, DAY)


def run_task(
    task: str,
    interval: Interval,
    session: Session,
    *,
    keyspace: str,
    registry: str,
    now: datetime,
    spark: Callable[[], AbstractContextManager[Spark]],
) -> JobReport:
    """Run one task on an open session.

    Args:
        spark: opens Spark; called only where there is something to compute.

    Raises:
        ViewsError: what failed; run again it goes on.
    """
    began = time.monotonic()
    report = JobReport(task=task, interval=interval)
    database = Database(session)
    with translate_spark_errors(f"{task} {interval}"), ExitStack() as stack:
        lazy = _Lazy(stack, spark, keyspace, report)
        place = inspect_keyspace(database, keyspace=keyspace, registry=registry, needed=_needed(task))
        ledger = RollupLedger(database, keyspace)
        if not place.has_ledger:
            ledger.create()
        accounts = frozenset(row["streamer"] for row in database.rows(f'SELECT streamer FROM "{keyspace}".accounts'))
        source = LevelSource(
            session,
            keyspace=keyspace,
            registry=registry if place.has_registry else None,
            streamers=len(accounts),
            tables=lazy.tables,
        )
        job = JobContext(
            session=session,
            keyspace=keyspace,
            source=source,
            ledger=ledger,
            tables=lazy.tables,
            accounts=accounts,
            lifetimes=place.lifetimes,
            now=now,
            report=report,
        )
        if task == AGGREGATIONS:
            Aggregations(job).run(interval)
        else:
            Rollup(job).run(ROLLUPS[task], interval)
    report.seconds = time.monotonic() - began
    return report


def _needed(task: str) -> list[str]:
    if task == AGGREGATIONS:
        return [*(table.name for table in DAY.tables), *map(aggregation_table, CATEGORIES), "accounts", "games"]
    found = ["accounts"]
    level: RollupLevel | None = ROLLUPS[task]
    while level is not None:
        found += [table.name for table in level.tables]
        level = level.below
    return found


class _Lazy:
    """Spark's side of the tables, opened when it is needed first and closed with the stack."""

    def __init__(
        self, stack: ExitStack, spark: Callable[[], AbstractContextManager[Spark]], keyspace: str, report: JobReport
    ) -> None:
        self._stack = stack
        self._spark = spark
        self._keyspace = keyspace
        self._report = report
        self._tables: SparkTables | None = None

    def tables(self) -> SparkTables:
        if self._tables is None:
            from spark_jobs.connector import SparkTables

            opened = self._stack.enter_context(self._spark())
            self._report.spark = opened.where
            self._tables = SparkTables(opened.session, self._keyspace, answer_seconds=opened.answer_seconds)
        return self._tables
