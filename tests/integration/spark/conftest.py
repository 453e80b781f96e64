"""One Spark and one warm server for all of these tests; two keyspaces, in which each test has days of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_views.manager import ViewManager
from spark_jobs.connect_server import warm_server
from spark_jobs.jars import connector_jars
from spark_jobs.session import start
from spark_jobs.settings import JobSettings, cassandra_options
from tests.integration.scripts.standalone import QUICK_JAVA
from tests.integration.spark.pipeline import LONG_AGO, NOW, Pipeline, make_keyspace, write_project
from tests.servers import Server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            # py4j leaves its sockets to the garbage collector.
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(scope="package")
def session(server: Server) -> Iterator[Session]:
    """A session as the jobs open it."""
    with connected(tuple(server.contact_points), port=server.port) as opened:
        yield opened


@pytest.fixture(scope="package")
def variables(server: Server) -> dict[str, str]:
    """The environment of a job on this server, without a warm Spark."""
    return os.environ | {
        "CASSANDRA_CONTACT_POINTS": ",".join(server.contact_points),
        "CASSANDRA_PORT": str(server.port),
        "SPARK_CONNECT": "off",
        "SPARK_MASTER": "local[2]",
        "JAVA_TOOL_OPTIONS": QUICK_JAVA,
    }


@pytest.fixture(scope="package")
def spark() -> Iterator[Any]:
    """A Spark in this process."""
    from pyspark import SparkContext

    # Jobs of some rows each: what Java's second compiler would gain in them it does not earn back.
    found = start("local[2]", {"spark.driver.extraJavaOptions": QUICK_JAVA}, connector_jars(print))
    yield found
    found.stop()
    gateway: Any = SparkContext._gateway
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait(30)
    SparkContext._gateway = SparkContext._jvm = None


@pytest.fixture(scope="package")
def warm(variables: dict[str, str], plain_keyspace: str) -> Iterator[dict[str, str]]:
    """The environment of a job with a warm server."""
    with warm_server(variables) as address:
        yield variables | {"SPARK_CONNECT": address}


@pytest.fixture(scope="package")
def plain_keyspace(session: Session) -> Iterator[str]:
    """All tables of the pipeline, and no view."""
    yield from make_keyspace(session, "spark_plain")


@pytest.fixture(scope="package")
def served_keyspace(session: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """All tables, and the views that serve them, made by the manager as of ``NOW``."""
    session.execute("DROP KEYSPACE IF EXISTS spark_registry")
    for name in make_keyspace(session, "spark_served"):
        folder = write_project(tmp_path_factory.mktemp("project"), name)
        manager = ViewManager(session, templates=folder, registry="spark_registry", clock=lambda: NOW)
        manager.apply()
        yield name
    session.execute("DROP KEYSPACE IF EXISTS spark_registry")


_days = (LONG_AGO + timedelta(days=3 * number) for number in count())


@pytest.fixture(scope="package")
def cassandra_spark(spark: Any, variables: dict[str, str]) -> Any:
    """The Spark of this process, told where Cassandra is."""
    for key, value in cassandra_options(JobSettings.of(variables)).items():
        spark.conf.set(key, value)
    return spark


@pytest.fixture
def plain(session: Session, cassandra_spark: Any, plain_keyspace: str) -> Pipeline:
    """A pipeline without views, and a day that no other test uses."""
    return Pipeline(
        session=session, spark=cassandra_spark, keyspace=plain_keyspace, registry="no_registry", start=next(_days)
    )


@pytest.fixture
def served(session: Session, cassandra_spark: Any, served_keyspace: str) -> Pipeline:
    """A pipeline with views; its day is before what the windows of unified views cover."""
    return Pipeline(
        session=session, spark=cassandra_spark, keyspace=served_keyspace, registry="spark_registry", start=next(_days)
    )
