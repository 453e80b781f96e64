"""Cassandra's tables as frames of Spark: the one place that knows the connector, whose last release is of 2024.

The connector keeps its sessions between the jobs of a warm server, and its driver has two faults: a kept session hears
of a new table late or never; and once a refresh of its schema, which each read begins with, met a node that was away,
that read and all later ones wait for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from functools import reduce
from time import sleep, time
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pyspark.errors import PySparkException
from pyspark.sql import functions as F

from spark_jobs.errors import JobError
from spark_jobs.freshness import IntervalDigest
from spark_jobs.levels import COUNTS
from spark_jobs.settings import ANSWER_SECONDS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row, SparkSession

    from spark_jobs.source import Piece


P = ParamSpec("P")
T = TypeVar("T")

_FORMAT = "org.apache.spark.sql.cassandra"

_UNUSABLE = ("Couldn't find", "Control channel not available")
"""What is said of a session that knows no such table, and of one whose node was away."""

_SESSIONS = 5
"""Sessions that are asked for a table before it is believed to be missing."""

_KEPT_SECONDS = 600
"""How long jobs use the same session: so long each of them would meet one that does not answer."""

_SESSION = "spark.cassandra.connection.timeoutMS"
"""The option by which sessions differ, in steps of a thousandth of a second."""

_TIMEOUT_MS = 5000
"""The connector's own limit for opening a connection."""

_KEYS = 600
"""Partitions that one task of Spark reads: ten minutes of seconds."""


class TableLoader:
    """Loads the tables and views of one keyspace for one job, and carries out what is made of them.

    Args:
        answer_seconds: how long a session may take to answer.
        pause: waits so many seconds before the next session is asked.
    """

    def __init__(
        self,
        spark: SparkSession,
        keyspace: str,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self._spark = spark
        self._keyspace = keyspace
        self._answer_seconds = answer_seconds
        self._pause = pause
        self._frames: dict[str, DataFrame] = {}
        """Those of the session that is used now."""
        self._session = _TIMEOUT_MS + int(time() // _KEPT_SECONDS) % 400 * 2 * _SESSIONS

    def load(self, name: str) -> DataFrame:
        """Return a table as a frame whose columns are known.

        Raises:
            PySparkException: there is no such table, or Cassandra does not answer.
            JobError: no session answers.
        """
        if name in self._frames:
            return self._frames[name]
        for left in reversed(range(_SESSIONS)):
            # The first frame of a session is asked whether the session works at all.
            work = _begun(self._opened if self._frames else self._planned, name)
            try:
                if self._is_over(work):
                    self._frames[name] = work.result()
                    return self._frames[name]
            except PySparkException as error:
                if not left or not any(each in str(error) for each in _UNUSABLE):
                    raise
            self._pause(_SESSIONS - 1 - left)
            self._session += 1
            self._frames.clear()
        raise self._silent(f"none of {_SESSIONS} sessions of Spark's on Cassandra answered", name)

    def collect(self, frame: DataFrame) -> list[Row]:
        """Carry out a plan over loaded tables and return its rows.

        Raises:
            PySparkException: it could not be carried out.
            JobError: the session that it reads by does not answer any more.
        """
        work = _begun(frame.collect)
        name = next(iter(self._frames))
        while not self._is_over(work):
            if not self._is_over(_begun(self._planned, name)):
                raise self._silent("Spark's session on Cassandra answers no longer", name)
        return work.result()

    def _opened(self, name: str) -> DataFrame:
        # The connector opens a session for each set of options, and reads the schema anew.
        options = {"keyspace": self._keyspace, "table": name, _SESSION: str(self._session)}
        frame = self._spark.read.format(_FORMAT).options(**options).load()
        _ = frame.columns  # a warm server is asked only now
        return frame

    def _planned(self, name: str) -> DataFrame:
        frame = self._opened(name)
        frame.inputFiles()  # there are none: it plans a read, with all that a read begins with
        return frame

    def _is_over(self, work: Future[Any]) -> bool:
        """Wait for an answer as long as a session may take, and tell whether there is one."""
        return bool(wait([work], timeout=self._answer_seconds).done)

    def _silent(self, what: str, name: str) -> JobError:
        return JobError(
            what,
            on=f"{self._keyspace}.{name}",
            remains="Rows may be written in part; the ledger says that they are not finished",
            next="Check that Cassandra is up, then run it again: it starts over",
        )


def _begun(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
    """Begin what is done in a thread that nobody waits for: what does not answer never will."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            future.set_exception(error)

    threading.Thread(target=run, name="cassandra in spark", daemon=True).start()
    return future


class SparkTables:
    """The tables and views of one keyspace."""

    def __init__(self, spark: SparkSession, keyspace: str, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._loader = TableLoader(spark, keyspace, answer_seconds=answer_seconds)

    def read(self, piece: Piece) -> DataFrame:
        """Return streamer, timestamp, ``COUNTS`` and total_count of the piece's times, each read by its partition.

        A base is read by a range of its clustering key in each of its partitions.
        """
        own = piece.table.columns
        counts = [F.col(own[each]).alias(each) if each in own else _no(each) for each in COUNTS]
        total = F.lit(None).cast("bigint").alias("total_count") if piece.table.count else F.col("total_count")
        return self._rows(piece).select("streamer", "timestamp", *counts, total)

    def digests(self, pieces: Iterable[Piece], width: int) -> Iterator[tuple[str, IntervalDigest]]:
        """Yield what the pieces show together, by the first ``width`` characters of the times."""
        rows = reduce(lambda one, other: one.union(other), (self._written(piece, width) for piece in pieces))
        for interval, count, newest in self.collect(rows.groupBy("interval").agg(F.count("*"), F.max("written"))):
            yield interval, IntervalDigest(rows=count, newest=newest or 0)

    def _written(self, piece: Piece, width: int) -> DataFrame:
        times = [F.expr(f"writetime({each})") for each in piece.table.columns.values()]
        newest = F.greatest(*times) if len(times) > 1 else times[0]
        return self._rows(piece).select(F.substring("timestamp", 1, width).alias("interval"), newest.alias("written"))

    def read_whole(self, name: str) -> DataFrame:
        """Return all rows of a small table."""
        return self._loader.load(name)

    def collect(self, frame: DataFrame) -> list[Row]:
        """Return the rows of what was made of these tables; errors as ``Loader.collect``."""
        return self._loader.collect(frame)

    def _rows(self, piece: Piece) -> DataFrame:
        time = F.col("timestamp")
        if piece.is_base:
            found = self._loader.load(piece.name).where((time >= piece.times[0]) & (time <= piece.times[-1]))
            # One scan for all; not a plain IN, which the connector would push down beside the range.
            return found if piece.is_whole else found.where(F.concat(time, F.lit("")).isin(list(piece.times)))
        parts = [piece.times[first : first + _KEYS] for first in range(0, len(piece.times), _KEYS)]
        frames = [self._loader.load(piece.name).where(time.isin(list(part))) for part in parts]
        return reduce(lambda one, other: one.union(other), frames)


def _no(name: str) -> Column:
    return F.lit(None).cast("int").alias(name)
