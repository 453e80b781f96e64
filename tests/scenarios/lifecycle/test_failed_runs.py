"""Runs that fail in a row are counted, told, and end in a freeze; nobody else is stopped by the count."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cassandra_views.apply.reports import Notice
from cassandra_views.model.errors import RegistryError
from cassandra_views.model.generation import OverrideKind
from tests.scenarios.lifecycle.dying import Side, UnsureSession
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, set_up
from tests.scenarios.lifecycle.workshop import NOON, Workshop


@pytest.fixture
def served(workshop: Workshop) -> Workshop:
    set_up(workshop, READINGS)
    workshop.apply()
    return workshop


def fail(workshop: Workshop, times: int, **env: Any) -> None:
    for number in range(1, times + 1):
        workshop.manager(**env).note_failed_run(workshop.full(VIEW), f"no room\nfor number {number}")


def test_failed_runs_are_counted_and_told(served: Workshop) -> None:
    fail(served, 1)
    served.now += timedelta(minutes=5)
    record = served.manager().note_failed_run(served.full(VIEW), "no room for a second")
    assert (record.failures, record.failed_at) == (2, NOON + timedelta(minutes=5))
    assert record == served.record(VIEW)
    (status,) = served.manager().status(served.full(VIEW))
    assert (status.failures, status.failed_at, status.last_error) == (2, record.failed_at, "no room for a second")
    events = [each for each in served.manager().history(served.full(VIEW)) if each.event == "run failed"]
    assert [each.detail for each in events] == ["no room for a second", "no room\nfor number 1"]
    assert served.manager().plan().steps == (), "a count is no change"


def test_too_many_in_a_row_freeze_the_view(served: Workshop) -> None:
    fail(served, 2, freeze_after=3)
    assert served.record(VIEW).override is None
    record = served.manager(freeze_after=3).note_failed_run(served.full(VIEW), "x" * 1000)
    assert record.override is not None
    assert record.override.kind is OverrideKind.FROZEN
    assert record.override.by == "tests"
    assert record.override.reason.startswith("3 runs in a row failed; the last: xxx")
    assert len(record.override.reason) < 400
    assert record.last_error == "x" * 1000
    served.now += timedelta(days=1)
    assert served.manager().plan().steps == (), "frozen, so its window does not slide"
    assert served.manager().history(served.full(VIEW))[0].event == "override frozen"
    # One more failure adds to the count, and the decision stands as it is.
    again = served.manager(freeze_after=3).note_failed_run(served.full(VIEW), "y")
    assert (again.failures, again.override) == (4, record.override)


def test_ending_the_override_begins_the_count_again(served: Workshop) -> None:
    fail(served, 2, freeze_after=2)
    served.manager().override(served.full(VIEW), None, reason="there is room now")
    record = served.record(VIEW)
    assert (record.override, record.failures, record.failed_at) == (None, 0, None)
    fail(served, 1, freeze_after=2)
    assert served.record(VIEW).override is None


def test_a_switch_begins_the_count_again(served: Workshop) -> None:
    fail(served, 3)
    served.manager().refresh(served.full(VIEW))
    record = served.record(VIEW)
    assert (record.failures, record.failed_at, record.last_error) == (0, None, "")


def test_a_persons_decision_is_left_alone(served: Workshop) -> None:
    served.manager().override(served.full(VIEW), OverrideKind.OFF, reason="nobody reads it")
    fail(served, 3, freeze_after=2)
    override = served.record(VIEW).override
    assert override is not None
    assert (override.kind, override.reason) == (OverrideKind.OFF, "nobody reads it")


def test_a_decision_that_has_ended_keeps_nothing_from_freezing(served: Workshop) -> None:
    served.manager().override(served.full(VIEW), OverrideKind.OFF, reason="night", until=NOON + timedelta(hours=1))
    served.now += timedelta(hours=2)
    fail(served, 2, freeze_after=2)
    override = served.record(VIEW).override
    assert override is not None
    assert override.kind is OverrideKind.FROZEN


def test_zero_never_freezes(served: Workshop) -> None:
    fail(served, 7, freeze_after=0)
    record = served.record(VIEW)
    assert (record.failures, record.override) == (7, None)


def test_a_view_that_has_no_row_yet_is_counted(workshop: Workshop) -> None:
    set_up(workshop, READINGS)
    workshop.write_view("other", READINGS.view, window="{last: 3 days, step: 1 day}", grace="1 hour")
    workshop.manager().apply(workshop.manager().plan([workshop.full("other")]))
    fail(workshop, 2)
    assert workshop.record(VIEW).failures == 2
    workshop.apply()
    assert workshop.record(VIEW).failures == 0


def test_counting_does_not_stop_who_works_on_the_view(served: Workshop) -> None:
    before = served.record(VIEW)
    plan = served.manager().plan_refresh(served.full(VIEW))
    fail(served, 1)
    record = served.record(VIEW)
    assert (record.fence, record.revision()) == (before.fence, before.revision())
    served.manager().apply(plan)
    assert served.serving(VIEW) == f"{VIEW}__g2"


@pytest.mark.parametrize("side", list(Side))
def test_a_count_of_unknown_outcome_is_made_once(served: Workshop, side: Side) -> None:
    unsure = UnsureSession(served.session, {1, 2}, side, kinds=("conditional",))
    record = served.manager(unsure).note_failed_run(served.full(VIEW), "no room")
    assert unsure.doubts == (1 if side is Side.AFTER else 2), "one that has arrived is not sent again"
    assert record.failures == served.record(VIEW).failures == 1


def test_a_history_that_cannot_be_written_keeps_nothing_from_freezing(served: Workshop) -> None:
    unsure = UnsureSession(served.session, {1, 2}, Side.BEFORE, kinds=("write",))
    record = served.manager(unsure, freeze_after=1).note_failed_run(served.full(VIEW), "no room")
    assert unsure.doubts == 2
    assert record.override is not None
    assert record.override.reason == "1 run failed: no room"
    told = [each.text for each in served.reports if isinstance(each, Notice)]
    assert [text.partition(" is done")[0] for text in told[-2:]] == [
        f"{served.full(VIEW)}: 'run failed'",
        f"{served.full(VIEW)}: 'override frozen'",
    ]


def test_without_a_registry_it_is_told(workshop: Workshop) -> None:
    workshop.registry = "no_registry_yet"
    set_up(workshop, READINGS)
    with pytest.raises(RegistryError, match="there is no registry yet"):
        fail(workshop, 1)
