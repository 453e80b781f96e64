"""Each kind of change, on tables of many shapes: plan, apply, nothing left to plan, rows, back, again, gone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cassandra.concurrent import execute_concurrent

from cassandra_views.model.generation import State
from cassandra_views.model.steps import Cause, CreateGeneration, Plan
from tests.scenarios.lifecycle.shapes import ALL, BUCKETS, QUOTED, SESSIONS, Shape
from tests.scenarios.lifecycle.workshop import NOON, Workshop, as_texts

LAST = timedelta(days=3)
WINDOW = "{last: 3 days, step: 1 day}"
VIEW = "Seen"
SOME = (BUCKETS, QUOTED, SESSIONS)
"""Time in buckets, names that need quotes, and no window; the nightly tests take the other shapes."""


def set_up(workshop: Workshop, shape: Shape) -> None:
    for statement in shape.statements(workshop.keyspace):
        workshop.session.execute(statement)
    prepared: dict[str, Any] = {}
    writes = []
    for i in range(120):
        row = shape.row(i, NOON - timedelta(hours=i) + timedelta(days=1))
        query, values = shape.insert(workshop.keyspace, row)
        if query not in prepared:
            prepared[query] = workshop.session.prepare(query)
        writes.append((prepared[query], values))
    execute_concurrent(workshop.session, writes, concurrency=50)
    if shape.time:
        workshop.write_table(shape.table[0], shape.time)
    write_view(workshop, shape, shape.view)


def write_view(workshop: Workshop, shape: Shape, cql: str) -> None:
    matter = {"window": WINDOW} if shape.time else {}
    workshop.write_view(VIEW, cql, grace="1 hour", **matter)


def check_rows(workshop: Workshop, shape: Shape, *, is_changed: bool = False) -> None:
    """Compare what serves with the base, row by row, by a filter that Cassandra has no part in."""
    start = (workshop.now - LAST).replace(hour=0)
    shown = workshop.rows(workshop.serving(VIEW))
    assert shown
    columns = set(shown[0])
    wanted = [
        {name: value for name, value in row.items() if name in columns}
        for row in workshop.rows(shape.table[0])
        if (not shape.time or shape.when(row) >= start) and shape.is_in(row) and (not is_changed or changed_is_in(row))
    ]
    assert as_texts(shown) == as_texts(wanted)


def changed_is_in(row: dict[str, object]) -> bool:
    return "trip" not in row or row["trip"] != 3


def causes(plan: Plan) -> list[Cause]:
    return [step.cause for step in plan.steps if isinstance(step, CreateGeneration)]


def check_changes(workshop: Workshop, shape: Shape) -> None:
    """Lead a view on a table of this shape through every kind of change."""
    set_up(workshop, shape)
    assert causes(workshop.apply()) == [Cause.CREATE]
    check_rows(workshop, shape)
    first = workshop.serving(VIEW)
    assert first == f"{VIEW}__g1"

    # A comment and another layout plan nothing.
    write_view(workshop, shape, "-- said anew\n" + shape.view.replace(" FROM", "\n    FROM", 1))
    assert workshop.manager().plan().steps == ()

    # An edited definition is a change; back and forth are switches that build nothing.
    edited = shape.view.replace(*shape.changed)
    assert edited != shape.view
    write_view(workshop, shape, edited)
    assert causes(workshop.apply()) == [Cause.CHANGE]
    check_rows(workshop, shape, is_changed=True)
    second = workshop.serving(VIEW)
    workshop.manager().rollback(workshop.full(VIEW))
    assert workshop.serving(VIEW) == first
    check_rows(workshop, shape)
    assert workshop.manager().plan().steps == (), "a rollback is not undone by the next apply"
    workshop.manager().override(workshop.full(VIEW), None, reason="the edit was right")
    assert causes(workshop.apply()) == []
    assert workshop.serving(VIEW) == second
    check_rows(workshop, shape, is_changed=True)

    # A moved clock is a slide; so is nothing for a view over its whole base.
    workshop.now += timedelta(days=1)
    if shape.time:
        assert causes(workshop.apply()) == [Cause.SLIDE]
        check_rows(workshop, shape, is_changed=True)
        workshop.manager().rollback(workshop.full(VIEW))
        assert workshop.serving(VIEW) == second
        workshop.manager().override(workshop.full(VIEW), None, reason="try again")
        workshop.apply()
        check_rows(workshop, shape, is_changed=True)
    else:
        workshop.apply()
    before = workshop.serving(VIEW)
    workshop.manager().refresh(workshop.full(VIEW))
    after = workshop.serving(VIEW)
    assert after != before
    check_rows(workshop, shape, is_changed=True)

    # Grace over: what was replaced goes, and what serves stays.
    workshop.now += timedelta(hours=2)
    workshop.apply()
    assert workshop.physical_views() == {after}

    workshop.manager().drop(workshop.full(VIEW))
    assert workshop.physical_views() == set()
    assert workshop.record(VIEW).read_from == ()
    assert workshop.manager().plan().steps == ()
    events = [event.event for event in workshop.manager().history(workshop.full(VIEW), limit=100)]
    assert {"create (create)", "built", "audit passed", "serve", "drop", "dropped", "retire"} <= set(events)


@pytest.mark.parametrize("shape", SOME, ids=[shape.name for shape in SOME])
def test_every_kind_of_change(workshop: Workshop, shape: Shape) -> None:
    check_changes(workshop, shape)


def test_a_view_whose_file_is_gone_waits_for_approval_and_grace(workshop: Workshop) -> None:
    shape = ALL[0]
    set_up(workshop, shape)
    workshop.apply()
    workshop.remove_view(VIEW)
    workshop.write_view("other", shape.view, window=WINDOW)
    manager = workshop.manager()
    plan = manager.plan()
    assert [drop.number for drop in plan.withheld] == [1]
    manager.apply(plan)
    assert workshop.record(VIEW).in_state(State.RETIRED)
    assert f"{VIEW}__g1" in workshop.physical_views()
    manager.apply(manager.plan(allow_drop=True))
    assert f"{VIEW}__g1" in workshop.physical_views(), "its grace is not over"
    workshop.now += timedelta(hours=2)
    manager.apply(manager.plan(allow_drop=True))
    assert workshop.physical_views() == {"other__g1"}


def test_a_number_is_never_used_again(workshop: Workshop) -> None:
    shape = ALL[0]
    set_up(workshop, shape)
    for number in (1, 2):
        workshop.apply()
        assert workshop.serving(VIEW) == f"{VIEW}__g{number}"
        workshop.manager().drop(workshop.full(VIEW))
        workshop.manager().override(workshop.full(VIEW), None, reason="again")
    # A physical view that somebody else made under the next name is passed over, too.
    workshop.session.execute(
        f'CREATE MATERIALIZED VIEW {workshop.keyspace}."{VIEW}__g3" AS SELECT sensor, ts FROM '
        f"{workshop.keyspace}.readings WHERE sensor IS NOT NULL AND ts IS NOT NULL PRIMARY KEY (ts, sensor)"
    )
    workshop.apply()
    assert workshop.serving(VIEW) == f"{VIEW}__g4"
    assert f"{VIEW}__g3" in workshop.physical_views(), "it carries no comment of ours, so it is left alone"
