"""Why nothing serves a view: no page promises what will not happen."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from cassandra_views.model.generation import Generation, Override, OverrideKind, Serving, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.overview.absence import Absence, AbsenceKind, absence_of
from cassandra_views.registry.history import Event

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
NAME = ViewName(keyspace="shop", view="orders_by_day")
OFF = Override(kind=OverrideKind.OFF, by="ann", reason="too costly", until=NOW + timedelta(days=1))
FROZEN = Override(kind=OverrideKind.FROZEN, by="bob", reason="an audit")
OVER = Override(kind=OverrideKind.OFF, by="ann", reason="over", until=NOW - timedelta(days=1))


def generation(state: State) -> Generation:
    return Generation(
        number=1, physical="orders_by_day__g1", table_id=uuid.UUID(int=1), state=state, version="f1:x", cql=""
    )


def event(name: str, minutes: int, author: str = "ann", detail: str = "") -> Event:
    return Event(at=NOW - timedelta(minutes=minutes), event=name, number=1, author=author, run="r", detail=detail)


def found(*states: State, override: Override | None = None, events: tuple[Event, ...] = (), error: str = "") -> Absence:
    record = ViewRecord(name=NAME, generations=tuple(map(generation, states)), override=override, last_error=error)
    return absence_of(record, events, NOW)


@pytest.mark.parametrize(
    ("absence", "kind"),
    [
        (found(), AbsenceKind.NEVER_MADE),
        (found(State.BUILDING), AbsenceKind.BUILDING),
        (found(State.BUILT), AbsenceKind.BUILDING),
        (found(State.FAILED), AbsenceKind.FAILED),
        (found(error="a CREATE was refused"), AbsenceKind.FAILED),
        (found(State.RETIRED), AbsenceKind.RETIRED),
        (found(State.DROPPING), AbsenceKind.DROPPED),
        (found(override=FROZEN), AbsenceKind.FROZEN),
        # A decision outranks what is under way: what is built while a view is off is never served.
        (found(State.BUILDING, override=OFF), AbsenceKind.OFF),
        (found(State.RETIRED, override=OFF), AbsenceKind.OFF),
        (found(State.FAILED, override=OFF), AbsenceKind.OFF),
        (found(State.BUILDING, override=OVER), AbsenceKind.BUILDING),
    ],
)
def test_each_cause_is_told_apart(absence: Absence, kind: AbsenceKind) -> None:
    assert absence.kind is kind


def test_who_switched_it_off_and_why() -> None:
    absence = found(override=OFF)
    assert (absence.by, absence.reason, absence.until) == ("ann", "too costly", OFF.until)


def test_who_dropped_it_and_why() -> None:
    events = (event("dropped", 1), event("drop", 2, "eve", "its file is gone"), event("serve", 9), event("built", 10))
    assert found(events=events) == Absence(
        kind=AbsenceKind.DROPPED, by="eve", reason="its file is gone", at=NOW - timedelta(minutes=2)
    )


def test_what_was_switched_on_again_is_not_told_as_dropped() -> None:
    events = (event("override none", 1), event("dropped", 2), event("drop", 3), event("override off", 4))
    assert found(events=events).kind is AbsenceKind.PENDING


def test_a_build_is_the_first_one_only_where_nothing_served_before() -> None:
    assert found(State.BUILDING, events=(event("create (new)", 1),)).is_first
    assert not found(State.BUILDING, events=(event("create (new)", 1), event("serve", 60))).is_first


def test_what_serves_by_now_is_not_absent() -> None:
    record = ViewRecord(name=NAME, read_from=(Serving(name="orders_by_day__g1"),))
    assert absence_of(record, (), NOW).kind is AbsenceKind.NONE
