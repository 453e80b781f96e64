"""A minute's means as the seed's pipeline made them: read the whole views at each run, pick one minute, mean, write.

``python -m benchmarks.seed_way MINUTE VIEW VIEW VIEW`` (Twitch, Twitter, YouTube) prints one line of JSON. The
means are made by the same code as ours.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import reduce

from spark_jobs.frames import rollup
from spark_jobs.levels import COUNTS, MINUTE
from spark_jobs.session import opened
from spark_jobs.settings import JobSettings

FORMAT = "org.apache.spark.sql.cassandra"
KEYSPACE, TABLE = "insight", "unified_minute"
OF_VIEWS = ("twitch_count", "twitter_count", "youtube_count")


def main(minute: str, *views: str) -> None:
    """Make the minute's rows from all rows of the views."""
    from pyspark.sql import functions as F

    begun = time.monotonic()
    with opened(JobSettings.of(os.environ), lambda text: print(text, file=sys.stderr)) as spark:
        reader = spark.session.read.format(FORMAT)
        wholes = [reader.options(keyspace=KEYSPACE, table=view).load() for view in views]
        # What no connector can push down: each run reads all there is, and Spark picks.
        picked = [each.where(F.substring("timestamp", 1, MINUTE.width) == minute) for each in wholes]
        frames = []
        for own, each in zip(OF_VIEWS, picked, strict=True):
            counts = [F.col("follower_count").alias(name) if name == own else _no(name) for name in COUNTS]
            frames.append(each.select("streamer", "timestamp", *counts))
        rows = rollup(reduce(lambda one, other: one.unionByName(other), frames), MINUTE)
        rows.write.format(FORMAT).options(keyspace=KEYSPACE, table=TABLE).mode("append").save()
        seconds = time.monotonic() - begun
        read = sum(int(each.count()) for each in wholes)
        line = {"rows_read": read, "spark": spark.where, "seconds": round(seconds, 3)}
    print(json.dumps(line))


def _no(name: str) -> object:
    from pyspark.sql import functions as F

    return F.lit(None).cast("int").alias(name)


if __name__ == "__main__":
    main(*sys.argv[1:])
