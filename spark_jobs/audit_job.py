"""The audit by Spark: token ranges of base and view are read by its workers, and compared as one process does it.

The workers run the same code on their ranges (``cassandra_views.apply.range_rows``): conditions, digests and cells are
the same, so the verdict is. Each opens a session of its own on Cassandra and keeps it from range to range, so the
Python of the workers must have this release; the connector's jars are not used.
"""

from __future__ import annotations

import json
import os
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_views.apply.audit_outcomes import PASSED, AuditCollector, AuditOutcome
from cassandra_views.apply.range_rows import RowsReduction, SideDigest, read_one
from cassandra_views.apply.reports import Notice, Progress, Report
from cassandra_views.apply.scan import Scan
from cassandra_views.apply.token_ranges import WHOLE_RING, TokenRange
from cassandra_views.manager import ViewManager
from cassandra_views.model.audit_request import AuditKind, AuditRequest
from cassandra_views.model.schema import TableShape
from cassandra_views.model.statement import Relation
from cassandra_views.project.settings import EnvConfig, Settings
from spark_jobs.errors import JobError, print_message, translate_spark_errors
from spark_jobs.session import start, stop_session
from spark_jobs.settings import JobSettings, connect_cassandra

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_RANGES = 64
_LOOK_SECONDS = 0.5
_TOLD_SECONDS = 10.0
_LIMITED_TASKS = 8
"""With a limit of rows a second so many ranges are read at a time at most, each at its share of the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeWork:
    """What a worker needs to read ranges of one side.

    Args:
        rows_per_second: of this task alone; None is no limit.
        moment: as of when rows are read.
    """

    settings: JobSettings
    base: TableShape
    view: TableShape
    relations: tuple[Relation, ...]
    is_base: bool
    reduction: RowsReduction
    rows_per_second: float | None
    moment: int | None

    def read(self, span: TokenRange) -> list[Any]:
        """Read a range, and return what was made of its rows."""
        key = pickle.dumps((self.settings, self.base, self.view, self.relations, self.rows_per_second))
        scan = _scans.get(key)
        if scan is None:
            database = _worker_database(self.settings)
            scan = Scan(database, self.base, self.view, self.relations, rows_per_second=self.rows_per_second)
            scan.prepare()
            _scans[key] = scan
        scan.moment = self.moment
        return read_one(scan, scan.base if self.is_base else scan.view, self.reduction, span)


_open = ExitStack()
_databases: list[Database] = []
_scans: dict[bytes, Scan] = {}
"""What this worker has asked the servers about an audit, for its next range."""


def _worker_database(settings: JobSettings) -> Database:
    """Return this worker's Cassandra; Spark gives a worker one task after another, and ends it with the audit."""
    if not _databases:
        _databases.append(Database(_open.enter_context(connect_cassandra(settings))))
    return _databases[0]


class SparkRangeReader:
    """Reads a side by Spark's workers; a ``RangeReader``.

    Args:
        rows_per_second: of all workers together; 0 is no limit.
        ranges: so many tasks a side; with a limit at most eight, each at its share.
    """

    def __init__(
        self, spark: SparkSession, settings: JobSettings, *, rows_per_second: float = 0.0, ranges: int = _RANGES
    ) -> None:
        self._ranges = ranges
        self._spark = spark
        self._settings = settings
        self._rows_per_second = rows_per_second

    def __call__(
        self,
        scan: Scan,
        shape: TableShape,
        reduction: RowsReduction,
        on_progress: Callable[[float, int], None],
        spans: Sequence[TokenRange] | None,
    ) -> Iterator[tuple[TokenRange, Any]]:
        """Yield each range that is read, with what was made of its rows."""
        if spans is None:
            spans = WHOLE_RING.split(self._ranges) if scan.is_ranged(shape) else (WHOLE_RING,)
        # Each has its share of a limit, so no more of them than run at a time.
        at_a_time = self._spark.sparkContext.defaultParallelism
        tasks = min(len(spans), _LIMITED_TASKS, at_a_time) if self._rows_per_second else len(spans)
        if not tasks:
            return
        work = RangeWork(
            settings=self._settings,
            base=scan.base,
            view=scan.view,
            relations=tuple(scan.relations),
            is_base=shape is scan.base,
            reduction=reduction,
            rows_per_second=self._rows_per_second / tasks if self._rows_per_second else None,
            moment=scan.moment,
        )

        context = self._spark.sparkContext
        share, rows = context.accumulator(0.0), context.accumulator(0)

        def read(some: Iterable[TokenRange]) -> Iterator[tuple[TokenRange, bytes]]:
            for span in some:
                found = work.read(span)
                share.add(span.share)
                rows.add(sum(each.rows if isinstance(each, SideDigest) else len(each) for each in found))
                yield span, pickle.dumps(found)

        on_progress(0.0, 0)
        with translate_spark_errors(
            f"the audit of {scan.view}",
            remains="No verdict was written",
            next="See the lines above, that Cassandra and Spark are up and that the workers have this release; then "
            "run it again",
        ):
            with ThreadPoolExecutor(1, thread_name_prefix="spark") as thread:
                job = thread.submit(lambda: context.parallelize(spans, tasks).mapPartitions(read).collect())
                try:
                    while not wait([job], _LOOK_SECONDS).done:
                        # What a task that is tried again has read is counted twice.
                        on_progress(min(1.0, share.value), rows.value)
                except BaseException:
                    context.cancelAllJobs()
                    raise
                found = job.result()
        for span, content in found:
            for part in pickle.loads(content):  # made by our own workers
                yield span, part
        on_progress(1.0, rows.value)


