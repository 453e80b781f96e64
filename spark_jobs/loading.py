"""Opening one of Cassandra's tables as a frame, on a session of the connector's that works.

The connector keeps its sessions between the jobs of a warm server, and its driver has two faults: a kept session hears
of a new table late or never, and once a refresh of its schema met a node that was away, all later ones wait for ever.
"""

from __future__ import annotations

import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException

from spark_jobs.errors import JobError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_FORMAT = "org.apache.spark.sql.cassandra"

_UNUSABLE = ("Couldn't find", "Control channel not available")
"""What is said of a session that knows no such table, and of one whose node was away."""

_SESSIONS = 5
"""Sessions that are asked for a table before it is believed to be missing."""

_ANSWER_SECONDS = 30.0
"""How long a session may take; one that works needs a tenth of a second, and some seconds where Java is cold."""

_KEPT_SECONDS = 600
"""How long jobs use the same session: so long each of them would meet one that does not answer."""

_TIMEOUT_MS = 5000
"""The connector's own limit for opening a connection."""


def load(spark: SparkSession, keyspace: str, name: str) -> DataFrame:
    """Return a table as a frame whose columns are known.

    Raises:
        PySparkException: there is no such table, or Cassandra does not answer.
        JobError: no session answers.
    """
    for attempt in range(_SESSIONS):
        is_last = attempt == _SESSIONS - 1
        try:
            frame = _asked(spark, keyspace, name, attempt)
        except PySparkException as error:
            if is_last or not any(each in str(error) for each in _UNUSABLE):
                raise
        else:
            if frame is not None:
                return frame
        time.sleep(attempt)
    raise JobError(
        f"none of {_SESSIONS} sessions that Spark opened answered in {_ANSWER_SECONDS:.0f} s",
        on=f"{keyspace}.{name}",
        remains="Nothing was read",
        next="See that Cassandra is up; then restart the warm server",
    )


def _asked(spark: SparkSession, keyspace: str, name: str, attempt: int) -> DataFrame | None:
    """Return the frame, or None where the session does not answer in time."""
    answers: SimpleQueue[DataFrame | BaseException] = SimpleQueue()
    # The connector opens a session for each set of options, and another one reads the schema anew.
    turn = int(time.time() // _KEPT_SECONDS) % 400
    options = {
        "keyspace": keyspace,
        "table": name,
        "spark.cassandra.connection.timeoutMS": str(_TIMEOUT_MS + turn * 2 * _SESSIONS + attempt),
    }

    def ask() -> None:
        try:
            frame = spark.read.format(_FORMAT).options(**options).load()
            _ = frame.columns  # a warm server is asked only now
            answers.put(frame)
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            answers.put(error)

    # A thread that nobody waits for: what does not answer never will.
    threading.Thread(target=ask, name=f"load {name}", daemon=True).start()
    try:
        found = answers.get(timeout=_ANSWER_SECONDS)
    except Empty:
        return None
    if isinstance(found, BaseException):
        raise found
    return found
