"""A caller that carries plans out in parts and is tried again: as a task of a workflow is."""

from __future__ import annotations

import pytest

from cassandra_client.errors import ClusterError
from cassandra_views.model.errors import StalePlan
from cassandra_views.model.steps import CreateGeneration, CreateRegistry, Plan
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, check_rows, set_up
from tests.scenarios.lifecycle.workshop import Workshop


def first(plan: Plan) -> Plan:
    """Return the part of a plan up to its first step of a view."""
    end = next(index for index, step in enumerate(plan.steps, start=1) if not isinstance(step, CreateRegistry))
    return plan.part(plan.steps[:end])


def test_a_plan_in_parts_by_one_run_that_starts_anew_each_time(workshop: Workshop) -> None:
    set_up(workshop, READINGS)
    while (plan := workshop.manager(run="task 1").plan()).has_changes:
        assert workshop.manager(run="task 1").carry_out(first(plan)).failures == ()
    check_rows(workshop, READINGS)
    assert [each.run for each in workshop.record(VIEW).generations] == ["task 1"]
    assert {event.run for event in workshop.manager().history(workshop.full(VIEW))} == {"task 1"}


def test_a_second_part_of_one_plan_for_one_view_is_stale(workshop: Workshop) -> None:
    set_up(workshop, READINGS)
    plan = workshop.manager().plan()
    workshop.manager().carry_out(first(plan))
    rest = plan.part(step for step in plan.steps if step not in first(plan).steps)
    with pytest.raises(StalePlan, match="changed since it was made"):
        workshop.manager().carry_out(rest)
    workshop.apply()
    check_rows(workshop, READINGS)


def test_a_part_without_the_registry_says_that_there_is_none(workshop: Workshop) -> None:
    workshop.registry = "no_registry_yet"
    set_up(workshop, READINGS)
    plan = workshop.manager().plan()
    assert isinstance(plan.steps[0], CreateRegistry)
    with pytest.raises(ClusterError, match="no_registry_yet"):
        workshop.manager().carry_out(plan.part(plan.steps[1:]))
    assert workshop.physical_views() == set()


def test_a_refresh_that_is_tried_again_builds_one_generation(workshop: Workshop) -> None:
    set_up(workshop, READINGS)
    workshop.apply()
    name = workshop.full(VIEW)
    tries = 0
    while (plan := workshop.manager(run="refresh 1").plan_refresh(name, unless_run="refresh 1")).has_changes:
        creates = [step for step in plan.steps if isinstance(step, CreateGeneration)]
        assert len(creates) == (1 if tries == 0 else 0)
        workshop.manager(run="refresh 1").carry_out(first(plan))
        tries += 1
    assert tries == 4
    assert workshop.serving(VIEW) == f"{VIEW}__g2"
    assert workshop.record(VIEW).next_number == 3
    workshop.manager(run="refresh 2").apply(workshop.manager().plan_refresh(name, unless_run="refresh 2"))
    assert workshop.serving(VIEW) == f"{VIEW}__g3"


def test_a_refresh_that_was_made_is_gone_on_with_also_where_the_view_was_frozen_since(workshop: Workshop) -> None:
    set_up(workshop, READINGS)
    workshop.apply()
    name = workshop.full(VIEW)
    workshop.manager(run="refresh 1").apply(workshop.manager().plan_refresh(name))
    workshop.manager().override(name, "frozen", reason="it is right now")
    assert not workshop.manager().plan_refresh(name, unless_run="refresh 1").has_changes
