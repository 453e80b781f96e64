"""Batches within a budget: the next one comes when there is room, and waiting ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cassandra_views.apply.batches import next_batches
from cassandra_views.apply.reports import Notice, Report
from cassandra_views.model.definition import Project
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import Plan
from cassandra_views.plan import Request
from tests.unit.plan.world import World, definition

START = datetime(2026, 11, 23, 6, tzinfo=UTC)
NAMES = ("a", "b", "c")


class Clock:
    """A clock that moves when somebody waits by it."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += timedelta(seconds=60 * seconds)


def changing() -> tuple[World, Project]:
    """Three views on a table of four, whose files have all changed."""
    world = World()
    old = Project(name="shop", views=tuple(definition(name, columns="customer, day, total") for name in NAMES))
    world.apply(world.plan(old, START), START)
    return world, Project(name="shop", views=tuple(definition(name) for name in NAMES))


def test_each_batch_waits_for_the_grace_of_the_one_before() -> None:
    world, project = changing()
    clock, told = Clock(), list[Report]()
    first = world.plan(project, clock(), view_budget=4)
    world.apply(first, clock())

    def make(views: tuple[ViewName, ...]) -> Plan:
        return world.plan(project, clock(), Request(only=frozenset(views)), view_budget=4)

    batches = next_batches(first, make, (), clock=clock, listener=told.append, pause=clock.pause)
    for plan in batches:
        world.apply(plan, clock())
    for wish in project.views:
        assert world.records[wish.name].read_from[0].name == f"{wish.name.view}__g2"
    assert clock() - START >= timedelta(minutes=30), "two graces"
    waits = [each.text for each in told if isinstance(each, Notice)]
    assert waits[0] == "waiting until 2026-11-23T06:15:00Z for room on shop.orders: b, c"
    assert len(waits) == 2


def test_views_that_failed_are_left_out() -> None:
    world, project = changing()
    first = world.plan(project, START, view_budget=4)
    asked: list[tuple[str, ...]] = []

    def make(views: tuple[ViewName, ...]) -> Plan:
        asked.append(tuple(view.view for view in views))
        return replace(first, steps=(), deferred=())

    failed = [each.view for each in first.deferred[:1]]
    assert list(next_batches(first, make, failed, clock=lambda: START, listener=print)) == []
    assert asked == [("a", "c")]
