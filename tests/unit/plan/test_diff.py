"""What changed in a definition: in words, as a text diff, and the same in plan and status."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cassandra_views.cql.fingerprint import fingerprint
from cassandra_views.cql.parse import parse_view
from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.generation import Generation, State, ViewRecord
from cassandra_views.model.steps import Cause, CreateGeneration
from cassandra_views.plan.diff import definition_changes, make_diff
from cassandra_views.plan.generations import generation_cql
from cassandra_views.plan.inputs import PlanContext, PlanTarget
from cassandra_views.plan.status import view_statuses
from tests.unit.plan.test_convergence import NAME
from tests.unit.plan.world import KEYSPACE, REGISTRY, World, definition, generation, live_view

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
WEEK = {"last": "7 days", "step": "1 day"}
CQL = (
    "CREATE MATERIALIZED VIEW by_day AS SELECT customer, day, total FROM orders "
    "WHERE day IS NOT NULL AND customer IS NOT NULL PRIMARY KEY (day, customer)"
)


def of_text(text: str) -> ViewDefinition:
    statement = parse_view(text)
    return replace(definition(), text=text, base=statement.base, version=fingerprint(KEYSPACE, statement))


def made_of(wish: ViewDefinition, **facts: Any) -> tuple[Generation, ViewRecord]:
    """Return the first generation of a file, as a run writes it, and the record in which it serves."""
    target = PlanTarget(cluster="c", registry=REGISTRY, environment="dev", project="shop", line="c")
    context = PlanContext(now=NOW, catalog=World().observed().catalog, target=target)
    known: dict[str, Any] = {
        "state": State.SERVING,
        "cql": generation_cql(wish, "by_day__g1", wish.window_start(NOW), context),
        "window_declared": wish.window.declared if wish.window else "",
    }
    each = generation("by_day", 1, wish, NOW, **(known | facts))
    read_from = (wish.serving(each.physical, each.window_start),)
    return each, ViewRecord(name=NAME, next_number=2, read_from=read_from, project="shop", generations=(each,))


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        (("FROM orders", "FROM sales"), "the base table is shop.sales, not shop.orders"),
        (("day, total FROM", "day, note FROM"), "column note is added; column total is left out"),
        (("SELECT customer, day, total", "SELECT *"), "it selects all columns"),
        (
            ("AND customer IS NOT NULL", "AND customer > 'b'"),
            "the filter has customer > 'b'; the filter lacks customer IS NOT NULL",
        ),
        (
            ("(day, customer)", "((day, customer))"),
            "the partition key is (day, customer), not (day); the clustering is (), not (customer)",
        ),
        (
            ("(day, customer)", "(customer, day)"),
            "the partition key is (customer), not (day); the clustering is (day), not (customer)",
        ),
        (
            ("(day, customer)", "(day, customer) WITH CLUSTERING ORDER BY (customer DESC)"),
            "column customer is ordered DESC, not ASC",
        ),
        (
            ("(day, customer)", "(day, customer) WITH gc_grace_seconds = 60"),
            "option gc_grace_seconds is 60, and was not set",
        ),
    ],
)
def test_a_change_is_told_in_words_by_plan_and_diff(edit: tuple[str, str], change: str) -> None:
    old, new = of_text(CQL), of_text(CQL.replace(*edit))
    each, record = made_of(old)
    world = World(records={NAME: record}, views={each.physical: live_view(each.physical)}, tables={"orders", "sales"})
    (create,) = (
        step for step in world.plan(Project(name="shop", views=(new,)), NOW).steps if isinstance(step, CreateGeneration)
    )
    assert (create.cause, create.reason) == (Cause.CHANGE, f"{change} ({old.version[:11]} to {new.version[:11]})")
    found = make_diff(each, new, record)
    assert "; ".join(found.changes) == change
    assert found.lines[0].startswith("--- generation 1 (f1:")
    assert found.lines[1].startswith("+++ cql_templates/views/by_day.cql.j2 (f1:")
    assert any(line.startswith(("-", "+")) for line in found.lines[3:])


@pytest.mark.parametrize("wish", [of_text(CQL), definition(window=WEEK)], ids=["whole base", "window"])
def test_the_same_definition_differs_in_nothing(wish: ViewDefinition) -> None:
    each, record = made_of(wish)
    found = make_diff(each, wish, record)
    assert (found.changes, found.lines) == ((), ())


def test_what_the_manager_puts_into_a_statement_is_no_change() -> None:
    """The bound, its comment, its id and its options are not the file's."""
    old, new = definition(window=WEEK), definition(window=WEEK, columns="customer, day, total")
    each, record = made_of(old)
    assert "day >= " in each.cql
    assert definition_changes(each, new, record) == ("column note is left out",)
    lines = make_diff(each, new, record).lines
    assert [line for line in lines[3:] if line.startswith(("+", "-"))] == ["-    note,"]
    assert " WHERE day >= :window_start" in lines


def test_a_window_that_is_added_or_taken_away_is_told() -> None:
    each, record = made_of(definition())
    assert "it has a window" in definition_changes(each, definition(window=WEEK), record)
    each, record = made_of(definition(window=WEEK))
    assert "it covers its whole base" in definition_changes(each, definition(), record)


@pytest.mark.parametrize(
    ("window", "change"),
    [
        ({"last": "3 days", "step": "1 day"}, "the window is shortened from 7 days to 3 days"),
        ({"last": "28 days", "step": "1 day"}, "the window is lengthened from 7 days to 28 days"),
        (
            {"last": "14 days", "step": "7 days"},
            "the window is lengthened from 7 days to 14 days; the window's step is 7 days, not 1 day",
        ),
        ({"last": "7 days", "step": "1 day", "at": "20:00"}, "the window moves at 20:00, not as soon as it can"),
    ],
)
def test_another_window_is_a_change_and_no_slide(window: dict[str, str], change: str) -> None:
    each, record = made_of(definition(window=WEEK))
    new = definition(window=window)
    project = Project(name="shop", views=(new,))
    world = World(records={NAME: record}, views={each.physical: live_view(each.physical)})
    (create,) = (step for step in world.plan(project, NOW).steps if isinstance(step, CreateGeneration))
    assert (create.cause, create.reason) == (Cause.CHANGE, change)
    assert create.window_declared == new.window.declared if new.window else ""
    (status,) = view_statuses(project, (record,), world.observed().catalog, NOW)
    assert status.condition == "changed"
    found = make_diff(each, new, record)
    assert "; ".join(found.changes) == change
    assert any(line.startswith("+window: {last: ") for line in found.lines)


def test_a_window_that_only_moved_is_a_slide() -> None:
    wish = definition(window=WEEK)
    each, record = made_of(wish)
    later = NOW + timedelta(days=1)
    world = World(records={NAME: record}, views={each.physical: live_view(each.physical)})
    project = Project(name="shop", views=(wish,))
    (create,) = (step for step in world.plan(project, later).steps if isinstance(step, CreateGeneration))
    assert create.cause is Cause.SLIDE
    assert make_diff(each, wish, record).changes == ()


def test_a_generation_of_an_older_program_falls_back_to_the_fingerprints() -> None:
    each, record = made_of(of_text(CQL), cql="", window_declared="")
    new = of_text(CQL.replace("FROM orders", "FROM sales"))
    assert make_diff(each, new, record).changes == (
        "the definition changed; the registry does not hold the former one",
    )