class ProgressLines:
    """Says on standard error how far an audit is: at each of its parts, and every ten seconds."""

    def __init__(self) -> None:
        self._part = ""
        self._told = 0.0

    def __call__(self, report: Report) -> None:
        """Take a report."""
        if isinstance(report, Notice):
            print_message(report.text)
        if not isinstance(report, Progress):
            return
        part, now = report.text.partition(",")[0], time.monotonic()
        if part != self._part or now - self._told >= _TOLD_SECONDS:
            self._part, self._told = part, now
            print_message(f"{report.view} generation {report.number}: {report.share or 0.0:.0%} {report.text}")


@contextmanager
def audit_spark(settings: JobSettings) -> Iterator[SparkSession]:
    """Start a Spark whose workers run this Python, and end it; the warm server is for jobs of seconds."""
    session = start(settings.master, {}, ())
    try:
        yield session
    finally:
        stop_session(session)


def run_audit(
    view: str,
    session: Session,
    settings: JobSettings,
    spark: SparkSession,
    *,
    registry: str,
    rows_per_second: float = 0.0,
) -> list[AuditOutcome]:
    """Audit in full what serves of a view, and write the verdict into the registry.

    Raises:
        ViewsError: nothing of it serves, or the registry cannot be read.
    """
    collector, lines = AuditCollector(), ProgressLines()

    def listen(report: Report) -> None:
        collector(report)
        lines(report)

    manager = ViewManager(
        session,
        settings=Settings(environment="spark", templates=Path("no-templates"), env=EnvConfig()),
        registry=registry,
        author=f"spark_jobs on {os.uname().nodename}",
        listener=listen,
        audit_reader=SparkRangeReader(spark, settings, rows_per_second=rows_per_second),
    )
    request = AuditRequest(kind=AuditKind.FULL, rows_per_second=rows_per_second)
    outcome = manager.audit(view, request=request)
    return collector.outcomes(outcome.failures)


def audit_line(audits: Sequence[AuditOutcome], *, master: str, seconds: float) -> str:
    """Return the line of JSON that the job says."""
    found: Mapping[str, Any] = {
        "task": "audit",
        "spark": master,
        "seconds": round(seconds, 3),
        "audits": [each.as_json() for each in audits],
    }
    return json.dumps(found)


def audit_command(view: str, *, registry: str, rate: float) -> tuple[str, int]:
    """Run the job, and return its line of JSON and its exit code: 0 passed, 3 differs, 1 could not be compared."""
    settings = JobSettings.of(os.environ)
    begun = time.monotonic()
    with audit_spark(settings) as spark, connect_cassandra(settings) as session:
        audits = run_audit(view, session, settings, spark, registry=registry, rows_per_second=rate)
    if not audits:
        raise JobError("nothing was audited", on=view, next="'views status' shows what serves")
    words = {each.word for each in audits}
    code = 0 if words == {PASSED} else DIFFERS if "failed" in words else 1
    return audit_line(audits, master=settings.master, seconds=time.monotonic() - begun), code


DIFFERS = 3
