"""When somebody is called: at once, once, and again while what was decided stands."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cassandra_healing.alerts import REPEAT_SECONDS, Alert, AlertSchedule
from cassandra_healing.decision import Decision, Rule
from cassandra_healing.model import (
    CLUSTER,
    Assessment,
    ClusterTopology,
    HealingAction,
    HealthCheck,
    JournalState,
    MemberId,
    Operation,
)
from cassandra_healing.monitor import HealthReport, TargetReport
from cassandra_healing.policy import Mode

AT = datetime(2026, 11, 24, 1, tzinfo=UTC)
NODE = MemberId(host_id=uuid.UUID(int=3), address="10.0.0.3")


def report(
    act: HealingAction, *, mode: Mode | None = None, is_new_decision: bool = False, operation: Operation | None = None
) -> HealthReport:
    rules = {
        HealingAction.WAIT: Rule.WELL,
        HealingAction.PAGE: Rule.FLAPPING,
        HealingAction.RESTART: Rule.RESTART,
        HealingAction.REPLACE: Rule.REPLACE,
    }
    decision = Decision(
        at=AT, act=act, rule=rules[act], what="it is down", next="", on=str(NODE), nodes=(NODE,), mode=mode
    )
    state = JournalState(operations=(operation,) if operation else ())
    cluster = TargetReport(target=CLUSTER, decision=decision, journal_state=state, is_new_decision=is_new_decision)
    return HealthReport(
        check=HealthCheck(at=AT, observations=()),
        assessment=Assessment(at=AT, nodes=(), cluster=ClusterTopology(nodes=())),
        targets=(cluster,),
    )


WELL = report(HealingAction.WAIT)


@pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.AUTOMATIC])
def test_a_restart_rings_at_once_and_again_while_it_stands(mode: Mode) -> None:
    schedule, stands = AlertSchedule(), report(HealingAction.RESTART, mode=mode)
    assert schedule.due(WELL, 0) == ()
    assert schedule.due(stands, 10) == (Alert(text="restart 10.0.0.3: it is down"),)
    assert schedule.due(stands, 20) == ()
    assert schedule.due(stands, 10 + REPEAT_SECONDS) == (Alert(text="restart 10.0.0.3: it is down"),)


def test_what_ended_and_comes_again_rings_anew() -> None:
    schedule, stands = AlertSchedule(), report(HealingAction.REPLACE, mode=Mode.AUTOMATIC)
    assert schedule.due(stands, 0)
    assert schedule.due(WELL, 10) == ()
    assert schedule.due(stands, 20)


@pytest.mark.parametrize("told", [report(HealingAction.PAGE), report(HealingAction.RESTART, mode=Mode.DRY_RUN)])
def test_a_page_and_a_dry_run_ring_once_whoever_looks(told: HealthReport) -> None:
    schedule = AlertSchedule()
    new = replace(told, targets=(replace(told.cluster, is_new_decision=True),))
    (alert,) = schedule.due(new, 0)
    assert alert.is_page is (told.decision.act is HealingAction.PAGE)
    assert schedule.due(told, 10) == ()
    assert AlertSchedule().due(told, 20) == (), "another triggerer: the journal says that it was told"
    assert schedule.due(told, 10 + REPEAT_SECONDS) == ()


def test_an_operation_is_left_for_a_while_to_the_process_that_began_it() -> None:
    operation = Operation(id=uuid.UUID(int=1), act=HealingAction.REPLACE, node=NODE, begun_at=AT)
    schedule, waiting = AlertSchedule(), report(HealingAction.WAIT, operation=operation)
    assert schedule.due(waiting, 0) == ()
    assert schedule.due(waiting, REPEAT_SECONDS - 1) == ()
    assert schedule.due(waiting, REPEAT_SECONDS) == (Alert(text="replace of 10.0.0.3 is under way"),)


def test_each_service_rings_by_itself() -> None:
    def services(*acts: HealingAction) -> HealthReport:
        found = []
        for number, act in enumerate(acts, start=1):
            node = MemberId.of_service(f"w{number}")
            decision = Decision(
                at=AT,
                act=act,
                rule=Rule.RESTART,
                what="it is down",
                next="",
                on=node.address,
                nodes=(node,),
                mode=Mode.AUTOMATIC,
            )
            found.append(TargetReport(target=node.target, decision=decision, journal_state=JournalState()))
        return replace(WELL, targets=(WELL.cluster, *found))

    schedule, act = AlertSchedule(), HealingAction.RESTART
    assert schedule.due(services(act, HealingAction.WAIT), 0) == (Alert(text="restart w1: it is down"),)
    assert schedule.due(services(act, act), 10) == (Alert(text="restart w2: it is down"),)
