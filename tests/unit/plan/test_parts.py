"""A plan carried out in parts: each part is a plan that can be applied by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cassandra_views.model.definition import Project
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import AwaitBuild, CreateGeneration, Plan, Step, find_step_view
from cassandra_views.plan.cost import costs_of
from tests.unit.plan.world import KEYSPACE, World, definition

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
PROJECT = Project(name="shop", views=(definition("by_day"), definition("other")))


def planned(world: World) -> Plan:
    plan = world.plan(PROJECT, NOW)
    costs = costs_of(plan.steps, world.observed().catalog, {}, keeps_snapshot=False)
    return replace(plan, costs=costs, notes=("of the whole plan",))


def is_of(step: Step, view: str) -> bool:
    return find_step_view(step) == ViewName(keyspace=KEYSPACE, view=view)


def of_view(plan: Plan, view: str) -> Plan:
    return plan.part(step for step in plan.steps if is_of(step, view))


def test_a_part_is_for_the_same_target_and_depends_on_its_own_views_alone() -> None:
    plan = planned(World())
    part = of_view(plan, "other")
    assert [each.view.view for each in part.preconditions] == ["other"]
    assert [each.view.view for each in part.costs] == ["other"]
    assert part.notes == plan.notes
    assert (part.cluster, part.registry, part.environment) == (plan.cluster, plan.registry, plan.environment)
    assert part.steps == tuple(step for step in plan.steps if is_of(step, "other"))


def test_steps_keep_their_order_and_a_part_without_new_generations_costs_nothing() -> None:
    plan = planned(World())
    awaits = [step for step in plan.steps if not isinstance(step, CreateGeneration)]
    part = plan.part(reversed(awaits))
    assert list(part.steps) == awaits
    assert part.costs == ()
    assert not plan.part([]).has_changes


def test_a_step_of_another_plan_is_refused() -> None:
    plan = planned(World())
    foreign = AwaitBuild(view=plan.views[0], number=99)
    with pytest.raises(ValueError, match="the plan has no such step"):
        plan.part([foreign])


def test_parts_of_plans_made_anew_lead_where_one_plan_does() -> None:
    whole, parts = World(), World()
    whole.apply(whole.plan(PROJECT, NOW), NOW)
    count = 0
    while (plan := parts.plan(PROJECT, NOW)).has_changes:
        parts.apply(plan.part(plan.steps[:1]), NOW)
        count += 1
        assert count < 20
    assert parts.records == whole.records
