"""The decision table on three real nodes with three replicas, under constant reads and writes at QUORUM."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cassandra_embedded import EmbeddedCassandra
from cassandra_healing.model import HealingAction
from cassandra_healing.monitor import ClusterMonitor
from cassandra_healing.policy import Mode, Policy
from tests.nightly.healing_cluster.ledger import Ledger
from tests.nightly.healing_cluster.proxy import Ways
from tests.nightly.healing_cluster.script import Script, scaled
from tests.servers import connect
from tests.unit.healing.cases import Case, Fate, load

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

CASES = [pytest.param(case, id=name) for name, case in load() if case.on_cluster]


@pytest.mark.parametrize("case", CASES)
def test_case(
    case: Case,
    sick_cluster: EmbeddedCassandra,
    ledger: Ledger,
    ways: Ways,
    watch: Callable[[Policy], ClusterMonitor],
    request: pytest.FixtureRequest,
) -> None:
    # Each case has a history of its own: what the one before saw is no business of the next.
    keyspace = f"health_{zlib.crc32(request.node.name.encode())}"
    failed, written = len(ledger.failed), len(ledger.acknowledged)
    with keyspaces(case, sick_cluster):
        script = Script(case, sick_cluster, ways, watch(scaled(case.policy).model_copy(update={"keyspace": keyspace})))
        script.play()
        script.check()
    if any(each.act is HealingAction.RESTART for each in case.decisions):
        # Heartbeats must be seen to stand still (4 s here), and a check come by.
        print(f"\n{case.name}: decided {script.seconds_beside_grace:.1f} s beside the grace")
        assert script.seconds_beside_grace < 20
    assert ledger.lost == []
    assert len(ledger.acknowledged) > written
    if _most_away(case) < 2:
        assert ledger.failed[failed:] == []


@contextmanager
def keyspaces(case: Case, server: EmbeddedCassandra) -> Iterator[None]:
    """Make those that the case names, empty; a node that is down at their end hears of that when it is back."""
    named = case.keyspaces if "keyspaces" in case.model_fields_set else {}
    with connect(server.contact_points, server.port) as cluster, cluster.connect() as session:
        for name, options in named.items():
            real = {key.replace("dc1", "datacenter1"): value for key, value in options.items()}
            session.execute(f"CREATE KEYSPACE {name} WITH replication = {real}")
        try:
            yield
        finally:
            for name in named:
                session.execute(f"DROP KEYSPACE {name}")


def _most_away(case: Case) -> int:
    away = (Fate.DEAD, Fate.HUNG, Fate.STOPPED)
    return max(sum(case.fate(name, minute) in away for name in case.nodes) for minute in range(case.length))


def test_another_process_goes_on_where_this_one_stopped(
    sick_cluster: EmbeddedCassandra, watch: Callable[[Policy], ClusterMonitor]
) -> None:
    policy = scaled(Policy(grace_checks=3, grace_minutes=10)).model_copy(update={"keyspace": "health_handed_on"})
    first = watch(policy)
    for _ in range(2):
        assert first.check().decision.act is HealingAction.WAIT
        time.sleep(1)
    sick_cluster.kill_node(3)
    reports = []
    until = time.monotonic() + 90
    while not reports or reports[-1].decision.act is not HealingAction.RESTART:
        assert time.monotonic() < until, [each.decision for each in reports]
        reports.append(first.check())
        time.sleep(1)
    assert [each.cluster.is_new_decision for each in reports if each.decision.act is HealingAction.RESTART] == [True]
    assert reports[-1].decision.mode is Mode.APPROVE
    second = watch(policy)
    report = second.check()
    assert (report.decision.act, report.decision.nodes) == (HealingAction.RESTART, reports[-1].decision.nodes)
    assert not report.cluster.is_new_decision, "it was told already"
    dead = {each.node.id: each.since for each in report.assessment.nodes}[report.decision.nodes[0]]
    assert abs((dead - reports[-1].assessment.nodes[2].since).total_seconds()) < 0.01
    lines = second.journal.entries(limit=10, now=report.check.at)
    assert [(line.event, line.act, line.rule) for line in lines] == [("decided", "restart", "restart")]
    assert any("has not grown" in each for each in lines[0].evidence)


def test_nothing_acknowledged_is_lost(ledger: Ledger) -> None:
    assert len(ledger.acknowledged) > 100
    assert ledger.read_back() == []
