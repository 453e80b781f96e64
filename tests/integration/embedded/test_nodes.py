"""Nodes that are paused, killed and started again, on the three nodes that all such tests share."""

from __future__ import annotations

import pytest
from cassandra import ConsistencyLevel, ReadTimeout, Unavailable
from cassandra.cluster import Cluster, NoHostAvailable
from cassandra.policies import FallthroughRetryPolicy
from cassandra.query import SimpleStatement

from cassandra_embedded import EmbeddedCassandra, NotRunning
from tests.servers import connect
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def at_all(text: str) -> SimpleStatement:
    return SimpleStatement(
        text, consistency_level=ConsistencyLevel.ALL, retry_policy=FallthroughRetryPolicy(), is_idempotent=True
    )


def _hosts_up(cluster: Cluster) -> set[str]:
    return {host.address for host in cluster.metadata.all_hosts() if host.is_up}


@pytest.fixture
def cluster(cluster3: EmbeddedCassandra) -> Cluster:
    return connect(cluster3.contact_points[:1], cluster3.port)


def test_a_paused_node_answers_nothing_and_a_killed_one_comes_back(
    cluster3: EmbeddedCassandra, cluster: Cluster
) -> None:
    with cluster, cluster.connect() as session:
        # The driver awaits a keyspace on the nodes that it takes for up alone, and then asks the others as well.
        wait_until(lambda: _hosts_up(cluster) == set(cluster3.contact_points))
        replication = "{'class': 'SimpleStrategy', 'replication_factor': 3}"
        session.execute(f"CREATE KEYSPACE nodes WITH replication = {replication}")
        session.execute("CREATE TABLE nodes.t (a int PRIMARY KEY)")
        session.execute(at_all("INSERT INTO nodes.t (a) VALUES (1)"))
        read = at_all("SELECT a FROM nodes.t WHERE a = 1")

        cluster3.pause_node(3)
        assert cluster3.is_running(3)
        with pytest.raises((ReadTimeout, Unavailable, NoHostAvailable)):
            session.execute(read, host=cluster.metadata.get_host(cluster3.contact_points[0]))
        cluster3.resume_node(3)

        cluster3.kill_node(3)
        assert not cluster3.is_running(3)
        with pytest.raises(NotRunning, match="node 3 is not running"):
            cluster3.kill_node(3)
        cluster3.start_node(3)
        for contact_point in cluster3.contact_points[:2]:
            told = session.execute(read, timeout=30, host=cluster.metadata.get_host(contact_point))
            assert told.one().a == 1, f"{contact_point} does not see the node that came back"
        session.execute("DROP KEYSPACE nodes")


def test_the_log_of_a_node_is_told(cluster3: EmbeddedCassandra) -> None:
    tail = cluster3.log_tail(2, lines=3)
    assert 1 <= len(tail.splitlines()) <= 6
    assert "INFO" in cluster3.log_tail(2, lines=50)
