"""A registry of an older program is read as it is, and given new columns before the first write."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from cassandra_views.apply.reports import Notice
from cassandra_views.model.generation import OverrideKind
from cassandra_views.registry.lease import LeaseTimes
from cassandra_views.registry.schema import SCHEMA_NUMBER
from tests.scenarios.lifecycle.dying import Died, DyingSession, Side, UnsureSession
from tests.scenarios.lifecycle.old_registry import added, columns, make_first_registry, schema_number
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, check_rows, set_up
from tests.scenarios.lifecycle.workshop import Workshop

NEW = {column.split()[0] for column in added("any", 1)["views"]}


@pytest.fixture
def old(workshop: Workshop) -> Iterator[Workshop]:
    """A project whose registry is of schema 1."""
    workshop.registry = f"{workshop.keyspace}_registry"
    make_first_registry(workshop.session, workshop.registry)
    set_up(workshop, READINGS)
    yield workshop
    workshop.session.execute(f"DROP KEYSPACE {workshop.registry}")


def is_new(workshop: Workshop) -> bool:
    """Tell whether the registry has all of ours, or nothing of it; anything between is an error."""
    has = columns(workshop.session, workshop.registry) >= NEW
    assert (schema_number(workshop.session, workshop.registry) == str(SCHEMA_NUMBER)) is has
    return has


def test_reading_leaves_an_old_registry_as_it_is(old: Workshop) -> None:
    manager = old.manager()
    assert manager.plan().has_changes
    assert [each.failures for each in manager.status()] == [0]
    assert manager.record(old.full(VIEW)).failed_at is None
    assert not is_new(old)


def test_the_first_apply_adds_what_is_missing_and_says_so(old: Workshop) -> None:
    reader = old.manager()
    assert reader.record(old.full(VIEW)).failures == 0
    old.apply()
    assert is_new(old)
    told = [each.text for each in old.reports if isinstance(each, Notice) and "schema 1" in each.text]
    assert told == [f"the registry {old.registry} had schema 1 and has {SCHEMA_NUMBER} now"]
    check_rows(old, READINGS)
    # A process that has asked before the columns were added goes on.
    assert reader.record(old.full(VIEW)).read_from
    reader.note_failed_run(old.full(VIEW), "no room")
    assert reader.record(old.full(VIEW)).failures == 1


def test_a_decision_adds_it_too(old: Workshop) -> None:
    old.manager().override(old.full(VIEW), OverrideKind.OFF, reason="not yet")
    assert is_new(old)


def test_rivals_that_upgrade_at_once_do_no_harm(old: Workshop) -> None:
    def note(number: int) -> int:
        return old.manager(freeze_after=0).note_failed_run(old.full(VIEW), f"failure {number}").failures

    with ThreadPoolExecutor(4) as pool:
        counts = sorted(pool.map(note, range(4)))
    assert counts == [1, 2, 3, 4]
    assert is_new(old)


@pytest.mark.parametrize("side", list(Side))
def test_an_upgrade_that_was_killed_is_gone_on_with(old: Workshop, side: Side) -> None:
    old.lease_times = LeaseTimes(cooldown_seconds=0.0)
    counting = DyingSession(old.session)
    for dies_at in range(1, 25):
        dying = DyingSession(old.session, dies_at, side)
        try:
            old.manager(dying).note_failed_run(old.full(VIEW), "no room")
        except Died:
            counting.effects = dying.effects
            old.end_lease()
        else:
            break
    assert "ddl" in counting.effects
    assert is_new(old)
    assert old.record(VIEW).failures >= 1


@pytest.mark.parametrize("side", list(Side))
def test_an_alter_of_unknown_outcome_is_sent_again(old: Workshop, side: Side) -> None:
    unsure = UnsureSession(old.session, {1, 2}, side, kinds=("ddl",))
    old.manager(unsure).note_failed_run(old.full(VIEW), "no room")
    assert unsure.doubts == 2
    assert is_new(old)
