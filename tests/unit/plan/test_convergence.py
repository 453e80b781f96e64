"""Whatever registry and schema hold, plans lead to where nothing is to do, and harm nobody on the way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.generation import Audit, Generation, Override, OverrideKind, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import CreateGeneration, ServeGeneration
from cassandra_views.model.times import instant_text
from cassandra_views.plan.inputs import PlanRequest
from tests.unit.plan.world import KEYSPACE, World, definition, generation, live_view

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
WINDOW = {"last": "7 days", "step": "1 day"}
WISHES = (definition(), definition(columns="customer, day, total"), definition(window=WINDOW), None)
NAME = ViewName(keyspace=KEYSPACE, view="by_day")
MOMENTS = st.integers(0, 60 * 48).map(lambda minutes: NOW - timedelta(minutes=minutes))
KINDS = st.sampled_from([State.BUILDING, State.BUILT, State.RETIRED, State.FAILED, State.DROPPING])


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any record that runs stopped anywhere, other people and late statements could leave behind."""
    world = World()
    count = draw(st.integers(0, 4))
    serving = draw(st.none() | st.integers(1, count)) if count else None
    made: list[Generation] = []
    for number in range(1, count + 1):
        state = State.SERVING if number == serving else draw(KINDS)
        wanted = draw(st.sampled_from([wish for wish in WISHES if wish is not None]))
        facts: dict[str, object] = {"state": state}
        if state in (State.SERVING, State.RETIRED) or (state is State.BUILT and draw(st.booleans())):
            # What served may have been audited again since.
            facts["audit"] = Audit.PASSED if state is State.BUILT else draw(st.sampled_from(Audit))
        if state is State.RETIRED:
            facts["retired_at"] = draw(MOMENTS)
        each = generation("by_day", number, wanted, draw(MOMENTS), **facts)
        made.append(each)
        is_there = draw(st.sampled_from(["yes", "yes", "no", "other"]))
        if is_there != "no":
            world.views[each.physical] = live_view(each.physical, other_id=is_there == "other")
    for number in draw(st.sets(st.integers(count + 1, count + 3), max_size=2)):
        registry = draw(st.sampled_from(["views_registry", None]))
        wish = draw(st.none() | st.sampled_from([wish for wish in WISHES if wish is not None]))
        found = wish.window_start(draw(MOMENTS)) if wish else None
        start, version = instant_text(found) if found else "", wish.version if wish else "f1:x"
        world.views[f"by_day__g{number}"] = live_view(
            f"by_day__g{number}", registry=registry, version=version, start=start
        )
    if draw(st.booleans()) or made:
        served = [each for each in made if each.state is State.SERVING]
        kind = draw(st.none() | st.sampled_from(list(OverrideKind)))
        world.records[NAME] = ViewRecord(
            name=NAME,
            next_number=count + 1 + draw(st.integers(0, 1)),
            read_from=tuple(definition().serving(each.physical, None) for each in served),
            project="shop",
            override=Override(kind=kind, by="ann", reason="sale") if kind else None,
            generations=tuple(made),
        )
    world.numbers[NAME] = {each.number for each in made}
    return world


def _project(wish: ViewDefinition | None) -> Project:
    # Another view's file keeps the project non-empty when this one's is gone.
    others = (definition("other"),)
    return Project(name="shop", views=(wish, *others) if wish else others)


@settings(max_examples=250, deadline=None)
@given(world=worlds(), wish=st.sampled_from(WISHES), is_drop_allowed=st.booleans())
def test_plans_converge(world: World, wish: ViewDefinition | None, is_drop_allowed: bool) -> None:
    project, request = _project(wish), PlanRequest(is_drop_allowed=is_drop_allowed)
    strangers = {name for name, live in world.views.items() if live.mark() is None}
    for _ in range(2):
        plan = world.plan(project, NOW, request)
        world.apply(plan, NOW)  # asserts that numbers are new, moves are in the table, nothing serving is dropped
    assert world.plan(project, NOW, request).steps == ()
    assert strangers <= set(world.views), "a view that nobody marked was dropped"
    record = world.records.get(NAME)
    if wish is not None and (record is None or record.override is None):
        assert record is not None
        serving = record.in_state(State.SERVING)
        assert [each.version for each in serving] == [wish.version]
        assert serving[0].window_start == wish.window_start(NOW)
        assert serving[0].audit is Audit.PASSED
        assert [entry.name for entry in record.read_from] == [serving[0].physical]
        assert serving[0].physical in world.views


@settings(max_examples=100, deadline=None)
@given(world=worlds(), wish=st.sampled_from([wish for wish in WISHES if wish is not None]), cut=st.integers(0, 12))
def test_a_run_cut_off_anywhere_is_gone_on_with(world: World, wish: ViewDefinition, cut: int) -> None:
    if NAME in world.records:
        world.records[NAME] = replace(world.records[NAME], override=None)
    project = _project(wish)
    plan = world.plan(project, NOW)
    world.apply(replace(plan, steps=plan.steps[:cut]), NOW)
    for _ in range(2):
        world.apply(world.plan(project, NOW), NOW)
    assert world.plan(project, NOW).steps == ()
    assert world.records[NAME].read_from


@settings(max_examples=80, deadline=None)
@given(world=worlds(), wish=st.sampled_from(WISHES))
def test_readers_are_never_left_without_a_generation_they_had(world: World, wish: ViewDefinition | None) -> None:
    record = world.records.get(NAME)
    had = bool(record and record.read_from)
    keeps = wish is not None and not (record and record.override and record.override.kind is OverrideKind.OFF)
    plan = world.plan(_project(wish), NOW)
    for step in plan.steps:
        world.apply(replace(plan, steps=(step,)), NOW)
        if had and keeps:
            assert world.records[NAME].read_from
    is_same = world.plan(_project(wish), NOW) == world.plan(_project(wish), NOW)
    assert is_same, "planning is pure"


def test_slides_day_by_day_reuse_no_number() -> None:
    wish = definition(window={**WINDOW, "at": "00:10"})
    world, project = World(), _project(wish)
    served = []
    for hours in range(0, 24 * 5, 6):
        now = NOW + timedelta(hours=hours)
        plan = world.plan(project, now)
        served += [step.number for step in plan.steps if isinstance(step, ServeGeneration) and step.view == NAME]
        world.apply(plan, now)
        assert world.plan(project, now).steps == ()
    assert served == [1, 2, 3, 4, 5]
    assert set(world.views) == {"by_day__g5", "other__g1"}


def test_slides_that_were_missed_become_one() -> None:
    wish = definition(window=WINDOW)
    world, project = World(), _project(wish)
    world.apply(world.plan(project, NOW), NOW)
    later = NOW + timedelta(days=5)
    plan = world.plan(project, later)
    made = [step for step in plan.steps if isinstance(step, CreateGeneration) and step.view == NAME]
    assert [step.window_start for step in made] == [wish.window_start(later)]
    world.apply(plan, later)
    assert world.plan(project, later).steps == ()
