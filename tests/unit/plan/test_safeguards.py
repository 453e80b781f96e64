"""How late a slide is, and whether its file's promise is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.generation import State
from cassandra_views.model.names import ViewName
from cassandra_views.plan.safeguards import find_lag
from cassandra_views.plan.status import ViewStatus, view_statuses
from tests.unit.plan.world import KEYSPACE, World, definition, world_of

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
WINDOW = {"last": "7 days", "step": "1 day", "at": "00:10"}
NAME = ViewName(keyspace=KEYSPACE, view="by_day")
WISH = definition(window=WINDOW, max_lag="2 hours")


def world(start: str | None, *, state: State = State.SERVING, override: str | None = None) -> World:
    facts: dict[str, Any] = {"state": state.value}
    if start:
        facts["start"] = start
    record: dict[str, object] = {"generations": {1: facts}}
    if override:
        record["override"] = {"kind": override}
    return world_of({"records": {"by_day": record}}, {"by_day": WISH}, NOW)


def status(found: World, wish: ViewDefinition | None, now: datetime = NOW) -> ViewStatus:
    observed = found.observed()
    project = Project(name="shop", views=(wish,) if wish else ())
    (one,) = view_statuses(project, observed.records, observed.catalog, now)
    return one


def test_a_window_that_is_as_it_should_be_has_no_lag() -> None:
    found = world("2026-11-16T00:00:00Z")
    assert find_lag(WISH, found.records[NAME], NOW) is None
    told = status(found, WISH)
    assert (told.promise, told.slide_lag_seconds, told.broken_by_seconds) == ("kept", None, None)


@pytest.mark.parametrize(
    ("now", "late", "broken_by"),
    [
        ("00:10:00", 0, 0),
        ("01:00:00", 50 * 60, 0),
        ("02:10:00", 2 * 3600, 0),
        ("02:10:01", 2 * 3600 + 1, 1),
        ("06:00:00", 5 * 3600 + 50 * 60, 3 * 3600 + 50 * 60),
    ],
)
def test_a_slide_is_late_from_its_time_of_day_on(now: str, late: int, broken_by: int) -> None:
    found = world("2026-11-15T00:00:00Z")
    moment = datetime.fromisoformat(f"2026-11-23T{now}+00:00")
    lag = find_lag(WISH, found.records[NAME], moment)
    assert lag is not None
    assert lag.due == datetime(2026, 11, 23, 0, 10, tzinfo=UTC)
    assert (lag.late, lag.broken_by) == (timedelta(seconds=late), timedelta(seconds=broken_by))
    told = status(found, WISH, moment)
    assert told.promise == ("broken" if broken_by else "kept")
    assert (told.slide_lag_seconds, told.broken_by_seconds) == (late, broken_by or None)


def test_a_slide_that_was_missed_several_times_is_late_since_the_first() -> None:
    lag = find_lag(WISH, world("2026-11-12T00:00:00Z").records[NAME], NOW)
    assert lag is not None
    assert lag.due == datetime(2026, 11, 20, 0, 10, tzinfo=UTC)
    assert str(lag) == "its slide is 3 days 5 hours 50 minutes late, and max_lag is 2 hours"


def test_without_a_promise_there_is_a_lag_and_nothing_is_broken() -> None:
    wish = definition(window=WINDOW)
    found = world("2026-11-12T00:00:00Z")
    lag = find_lag(wish, found.records[NAME], NOW)
    assert lag is not None
    assert lag.broken_by == timedelta()
    assert str(lag) == "its slide is 3 days 5 hours 50 minutes late"
    told = status(found, wish)
    assert (told.promise, told.broken_by_seconds) == ("", None)
    assert told.slide_lag_seconds is not None


@pytest.mark.parametrize("state", [State.BUILDING, State.RETIRED, State.FAILED])
def test_where_nothing_serves_nothing_slides(state: State) -> None:
    found = world("2026-11-12T00:00:00Z", state=state)
    assert find_lag(WISH, found.records[NAME], NOW) is None
    assert status(found, WISH).promise == ""


def test_a_view_over_its_whole_base_and_one_without_a_file_have_no_lag() -> None:
    assert find_lag(definition(), world("2026-11-12T00:00:00Z").records[NAME], NOW) is None
    assert find_lag(None, world("2026-11-12T00:00:00Z").records[NAME], NOW) is None
    assert find_lag(WISH, None, NOW) is None
    whole = world_of({"records": {"by_day": {"generations": {1: {"state": "serving"}}}}}, {"by_day": definition()}, NOW)
    assert find_lag(WISH, whole.records[NAME], NOW) is None, "its window is a change of its definition, and no slide"
