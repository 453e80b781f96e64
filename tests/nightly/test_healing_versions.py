"""What a check reads, on each version of Cassandra: virtual tables and settings differ between them."""

from __future__ import annotations

import time

import pytest

from cassandra_embedded import KNOWN_VERSIONS, EmbeddedCassandra
from cassandra_healing.assessment import assess
from cassandra_healing.model import HealthCheck, HealthVerdict, ObserverKind, ProbeResult
from cassandra_healing.policy import Policy
from cassandra_healing.probes.prober import ClusterProber
from cassandra_healing.session import ClusterSession
from tests.servers import connect

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

POLICY = Policy(still_seconds=4, timeout_seconds=1, grace_checks=2)


@pytest.mark.parametrize("version", KNOWN_VERSIONS)
def test_a_look_reads_all_it_needs(version: str) -> None:
    with (
        EmbeddedCassandra(2, version, address="127.0.39.1", port=0) as server,
        connect(server.contact_points, server.port) as cluster,
        cluster.connect() as session,
    ):
        prober = ClusterProber(ClusterSession(session, timeout_seconds=1), POLICY)
        checks: list[HealthCheck] = []

        def check(times: int) -> HealthCheck:
            for _ in range(times):
                time.sleep(1)
                checks.append(prober.check())
            return checks[-1]

        last = check(3)
        assert last.cluster is not None
        assert last.cluster.unread == ()
        assert {node.status for node in last.cluster.nodes} == {"NORMAL"}
        assert all(node.tokens and node.started_at for node in last.cluster.nodes)
        assert len(last.cluster.schema_versions) == 1
        gossip = [each.result for each in last.observations if each.observer is ObserverKind.GOSSIP]
        assert gossip.count(ProbeResult.GOOD) == 2
        server.kill_node(2)
        last = check(8)
        assert last.cluster is not None
        assert (last.cluster.unread, last.cluster.work) == ((), ())
        assert last.cluster.seeds == {server.contact_points[0]}
        assert "system_auth" not in {each.name for each in last.cluster.keyspaces}, "nobody logs in here"
        health = assess(checks, POLICY)
        assert [each.verdict for each in health.nodes] == [HealthVerdict.UP, HealthVerdict.DOWN]
        assert health.cut_off is not None
        assert health.cut_off.is_confirmed
        prober.close()
