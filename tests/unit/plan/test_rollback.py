"""The plan of a rollback: one batch that no later plan undoes, an audit right after it, and the same again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassandra_client.errors import ViewsError
from cassandra_views.model.audit_request import FULL_AUDIT
from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import Audit, Dropped, Override, OverrideKind, State, ViewRecord
from cassandra_views.model.steps import AuditGeneration, CreateGeneration, Plan, RetireView, ServeGeneration
from cassandra_views.model.suspicion import Suspicion
from cassandra_views.plan.explain import explain
from cassandra_views.plan.inputs import PlanContext, PlanRequest, PlanTarget
from cassandra_views.plan.rollback import make_rollback
from tests.unit.plan.test_convergence import NAME, WISHES, _project
from tests.unit.plan.world import REGISTRY, World, definition, generation, live_view, short, world_of

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
TARGET = PlanTarget(cluster="c", registry=REGISTRY, environment="dev", project="shop", line="c")


def rollback(world: World, wish: ViewDefinition | None, *, now: datetime = NOW, is_file_known: bool = True) -> Plan:
    context = PlanContext(now=now, catalog=world.observed().catalog, target=TARGET)
    record = world.records.get(NAME, ViewRecord(name=NAME))
    return make_rollback(record, wish, context, is_file_known=is_file_known, reason="totals")


def plan_of(world: World, wish: ViewDefinition | None, now: datetime = NOW) -> Plan:
    """Return what the next apply does for the view."""
    return world.plan(_project(wish), now, PlanRequest(only=frozenset([NAME])))


def two(former: str, *, audited: str = "2026-11-23T05:30:00Z") -> World:
    generations = {
        1: {"state": "retired", "retired": "5 minutes", "audited": audited} | ({"version": former} if former else {}),
        2: {"state": "serving"},
    }
    return world_of({"records": {"by_day": {"generations": generations}}}, {"by_day": definition()}, NOW)


def test_the_switch_freezes_where_the_file_asks_for_something_else() -> None:
    world = two("f1:old")
    plan = rollback(world, definition())
    (step,) = plan.steps
    assert isinstance(step, ServeGeneration)
    assert (step.number, step.retires, step.rolled_back_from) == (1, (2,), 2)
    assert (step.override, step.reason) == (OverrideKind.FROZEN, "totals")
    assert explain(step)[2] == (
        "send readers to it and retire generation 2; the view is frozen then, since its file asks for something else"
    )
    world.apply(plan, NOW)
    assert plan_of(world, definition()).steps == ()


def test_it_does_not_freeze_where_the_file_says_just_what_serves_then() -> None:
    world = two("")
    plan = rollback(world, definition())
    assert [short(step) for step in plan.steps] == ["serve by_day 1 retire 2"]
    assert isinstance(plan.steps[0], ServeGeneration)
    assert plan.steps[0].override is None
    world.apply(plan, NOW)
    again = rollback(world, definition())
    assert again.steps == ()
    assert again.notes == (f"{NAME} is rolled back already: generation 1 serves in place of generation 2",)


def test_it_freezes_where_the_files_cannot_be_read() -> None:
    (step,) = rollback(two(""), None, is_file_known=False).steps
    assert isinstance(step, ServeGeneration)
    assert step.override is OverrideKind.FROZEN


def test_an_old_audit_is_made_again_right_after_the_switch() -> None:
    world = two("", audited="2026-11-23T04:59:00Z")
    plan = rollback(world, definition())
    assert [short(step) for step in plan.steps] == ["serve by_day 1 retire 2", "audit by_day 1 again"]
    world.apply(plan.part(plan.steps[:1]), NOW)
    assert [short(step) for step in rollback(world, definition()).steps] == ["audit by_day 1 again"]
    assert [short(step) for step in plan_of(world, definition()).steps] == ["audit by_day 1 again"]
    world.apply(plan_of(world, definition()), NOW)
    assert rollback(world, definition()).steps == ()


def test_one_that_is_suspect_is_audited_in_full_right_after_the_switch() -> None:
    world = two("")
    record = world.records[NAME]
    suspicion = Suspicion(since=NOW, reason="restored", by="ann")
    former, served = record.generations
    world.records[NAME] = replace(record, generations=(replace(former, suspicion=suspicion), served))
    audit = rollback(world, definition()).steps[-1]
    assert isinstance(audit, AuditGeneration)
    assert audit.request == FULL_AUDIT


def test_one_that_a_person_let_go_is_frozen_again() -> None:
    world = two("f1:old")
    world.apply(rollback(world, definition()), NOW)
    world.records[NAME] = replace(world.records[NAME], override=None)
    (step,) = rollback(world, definition()).steps
    assert isinstance(step, ServeGeneration)
    assert (step.number, step.rolled_back_from, step.override) == (1, 2, OverrideKind.FROZEN)


def test_a_view_that_a_person_decided_over_is_refused() -> None:
    world = two("f1:old")
    override = Override(kind=OverrideKind.FROZEN, by="ann", reason="sale")
    world.records[NAME] = replace(world.records[NAME], override=override)
    with pytest.raises(ViewsError, match="it is frozen by ann: sale"):
        rollback(world, definition())


def test_a_dropped_view_says_when_and_by_whom() -> None:
    dropped = Dropped(at=NOW, by="ann", reason="nobody reads it")
    world = World(records={NAME: ViewRecord(name=NAME, next_number=3, dropped=dropped)})
    with pytest.raises(ProjectError, match="dropped 2026-11-23T06:00:00Z by ann: nobody reads it"):
        rollback(world, None)


MADE = st.sampled_from([wish for wish in WISHES if wish is not None])
UNFINISHED = st.sampled_from([State.BUILDING, State.BUILT, State.FAILED, State.DROPPING])


@settings(max_examples=150)
@given(
    former=MADE,
    served=MADE,
    other=st.none() | st.tuples(UNFINISHED, MADE),
    wish=st.sampled_from(WISHES),
    hours=st.integers(0, 48),
)
def test_no_plan_undoes_a_rollback(
    former: ViewDefinition,
    served: ViewDefinition,
    other: tuple[State, ViewDefinition] | None,
    wish: ViewDefinition | None,
    hours: int,
) -> None:
    began = NOW - timedelta(hours=hours)
    passed = {"audit": Audit.PASSED, "audited_at": began}
    made = [
        generation("by_day", 1, former, began, state=State.RETIRED, retired_at=NOW - timedelta(minutes=5), **passed),
        generation("by_day", 2, served, NOW, state=State.SERVING, served_at=NOW, **{**passed, "audited_at": NOW}),
    ]
    if other:
        made.append(generation("by_day", 3, other[1], NOW, state=other[0]))
    read_from = (served.serving("by_day__g2", None),)
    record = ViewRecord(name=NAME, next_number=4, read_from=read_from, project="shop", generations=tuple(made))
    world = World(records={NAME: record}, views={each.physical: live_view(each.physical) for each in made})
    serve, *rest = rollback(world, wish).steps
    assert isinstance(serve, ServeGeneration)
    assert (serve.number, serve.rolled_back_from) == (1, 2)
    assert [short(step) for step in rest] == (["audit by_day 1 again"] if hours > 1 else [])
    world.apply(replace(rollback(world, wish), steps=(serve,)), NOW)
    kept = (CreateGeneration, ServeGeneration, RetireView)
    assert not any(isinstance(step, kept) for step in plan_of(world, wish).steps), "stopped before its audit"
    assert not any(isinstance(step, ServeGeneration) for step in rollback(world, wish).steps)
    world.apply(plan_of(world, wish), NOW)
    assert plan_of(world, wish).steps == ()
    later = plan_of(world, wish, NOW + timedelta(days=2))
    assert serve.override is None or not any(isinstance(step, kept) for step in later.steps)
