"""How a view is shown on the page: what it is sorted by, what of time it serves, what finds it."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cassandra_views.model.generation import CONDITIONS, Audit, Generation, Serving, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.overview.queries import Overview
from cassandra_views.overview.view_rows import FILE_CONDITIONS, Need, ViewRow, rows_of
from cassandra_views.plan.status import ViewStatus

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def row(
    condition: str = "serving",
    *,
    view: str = "v",
    audits: tuple[Audit | None, ...] = (Audit.PASSED,),
    read_from: tuple[Serving, ...] = (),
    **status: Any,
) -> ViewRow:
    name = ViewName(keyspace="ks", view=view)
    generations = tuple(
        Generation(
            number=number,
            physical=name.physical(number),
            table_id=uuid.UUID(int=number),
            version="f1:0",
            state=State.SERVING,
            audit=audit,
        )
        for number, audit in enumerate(audits, 1)
    )
    record = ViewRecord(name=name, generations=generations, read_from=read_from)
    return ViewRow(status=ViewStatus(name=name, condition=condition, **status), record=record, now=NOW)


@pytest.mark.parametrize(
    ("shown", "need"),
    [
        (row(), Need.NOTHING),
        (row("building"), Need.NOTHING),
        (row("retired", audits=()), Need.NOTHING),
        (row(next_due=NOW + HOUR), Need.NOTHING),
        (row(next_due=NOW - HOUR), Need.SOON),
        (row("pending", audits=()), Need.SOON),
        (row("frozen", override="frozen by ann: a sale", next_due=NOW - HOUR), Need.SOON),
        (row("off", override="off by ann: unread"), Need.SOON),
        (row(last_error="the server refused"), Need.SOON),
        (row("building", failures=1), Need.NOW),
        (row("broken"), Need.NOW),
        (row("failed", audits=()), Need.NOW),
        (row(audits=(Audit.FAILED,)), Need.NOW),
        (row(promise="broken"), Need.NOW),
        (row(promise="kept"), Need.NOTHING),
    ],
)
def test_what_needs_a_person(shown: ViewRow, need: Need) -> None:
    assert shown.need is need


@pytest.mark.parametrize(
    ("audits", "verdict"),
    [
        ((), None),
        ((None,), None),
        ((Audit.PASSED,), Audit.PASSED),
        ((Audit.PASSED, None), None),
        ((Audit.PASSED, Audit.FAILED), Audit.FAILED),
        ((Audit.FAILED, None), Audit.FAILED),
    ],
)
def test_the_audit_is_that_of_all_that_serves(audits: tuple[Audit | None, ...], verdict: Audit | None) -> None:
    assert row(audits=audits).audit is verdict


def test_the_window_is_that_of_all_that_serves() -> None:
    one = Serving(name="v__g1", start=NOW - 3 * HOUR, end=NOW - 2 * HOUR)
    two = Serving(name="v__g2", start=NOW - 2 * HOUR, end=NOW - HOUR)
    open_end = Serving(name="v__g3", start=NOW - HOUR)
    assert row(read_from=(one, two)).window == (NOW - 3 * HOUR, NOW - HOUR)
    assert row(read_from=(one, open_end)).window == (NOW - 3 * HOUR, None)
    assert row(read_from=(Serving(name="v__g4"), one)).window == (None, None)
    assert row().window == (None, None)


def test_a_frozen_view_is_not_late() -> None:
    assert row(next_due=NOW - HOUR).is_late
    assert not row("frozen", next_due=NOW - HOUR, override="frozen by ann: a sale").is_late


def test_the_list_begins_with_what_needs_a_person_most() -> None:
    rows = [row(view="b"), row(view="a"), row("frozen", view="c", override="frozen"), row("building", view="d")]
    rows += [row("failed", view="e", audits=()), row("broken", view="f")]
    views = tuple((each.status, each.record) for each in rows)
    overview = Overview(at=NOW, cluster="c", registry="r", views=views, carried={}, bases={})
    assert [each.status.name.view for each in rows_of(overview)] == ["f", "e", "c", "d", "a", "b"]
    assert [each.status.name.view for each in rows_of(overview, "KS. serving")] == ["a", "b"]
    assert rows_of(overview, "serving frozen") == []


def test_each_condition_is_explained() -> None:
    told = (ViewStatus.__doc__ or "").partition("condition:")[2].partition("rollback_until:")[0]
    assert set(re.findall(r"``([\w ]+)``", told)) == set(CONDITIONS)
    assert set(FILE_CONDITIONS) < set(CONDITIONS)
