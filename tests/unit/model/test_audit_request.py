"""The pauses of an audit follow how late the view was measured to be."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.audit_request import recheck_pauses
from cassandra_views.model.lag import LagBound, MeasuredLag


@pytest.mark.parametrize(
    ("lag_seconds", "pauses"),
    [
        (0.0, (0.5, 1, 2, 4, 8, 16)),
        (0.012, (0.5, 1, 2, 4, 8, 16)),
        (5.0, (5, 10, 20)),
        (20.0, (20, 40)),
        (7200.0, (30, 60)),
    ],
)
def test_the_first_pause_is_the_lag_within_bounds(lag_seconds: float, pauses: tuple[float, ...]) -> None:
    assert recheck_pauses(0.5, lag_seconds) == pauses


@given(st.floats(0.001, 10), st.floats(0, 1e6))
def test_the_last_look_is_never_earlier_than_without_a_lag(shortest: float, lag_seconds: float) -> None:
    pauses = recheck_pauses(shortest, lag_seconds)
    assert sum(pauses) >= 62.9 * shortest
    assert 2 <= len(pauses) <= 6
    assert sum(pauses) <= 180.1 * shortest


@pytest.mark.parametrize(
    ("seconds", "bound", "late"),
    [(5.0, LagBound.EXACT, 5.0), (9.0, LagBound.AT_LEAST, 9.0), (3600.0, LagBound.AT_MOST, 0.0), (None, "exact", 0.0)],
)
def test_only_a_lag_that_was_seen_counts(seconds: float | None, bound: str, late: float) -> None:
    lag = MeasuredLag(seconds=seconds, bound=LagBound(bound), at=datetime(2026, 11, 1, tzinfo=UTC))
    assert lag.late_seconds == late
