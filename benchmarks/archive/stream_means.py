"""Minutes by Spark Structured Streaming: ``python -m benchmarks.archive.stream_means FOLDER CHECKPOINT TABLE``.

Reads files of readings as they come, holds the counts of each open minute, and writes a minute once nothing
of it can come any more. Ends by TERM, or with the program that started it.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from cassandra.concurrent import execute_concurrent_with_args

from followers.readings import LATEST_SECONDS
from spark_jobs.connect_server import end_with_parent
from spark_jobs.levels import COUNTS
from spark_jobs.session import java_home, spark_options
from spark_jobs.settings import JobSettings, connect_cassandra

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

SCHEMA = f"streamer string, timestamp string, {', '.join(f'{each} int' for each in COUNTS)}"
TRIGGER = "2 seconds"
LATENESS = f"{LATEST_SECONDS + 2} seconds"
"""How late a reading may be and still count: the feed's own bound, and the second that a reading may take."""


def main(folder: str, checkpoint: str, table: str) -> None:
    """Run until TERM."""
    from pyspark.sql import SparkSession
    from pyspark.sql import functions as F

    end_with_parent()
    os.environ["JAVA_HOME"] = java_home(os.environ)
    builder = SparkSession.builder
    for key, value in (spark_options("local[2]") | {"spark.sql.extensions": ""}).items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    time = F.to_timestamp("timestamp", "yyyy-MM-dd_HH-mm-ss").alias("time")
    readings = spark.readStream.schema(SCHEMA).json(folder).select("streamer", time, *COUNTS)
    means = (
        readings.withWatermark("time", LATENESS)
        .groupBy(F.window("time", "1 minute"), "streamer")
        .agg(*(F.round(F.avg(each)).cast("int").alias(each) for each in COUNTS))
    )
    minutes = means.select("streamer", F.date_format("window.start", "yyyy-MM-dd_HH-mm").alias("timestamp"), *COUNTS)
    with connect_cassandra(JobSettings.of(os.environ)) as session:
        columns = ("streamer", "timestamp", *COUNTS)
        insert = session.prepare(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})")

        def write(batch: DataFrame, _number: int) -> None:
            execute_concurrent_with_args(session, insert, [tuple(row) for row in batch.collect()], concurrency=32)

        query = (
            minutes.writeStream.outputMode("append")
            .option("checkpointLocation", checkpoint)
            .trigger(processingTime=TRIGGER)
            .foreachBatch(write)
            .start()
        )
        signal.signal(signal.SIGTERM, lambda *_: query.stop())
        query.awaitTermination()
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
