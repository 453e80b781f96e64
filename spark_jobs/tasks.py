"""The tasks by their names, and the running of one: sessions opened, work done, a report returned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_client.database import Database
from spark_jobs.categories import CATEGORIES, table_of
from spark_jobs.errors import JobError
from spark_jobs.interval import Interval
from spark_jobs.job import Rollup
from spark_jobs.ledger import Ledger
from spark_jobs.levels import DAY, HOUR, MINUTE, Level
from spark_jobs.place import look
from spark_jobs.report import Report
from spark_jobs.settings import Settings
from spark_jobs.source import Source
from spark_jobs.summing import Aggregations
from spark_jobs.unified import UnifiedRows

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from spark_jobs.session import Spark
    from spark_jobs.tables import Tables

ROLLUPS = {"live_to_minute": MINUTE, "minute_to_hour": HOUR, "hour_to_day": DAY}
"""The level that each task brings up to date."""

AGGREGATIONS = "aggregations"

TASKS = (*ROLLUPS, AGGREGATIONS)


def level_of(task: str) -> Level:
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
) -> Report:
    """Run one task on an open session.

    Args:
        spark: opens Spark; called only where there is something to reckon.

    Raises:
        ViewsError: what failed; run again it goes on.
    """
    began = time.monotonic()
    report = Report(task=task, interval=interval)
    database = Database(session)
    with spark_explained(task, interval), ExitStack() as stack:
        lazy = _Lazy(stack, spark, keyspace, report)
        place = look(database, keyspace=keyspace, registry=registry, needed=_needed(task))
        ledger = Ledger(database, keyspace)
        if not place.has_ledger:
            ledger.create()
        accounts = frozenset(row["streamer"] for row in database.rows(f'SELECT streamer FROM "{keyspace}".accounts'))
        source = Source(
            session,
            keyspace=keyspace,
            registry=registry if place.has_registry else None,
            streamers=len(accounts),
            tables=lazy.tables,
        )
        if task == AGGREGATIONS:
            sums = Aggregations(
                session, source, ledger, lazy.tables, keyspace=keyspace, accounts=accounts, report=report
            )
            sums.run(interval)
        else:
            rollup = Rollup(
                source,
                ledger,
                UnifiedRows(session, keyspace),
                accounts=accounts,
                lifetimes=place.lifetimes,
                now=now,
                report=report,
            )
            rollup.run(ROLLUPS[task], interval)
    report.seconds = time.monotonic() - began
    return report


@contextmanager
def cassandra(settings: Settings) -> Iterator[Session]:
    """Open a session to the cluster that the settings name."""
    with connected(
        settings.contact_points,
        port=settings.port,
        local_dc=settings.local_dc,
        username=settings.username,
        password=settings.password,
        tls=settings.tls,
    ) as session:
        yield session


@contextmanager
def spark_explained(task: str, interval: Interval) -> Iterator[None]:
    """Turn errors of Spark into ours. Needs no Spark where none was opened."""
    try:
        yield
    except Exception as error:
        if not _is_sparks(error):
            raise
        from spark_jobs.session import first_line

        raise JobError(
            f"Spark could not do the work: {first_line(error)}",
            on=f"{task} {interval}",
            remains="Rows may be written in part; the ledger says that they are not finished",
            next="See the lines above and that Cassandra and Spark are up, then run it again: it starts over",
        ) from error


def _is_sparks(error: Exception) -> bool:
    # A Java that is gone refuses connections; those to Cassandra fail with errors of the driver.
    return isinstance(error, ConnectionError) or any(
        kind.__module__.partition(".")[0] in ("pyspark", "py4j", "grpc") for kind in type(error).__mro__
    )


def _needed(task: str) -> list[str]:
    if task == AGGREGATIONS:
        return [*(table.name for table in DAY.tables), *map(table_of, CATEGORIES), "accounts", "games"]
    found = ["accounts"]
    level: Level | None = ROLLUPS[task]
    while level is not None:
        found += [table.name for table in level.tables]
        level = level.below
    return found


class _Lazy:
    """Spark's side of the tables, opened when it is needed first and closed with the stack."""

    def __init__(
        self, stack: ExitStack, spark: Callable[[], AbstractContextManager[Spark]], keyspace: str, report: Report
    ) -> None:
        self._stack = stack
        self._spark = spark
        self._keyspace = keyspace
        self._report = report
        self._tables: Tables | None = None

    def tables(self) -> Tables:
        if self._tables is None:
            from spark_jobs.tables import Tables

            opened = self._stack.enter_context(self._spark())
            self._report.spark = opened.where
            self._tables = Tables(opened.session, self._keyspace)
        return self._tables
