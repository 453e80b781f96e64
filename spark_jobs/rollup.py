"""The mean of the level below, per streamer and platform. Pure: a frame goes in, a frame comes out.

Only the DataFrame API is used, so that the same code runs on classic Spark and on Spark Connect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark_jobs.levels import COUNTS, Level

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

COLUMNS = ("streamer", "timestamp", *COUNTS, "total_count")
"""The columns of a unified table."""


def rollup(frame: DataFrame, level: Level) -> DataFrame:
    """Return the rows of ``level`` from those of the level below: one a streamer and interval.

    The mean is over the counts that are there, each platform by itself, rounded half up to a whole
    number; a platform without any is null. ``total_count`` is the sum of the means that are there. A
    streamer without any count in an interval has no row. The order of rows does not matter, and a row
    that is there twice counts once.

    Args:
        frame: streamer, timestamp (text of the level below) and the int columns of ``COUNTS``, null
            where not known.
        level: what is rolled up to.

    Returns:
        streamer, timestamp (text of ``level``), ``COUNTS`` as int, total_count as bigint.
    """
    return rows_of(measured(frame, level))


def measured(frame: DataFrame, level: Level) -> DataFrame:
    """Return the means with what they are made of, also for streamers without any count.

    Beside the columns of ``rollup``: ``rows_read``; ``seen``, the counts that were there; ``expected``,
    those that would be there if each platform seen here had one at each step of the level below.
    """
    interval = F.substring("timestamp", 1, level.width)
    counts = [F.col(each).cast("bigint").alias(each) for each in COUNTS]
    # Parted by streamer and interval first, so that one shuffle serves both steps that follow.
    rows = frame.select("streamer", interval.alias("interval"), "timestamp", *counts)
    rows = rows.repartition("streamer", "interval").dropDuplicates()
    sizes = [F.count(each).alias(f"{each}_size") for each in COUNTS]
    totals = [F.sum(each).alias(f"{each}_sum") for each in COUNTS]
    sums = rows.groupBy("streamer", "interval").agg(F.count("*").alias("rows_read"), *sizes, *totals)
    means = [_half_up(f"{each}_sum", f"{each}_size").alias(each) for each in COUNTS]
    seen = _added([F.col(f"{each}_size") for each in COUNTS])
    platforms = _added([F.when(F.col(f"{each}_size") > 0, 1).otherwise(0) for each in COUNTS])
    found = sums.select(
        "streamer",
        F.col("interval").alias("timestamp"),
        *means,
        "rows_read",
        seen.alias("seen"),
        (platforms * level.parts).cast("bigint").alias("expected"),
    )
    total = _added([F.coalesce(F.col(each), F.lit(0)).cast("bigint") for each in COUNTS])
    return found.withColumn("total_count", total)


def rows_of(measures: DataFrame) -> DataFrame:
    """Return the rows to write of what ``measured`` returned."""
    return measures.where("seen > 0").select(*COLUMNS)


def _half_up(total: str, size: str) -> Column:
    """Return total / size rounded half up (towards the greater), in whole numbers only: no double can err."""
    above, below = f"(2 * {total} + {size})", f"(2 * nullif({size}, 0))"
    return F.expr(f"cast(({above} - pmod({above}, {below})) div {below} as int)")


def _added(columns: list[Column]) -> Column:
    found = columns[0]
    for each in columns[1:]:
        found = found + each
    return found
