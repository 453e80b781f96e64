"""What measured times say of a view's lag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cassandra_views.model.lag import LagBound, MeasuredLag, NodeLag, lag_of_nodes, lag_of_rows, seconds_text

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)


def test_the_node_that_shows_the_row_last_makes_the_lag() -> None:
    nodes = (
        NodeLag(address="a", seconds=0.01),
        NodeLag(address="b", seconds=0.2),
        NodeLag(address="c", error="it did not answer"),
    )
    lag = lag_of_nodes(nodes, NOW)
    assert (lag.seconds, lag.bound) == (0.2, LagBound.EXACT)
    assert lag.found == "canary row, seen through 2 nodes, last through b; 1 node did not answer"
    late = NodeLag(address="d", seconds=0.1, bound=LagBound.AT_LEAST)
    assert lag_of_nodes((*nodes, late), NOW).bound is LagBound.AT_LEAST
    assert lag_of_nodes(nodes[2:], NOW).seconds is None


@pytest.mark.parametrize(
    ("late", "missing_age", "newest_age", "seconds", "bound"),
    [
        ([], None, 12.0, 12.0, LagBound.AT_MOST),
        ([0.2, 1.1], None, 12.0, 1.1, LagBound.EXACT),
        ([0.2], 30.5, 12.0, 30.5, LagBound.AT_LEAST),
        ([], None, None, None, LagBound.EXACT),
        ([], None, -1.0, 0.0, LagBound.AT_MOST),  # a writer whose clock is ahead
    ],
)
def test_rows_that_are_there_only_bound_the_lag(
    late: list[float], missing_age: float | None, newest_age: float | None, seconds: float | None, bound: LagBound
) -> None:
    lag = lag_of_rows(late, missing_age, newest_age, 50, NOW)
    assert (lag.seconds, lag.bound) == (seconds, bound)


@pytest.mark.parametrize(
    ("seconds", "bound", "is_broken"),
    [
        (5.1, LagBound.EXACT, True),
        (5.0, LagBound.EXACT, False),
        (3600.0, LagBound.AT_MOST, False),
        (5.1, LagBound.AT_LEAST, True),
        (None, LagBound.EXACT, False),
    ],
)
def test_only_a_lag_that_was_seen_breaks_a_promise(seconds: float | None, bound: LagBound, is_broken: bool) -> None:
    lag = MeasuredLag(seconds=seconds, bound=bound, at=NOW)
    assert lag.is_broken(timedelta(seconds=5)) is is_broken
    assert not lag.is_broken(None)


def test_a_lag_in_words() -> None:
    assert seconds_text(0.2134, LagBound.EXACT) == "0.213 s"
    assert seconds_text(3600, LagBound.AT_MOST) == "at most 3,600.0 s"
