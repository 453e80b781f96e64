"""The sums of a day by category. Pure: frames go in, a frame comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from spark_jobs.categories import CATEGORIES, UNKNOWN

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


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
