"""Views that people made: taken over under their own name without a build, kept until somebody agrees to their drop."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cassandra_views.cql.parse import parse_view
from cassandra_views.cql.printing import where_cql
from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.generation import Audit, Serving, State
from cassandra_views.model.names import HAND_MADE, ViewName
from cassandra_views.model.schema import Column, ColumnKind, LiveView, TableShape
from cassandra_views.model.steps import (
    AdoptGeneration,
    AuditGeneration,
    AwaitBuild,
    CreateGeneration,
    DropGeneration,
    ServeGeneration,
)
from cassandra_views.plan.inputs import PlanRequest
from tests.unit.plan.world import KEYSPACE, World, base_shape, definition, table_file

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NAME = ViewName(keyspace=KEYSPACE, view="by_day")


def hand_made(view: ViewDefinition, *, comment: str = "ours since 2019") -> LiveView:
    """The view that somebody made of just this statement, under its logical name."""
    statement = parse_view(view.text)
    positions = {name: (ColumnKind.PARTITION_KEY, at) for at, name in enumerate(statement.partition_key)}
    positions |= {name: (ColumnKind.CLUSTERING, at) for at, name in enumerate(statement.clustering)}
    types = {column.name: column.type for column in base_shape()}
    columns = []
    for name in statement.columns:
        kind, position = positions.get(name, (ColumnKind.REGULAR, -1))
        columns.append(Column(name=name, type=types[name], kind=kind, position=position))
    return LiveView(
        keyspace=KEYSPACE,
        name=view.name.view,
        base=view.base,
        table_id=uuid.UUID(int=19),
        where_clause=where_cql(statement.where),
        include_all_columns=False,
        comment=comment,
        shape=TableShape(keyspace=KEYSPACE, name=view.name.view, columns=tuple(columns)),
    )


def project(view: ViewDefinition) -> Project:
    return Project(name="shop", views=(view,), tables=(table_file(),))


@pytest.fixture
def world() -> World:
    """A cluster with a view that people made, and a registry that knows nothing."""
    world = World()
    world.views["by_day"] = hand_made(definition())
    return world


def adopted(world: World) -> World:
    world.apply(world.plan(project(definition()), NOW), NOW)
    return world


def test_it_is_taken_over_without_a_build(world: World) -> None:
    plan = world.plan(project(definition()), NOW)
    assert [type(step) for step in plan.steps] == [AdoptGeneration, AwaitBuild, AuditGeneration, ServeGeneration]
    assert plan.notes == ()
    adopt, serve = plan.steps[0], plan.steps[-1]
    assert isinstance(adopt, AdoptGeneration)
    assert isinstance(serve, ServeGeneration)
    assert adopt.number == HAND_MADE
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
    assert [(drop.number, drop.needs_approval) for drop in plan.withheld] == [(HAND_MADE, True)]
    plan = world.plan(changed, later, PlanRequest(is_drop_allowed=True))
    assert [(type(step), getattr(step, "number", None)) for step in plan.steps] == [(DropGeneration, HAND_MADE)]
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
    assert "drop it by hand" in again.notes[0]
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
    assert [drop.number for drop in plan.withheld] == [HAND_MADE]
    assert any(isinstance(step, CreateGeneration) and step.number == 1 for step in plan.steps)


def test_it_is_kept_when_its_file_goes_until_somebody_agrees(world: World) -> None:
    adopted(world)
    other = project(definition("other"))
    plan = world.plan(other, NOW)
    assert not any(isinstance(step, DropGeneration) for step in plan.steps)
    assert [drop.number for drop in plan.withheld] == [HAND_MADE]


def test_one_that_people_drop_by_hand_is_forgotten_without_a_question(world: World) -> None:
    changed = project(definition(columns="customer, day, total"))
    world.apply(adopted(world).plan(changed, NOW), NOW)
    del world.views["by_day"]
    later = NOW + timedelta(hours=1)
    plan = world.plan(changed, later)
    assert [(type(step), getattr(step, "number", None)) for step in plan.steps] == [(DropGeneration, HAND_MADE)]
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
