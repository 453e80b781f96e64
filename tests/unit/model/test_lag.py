"""What measured times say of a view's lag."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cassandra_views.cql.parse import parse_view
from cassandra_views.model.lag import (
    LagBound,
    MeasuredLag,
    NodeLag,
    Scalar,
    find_unmet,
    lag_of_nodes,
    lag_of_rows,
    seconds_text,
)

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)


def test_the_node_that_shows_the_row_last_makes_the_lag() -> None:
    nodes = (NodeLag(address="a", seconds=0.01), NodeLag(address="b", seconds=0.2))
    lag = lag_of_nodes(nodes, NOW)
    assert (lag.seconds, lag.bound) == (0.2, LagBound.EXACT)
    assert lag.found == "canary row, seen through 2 nodes, last through b"
    late = lag_of_nodes((*nodes, NodeLag(address="d", seconds=0.1, bound=LagBound.AT_LEAST)), NOW)
    assert (late.seconds, late.bound) == (0.1, LagBound.AT_LEAST)
    assert late.found == "canary row, seen through 2 nodes, not in time through d"


def test_nodes_that_are_down_or_silent_leave_the_lag_open_above() -> None:
    silent = (NodeLag(address="c", error="it is down"), NodeLag(address="d", error="it did not answer"))
    lag = lag_of_nodes((NodeLag(address="a", seconds=0.2), *silent), NOW)
    assert (lag.seconds, lag.bound) == (0.2, LagBound.AT_LEAST)
    assert lag.found == (
        "canary row, seen through 1 node, last through a; unknown through c (it is down), d (it did not answer)"
    )
    assert lag.promise_text(timedelta(seconds=5)) == "unknown"
    assert lag.promise_text(timedelta(seconds=0.1)) == "broken"
    assert lag_of_nodes(silent, NOW).seconds is None


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
    ("seconds", "bound", "promise"),
    [
        (5.1, LagBound.EXACT, "broken"),
        (5.0, LagBound.EXACT, "kept"),
        (4.0, LagBound.AT_MOST, "kept"),
        (93_000.0, LagBound.AT_MOST, "unknown"),
        (5.1, LagBound.AT_LEAST, "broken"),
        (0.2, LagBound.AT_LEAST, "unknown"),
        (None, LagBound.EXACT, "unknown"),
    ],
)
def test_only_a_lag_that_was_seen_breaks_a_promise(seconds: float | None, bound: LagBound, promise: str) -> None:
    lag = MeasuredLag(seconds=seconds, bound=bound, at=NOW)
    assert lag.promise_text(timedelta(seconds=5)) == promise
    assert lag.is_broken(timedelta(seconds=5)) is (promise == "broken")
    assert not lag.is_broken(None)
    assert lag.promise_text(None) == ""


def test_a_lag_in_words() -> None:
    assert seconds_text(0.2134, LagBound.EXACT) == "0.213 s"
    assert seconds_text(3600, LagBound.AT_MOST) == "at most 3,600.0 s"


@pytest.mark.parametrize(
    ("where", "key", "unmet"),
    [
        ("k IS NOT NULL", {"k": 5}, ""),
        ("k > 5", {"k": 5}, "k"),
        ("k > 5", {"k": 6}, ""),
        ("k >= -5 AND k < 5", {"k": 5}, "k"),
        ("k IN (1, 2)", {"k": 3}, "k"),
        ("k IN (1, 2)", {"k": 2}, ""),
        ("city = 'Bern'", {"city": "__canary__"}, "city"),
        ("city IN ('Bern', '__canary__')", {"city": "__canary__"}, ""),
        ("day >= '2026-01-01'", {"day": "1970-01-01"}, "day"),
        ("day >= '2026-01-01'", {"day": "2999-12-31"}, ""),
        # Texts of one moment differ, and what is not in the key is null in the canary row.
        ("ts >= '2026-01-01'", {"ts": "1970-01-01T00:00:00Z"}, ""),
        ("k IS NOT NULL AND value = 1", {"k": 1}, "value"),
    ],
)
def test_a_key_that_the_view_can_never_show(where: str, key: dict[str, Scalar], unmet: str) -> None:
    view = parse_view(f"CREATE MATERIALIZED VIEW v AS SELECT * FROM t WHERE {where} PRIMARY KEY (k)")
    types = {"k": "int", "city": "text", "day": "date", "ts": "timestamp", "value": "int"}
    found = find_unmet(view.where, key.items(), types)
    assert (found.columns if found else ()) == ((unmet,) if unmet else ())
