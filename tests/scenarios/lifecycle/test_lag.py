"""How late a view is: measured by rows of a sample, or by a canary row under a reserved key; kept in the registry."""

from __future__ import annotations

import pytest

from cassandra_client.errors import ClusterError
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.lag import LagBound
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, set_up
from tests.scenarios.lifecycle.workshop import Workshop

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
    write_view(served, PROBE % "2026-03-10T11:00:00Z")
    (report,) = served.manager().measure_lag(served.full(VIEW))
    assert report.lag.bound is LagBound.EXACT
    assert report.lag.seconds is not None
    assert report.lag.seconds < 1
    (node,) = report.nodes
    assert (node.seconds, node.error) == (report.lag.seconds, "")
    assert len(served.rows("readings")) == len(rows), "the canary row is deleted"
    (status,) = served.manager().status(served.full(VIEW))
    assert status.lag_promise == "kept"


def test_a_row_that_never_shows_breaks_the_promise(served: Workshop) -> None:
    write_view(served, PROBE % "2020-01-01T00:00:00Z")  # before the window
    (report,) = served.manager().measure_lag(served.full(VIEW), patience_seconds=0.1)
    assert (report.lag.bound, report.is_broken) == (LagBound.AT_LEAST, True)
    (status,) = served.manager().status(served.full(VIEW))
    assert status.lag_promise == "broken"
    (event,) = served.manager().history(served.full(VIEW), limit=1)
    assert (event.event, event.detail[:22]) == ("promise broken", "its lag is at least 2.")


def test_a_reserved_key_must_be_that_of_the_view(served: Workshop) -> None:
    write_view(served, "{probe: {key: {sensor: __canary__}}}")
    with pytest.raises(ProjectError, match=r"'lag.probe.key' names sensor, and the view's key is ts, sensor"):
        raise next(iter(served.manager().project().errors))
    write_view(served, "{probe: {key: {sensor: __canary__, ts: no time}}}")
    with pytest.raises(ClusterError, match="no time"):
        served.manager().measure_lag(served.full(VIEW))
