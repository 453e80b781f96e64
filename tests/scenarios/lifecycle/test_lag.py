"""How late a view is: measured by rows of a sample, or by a canary row under a reserved key; kept in the registry."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from cassandra_views.model.errors import ProjectError
from cassandra_views.model.lag import LagBound
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, set_up
from tests.scenarios.lifecycle.workshop import Workshop, as_texts

RESERVED = "2026-03-10T11:00:00Z"
PROBE = "{promise: 2 seconds, probe: {key: {sensor: __canary__, ts: '%s'}}}"


@pytest.fixture
def served(workshop: Workshop) -> Workshop:
    set_up(workshop, READINGS)
    workshop.apply()
    return workshop


def write_view(workshop: Workshop, lag: str) -> None:
    workshop.write_view(VIEW, READINGS.view, window="{last: 14 days, step: 1 day}", lag=lag)


def test_a_sample_reads_alone_and_says_at_most(served: Workshop) -> None:
    before = served.record(VIEW)
    (report,) = served.manager().measure_lag(served.full(VIEW))
    assert (report.lag.bound, report.is_broken, report.nodes) == (LagBound.AT_MOST, False, ())
    assert report.lag.seconds is not None
    assert 0 <= report.lag.seconds < 300
    assert (report.writes.old_batches, report.writes.old_hints) == (0, 0)
    after = served.record(VIEW)
    assert after.lag is not None
    assert (after.lag.seconds, after.fence, after.revision()) == (report.lag.seconds, before.fence, before.revision())
    (status,) = served.manager().status(served.full(VIEW))
    assert (status.measured_lag_seconds, status.measured_lag_bound, status.lag_promise) == (
        report.lag.seconds,
        "at most",
        "",
    )


def test_a_canary_row_tells_the_lag_and_leaves_nothing(served: Workshop) -> None:
    rows = served.rows("readings")
    write_view(served, PROBE % RESERVED)
    (report,) = served.manager().measure_lag(served.full(VIEW))
    assert report.lag.bound is LagBound.EXACT
    assert report.lag.seconds is not None
    assert report.lag.seconds < 1
    (node,) = report.nodes
    assert (node.seconds, node.error) == (report.lag.seconds, "")
    assert len(served.rows("readings")) == len(rows), "the canary row is deleted"
    (status,) = served.manager().status(served.full(VIEW))
    assert status.lag_promise == "kept"


def test_a_row_that_its_view_lacks_breaks_the_promise(served: Workshop) -> None:
    # The view was made with a later window than the registry holds, so it lacks a row that it should have.
    (each,) = served.record(VIEW).generations
    cql = re.sub(r"ts >= '[^']+'", "ts >= '2019-01-01'", each.cql)
    assert cql != each.cql
    query = f"UPDATE {served.registry}.views SET cql = %s WHERE keyspace_name = %s AND view_name = %s AND number = %s"
    served.session.execute(query, (cql, served.keyspace, VIEW, each.number))
    write_view(served, PROBE % "2020-01-01T00:00:00Z")
    (report,) = served.manager().measure_lag(served.full(VIEW), patience_seconds=0.1)
    assert (report.lag.bound, report.is_broken) == (LagBound.AT_LEAST, True)
    (status,) = served.manager().status(served.full(VIEW))
    assert status.lag_promise == "broken"
    (event,) = served.manager().history(served.full(VIEW), limit=1)
    assert (event.event, event.detail[:22]) == ("promise broken", "its lag is at least 2.")


def test_a_key_outside_of_the_window_says_nothing_of_the_lag(served: Workshop) -> None:
    rows = served.rows("readings")
    write_view(served, PROBE % "2020-01-01T00:00:00Z")
    (report,) = served.manager().measure_lag(served.full(VIEW), patience_seconds=0.1)
    assert (report.lag.seconds, report.lag_promise, report.nodes) == (None, "unknown", ())
    assert report.lag.found.startswith("a row of 'lag.probe.key' does not meet 'ts >= ")
    (status,) = served.manager().status(served.full(VIEW))
    assert status.lag_promise == "unknown"
    assert all(each.event != "promise broken" for each in served.manager().history(served.full(VIEW)))
    assert as_texts(served.rows("readings")) == as_texts(rows)


def test_a_newer_deletion_of_the_row_says_nothing_of_the_lag(served: Workshop) -> None:
    ahead = int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1e6)
    where = f"WHERE sensor = '__canary__' AND ts = '{RESERVED}'"
    served.session.execute(f"DELETE FROM {served.keyspace}.readings USING TIMESTAMP {ahead} {where}")
    write_view(served, PROBE % RESERVED)
    (report,) = served.manager().measure_lag(served.full(VIEW), patience_seconds=0.1)
    assert (report.lag.seconds, report.lag_promise) == (None, "unknown")
    assert "a newer deletion covers it" in report.lag.found


def test_a_row_of_an_application_under_the_reserved_key_stays(served: Workshop) -> None:
    served.write_view("beside", READINGS.view, window="{last: 14 days, step: 1 day}")
    served.manager().apply()
    write_view(served, PROBE % RESERVED)
    for columns, value in (("sensor, ts", ""), ("sensor, ts, value", ", 7")):
        values = f"'__canary__', '{RESERVED}'{value}"
        served.session.execute(f"INSERT INTO {served.keyspace}.readings ({columns}) VALUES ({values})")
        rows = served.rows("readings")
        found = served.manager().measure_lag([served.full(VIEW), served.full("beside")], patience_seconds=0.5)
        reports = {each.view.view: each for each in found}
        error = reports[VIEW].error
        assert error is not None
        assert "holds a row of 'lag.probe.key'" in error.what
        assert error.remains == "Nothing was written or deleted"
        assert as_texts(served.rows("readings")) == as_texts(rows)
        assert reports["beside"].error is None, "one view's error holds up no other one"
        assert reports["beside"].lag.seconds is not None


def test_a_reserved_key_must_be_that_of_the_view(served: Workshop) -> None:
    write_view(served, "{probe: {key: {sensor: __canary__}}}")
    with pytest.raises(ProjectError, match=r"'lag.probe.key' names sensor, and the view's key is ts, sensor"):
        raise next(iter(served.manager().project().errors))
    write_view(served, "{probe: {key: {sensor: __canary__, ts: no time}}}")
    (report,) = served.manager().measure_lag(served.full(VIEW))
    assert report.error is not None
    assert "no time" in report.error.what
