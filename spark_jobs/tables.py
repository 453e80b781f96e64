"""Cassandra's tables as frames of Spark: with ``loading`` the one place that knows the connector.

The connector's last release is of 2024; what replaces it one day has these two modules to replace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark_jobs.freshness import Digest
from spark_jobs.levels import COUNTS
from spark_jobs.loading import Loader

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, Row, SparkSession

    from spark_jobs.source import Piece

_KEYS = 600
"""Partitions that one task of Spark reads: ten minutes of seconds."""


class Tables:
    """The tables and views of one keyspace."""

    def __init__(self, spark: SparkSession, keyspace: str) -> None:
        self._loader = Loader(spark, keyspace)

    def read(self, piece: Piece) -> DataFrame:
        """Return streamer, timestamp, ``COUNTS`` and total_count of the piece's times, each read by its partition.

        A base is read by a range of its clustering key in each of its partitions.
        """
        own = piece.table.columns
        counts = [F.col(own[each]).alias(each) if each in own else _no(each) for each in COUNTS]
        total = F.lit(None).cast("bigint").alias("total_count") if piece.table.count else F.col("total_count")
        return self._rows(piece).select("streamer", "timestamp", *counts, total)

    def digests(self, pieces: Iterable[Piece], width: int) -> Iterator[tuple[str, Digest]]:
        """Yield what the pieces show together, by the first ``width`` characters of the times."""
        rows = reduce(lambda one, other: one.union(other), (self._written(piece, width) for piece in pieces))
        for interval, count, newest in self.collect(rows.groupBy("interval").agg(F.count("*"), F.max("written"))):
            yield interval, Digest(rows=count, newest=newest or 0)

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
