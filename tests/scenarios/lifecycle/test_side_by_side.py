"""Several views are awaited, audited and served at the same time: they overlap, and end together when interrupted."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from cassandra_client.errors import ViewsError
from cassandra_views.apply.reports import Report, StepBegun, StepDone
from cassandra_views.model.generation import State
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import AuditGeneration, AwaitBuild, ServeGeneration, find_step_view
from tests.scenarios.lifecycle.workshop import Workshop

NAMES = [*"abcdef"]


@pytest.fixture
def planned(workshop: Workshop) -> Workshop:
    workshop.session.execute(f"CREATE TABLE {workshop.keyspace}.small (k int PRIMARY KEY, v int)")
    workshop.session.execute(f"INSERT INTO {workshop.keyspace}.small (k, v) VALUES (1, 1)")
    for name in NAMES:
        workshop.write_view(
            name,
            "CREATE MATERIALIZED VIEW {{ view }} AS SELECT v, k FROM {{ base('small') }} "
            "WHERE v IS NOT NULL AND k IS NOT NULL PRIMARY KEY (v, k)",
        )
    return workshop


def serving(workshop: Workshop) -> list[str]:
    return [name for name in NAMES if workshop.record(name).in_state(State.SERVING)]


def test_steps_of_views_overlap_and_those_of_one_view_keep_their_order(planned: Workshop) -> None:
    planned.apply()
    begun = [report for report in planned.reports if isinstance(report, StepBegun)]
    kinds = (AwaitBuild, AuditGeneration, ServeGeneration)
    for name in NAMES:
        view = ViewName(keyspace=planned.keyspace, view=name)
        own = [type(each.step) for each in begun if find_step_view(each.step) == view]
        assert own[-3:] == [*kinds]
    first_served = next(
        number
        for number, report in enumerate(planned.reports)
        if isinstance(report, StepDone) and isinstance(report.step, ServeGeneration)
    )
    awaited = {step.view for each in planned.reports[:first_served] if (step := awaits(each))}
    assert len(awaited) > 1
    assert serving(planned) == NAMES


@pytest.mark.parametrize("kind", [AwaitBuild, AuditGeneration, ServeGeneration])
def test_an_interrupt_ends_all_of_them_and_the_next_run_goes_on(planned: Workshop, kind: type) -> None:
    told: list[Report] = []
    interrupted_at: list[int] = []

    def listen(report: Report) -> None:
        told.append(report)
        if _begins(report, kind) and sum(_begins(each, kind) for each in told) == 2:
            interrupted_at.append(len(told))
            raise KeyboardInterrupt

    manager = planned.manager(listener=listen)
    with pytest.raises(KeyboardInterrupt):
        manager.apply()
    assert not [each for each in threading.enumerate() if each.name.startswith("finish")]
    assert len(serving(planned)) < len(NAMES)
    begun = Counter(find_step_view(each.step) for each in told[interrupted_at[0] :] if isinstance(each, StepBegun))
    assert max(begun.values(), default=0) <= 1, "each thread ends at the next report after the run was halted"
    after = len(told)
    planned.apply()
    assert serving(planned) == NAMES
    assert len(told) == after, "nothing of the ended run goes on"


def test_a_view_that_fails_stops_no_other_and_failures_come_in_the_order_of_the_plan(planned: Workshop) -> None:
    def listen(report: Report) -> None:
        if (step := awaits(report)) and step.view.view in "be":
            planned.session.execute(f"DROP MATERIALIZED VIEW {planned.keyspace}.{step.view.physical(step.number)}")

    manager = planned.manager(listener=listen)
    outcome = manager.carry_out(manager.plan())
    assert [view.view for view, _error in outcome.failures] == ["b", "e"]
    assert all(isinstance(error, ViewsError) for error in outcome.errors)
    assert serving(planned) == ["a", "c", "d", "f"]


def _begins(report: Report, kind: type) -> bool:
    return isinstance(report, StepBegun) and isinstance(report.step, kind)


def awaits(report: Report) -> AwaitBuild | None:
    """Return the step of a report that begins to await a build."""
    return report.step if isinstance(report, StepBegun) and isinstance(report.step, AwaitBuild) else None
