"""One rollup: brings the levels below up to date inside its interval, then its own."""

from __future__ import annotations

import time
import uuid
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cassandra.query import UNSET_VALUE

from cassandra_client.names import quoted
from spark_jobs.freshness import NOTHING, IntervalDigest, IntervalState, can_change, judge
from spark_jobs.job import JobContext
from spark_jobs.ledger import IntervalOutcome, RollupRun
from spark_jobs.levels import COLUMNS, Interval, RollupLevel, parts_of
from spark_jobs.statements import PreparedWrites

if TYPE_CHECKING:
    from pyspark.sql import Row


_ROWS = 4_000_000
"""Rows of the level below that are computed at once, about an hour of 400 streamers' seconds: what is read of
them at once, and what a killed job must do again."""


class Rollup:
    """Brings one level of one keyspace up to date, and what it is made of."""

    def __init__(self, job: JobContext) -> None:
        self._job = job
        self._name = uuid.uuid4().hex[:12]

    def run(self, level: RollupLevel, interval: Interval) -> None:
        """Bring these intervals of the level up to date, and count them in the report.

        Raises:
            ViewsError: something could not be read or written; run again it goes on.
        """
        starts = interval.starts(level)
        self._bring_up(level, starts, is_named=True)
        entries = self._job.ledger.read(level.name, [level.text(each) for each in starts])
        report = self._job.report
        report.intervals = len(starts)
        report.expected = sum(each.expected for each in entries.values())
        report.seen = sum(each.seen for each in entries.values())
        report.streamers_missing += sum(each.streamers_missing for each in entries.values())
        report.source = sorted(self._job.source.names)

    def _bring_up(self, level: RollupLevel, starts: Sequence[datetime], *, is_named: bool) -> dict[str, IntervalDigest]:
        """Compute those of the intervals that are stale, after those of the level below that they are made of.

        Returns what the ledger and this run know to stand of them.
        """
        below = level.below
        assert below is not None
        texts = {level.text(start): start for start in starts}
        entries = self._job.ledger.read(level.name, list(texts))
        standing = {text: entry.written for text, entry in entries.items()}
        own = self._job.source.digests(level, list(texts), level.width)
        lifetime = self._job.lifetimes.get(below.name)

        def may_change(text: str) -> bool:
            is_expiring = lifetime is not None and texts[text] <= self._job.now - lifetime
            rows = own.get(text, NOTHING).rows
            return can_change(rows, entries.get(text), is_expiring=is_expiring, is_named=is_named)

        open_texts = [text for text in texts if may_change(text)]
        self._job.report.kept += len(texts) - len(open_texts)
        if not open_texts:
            return standing
        candidates = [texts[text] for text in open_texts]
        written = None
        if below.below is not None:
            written = self._bring_up(below, parts_of(level, candidates), is_named=False)
        looked = time.time_ns() // 1000
        parts = [below.text(part) for part in parts_of(level, candidates)]
        read = self._job.source.digests(below, parts, level.width, written=written)
        stale: list[_Stale] = []
        for text in open_texts:
            digest, rows = read.get(text, NOTHING), own.get(text, NOTHING).rows
            verdict = judge(digest, rows, entries.get(text), is_named=is_named)
            if verdict is IntervalState.STALE:
                # Where the ledger has an entry, the rows are there, though a view may not show them yet.
                stale.append(_Stale(start=texts[text], text=text, read=digest, is_over=rows > 0 or text in entries))
            elif verdict is IntervalState.KEPT:
                self._job.report.kept += 1
            elif verdict is IntervalState.EMPTY and is_named:
                self._job.report.streamers_missing += len(self._job.accounts)
        run = RollupRun(name=self._name, looked=looked)
        for some in _chunks(stale):
            standing |= self._compute(level, some, run)
        if not is_named:
            self._job.report.filled += len(stale)
        return standing

    def _compute(self, level: RollupLevel, stale: Sequence[_Stale], run: RollupRun) -> dict[str, IntervalDigest]:
        """Write the means of some intervals, between the opening and the closing of their lines; return what stands."""
        from spark_jobs.frames import measured

        below = level.below
        assert below is not None
        frame = self._job.source.frame(
            below, [below.text(part) for part in parts_of(level, [each.start for each in stale])]
        )
        self._job.ledger.open(level.name, {each.text: each.read for each in stale}, run)
        # Read once: what is written and what is told of it are of the same rows.
        rows = self._job.source.collect(measured(frame, level))
        self._write(level, rows, over={each.text for each in stale if each.is_over}, written_at=run.looked)
        outcomes = {each.text: IntervalOutcome(streamers_missing=len(self._job.accounts)) for each in stale}
        for row in rows:
            outcome = outcomes[row.timestamp]
            self._job.report.rows_read += row.rows_read
            outcome.seen += row.seen
            outcome.expected += row.expected
            if row.seen:
                outcome.rows_written += 1
                outcome.streamers_missing -= row.streamer in self._job.accounts
        self._job.report.rows_written += sum(each.rows_written for each in outcomes.values())
        self._job.ledger.close(level.name, outcomes, run, time.time_ns() // 1_000_000)
        return {
            text: IntervalDigest(rows=each.rows_written, newest=run.looked) if each.rows_written else NOTHING
            for text, each in outcomes.items()
        }

    def _write(self, level: RollupLevel, rows: Iterable[Row], *, over: Container[str], written_at: int) -> None:
        """Write the rows that ``measured`` returned, those without any count left out.

        By the driver rather than by Spark: they are sixty times fewer than what they are made of. So rows, write times
        and nulls are exactly those of one collected answer, and nothing is computed twice.

        Args:
            over: intervals in which rows stand already, so that a null must remove a value; elsewhere it
                is left unset, since each written null costs a tombstone.
            written_at: their write time, in microseconds since the Unix epoch.

        Raises:
            ClusterError: some could not be written; others may be.
        """
        table = level.tables[0].name
        query = (
            f"INSERT INTO {quoted(self._job.keyspace)}.{table} ({', '.join(COLUMNS)}) "
            f"VALUES ({', '.join('?' * len(COLUMNS))}) USING TIMESTAMP ?"
        )
        partitions: dict[str, list[list[Any]]] = defaultdict(list)
        for row in rows:
            if row.seen:
                nothing = None if row.timestamp in over else UNSET_VALUE
                values = [nothing if row[each] is None else row[each] for each in COLUMNS]
                partitions[row.streamer].append([*values, written_at])
        PreparedWrites(self._job.session, query, on=f"{self._job.keyspace}.{table}").write(partitions.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stale:
    """An interval to be computed; ``is_over`` where rows of it stand already."""

    start: datetime
    text: str
    read: IntervalDigest
    is_over: bool


def _chunks(stale: Sequence[_Stale]) -> Iterator[list[_Stale]]:
    """Part the intervals so that the means of a part fit into memory, however long the range is."""
    some: list[_Stale] = []
    rows = 0
    for each in stale:
        if some and rows + each.read.rows > _ROWS:
            yield some
            some, rows = [], 0
        some.append(each)
        rows += each.read.rows
    if some:
        yield some
