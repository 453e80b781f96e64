"""A total outage: the cluster in which the journal is kept does not answer, and a person is called all the same."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cassandra.cluster import Session

from cassandra_healing.alerts import AlertSchedule
from cassandra_healing.decision import Rule
from cassandra_healing.model import HealingAction
from cassandra_healing.monitor import ClusterMonitor
from cassandra_healing.policy import Policy
from cassandra_healing.session import ClusterSession
from tests.nightly.healing_cluster.proxy import NodeProxies
from tests.servers import Server, connect

PAGE_MINUTES = 1


@pytest.fixture
def proxies(server: Server) -> Iterator[NodeProxies]:
    made = NodeProxies([server.contact_points[0]], server.port, "127.0.77")
    yield made
    made.close()


def test_a_person_is_called_once_while_the_journal_is_away(
    server: Server, proxies: NodeProxies, session: Session
) -> None:
    keyspace = f"health_{uuid.uuid4().hex[:8]}"
    policy = Policy.model_validate(
        {
            "keyspace": keyspace,
            "page_minutes": PAGE_MINUTES,
            "timeout_seconds": 0.3,
            "services": {
                "feed": {
                    "kind": "heartbeat",
                    "newest": "SELECT toTimestamp(now()) FROM system.local",
                    "page_minutes": PAGE_MINUTES,
                }
            },
        }
    )
    minute = 0
    begin = datetime.now(UTC)
    calls: dict[int, list[str]] = {}
    with connect(proxies.contact_points, server.port) as cluster, cluster.connect() as proxied:
        monitor = ClusterMonitor(
            ClusterSession(proxied, timeout_seconds=policy.timeout_seconds),
            policy,
            author="a test",
            is_recording=True,
            clock=lambda: begin + timedelta(minutes=minute),
        )
        schedule = AlertSchedule()
        try:
            monitor.journal.create_tables()
            assert monitor.check().decision.is_well
            proxies.cut(server.contact_points[0])
            for minute in range(1, PAGE_MINUTES + 3):
                report = monitor.check()
                assert (report.decision.rule, report.assessment.nodes[0].verdict) == (Rule.CUT_OFF, "unseen")
                assert report.decision.act is (HealingAction.PAGE if minute > PAGE_MINUTES else HealingAction.WAIT)
                assert report.notes, "the journal is away"
                calls[minute] = [each.text for each in schedule.due(report, 60.0 * minute) if each.is_page]
            proxies.mend(server.contact_points[0])
        finally:
            monitor.close()
            session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}", timeout=60)
    told = calls.pop(PAGE_MINUTES + 1)
    assert [each.partition(":")[0] for each in told] == ["page 127.0.77.1", "page feed"]
    assert "the cluster has not been well for 60 s" in told[0]
    assert not any(calls.values()), "neither before, nor again at each check"
