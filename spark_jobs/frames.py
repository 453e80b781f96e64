"""What the jobs compute: means of the level below, and sums of days by category. Pure: frames go in, a frame comes out.

Only the DataFrame API is used, so that the same code runs on classic Spark and on Spark Connect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark_jobs.levels import CATEGORIES, COLUMNS, COUNTS, UNKNOWN, RollupLevel

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def rollup(frame: DataFrame, level: RollupLevel) -> DataFrame:
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


def measured(frame: DataFrame, level: RollupLevel) -> DataFrame:
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


def aggregation(days: DataFrame, accounts: DataFrame, games: DataFrame) -> DataFrame:
    """Return the sums of ``total_count`` by category, value and day.

    A streamer counts under the value of its account, or of its account's game; where the account, the
    game or the value is missing (or empty) it counts under 'unknown'. Each streamer counts once in each
    category, so that the sums of a day are the same in all of them.

    Args:
        days: streamer, timestamp (text of a day), total_count, at most one row a streamer and day.
        accounts: streamer, language, game.
        games: game, genre, console.

    Returns:
        category, value, timestamp, total_count (bigint; null where the sum is larger than one), streamers (how
        many were summed), accounts (how many of those have an account).
    """
    owners = accounts.select("streamer", "language", "game", F.lit(1).alias("account")).dropDuplicates(["streamer"])
    known = games.select("game", "genre", "console").dropDuplicates(["game"])
    rows = days.where("total_count is not null").select("streamer", "timestamp", "total_count").dropDuplicates()
    rows = rows.join(F.broadcast(owners), "streamer", "left").join(F.broadcast(known), "game", "left")
    pairs = F.array(*(F.struct(F.lit(each).alias("category"), _value(each).alias("value")) for each in CATEGORIES))
    rows = rows.select("timestamp", "total_count", "account", F.explode(pairs).alias("pair"))
    sums = rows.groupBy("pair.category", "pair.value", "timestamp")
    return sums.agg(
        F.expr("try_sum(total_count)").alias("total_count"),
        F.count("*").alias("streamers"),
        F.count("account").alias("accounts"),
    )


def _value(category: str) -> Column:
    return F.when(F.length(category) > 0, F.col(category)).otherwise(UNKNOWN)
