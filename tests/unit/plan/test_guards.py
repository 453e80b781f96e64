"""What a plan does not do by itself: build a third time, serve far fewer rows, go on from other files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.errors import RepeatedFailure, ShrinkUnapproved, StalePlan
from cassandra_views.model.generation import Audit, Generation, Serving, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import CreateGeneration, Plan, ServeGeneration
from cassandra_views.plan.inputs import PlanRequest, file_marks, refuse_changed_files
from cassandra_views.plan.project_plan import with_schedule, work_by_view
from cassandra_views.plan.safeguards import expected_rows, find_min_rows, mark_of_base
from tests.unit.plan.world import KEYSPACE, World, base_shape, definition, generation, live_view, short, table_file

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
NAME = ViewName(keyspace=KEYSPACE, view="by_day")
WISH = definition()


def world_with(*generations: Generation, **facts: Any) -> World:
    world = World()
    serving = tuple(Serving(name=each.physical) for each in generations if each.state is State.SERVING)
    record = ViewRecord(
        name=NAME, next_number=len(generations) + 1, project="shop", read_from=serving, generations=generations
    )
    world.records[NAME] = replace(record, **facts)
    world.numbers[NAME] = {each.number for each in generations}
    world.views = {each.physical: live_view(each.physical) for each in generations}
    return world


def steps(plan: Plan) -> list[str]:
    return [short(step) for step in plan.steps]


def failed_record(reasons: list[str], wish: ViewDefinition = WISH) -> ViewRecord:
    """Return the record after generations failed of these reasons, one after the other."""
    record = ViewRecord(name=NAME)
    for number, reason in enumerate(reasons, start=1):
        each = generation("by_day", number, wish, NOW, state=State.FAILED, base_mark=mark_of_base(base_shape()))
        counted: dict[str, Any] = record.count_failed_build(each, reason)
        record = replace(record, **counted)
    return record


@pytest.mark.parametrize(
    ("reasons", "is_given_up"),
    [
        (["audit: 3 missing of 10"], False),
        (["audit: 3 missing of 10", "audit: 4 missing of 11, first k=7"], True),
        (["by_day__g1 was made otherwise", "by_day__g2 was made otherwise"], True),
        (["node 10.0.0.1 was down at 05:00:01", "node 10.0.0.2 was down at 06:10:02"], True),
        (["it is no longer in the schema", "audit: 1 extra of 5"], False),
        (["audit: 1", "it is no longer in the schema", "audit: 1"], False),
        (["it is gone", "audit: 1", "audit: 2"], True),
    ],
)
def test_what_failed_twice_for_one_reason_is_not_built_again(reasons: list[str], is_given_up: bool) -> None:
    facts = failed_record(reasons)
    counted = {key: getattr(facts, key) for key in ("failed_builds", "failed_version", "failed_base", "failed_reason")}
    world = world_with(**counted)
    plan = world.plan(Project(name="shop", views=(WISH,)), NOW)
    if not is_given_up:
        assert steps(plan)[0] == "create by_day 1"
        return
    assert steps(plan) == []
    (refusal,) = plan.refused
    assert (refusal.error, refusal.view) == ("RepeatedFailure", "shop.by_day")
    assert reasons[-1] in refusal.what
    assert refusal.next.endswith("after a corrected check or row run 'views refresh by_day'")
    (work,) = work_by_view(plan)
    assert work.waits_for_person
    assert isinstance(work.error, RepeatedFailure)
    # A person, another version and another shape of the base try again.
    only = frozenset([NAME])
    assert steps(world.plan(Project(name="shop", views=(WISH,)), NOW, PlanRequest(only=only, refresh=only)))
    other = definition(columns="customer, day, total")
    assert steps(world.plan(Project(name="shop", views=(other,)), NOW))
    world.records[NAME] = replace(world.records[NAME], failed_base="another shape")
    assert steps(world.plan(Project(name="shop", views=(WISH,)), NOW))


def test_a_failed_generation_is_still_dropped_where_no_other_is_built() -> None:
    facts = failed_record(["audit: 1", "audit: 1"])
    each = generation("by_day", 2, WISH, NOW, state=State.FAILED, reason="audit: 1")
    counted = {key: getattr(facts, key) for key in ("failed_builds", "failed_version", "failed_base", "failed_reason")}
    plan = world_with(each, **counted).plan(Project(name="shop", views=(WISH,)), NOW)
    assert steps(plan) == ["drop by_day 2"]
    assert [each.error for each in plan.refused] == ["RepeatedFailure"]


def served(rows: int | None) -> Generation:
    return generation(
        "by_day", 1, WISH, NOW, state=State.SERVING, audit=Audit.PASSED, version="f1:old", rows_built=rows
    )


@pytest.mark.parametrize(
    ("rows", "percent", "least"),
    [(100, 50, 50), (101, 50, 51), (1, 50, 1), (0, 50, None), (100, 0, None), (None, 50, None)],
)
def test_the_next_generation_needs_a_part_of_the_rows_that_serve(
    rows: int | None, percent: int, least: int | None
) -> None:
    wish = replace(WISH, min_rows_percent=percent)
    plan = world_with(served(rows)).plan(Project(name="shop", views=(wish,)), NOW)
    (serve,) = [step for step in plan.steps if isinstance(step, ServeGeneration)]
    assert serve.min_rows == least
    only = PlanRequest(is_shrink_allowed=True)
    plan = world_with(served(rows)).plan(Project(name="shop", views=(wish,)), NOW, only)
    assert [step.min_rows for step in plan.steps if isinstance(step, ServeGeneration)] == [None]


@given(
    rows=st.integers(0, 10**9),
    last=st.integers(1, 60),
    age=st.integers(0, 60),
    percent=st.integers(1, 100),
)
def test_a_window_that_moved_needs_its_share_alone(rows: int, last: int, age: int, percent: int) -> None:
    window = {"last": f"{last} days", "step": "1 day"}
    wish = replace(definition(window=window), min_rows_percent=percent)
    start = wish.window_start(NOW)
    assert start is not None
    then = NOW - timedelta(days=age)
    serving = replace(served(rows), window_start=start - timedelta(days=age), audited_at=then)
    assert expected_rows(serving, start, NOW) == rows  # both windows are of one length
    whole = replace(serving, audited_at=NOW)
    assert expected_rows(whole, start, NOW) <= rows
    least = find_min_rows(serving, wish, NOW)
    assert least is None if rows == 0 else 1 <= (least or 0) <= rows


def test_a_generation_that_was_found_too_small_waits_until_a_person_allows_it() -> None:
    small = generation(
        "by_day",
        2,
        WISH,
        NOW,
        state=State.BUILT,
        audit=Audit.PASSED,
        audited_at=NOW,
        rows_built=0,
        compared_to=1,
        compared_rows=100,
    )
    project = Project(name="shop", views=(WISH,))
    world = world_with(served(100), small)
    for request in (PlanRequest(), PlanRequest(only=frozenset([NAME]), refresh=frozenset([NAME]))):
        plan = world.plan(project, NOW, request)
        assert steps(plan) == [], "neither served, nor dropped, nor built again"
        (refusal,) = plan.refused
        assert refusal.what.startswith("it holds 0 rows, and generation 1, which serves, holds 100 rows")
    (work,) = work_by_view(plan)
    assert work.waits_for_person
    assert isinstance(work.error, ShrinkUnapproved)
    assert with_schedule(work, WISH, world.records[NAME], NOW).withheld == small
    plan = world.plan(project, NOW, PlanRequest(is_shrink_allowed=True))
    assert steps(plan) == ["serve by_day 2 retire 1"]
    # Another file asks for something else: what waited is given up.
    plan = world.plan(Project(name="shop", views=(definition(columns="customer, day, total"),)), NOW)
    assert steps(plan)[:3] == ["fail by_day 2", "drop by_day 2", "change by_day 3"]
    # It was compared with a generation that no longer serves: it is compared again.
    third, fourth = (
        generation("by_day", number, WISH, NOW, state=state, audit=Audit.PASSED, **facts)
        for number, state, facts in (
            (3, State.SERVING, {"version": "f1:old", "rows_built": 10}),
            (4, State.BUILT, {"rows_built": 0, "compared_to": 1, "compared_rows": 100}),
        )
    )
    other = world_with(third, fourth)
    plan = other.plan(project, NOW)
    assert [(step.number, step.min_rows) for step in plan.steps if isinstance(step, ServeGeneration)] == [(4, 5)]


BEFORE = Project(
    name="shop",
    views=(definition(window={"last": "7 days", "step": "1 day"}), definition("other")),
    tables=(table_file(),),
)


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (
            replace(BEFORE, views=(definition(window={"last": "8 days", "step": "1 day"}), definition("other"))),
            "has changed",
        ),
        (
            replace(
                BEFORE,
                views=(definition(window={"last": "7 days", "step": "1 day"}, grace="1 hour"), definition("other")),
            ),
            "has changed",
        ),
        (replace(BEFORE, views=(definition(), definition("other"))), "has changed"),
        (replace(BEFORE, views=(definition("other"),)), "is gone or wrong"),
        (replace(BEFORE, tables=(table_file(managed=False),)), "has changed"),
        (replace(BEFORE, tables=()), "is gone or wrong"),
        (BEFORE, None),
        (replace(BEFORE, views=(*BEFORE.views, definition("third"))), None),
    ],
)
def test_a_plan_is_refused_once_a_file_that_it_was_made_from_says_something_else(
    after: Project, told: str | None
) -> None:
    plan = World().plan(BEFORE, NOW)
    if told is None:
        refuse_changed_files(plan, file_marks(after, ()))
        return
    with pytest.raises(StalePlan, match=f"the plan is stale: the file of this .* {told} since it was made"):
        refuse_changed_files(plan, file_marks(after, ()))


def test_a_plan_for_a_view_without_a_file_is_refused_once_it_has_one() -> None:
    project = Project(name="shop", views=(definition("other"),))
    plan = world_with(served(1)).plan(project, NOW)
    assert "leave by_day" in steps(plan)
    refuse_changed_files(plan, file_marks(project, ()))
    with pytest.raises(StalePlan, match="the file of this view is new"):
        refuse_changed_files(plan, file_marks(replace(project, views=(WISH, *project.views)), ()))


@given(
    count=st.integers(1, 9),
    spare=st.integers(1, 9),
    repaired=st.integers(0, 9),
)
def test_any_number_of_views_changes_in_batches_within_the_budget(count: int, spare: int, repaired: int) -> None:
    world, now = World(), NOW
    names = [f"v{number}" for number in range(count)]
    old = Project(name="shop", views=tuple(definition(name, columns="customer, day, total") for name in names))
    new = Project(name="shop", views=tuple(definition(name) for name in names))
    budget = count + spare
    world.apply(world.plan(old, now, view_budget=budget), now)
    for name in list(world.records)[:repaired]:
        record = world.records[name]
        made = tuple(replace(each, audit=Audit.FAILED) for each in record.generations)
        world.records[name] = replace(record, generations=made)
    for _ in range(2 * count + 2):
        plan = world.plan(new, now, view_budget=budget)
        assert not plan.refused
        creates = [step.view for step in plan.steps if isinstance(step, CreateGeneration)]
        bad = [
            name for name, record in world.records.items() if record.in_state(State.SERVING)[-1].audit is Audit.FAILED
        ]
        assert set(bad[: len(creates)]) <= set(creates) or len(creates) >= len(bad)
        for step in plan.steps:
            world.apply(replace(plan, steps=(step,)), now)
            assert len(world.views) <= budget
        if not plan.deferred:
            break
        soonest = min((each.until for each in plan.deferred if each.until), default=None)
        assert soonest is not None, "somebody knows when there is room"
        now = max(now, soonest)
    assert not world.plan(new, now, view_budget=budget).deferred
    for wish in new.views:
        assert world.records[wish.name].in_state(State.SERVING)[-1].version == wish.version
