"""Whoever is called where waiting takes too long: over all rules, whatever the journal and the nodes say."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassandra_healing.assessment import assess
from cassandra_healing.model import HealingAction, HealthCheck, OperationOutcome
from cassandra_healing.monitor import AlertLog, report_targets
from cassandra_healing.policy import Mode, Policy
from cassandra_healing.rules.engine import decide
from tests.unit.healing import cases, service_cases
from tests.unit.healing.cases import Case, Fate, Said

PAGE_MINUTES = 6
_BAD = [Fate.DEAD, Fate.HUNG, Fate.GONE, Fate.MUTE, Fate.UNREACHED, Fate.STOPPED, Fate.FULL, Fate.UNSEEN, Fate.STARTED]
_FINE = [Fate.UP, Fate.DOUBTED, Fate.LEAVING, Fate.MOVING, Fate.JOINING]
_NODES = ("n1", "n2", "n3")


def spans(fate: st.SearchStrategy[Fate]) -> st.SearchStrategy[list[Fate]]:
    """Fates of one node, a word for each minute."""
    return st.lists(fate, min_size=PAGE_MINUTES + 1, max_size=PAGE_MINUTES + 1)


@st.composite
def troubled(draw: st.DrawFn) -> Case:
    """A cluster that was well, and then in no minute: one node that suffers in each, and whatever the others do."""
    sick = draw(st.sampled_from(_NODES))
    fates = {name: draw(spans(st.sampled_from(_BAD if name == sick else [*_FINE, *_BAD]))) for name in _NODES}
    said = st.builds(Said, node=st.sampled_from(_NODES), why=st.just("because"))
    done = st.builds(
        cases.Done,
        act=st.sampled_from([HealingAction.RESTART, HealingAction.REPLACE]),
        node=st.sampled_from(_NODES),
        begun=st.integers(-3, PAGE_MINUTES),
        ended=st.one_of(st.none(), st.integers(PAGE_MINUTES, PAGE_MINUTES + 2)),
        outcome=st.sampled_from(list(OperationOutcome)),
    )
    few = {"max_size": 1}
    return Case(
        name="any",
        fates={name: "up 2, " + ", ".join(f"{fate} 1" for fate in found) for name, found in fates.items()},
        minutes=2 + PAGE_MINUTES + 1,
        policy=Policy(
            mode=draw(st.sampled_from(list(Mode))),
            page_minutes=PAGE_MINUTES,
            grace_checks=draw(st.sampled_from([1, 100])),
            grace_minutes=draw(st.sampled_from([0.5, 100.0])),
            settle_checks=2,
            restart=draw(st.booleans()),
        ),
        journal=tuple(draw(st.lists(done, **few))),
        stop=tuple(draw(st.lists(said, **few))),
        skip=tuple(draw(st.lists(said, **few))),
        work=tuple(draw(st.lists(said, **few))),
        unread=tuple(draw(st.lists(said, **few))),
        disagreement=tuple(draw(st.lists(said, **few))),
        journal_away=tuple(draw(st.lists(said, **few))),
        clock=draw(st.sampled_from([{}, {4: -60}, {4: 2}, {5: -600}])),
        nobody_looks=draw(st.sampled_from([(), (Said.model_validate({"from": 3, "until": 7}),)])),
        decisions=(),
    )


@settings(max_examples=80)
@given(troubled())
def test_a_person_is_called_after_page_minutes_in_every_state_that_is_not_well(case: Case) -> None:
    checks: list[HealthCheck] = [check for _minute, check in case.checks()]
    assessment = assess(checks, case.policy)
    decision = decide(assessment, case.read_state(case.length - 1), case.policy)
    # A clock that was set back makes the wait longer, never endless; here its minutes are missing from it.
    if not any(wrong < 0 for wrong in case.clock.values()):
        is_done = decision.act in (HealingAction.RESTART, HealingAction.REPLACE) and decision.mode is not Mode.DRY_RUN
        assert decision.act is HealingAction.PAGE or is_done, decision
    assert assessment.trouble_since is not None
    if assessment.cut_off is not None or case.stop or case.journal_away:
        assert decision.act not in (HealingAction.RESTART, HealingAction.REPLACE), "calling is all that is done"
    assert decision.on or decision.act is not HealingAction.PAGE


@settings(max_examples=80)
@given(
    fates=st.lists(
        st.sampled_from([each for each in service_cases.Fate if each is not service_cases.Fate.UP]),
        min_size=PAGE_MINUTES + 1,
        max_size=PAGE_MINUTES + 1,
    ),
    others=st.sampled_from(list(service_cases.Fate)),
    mode=st.sampled_from(list(Mode)),
    grace=st.sampled_from([1, 100]),
    is_cluster_well=st.booleans(),
    more=st.fixed_dictionaries(
        {},
        optional={
            "stop": st.just([{"from": 0}]),
            "skip": st.just([{"node": "w1"}]),
            "journal_away": st.just([{"from": 0}]),
            "nobody_looks": st.just([{"from": 2, "until": 6}]),
            "journal": st.builds(
                lambda act, outcome: [
                    {"act": act, "service": "w1", "begun": 2, "ended": 6 if outcome else None, "outcome": outcome}
                ],
                st.sampled_from([HealingAction.RESTART, HealingAction.REPLACE]),
                st.sampled_from([None, *OperationOutcome]),
            ),
        },
    ),
)
def test_a_person_is_called_to_a_service_after_its_page_minutes(
    fates: list[service_cases.Fate],
    others: service_cases.Fate,
    mode: Mode,
    grace: int,
    is_cluster_well: bool,
    more: dict[str, object],
) -> None:
    case = service_cases.Case.model_validate(
        {
            "name": "any",
            "policy": {"page_minutes": PAGE_MINUTES, "grace_checks": grace, "needs": ["cluster"]},
            "cluster_away": [] if is_cluster_well else [{"from": 0}],
            "fates": {"w1": "up 1, " + ", ".join(f"{fate} 1" for fate in fates), "spark": f"{others} 1"},
            "minutes": 1 + len(fates),
            "decisions": (),
            **more,
        }
    )
    policy = case.all_policy(mode)
    assessment = assess([check for _minute, check in case.checks()], policy)
    reports = report_targets(assessment, case.read_state(case.length - 1), policy)
    decision = next(each.decision for each in reports if each.decision.on == "w1")
    is_done = decision.act in (HealingAction.RESTART, HealingAction.REPLACE) and decision.mode is not Mode.DRY_RUN
    assert decision.act is HealingAction.PAGE or is_done, decision


@pytest.mark.parametrize("fate", [Fate.UP, Fate.DOUBTED, Fate.LEAVING, Fate.MOVING, Fate.JOINING, Fate.SLOW])
def test_nobody_is_called_while_all_is_well_or_a_node_joins(fate: Fate) -> None:
    fates = {"n3": f"{fate} 20"} if fate is not Fate.SLOW else {name: "slow 20" for name in _NODES}
    case = Case(name="well", fates=fates, minutes=20, policy=Policy(page_minutes=5), decisions=())
    checks = [check for _minute, check in case.checks()]
    assessment = assess(checks, case.policy)
    assert assessment.trouble_since is None
    assert decide(assessment, case.read_state(19), case.policy).act is HealingAction.WAIT


def test_one_alert_is_raised_for_one_trouble() -> None:
    log, begin = AlertLog(), Case(name="any", decisions=()).start
    minutes = [begin + timedelta(minutes=number) for number in range(20)]
    assert log.is_new("page", since=minutes[0], at=minutes[2])
    assert not log.is_new("page", since=minutes[0], at=minutes[3]), "it stands"
    assert log.is_new("another", since=minutes[0], at=minutes[4])
    assert not log.is_new("page", since=minutes[1], at=minutes[5]), "another one between does not end it"
    assert log.is_new("page", since=minutes[8], at=minutes[9]), "the trouble ended, and began again"
    assert log.is_new("page", since=minutes[1], at=minutes[2]), "the clock was set back"
