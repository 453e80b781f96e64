"""Three cases of the decision table on three real nodes, under constant reads and writes at QUORUM.

``tests/unit/healing/test_decisions.py`` plays every case on the pure functions, with observations that the table makes
up. These three show that a real server gives rise to them:

- a hung process keeps its ports open and its connections up, so only heartbeats that stand still tell that it is dead;
- a rolling restart makes real nodes announce a shutdown and come back as a new gossip generation, which must clear what
  was held against them;
- a node that we alone cannot reach is told from a dead one by what its peers hear.

A killed node is in the test of two monitors below.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable

import pytest

from cassandra_embedded import EmbeddedCassandra
from cassandra_healing.model import HealingAction
from cassandra_healing.monitor import ClusterMonitor
from cassandra_healing.policy import Mode, Policy
from tests.nightly.healing_cluster.ledger import Ledger
from tests.nightly.healing_cluster.proxy import NodeProxies
from tests.nightly.healing_cluster.script import Script, scaled
from tests.unit.healing.cases import Case, load

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

CASES = [pytest.param(case, id=name) for name, case in load() if case.on_cluster]


@pytest.mark.parametrize("case", CASES)
def test_case(
    case: Case,
    sick_cluster: EmbeddedCassandra,
    ledger: Ledger,
    proxies: NodeProxies,
    watch: Callable[[Policy], ClusterMonitor],
    request: pytest.FixtureRequest,
) -> None:
    # Each case has a history of its own: what the one before saw is no business of the next.
    keyspace = f"health_{zlib.crc32(request.node.name.encode())}"
    failed, written = len(ledger.failed), len(ledger.acknowledged)
    script = Script(case, sick_cluster, proxies, watch(scaled(case.policy).model_copy(update={"keyspace": keyspace})))
    script.play()
    script.check()
    if any(each.act is HealingAction.RESTART for each in case.decisions):
        # Heartbeats must be seen to stand still (4 s here), and a check come by.
        print(f"\n{case.name}: decided {script.seconds_beside_grace:.1f} s beside the grace")
        assert script.seconds_beside_grace < 20
    assert ledger.lost == []
    assert len(ledger.acknowledged) > written
    assert ledger.failed[failed:] == [], "one of three replicas is away at most"


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
