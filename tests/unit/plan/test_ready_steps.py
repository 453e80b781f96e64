"""What of a plan is ready: done part by part, with waits between, a plan comes to the same end as at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings, strategies

from cassandra_views.model.definition import Project
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import AuditGeneration, AwaitBuild, CreateGeneration, Plan, Step
from cassandra_views.plan.ready_steps import ReadyPart, split_ready
from tests.unit.plan.world import KEYSPACE, World, definition, table_file

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
NAMES = ("by_day", "other", "third")


def project(columns: str = "customer, day, total, note", names: tuple[str, ...] = NAMES) -> Project:
    views = tuple(definition(each, columns=columns, grace="1 second") for each in names)
    return Project(name="shop", views=views, tables=(table_file(),))


def ready(plan: Plan, *, built: bool = False, busy: bool = False) -> ReadyPart:
    return split_ready(plan, is_built=lambda _step: built, is_busy=lambda _keyspace, _views: busy)


def kinds(found: ReadyPart) -> set[type[Step]]:
    return {type(step) for step in found.part.steps}


def test_all_that_is_missing_is_created_and_nothing_waits_in_the_worker() -> None:
    plan = World().plan(project(), NOW)
    found = ready(plan)
    assert kinds(found) == {CreateGeneration}
    assert [each.view.view for each in found.builds] == list(NAMES)
    assert found.views == plan.views
    assert found.keyspaces == ()


def test_what_is_built_is_done_to_its_end() -> None:
    plan = World().plan(project(), NOW)
    found = ready(plan, built=True)
    assert found.part.steps == plan.steps
    assert (found.views, found.builds) == ((), ())


def test_no_ddl_is_begun_in_a_busy_keyspace_and_a_build_that_ended_serves_meanwhile() -> None:
    world = World()
    world.apply(ready(world.plan(project(names=NAMES[:1]), NOW)).part, NOW)
    plan = world.plan(project(), NOW)
    found = ready(plan, built=True, busy=True)
    assert CreateGeneration not in kinds(found)
    assert {AwaitBuild, AuditGeneration} <= kinds(found)
    assert {each.view.view for each in found.part.preconditions} == {"by_day"}
    assert [each.view for each in found.views] == ["other", "third"]
    assert found.keyspaces == (KEYSPACE,)


def test_a_keyspace_is_asked_about_once_with_the_views_that_need_ddl_there() -> None:
    asked: list[tuple[str, tuple[ViewName, ...]]] = []

    def is_busy(keyspace: str, views: tuple[ViewName, ...]) -> bool:
        asked.append((keyspace, views))
        return False

    plan = World().plan(project(), NOW)
    split_ready(plan, is_built=lambda _step: False, is_busy=is_busy)
    assert asked == [(KEYSPACE, plan.views)]


def test_a_base_table_alone_waits_for_nothing() -> None:
    world = World(tables=set(), keyspaces=set(), has_registry=False)
    plan = world.plan(Project(name="shop", views=(), tables=(table_file(),)), NOW)
    assert plan.has_changes
    assert ready(plan, busy=True).part.steps == plan.steps


@settings(max_examples=30)
@given(strategies.lists(strategies.tuples(strategies.sets(strategies.sampled_from(NAMES)), strategies.booleans())))
def test_the_parts_lead_where_the_whole_plan_does(moments: list[tuple[set[str], bool]]) -> None:
    # Given views that serve and files that have changed since.
    at_once, in_parts = World(tables=set(), has_registry=False), World(tables=set(), has_registry=False)
    for world in (at_once, in_parts):
        world.apply(world.plan(project(), NOW), NOW)
    changed, later = project("customer, day, total"), NOW + timedelta(hours=1)
    at_once.apply(at_once.plan(changed, later), later)
    # When builds end, and the keyspace is busy, in any order.
    for built, busy in [*moments, *[(set(NAMES), False)] * 3]:
        plan = in_parts.plan(changed, later)
        found = split_ready(
            plan,
            is_built=lambda step, built=built: step.view.view in built,  # type: ignore[misc]
            is_busy=lambda _keyspace, _views, busy=busy: busy,  # type: ignore[misc]
        )
        held = {*found.views}
        assert held or found.part.steps == plan.steps, "what is left belongs to a view that is known to wait"
        assert bool(held) == bool(found.builds or found.keyspaces), "and it is known what for"
        in_parts.apply(found.part, later)
    # Then both worlds are the same, but for what the whole plan leaves to the next one.
    for world in (at_once, in_parts):
        while (rest := world.plan(changed, later)).has_changes:
            world.apply(rest, later)
    assert in_parts.records == at_once.records
    assert set(in_parts.views) == set(at_once.views)
