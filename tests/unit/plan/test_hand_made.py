"""Views that people made: taken over under their own name without a build, kept until somebody agrees to their drop."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.generation import Audit, Serving, State, ViewRecord
from cassandra_views.model.names import HAND_MADE_NUMBER, ViewName
from cassandra_views.model.steps import (
    AdoptGeneration,
    AuditGeneration,
    AwaitBuild,
    CreateGeneration,
    DropGeneration,
    Plan,
    ReleaseGeneration,
    ServeGeneration,
)
from cassandra_views.plan.explain import explain
from cassandra_views.plan.inputs import PlanRequest
from cassandra_views.plan.project_plan import with_schedule, work_by_view
from tests.unit.plan.world import KEYSPACE, World, as_made, definition, generation, live_view, table_file

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAME = ViewName(keyspace=KEYSPACE, view="by_day")


def project(view: ViewDefinition) -> Project:
    return Project(name="shop", views=(view,), tables=(table_file(),))


@pytest.fixture
def world() -> World:
    """A cluster with a view that people made, and a registry that knows nothing."""
    world = World()
    world.views["by_day"] = as_made(definition())
    return world


def adopted(world: World) -> World:
    world.apply(world.plan(project(definition()), NOW), NOW)
    return world


def made_again(world: World) -> None:
    """Let people drop the view that they made, and make it again just so."""
    world.views["by_day"] = replace(as_made(definition()), table_id=uuid.UUID(int=20))


def kinds(plan: Plan) -> list[tuple[type, int | None]]:
    return [(type(step), getattr(step, "number", None)) for step in plan.steps]


TAKE_OVER = [(step, HAND_MADE_NUMBER) for step in (AdoptGeneration, AwaitBuild, AuditGeneration, ServeGeneration)]
CHANGED = project(definition(columns="customer, day, total"))
LATER = NOW + timedelta(hours=2)


def replaced(world: World) -> World:
    """It was taken over, and the next change replaced it."""
    world.apply(adopted(world).plan(CHANGED, NOW), NOW)
    return world


def test_it_is_taken_over_without_a_build(world: World) -> None:
    plan = world.plan(project(definition()), NOW)
    assert [type(step) for step in plan.steps] == [AdoptGeneration, AwaitBuild, AuditGeneration, ServeGeneration]
    assert plan.notes == ()
    adopt, serve = plan.steps[0], plan.steps[-1]
    assert isinstance(adopt, AdoptGeneration)
    assert isinstance(serve, ServeGeneration)
    assert adopt.number == HAND_MADE_NUMBER
    assert adopt.table_id == uuid.UUID(int=19)
    assert adopt.cql.startswith("CREATE MATERIALIZED VIEW shop.by_day AS")
    assert serve.read_from == (Serving(name="by_day"),)


def test_after_that_a_plan_finds_nothing_to_do(world: World) -> None:
    plan = adopted(world).plan(project(definition()), NOW)
    assert plan.steps == ()
    assert plan.notes == ()
    assert plan.refused == ()


def test_the_next_change_makes_generation_1_and_the_original_stays_until_somebody_agrees(world: World) -> None:
    changed = project(definition(columns="customer, day, total"))
    plan = adopted(world).plan(changed, NOW)
    create = next(step for step in plan.steps if isinstance(step, CreateGeneration))
    assert create.number == 1
    world.apply(plan, NOW)
    assert world.records[NAME].read_from == (Serving(name="by_day__g1"),)

    later = NOW + timedelta(hours=1)
    plan = world.plan(changed, later)
    assert plan.steps == ()
    assert [(drop.number, drop.needs_approval) for drop in plan.withheld] == [(HAND_MADE_NUMBER, True)]
    plan = world.plan(changed, later, PlanRequest(is_drop_allowed=True))
    assert [(type(step), getattr(step, "number", None)) for step in plan.steps] == [(DropGeneration, HAND_MADE_NUMBER)]
    world.apply(plan, later)
    assert set(world.views) == {"by_day__g1"}
    assert world.plan(changed, later).steps == ()


def test_one_that_differs_from_the_file_is_left_and_told(world: World) -> None:
    plan = world.plan(project(definition(columns="customer, day, total")), NOW)
    assert not any(isinstance(step, AdoptGeneration) for step in plan.steps)
    assert any(isinstance(step, CreateGeneration) and step.number == 1 for step in plan.steps)
    assert "each write of its base pays for both" in plan.notes[0]
    assert "column note is not asked for" in plan.notes[0]
    world.apply(plan, NOW)
    again = world.plan(project(definition(columns="customer, day, total")), NOW)
    assert again.steps == ()
    assert "then run DROP MATERIALIZED VIEW shop.by_day" in again.notes[0]
    assert "by_day" in world.views


def test_one_that_covers_its_base_is_not_that_of_a_file_with_a_window(world: World) -> None:
    windowed = project(definition(window={"last": "7 days", "step": "1 day"}))
    plan = world.plan(windowed, NOW)
    assert not any(isinstance(step, AdoptGeneration) for step in plan.steps)
    assert "the file has a window" in plan.notes[0]


def test_one_that_was_found_to_differ_from_its_base_is_replaced_and_kept(world: World) -> None:
    adopted(world)
    record = world.records[NAME]
    failed = replace(record.generations[0], audit=Audit.FAILED)
    world.records[NAME] = replace(record, generations=(failed,))
    plan = world.plan(project(definition()), NOW)
    assert any(isinstance(step, CreateGeneration) and step.number == 1 for step in plan.steps)
    world.apply(plan, NOW)
    assert not any(isinstance(step, DropGeneration) for step in world.plan(project(definition()), NOW).steps)


def test_one_whose_first_audit_failed_is_not_dropped(world: World) -> None:
    adopted(world)
    record = world.records[NAME]
    failed = replace(record.generations[0], state=State.FAILED, audit=Audit.FAILED)
    world.records[NAME] = replace(record, generations=(failed,), read_from=())
    plan = world.plan(project(definition()), NOW)
    assert not any(isinstance(step, DropGeneration) for step in plan.steps)
    assert [drop.number for drop in plan.withheld] == [HAND_MADE_NUMBER]
    assert any(isinstance(step, CreateGeneration) and step.number == 1 for step in plan.steps)


def test_it_is_kept_when_its_file_goes_until_somebody_agrees(world: World) -> None:
    adopted(world)
    other = project(definition("other"))
    plan = world.plan(other, NOW)
    assert not any(isinstance(step, DropGeneration) for step in plan.steps)
    assert [drop.number for drop in plan.withheld] == [HAND_MADE_NUMBER]


def test_one_that_people_drop_by_hand_is_forgotten_without_a_question(world: World) -> None:
    changed = project(definition(columns="customer, day, total"))
    world.apply(adopted(world).plan(changed, NOW), NOW)
    del world.views["by_day"]
    later = NOW + timedelta(hours=1)
    plan = world.plan(changed, later)
    assert [(type(step), getattr(step, "number", None)) for step in plan.steps] == [(DropGeneration, HAND_MADE_NUMBER)]
    assert plan.withheld == ()
    world.apply(plan, later)
    assert [each.number for each in world.records[NAME].generations] == [1]


def test_one_that_goes_while_it_is_taken_over_is_not_created_by_us(world: World) -> None:
    plan = world.plan(project(definition()), NOW)
    world.apply(replace(plan, steps=plan.steps[:1]), NOW)
    del world.views["by_day"]
    again = world.plan(project(definition()), NOW)
    assert [step.number for step in again.steps if isinstance(step, CreateGeneration)] == [1]


def test_taking_over_that_was_cut_off_is_resumed(world: World) -> None:
    whole = world.plan(project(definition()), NOW)
    world.apply(replace(whole, steps=whole.steps[:2]), NOW)
    again = world.plan(project(definition()), NOW)
    assert [type(step) for step in again.steps] == [AuditGeneration, ServeGeneration]
    world.apply(again, NOW)
    assert world.plan(project(definition()), NOW).steps == ()


def test_one_that_goes_while_it_is_taken_over_leaves_nothing_to_approve(world: World) -> None:
    plan = world.plan(project(definition()), NOW)
    world.apply(replace(plan, steps=plan.steps[:1]), NOW)
    del world.views["by_day"]
    world.apply(world.plan(project(definition()), NOW), NOW)
    assert [each.number for each in world.records[NAME].generations] == [1]


def test_where_its_file_comes_back_it_serves_again_also_after_its_grace(world: World) -> None:
    plan = replaced(world).plan(project(definition()), LATER)
    assert kinds(plan) == [(AuditGeneration, HAND_MADE_NUMBER), (ServeGeneration, HAND_MADE_NUMBER)]
    assert plan.withheld == ()


def test_one_that_is_to_serve_again_is_not_dropped_where_drops_are_allowed(world: World) -> None:
    plan = replaced(world).plan(project(definition()), LATER, PlanRequest(is_drop_allowed=True))
    assert kinds(plan) == [(AuditGeneration, HAND_MADE_NUMBER), (ServeGeneration, HAND_MADE_NUMBER)]
    world.apply(plan, LATER)
    assert world.records[NAME].read_from == (Serving(name="by_day"),)


def test_a_refresh_before_the_first_apply_is_refused_and_loses_nothing(world: World) -> None:
    request = PlanRequest(only=frozenset([NAME]), refresh=frozenset([NAME]))
    plan = world.plan(project(definition()), NOW, request)
    assert plan.steps == ()
    assert ["views apply by_day" in each.next for each in plan.refused] == [True]
    assert kinds(world.plan(project(definition()), NOW)) == TAKE_OVER


def test_after_it_was_taken_over_a_refresh_builds_generation_1(world: World) -> None:
    plan = adopted(world).plan(project(definition()), NOW, PlanRequest(refresh=frozenset([NAME])))
    assert (CreateGeneration, 1) in kinds(plan)


def test_it_is_told_of_where_a_lost_generation_is_taken_over_in_its_place(world: World) -> None:
    world.views["by_day__g3"] = live_view("by_day__g3", version=definition().version)
    plan = world.plan(project(definition()), NOW)
    assert [number for kind, number in kinds(plan) if kind is AdoptGeneration] == [3]
    assert any("each write of its base pays for both" in note for note in plan.notes)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_taking_over_that_a_changed_file_ends_leaves_it_as_it_was(world: World, count: int) -> None:
    whole = world.plan(project(definition()), NOW)
    world.apply(replace(whole, steps=whole.steps[:count]), NOW)
    plan = world.plan(CHANGED, NOW)
    assert kinds(plan)[:2] == [(ReleaseGeneration, HAND_MADE_NUMBER), (CreateGeneration, 1)]
    assert plan.withheld == ()
    world.apply(plan, NOW)
    assert "by_day" in world.views
    assert [each.number for each in world.records[NAME].generations] == [1]


def test_taking_over_that_a_person_ended_can_begin_again(world: World) -> None:
    whole = world.plan(project(definition()), NOW)
    world.apply(replace(whole, steps=whole.steps[:2]), NOW)
    abort = world.plan(project(definition()), NOW, PlanRequest(abort=frozenset([NAME])))
    assert kinds(abort) == [(ReleaseGeneration, HAND_MADE_NUMBER)]
    world.apply(abort, NOW)
    assert kinds(world.plan(project(definition()), NOW)) == TAKE_OVER


def test_taking_over_begins_again_where_the_file_has_other_options_alone(world: World) -> None:
    whole = world.plan(project(definition()), NOW)
    world.apply(replace(whole, steps=whole.steps[:2]), NOW)
    other = replace(definition(), version="f1:other")
    assert kinds(world.plan(project(other), NOW)) == [(ReleaseGeneration, HAND_MADE_NUMBER), *TAKE_OVER]


def test_one_whose_taking_over_failed_before_its_audit_is_not_given_up_for_good(world: World) -> None:
    adopted(world)
    record = world.records[NAME]
    failed = replace(record.generations[0], state=State.FAILED, audit=None, reason="it was created again")
    world.records[NAME] = replace(record, generations=(failed,), read_from=())
    assert kinds(world.plan(project(definition()), NOW)) == [(ReleaseGeneration, HAND_MADE_NUMBER), *TAKE_OVER]


def test_one_that_people_made_again_is_taken_over_again(world: World) -> None:
    made_again(adopted(world))
    plan = world.plan(project(definition()), NOW)
    assert kinds(plan) == [(ReleaseGeneration, HAND_MADE_NUMBER), *TAKE_OVER]
    assert "audited again" in plan.notes[0]
    world.apply(plan, NOW)
    assert world.records[NAME].generations[0].table_id == uuid.UUID(int=20)
    again = world.plan(project(definition()), NOW)
    assert (again.steps, again.notes, again.withheld) == ((), (), ())


@pytest.mark.parametrize("count", range(1, 5))
def test_taking_it_over_again_is_resumed_wherever_it_was_stopped(world: World, count: int) -> None:
    made_again(adopted(world))
    whole = world.plan(project(definition()), NOW)
    world.apply(replace(whole, steps=whole.steps[:count]), NOW)
    rest = world.plan(project(definition()), NOW)
    assert kinds(rest) == kinds(whole)[count:]
    world.apply(rest, NOW)
    assert world.plan(project(definition()), NOW).steps == ()


def test_one_that_people_made_again_after_it_was_replaced_is_theirs(world: World) -> None:
    made_again(replaced(world))
    plan = world.plan(CHANGED, LATER)
    assert kinds(plan) == [(DropGeneration, HAND_MADE_NUMBER)]
    assert plan.withheld == (), "the registry forgets the former one; a namesake is left alone"
    world.records[NAME] = replace(world.records[NAME], generations=world.records[NAME].generations[1:])
    again = world.plan(CHANGED, LATER)
    assert again.steps == ()
    assert "each write of its base pays for both" in again.notes[0]


def test_a_person_who_drops_the_view_keeps_it_unless_drops_are_allowed(world: World) -> None:
    asked = PlanRequest(only=frozenset([NAME]), drop=frozenset([NAME]))
    plan = adopted(world).plan(project(definition()), NOW, asked)
    assert not any(isinstance(step, DropGeneration) for step in plan.steps)
    assert [drop.number for drop in plan.withheld] == [HAND_MADE_NUMBER]
    world.apply(plan, NOW)
    allowed = world.plan(project(definition()), NOW, replace(asked, is_drop_allowed=True))
    assert kinds(allowed) == [(DropGeneration, HAND_MADE_NUMBER)]
    assert "drop the hand-made view by_day" in explain(allowed.steps[0])[2]


def test_a_person_who_drops_the_view_drops_its_other_generations(world: World) -> None:
    asked = PlanRequest(only=frozenset([NAME]), drop=frozenset([NAME]))
    plan = replaced(world).plan(CHANGED, NOW, asked)
    assert [number for kind, number in kinds(plan) if kind is DropGeneration] == [1]
    assert [drop.number for drop in plan.withheld] == [HAND_MADE_NUMBER]


def test_one_that_people_dropped_is_forgotten_when_its_file_goes(world: World) -> None:
    replaced(world)
    del world.views["by_day"]
    world.apply(world.plan(project(definition("other")), NOW), NOW)
    plan = world.plan(project(definition("other")), LATER)
    assert kinds(plan) == [(DropGeneration, HAND_MADE_NUMBER)]
    assert [drop.number for drop in plan.withheld] == [1]


def test_room_that_one_takes_is_not_waited_for(world: World) -> None:
    plan = replaced(world).plan(project(definition(columns="customer, day, note")), NOW, view_budget=2)
    assert [each.view for each in plan.refused] == [str(NAME)]
    assert plan.deferred == ()


def test_views_that_nobody_manages_are_told_of_once_for_each_table(world: World) -> None:
    adopted(world)
    copy, other = as_made(definition("a_copy")), as_made(definition("narrow", columns="customer, day"))
    world.views |= {each.name: each for each in (copy, other)}
    plan = world.plan(project(definition()), NOW)
    assert plan.steps == ()
    (note,) = plan.notes
    assert note.startswith("shop.orders carries 2 views that nobody manages")
    assert ": a_copy (same key and columns as shop.by_day), narrow. " in note
    assert world.plan(project(definition()), NOW, PlanRequest(only=frozenset([NAME]))).notes == ()


def test_views_of_others_on_other_tables_are_not_told_of(world: World) -> None:
    adopted(world)
    world.views["theirs"] = replace(as_made(definition("theirs")), base="clicks")
    assert world.plan(project(definition()), NOW).notes == ()


def test_a_view_that_waits_beside_it_makes_another_revision() -> None:
    waiting = generation("by_day", 1, definition(), NOW, state=State.BUILT)
    record = ViewRecord(name=NAME, generations=(waiting,))
    asked = replace(record, generations=(replace(waiting, compared_to=HAND_MADE_NUMBER),))
    assert asked.revision() != record.revision()


def test_a_person_is_asked_about_it_apart_from_all_else(world: World) -> None:
    replaced(world)
    again = project(definition(columns="customer, day, note"))
    (work,) = work_by_view(world.plan(again, LATER, PlanRequest(is_drop_allowed=True)))
    rest, question = work.without_original_drop(), work.original_part
    assert [type(step) for step in question.steps] == [DropGeneration]
    assert question.needs_approval
    assert {*rest.steps, *question.steps} == set(work.steps)
    assert not any(isinstance(step, DropGeneration) for step in rest.steps)


def test_far_fewer_rows_are_asked_about_although_it_waits_too(world: World) -> None:
    replaced(world)
    again = definition(columns="customer, day, note")
    plan = world.plan(project(again), NOW)
    world.apply(replace(plan, steps=plan.steps[:3]), NOW)
    record = world.records[NAME]
    *others, built = record.generations
    withheld = replace(built, compared_to=1, compared_rows=9)
    world.records[NAME] = replace(record, generations=(*others, withheld))
    (work,) = work_by_view(world.plan(project(again), LATER, PlanRequest(is_drop_allowed=True)))
    work = with_schedule(work, again, world.records[NAME], LATER)
    assert (work.without_original_drop().steps, work.withheld) == ((), withheld)
    assert work.original_part.error is None
