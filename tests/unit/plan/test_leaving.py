"""A team leaves: whatever registry and schema hold, nothing that this program made is left, and all else is."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cassandra_views.model.definition import Project
from cassandra_views.model.errors import RegistryError
from cassandra_views.model.generation import Audit, Serving, State, ViewRecord
from cassandra_views.model.names import HAND_MADE_NUMBER, ViewName
from cassandra_views.model.steps import DropGeneration, DropRegistry, Plan, ReleaseGeneration, RetireView
from cassandra_views.plan.explain import explain, plan_json, read_plan_json
from cassandra_views.plan.inputs import PlanRequest
from cassandra_views.plan.leaving import choose_leaving, complete_leaving, with_registry_drop
from tests.unit.plan.test_convergence import NOW, worlds
from tests.unit.plan.world import KEYSPACE, REGISTRY, World, as_made, definition, generation, live_view, short

ORIGINAL = ViewName(keyspace=KEYSPACE, view="by_hand")
PROJECT = Project(name="shop", views=(definition(), definition("by_hand")))


def marked(world: World) -> list[tuple[str, str]]:
    found = {key: live.mark() for key, live in world.observed().catalog.views.items()}
    return [key for key, mark in found.items() if mark is not None and mark.registry == REGISTRY]


def leave(
    world: World,
    project: Project = PROJECT,
    *,
    originals: frozenset[ViewName] = frozenset(),
    with_registry: bool = False,
) -> Plan:
    """Plan the drop of everything."""
    observed = world.observed()
    views = choose_leaving(project, observed)
    plan = world.plan(project, NOW, PlanRequest(only=views, drop=views))
    plan = complete_leaving(plan, project, observed, originals, REGISTRY)
    if not with_registry:
        return plan
    drop = DropRegistry(keyspace=REGISTRY, tables=("views",), drops_keyspace=True) if world.has_registry else None
    return with_registry_drop(plan, observed, drop, marked(world))


def adopt(world: World, state: State, *, is_there: bool = True, is_other: bool = False) -> None:
    """Let the view that people made be known as a generation in some state."""
    live = as_made(definition("by_hand"))
    audit = Audit.FAILED if state is State.FAILED else Audit.PASSED
    made = replace(
        generation("by_hand", HAND_MADE_NUMBER, definition("by_hand"), NOW, state=state, audit=audit),
        physical="by_hand",
        table_id=uuid.UUID(int=20) if is_other else live.table_id,
    )
    world.records[ORIGINAL] = ViewRecord(
        name=ORIGINAL,
        project="shop",
        read_from=(Serving(name="by_hand"),) if state is State.SERVING else (),
        generations=(made,),
    )
    world.numbers[ORIGINAL] = {HAND_MADE_NUMBER}
    if is_there:
        world.views["by_hand"] = live


@st.composite
def worlds_with_original(draw: st.DrawFn) -> World:
    """Any world with a view that people made, taken over or not, there or not."""
    world = draw(worlds())
    if draw(st.booleans()):
        state = draw(st.sampled_from([each for each in State if each is not State.DROPPED]))
        adopt(world, state, is_there=draw(st.booleans()), is_other=draw(st.booleans()))
    else:
        world.views["by_hand"] = as_made(definition("by_hand"))
    return world


@settings(max_examples=300, deadline=None)
@given(world=worlds_with_original(), cut=st.integers(0, 12), names_it=st.booleans())
def test_leaving_ends_the_same_wherever_it_was_cut_off(world: World, cut: int, names_it: bool) -> None:
    made = world.records.get(ORIGINAL)
    is_being_dropped = made is not None and made.generations[0].state is State.DROPPING
    strangers = {name for name, live in world.views.items() if live.mark() is None} - {"by_hand"}
    had_original, originals = "by_hand" in world.views, frozenset([ORIGINAL] if names_it else [])
    is_managed = made is not None
    plan = leave(world, originals=originals)
    world.apply(replace(plan, steps=plan.steps[:cut]), NOW)
    plan = leave(world, originals=originals, with_registry=True)
    world.apply(plan, NOW)
    assert not world.has_registry
    assert marked(world) == []
    assert strangers <= set(world.views), "a view that this program did not make was dropped"
    if had_original and not is_being_dropped and not (names_it and is_managed):
        assert "by_hand" in world.views, "a hand-made view was dropped that nobody named"
    assert leave(world, with_registry=True).steps == ()


def test_readers_are_sent_away_before_anything_is_dropped_and_the_original_is_released_last() -> None:
    world = World()
    adopt(world, State.SERVING)
    world.apply(world.plan(replace(PROJECT, views=(definition(),)), NOW), NOW)
    plan = leave(world, with_registry=True)
    assert [short(step) for step in plan.steps] == [
        "leave by_day off",
        "drop by_day 1",
        "leave by_hand off",
        "release by_hand 0",
        f"drop registry {REGISTRY}",
    ]
    assert [step.override for step in plan.steps if isinstance(step, RetireView)] != [None, None]
    assert plan.withheld == ()
    assert explain(plan.steps[3])[2] == (
        "manage it no longer, the view itself stays as it is: it is left to the people who made it"
    )
    assert explain(plan.steps[4]) == (
        "-",
        f"keyspace {REGISTRY}",
        "drop the registry's tables views; then the keyspace",
    )
    assert read_plan_json(plan_json(plan)) == plan


def test_an_original_is_dropped_where_it_is_named_alone() -> None:
    world = World()
    adopt(world, State.RETIRED)
    assert not any(isinstance(step, DropGeneration) for step in leave(world).steps)
    plan = leave(world, originals=frozenset([ORIGINAL]))
    assert [type(step) for step in plan.steps] == [RetireView, DropGeneration]
    world.apply(plan, NOW)
    assert "by_hand" not in world.views


def test_a_named_view_that_people_did_not_make_is_noted() -> None:
    world = World()
    name = ViewName(keyspace=KEYSPACE, view="by_day")
    assert leave(world, originals=frozenset([name])).notes[0] == (
        "shop.by_day has no hand-made view that is managed: --hand-made does nothing for it"
    )


def other_project(world: World) -> None:
    world.apply(world.plan(Project(name="stock", views=(definition("theirs"),)), NOW), NOW)


def test_views_of_other_projects_stay_and_keep_the_registry() -> None:
    world = World()
    other_project(world)
    world.apply(world.plan(PROJECT, NOW), NOW)
    with pytest.raises(RegistryError, match=r"still manages shop\.theirs__g1"):
        leave(world, with_registry=True)
    plan = leave(world)
    assert "shop.theirs belongs to the project 'stock', and stays" in plan.notes
    world.apply(plan, NOW)
    assert set(world.views) == {"theirs__g1"}


def test_a_renamed_view_of_another_project_is_not_taken_for_what_no_row_knows() -> None:
    world = World()
    other_project(world)
    world.apply(world.plan(Project(name="stock", views=(definition("new", renamed_from=["theirs"]),)), NOW), NOW)
    world.apply(world.plan(PROJECT, NOW), NOW)
    with pytest.raises(RegistryError, match=r"still manages shop\.theirs__g1"):
        leave(world, with_registry=True)
    world.apply(leave(world), NOW)
    assert set(world.views) == {"theirs__g1"}


def test_a_renamed_view_is_dropped_once_and_the_registry_after_it() -> None:
    world = World()
    views = (definition("new", renamed_from=["by_day"]),)
    world.apply(world.plan(Project(name="shop", views=(definition(),)), NOW), NOW)
    world.apply(world.plan(Project(name="shop", views=views), NOW), NOW)
    plan = leave(world, Project(name="shop", views=views), with_registry=True)
    assert [short(step) for step in plan.steps] == ["leave new off", "drop new 1", f"drop registry {REGISTRY}"]
    world.apply(plan, NOW)
    assert (world.views, world.has_registry) == ({}, False)


def test_a_view_whose_rows_cannot_be_read_keeps_the_registry() -> None:
    world = World()
    error = RegistryError("its row is odd", next="Look at it")
    world.records[ORIGINAL] = ViewRecord(name=ORIGINAL, project="shop", error=error)
    assert [each.view for each in leave(world).refused] == ["shop.by_hand"]
    with pytest.raises(RegistryError, match=r"still manages shop\.by_hand"):
        leave(world, with_registry=True)


def test_what_a_lost_registry_left_is_named_and_keeps_nothing_from_being_dropped() -> None:
    world = World(has_registry=False)
    world.views["by_day__g7"] = live_view("by_day__g7")
    plan = leave(world)
    assert plan.steps == ()
    assert any("shop.by_day__g7 says that it is of this registry" in note for note in plan.notes)
    with pytest.raises(RegistryError, match=r"still manages shop\.by_day__g7"):
        leave(world, with_registry=True)
    world.has_registry = True
    assert [short(step) for step in leave(world).steps] == ["sweep by_day 7"]


def test_nothing_is_left_and_the_plan_says_so() -> None:
    plan = leave(World())
    assert plan.steps == ()
    assert plan.notes == ("nothing of a view of the project 'shop' is left",)


def test_a_release_is_no_drop() -> None:
    world = World()
    adopt(world, State.SERVING)
    world.apply(leave(world), NOW)
    assert "by_hand" in world.views
    assert not any(isinstance(step, ReleaseGeneration) for step in leave(world).steps)
