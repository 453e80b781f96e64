"""The aggregations: the sums of whole days, written as what has changed."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

from cassandra import ConsistencyLevel
from cassandra.query import BatchStatement, BatchType

from cassandra_client.driver_errors import translate_driver_errors
from cassandra_client.names import quoted
from spark_jobs.errors import JobError
from spark_jobs.freshness import NOTHING
from spark_jobs.job import JobContext
from spark_jobs.ledger import IntervalOutcome, RollupRun
from spark_jobs.levels import CATEGORIES, DAY, UNKNOWN, Interval, aggregation_table
from spark_jobs.statements import PreparedReads

if TYPE_CHECKING:
    pass


LEVEL = "aggregations"
"""What the ledger calls them."""

_BATCH_ROWS = 400
"""Values written at once: more would come near the size that servers refuse."""

Sums = dict[str, int]
"""The sums of one day in one category, by value."""


class Aggregations:
    """Sums days of one keyspace. The days themselves are taken as they stand.

    A person asks for them again when accounts or games have changed, so they are always computed; what is
    written is the difference to what stands, each day's of a category in one batch on one partition, so that
    readers see all of it or nothing.
    """

    def __init__(self, job: JobContext) -> None:
        self._job = job

    def run(self, interval: Interval) -> None:
        """Sum each day of the interval, and count in the report.

        Days without any row keep the sums that stand.

        Raises:
            ViewsError: something could not be read or written; run again it goes on.
        """
        days = [DAY.text(each) for each in interval.starts(DAY)]
        looked = time.time_ns() // 1000
        written = {day: entry.written for day, entry in self._job.ledger.read(DAY.name, days).items()}
        digests = self._job.source.digests(DAY, days, DAY.width, written=written)
        there = {day: digests[day] for day in days if digests.get(day, NOTHING).rows}
        report = self._job.report
        report.intervals = len(days)
        report.unknown = dict.fromkeys(CATEGORIES, 0)
        if there:
            run = RollupRun(name=uuid.uuid4().hex[:12], looked=looked)
            self._job.ledger.open(LEVEL, there, run)
            outcomes = self._sum(list(there))
            self._job.ledger.close(LEVEL, outcomes, run, time.time_ns() // 1_000_000)
            report.seen = report.rows_read = sum(each.seen for each in outcomes.values())
            report.expected = sum(each.expected for each in outcomes.values())
            report.streamers_missing = sum(each.streamers_missing for each in outcomes.values())
        if absent := [day for day in days if day not in there]:
            report.streamers_missing += len(absent) * len(self._job.accounts)
            report.expected += len(absent) * len(self._job.accounts)
            standing = [self._standing(each, absent) for each in CATEGORIES]
            report.kept = sum(any(sums[day] for sums in standing) for day in absent)
        report.source = sorted(self._job.source.names)

    def _sum(self, days: list[str]) -> dict[str, IntervalOutcome]:
        from spark_jobs.frames import aggregation

        tables, report = self._job.tables(), self._job.report
        assert report.unknown is not None
        rows = self._job.source.frame(DAY, days)
        sums = tables.collect(aggregation(rows, tables.read_whole("accounts"), tables.read_whole("games")))
        found: dict[str, dict[str, Sums]] = {each: {day: {} for day in days} for each in CATEGORIES}
        outcomes = {day: IntervalOutcome(streamers_missing=len(self._job.accounts)) for day in days}
        for row in sums:
            if row.total_count is None:
                raise JobError(
                    f"the sum of {row.category} '{row.value}' on {row.timestamp} is larger than a bigint",
                    on=f"{self._job.keyspace}.{DAY.tables[0].name}",
                    remains="The sums that stood before stay, and the ledger says that they are not finished",
                    next="Correct the total_count of that day's rows, then run it again",
                )
            found[row.category][row.timestamp][row.value] = row.total_count
            if row.value == UNKNOWN:
                report.unknown[row.category] += row.streamers
            if row.category == CATEGORIES[0]:  # every streamer is once in each
                outcomes[row.timestamp].seen += row.streamers
                outcomes[row.timestamp].streamers_missing -= row.accounts
        for outcome in outcomes.values():
            outcome.expected = outcome.seen + outcome.streamers_missing
        for category in CATEGORIES:
            standing = self._standing(category, days)
            for day in days:
                report.rows_written += self._write(category, day, found[category][day], standing[day])
                outcomes[day].rows_written += len(found[category][day])
        return outcomes

    def _standing(self, category: str, days: list[str]) -> dict[str, Sums]:
        table = f"{self._job.keyspace}.{aggregation_table(category)}"
        query = (
            f"SELECT timestamp, {category}, total_count FROM {quoted(self._job.keyspace)}.{aggregation_table(category)}"
        )
        reads = PreparedReads(self._job.session, f"{query} WHERE timestamp = ?", on=table)
        found: dict[str, Sums] = {day: {} for day in days}
        for day, value, total in reads.rows((day,) for day in days):
            found[day][value] = total
        return found

    def _write(self, category: str, day: str, sums: Sums, standing: Sums) -> int:
        """Write what differs; return how many values were written or deleted."""
        changed = [(day, value, total) for value, total in sums.items() if standing.get(value) != total]
        gone = [(day, value) for value in standing.keys() - sums.keys()]
        table = f"{quoted(self._job.keyspace)}.{aggregation_table(category)}"
        remains = "Sums of other days and categories may be written"
        with translate_driver_errors(
            "sums could not be written", on=f"{self._job.keyspace}.{aggregation_table(category)} {day}", remains=remains
        ):
            insert = self._job.session.prepare(
                f"INSERT INTO {table} (timestamp, {category}, total_count) VALUES (?, ?, ?)"
            )
            delete = self._job.session.prepare(f"DELETE FROM {table} WHERE timestamp = ? AND {category} = ?")
            writes = [(insert, values) for values in changed] + [(delete, values) for values in gone]
            for first in range(0, len(writes), _BATCH_ROWS):
                batch = BatchStatement(batch_type=BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM)
                for statement, values in writes[first : first + _BATCH_ROWS]:
                    batch.add(statement, values)
                batch.is_idempotent = True
                self._job.session.execute(batch)
        return len(writes)
