"""Servers for the tests, started once and only when a test asks; and the strict mode of CI."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from cassandra.cluster import Session
from hypothesis import Phase, settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from cassandra_embedded import EmbeddedCassandra
from tests.servers import QUICK_FAILURES, Server, any_server, connect

pytest_plugins = ["pytester"]

settings.register_profile("untimed", deadline=None)
# For tests.proof: that a test fails is enough, and looking for the smallest example takes minutes.
settings.register_profile("unshrunk", deadline=None, phases=(Phase.explicit, Phase.generate))
settings.load_profile("untimed")  # how long an example takes says something of the machine alone

_SERVER_FIXTURES = {"server", "session", "keyspace", "cluster3"}


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A running server: given, in a container, or embedded."""
    with any_server(os.environ) as running:
        yield running


@pytest.fixture(scope="session")
def session(server: Server) -> Iterator[Session]:
    """A driver session on ``server``, for all tests."""
    with connect(server.contact_points, server.port) as cluster, cluster.connect() as connected:
        yield connected


@pytest.fixture
def keyspace(session: Session, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty keyspace of this test alone, named after it."""
    name = f"t_{hashlib.blake2b(request.node.nodeid.encode(), digest_size=6).hexdigest()}"
    session.execute(f"DROP KEYSPACE IF EXISTS {name}")
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {name} WITH replication = {replication}")
    yield name
    session.execute(f"DROP KEYSPACE IF EXISTS {name}")


@pytest.fixture(scope="session")
def cluster3() -> Iterator[EmbeddedCassandra]:
    """Three embedded nodes for tests that stop, kill or pause some; healed after each test."""
    with EmbeddedCassandra(3, address="127.0.3.1", port=0, settings=QUICK_FAILURES) as running:
        yield running


@pytest.fixture(autouse=True)
def _heal_cluster3(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "cluster3" in request.fixturenames:
        running: EmbeddedCassandra = request.getfixturevalue("cluster3")
        for number in range(1, running.nodes + 1):
            if running.is_running(number):
                running.resume_node(number)
            else:
                running.start_node(number)


_TOGETHER = {
    "tests/scenarios/cluster": "cluster3",
    "tests/integration/embedded/test_nodes.py": "cluster3",
    # Each of these fills the machine by itself; two at once would leave no time to either.
    "tests/nightly/airflow": "large",
    "tests/nightly/replacement": "large",
    "tests/nightly/healing_cluster": "large",
    "tests/nightly/test_demo": "large",
    "tests/integration/airflow": "airflow",
    "tests/integration/spark": "spark",
    "tests/integration/scripts": "scripts",
    "tests/integration/web": "web",
}
"""Tests that are not to run beside each other, mostly for what they share: one process gets them all."""


class _ByServer(LoadScopeScheduling):  # type: ignore[misc]
    """Hands tests out by the file, or by what they share."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return next((group for begin, group in _TOGETHER.items() if path.startswith(begin)), path)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _ByServer(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _SERVER_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.cassandra)


def _is_strict() -> bool:
    return os.environ.get("CASSANDRA_VIEWS_STRICT") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if _is_strict() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: a skip is a failure here (CASSANDRA_VIEWS_STRICT=1): {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if _is_strict() and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: a skip is a failure here (CASSANDRA_VIEWS_STRICT=1)"
    return report
