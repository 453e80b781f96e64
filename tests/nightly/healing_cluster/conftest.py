"""Three real nodes under constant load, and proxies to them that can be cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import ConstantReconnectionPolicy, RoundRobinPolicy

from cassandra_embedded import EmbeddedCassandra
from cassandra_healing.monitor import ClusterMonitor
from cassandra_healing.policy import Policy
from cassandra_healing.session import ClusterSession
from tests.nightly.healing_cluster.ledger import Ledger
from tests.nightly.healing_cluster.proxy import NodeProxies


@pytest.fixture(scope="package")
def sick_cluster() -> Iterator[EmbeddedCassandra]:
    # What a killed node acknowledged in its last tenth of a second would be gone with the default kind of sync.
    with EmbeddedCassandra(3, address="127.0.34.1", port=0, settings={"commitlog_sync": "batch"}) as running:
        yield running


@pytest.fixture(scope="package")
def ledger(sick_cluster: EmbeddedCassandra) -> Iterator[Ledger]:
    with Ledger(sick_cluster.contact_points, sick_cluster.port) as running:
        yield running


@pytest.fixture(scope="package")
def proxies(sick_cluster: EmbeddedCassandra) -> Iterator[NodeProxies]:
    running = NodeProxies(sick_cluster.contact_points, sick_cluster.port, "127.0.35")
    yield running
    running.close()


@pytest.fixture(scope="package")
def healer_cluster(sick_cluster: EmbeddedCassandra, proxies: NodeProxies) -> Iterator[Cluster]:
    """The monitor's driver, which connects through the proxies."""
    with Cluster(
        proxies.contact_points,
        port=sick_cluster.port,
        address_translator=proxies,
        execution_profiles={EXEC_PROFILE_DEFAULT: ExecutionProfile(load_balancing_policy=RoundRobinPolicy())},
        reconnection_policy=ConstantReconnectionPolicy(1.0, None),
        schema_metadata_enabled=False,
        connect_timeout=3,
        control_connection_timeout=3,
    ) as cluster:
        yield cluster


@pytest.fixture
def session(healer_cluster: Cluster) -> Iterator[ClusterSession]:
    connected = healer_cluster.connect()
    yield ClusterSession(connected, timeout_seconds=2.0)
    connected.shutdown()


@pytest.fixture
def watch(session: ClusterSession) -> Iterator[Callable[[Policy], ClusterMonitor]]:
    made: list[ClusterMonitor] = []

    def make(policy: Policy) -> ClusterMonitor:
        made.append(ClusterMonitor(session, policy, author="tests", is_recording=True))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture(autouse=True)
def _heal(request: pytest.FixtureRequest) -> Iterator[None]:
    """Bring all nodes back after each test."""
    if "sick_cluster" not in request.fixturenames:
        yield
        return
    running: EmbeddedCassandra = request.getfixturevalue("sick_cluster")
    proxies: NodeProxies | None = request.getfixturevalue("proxies") if "proxies" in request.fixturenames else None
    yield
    for number, address in enumerate(running.contact_points, start=1):
        if proxies is not None:
            proxies.mend(address)
        if running.is_running(number):
            running.resume_node(number)
    for number in range(1, running.nodes + 1):
        if not running.is_running(number):
            running.start_node(number)
