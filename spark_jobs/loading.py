"""Cassandra's tables as frames, on a session of the connector's that works.

The connector keeps its sessions between the jobs of a warm server, and its driver has two faults: a kept session hears
of a new table late or never; and once a refresh of its schema, which each read begins with, met a node that was away,
that read and all later ones wait for ever.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import sleep, time
from typing import TYPE_CHECKING, Generic, TypeVar

from pyspark.errors import PySparkException

from spark_jobs.errors import JobError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

T = TypeVar("T")

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


class Loader:
    """Loads the tables and views of one keyspace for one job, and carries out what is made of them."""

    def __init__(self, spark: SparkSession, keyspace: str) -> None:
        self._spark = spark
        self._keyspace = keyspace
        self._frames: dict[str, DataFrame] = {}
        self._turn = int(time() // _KEPT_SECONDS) % 400
        self._attempt = 0
        self._is_checked = False

    def load(self, name: str) -> DataFrame:
        """Return a table as a frame whose columns are known.

        Raises:
            PySparkException: there is no such table, or Cassandra does not answer.
            JobError: no session answers.
        """
        if name in self._frames:
            return self._frames[name]
        for left in reversed(range(_SESSIONS)):
            try:
                self._frames[name] = _Work(lambda: self._opened(name)).result(_ANSWER_SECONDS)
            except PySparkException as error:
                if not left or not any(each in str(error) for each in _UNUSABLE):
                    raise
            except Empty:
                pass
            else:
                self._is_checked = True
                return self._frames[name]
            sleep(_SESSIONS - 1 - left)
            self._attempt += 1
            self._is_checked = False
        raise self._silent(f"none of {_SESSIONS} sessions of Spark's on Cassandra answered", name)

    def collect(self, frame: DataFrame) -> list[Row]:
        """Carry out a plan over loaded tables and return its rows.

        Raises:
            PySparkException: it could not be carried out.
            JobError: the session that it reads by does not answer any more.
        """
        work = _Work(frame.collect)
        name, probe = next(iter(self._frames.items()))
        while True:
            try:
                return work.result(_ANSWER_SECONDS)
            except Empty:
                pass
            try:
                _Work(probe.inputFiles).result(_ANSWER_SECONDS)
            except Empty:
                raise self._silent("Spark's session on Cassandra answers no longer", name) from None

    def _opened(self, name: str) -> DataFrame:
        frame = self._spark.read.format(_FORMAT).options(keyspace=self._keyspace, table=name, **self._session).load()
        _ = frame.columns  # a warm server is asked only now
        if not self._is_checked:
            frame.inputFiles()  # plans a read, with all that a read begins with; there are none
        return frame

    @property
    def _session(self) -> dict[str, str]:
        """Return what names a session: the connector opens one for each set of options, and reads the schema anew."""
        number = self._turn * 2 * _SESSIONS + self._attempt % (2 * _SESSIONS)
        return {"spark.cassandra.connection.timeoutMS": str(_TIMEOUT_MS + number)}

    def _silent(self, what: str, name: str) -> JobError:
        return JobError(
            what,
            on=f"{self._keyspace}.{name}",
            remains="Rows may be written in part; the ledger says that they are not finished",
            next="See that Cassandra is up, then run it again: it starts over",
        )


class _Work(Generic[T]):
    """What is done in a thread that nobody waits for: what does not answer never will."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._outcomes: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()
        self._work = work
        threading.Thread(target=self._run, name="cassandra in spark", daemon=True).start()

    def result(self, seconds: float) -> T:
        """Return what came of it, or raise its error; ``queue.Empty`` where that takes longer."""
        found, error = self._outcomes.get(timeout=seconds)
        if error is not None:
            raise error
        return found  # type: ignore[return-value]

    def _run(self) -> None:
        try:
            self._outcomes.put((self._work(), None))
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            self._outcomes.put((None, error))
