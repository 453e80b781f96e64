"""When somebody is called: at once, once, and again while what was decided stands."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cassandra_healing.alerts import AGAIN_SECONDS, Alert, Bell
from cassandra_healing.decision import Decision, Rule
from cassandra_healing.mode import Mode
from cassandra_healing.model import ClusterFacts, Judgement, Look, NodeId, Verdict
from cassandra_healing.monitor import Report
from cassandra_healing.operation_model import Act, Deed, Record
from cassandra_healing.services.decision import ServiceDecision, ServiceRule
from cassandra_healing.services.model import ServiceHealth
from cassandra_healing.services.monitor import ServiceReport

AT = datetime(2026, 11, 24, 1, tzinfo=UTC)
NODE = NodeId(host_id=uuid.UUID(int=3), address="10.0.0.3")


def report(act: Act, *, mode: Mode | None = None, is_news: bool = False, deed: Deed | None = None) -> Report:
    rules = {Act.WAIT: Rule.WELL, Act.PAGE: Rule.FLAPPING, Act.RESTART: Rule.RESTART, Act.REPLACE: Rule.REPLACE}
    return Report(
        look=Look(at=AT, observations=()),
        judgement=Judgement(at=AT, nodes=(), cluster=ClusterFacts(nodes=())),
        decision=Decision(act=act, rule=rules[act], what="it is down", next="", on=str(NODE), nodes=(NODE,), mode=mode),
        record=Record(deeds=(deed,) if deed else ()),
        is_fresh=False,
        is_news=is_news,
    )


WELL = report(Act.WAIT)


@pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.AUTOMATIC])
def test_a_restart_rings_at_once_and_again_while_it_stands(mode: Mode) -> None:
    bell, stands = Bell(), report(Act.RESTART, mode=mode)
    assert bell.rings(WELL, 0) == ()
    assert bell.rings(stands, 10) == (Alert(text="restart 10.0.0.3: it is down"),)
    assert bell.rings(stands, 20) == ()
    assert bell.rings(stands, 10 + AGAIN_SECONDS) == (Alert(text="restart 10.0.0.3: it is down"),)


def test_what_ended_and_comes_again_rings_anew() -> None:
    bell, stands = Bell(), report(Act.REPLACE, mode=Mode.AUTOMATIC)
    assert bell.rings(stands, 0)
    assert bell.rings(WELL, 10) == ()
    assert bell.rings(stands, 20)


@pytest.mark.parametrize("told", [report(Act.PAGE), report(Act.RESTART, mode=Mode.DRY_RUN)])
def test_a_page_and_a_dry_run_ring_once_whoever_looks(told: Report) -> None:
    bell = Bell()
    (alert,) = bell.rings(replace(told, is_news=True), 0)
    assert alert.is_page is (told.decision.act is Act.PAGE)
    assert bell.rings(told, 10) == ()
    assert Bell().rings(told, 20) == (), "another triggerer: the journal says that it was told"
    assert bell.rings(told, 10 + AGAIN_SECONDS) == ()


def test_a_deed_is_left_to_whoever_began_it_for_a_while() -> None:
    deed = Deed(id=uuid.UUID(int=1), act=Act.REPLACE, node=NODE, begun_at=AT)
    bell, waiting = Bell(), report(Act.WAIT, deed=deed)
    assert bell.rings(waiting, 0) == ()
    assert bell.rings(waiting, AGAIN_SECONDS - 1) == ()
    assert bell.rings(waiting, AGAIN_SECONDS) == (Alert(text="replace of 10.0.0.3 is under way"),)


def test_each_service_rings_by_itself() -> None:
    def service(name: str, act: Act) -> ServiceReport:
        health = ServiceHealth(service=name, at=AT, verdict=Verdict.DOWN, since=AT, looks=3)
        decision = ServiceDecision(
            service=name, at=AT, act=act, rule=ServiceRule.RESTART, what="it is down", next="", mode=Mode.AUTOMATIC
        )
        return ServiceReport(health=health, decision=decision, is_news=False)

    bell = Bell()
    assert bell.rings(replace(WELL, services=(service("w1", Act.RESTART), service("w2", Act.WAIT))), 0) == (
        Alert(text="restart w1: it is down"),
    )
    assert bell.rings(replace(WELL, services=(service("w1", Act.RESTART), service("w2", Act.RESTART))), 10) == (
        Alert(text="restart w2: it is down"),
    )
