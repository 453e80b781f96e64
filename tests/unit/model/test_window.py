"""Windows: what readers are promised, and when the bound moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cassandra_views.model.definition import Window

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
MOMENTS = st.integers(0, 3_000_000_000_000_000).map(
    lambda count: datetime(2001, 1, 1, tzinfo=UTC) + count * timedelta(microseconds=1)
)
SPANS = st.integers(1, 60 * 86400).map(lambda seconds: timedelta(seconds=seconds))


@st.composite
def windows(draw: st.DrawFn) -> Window:
    last, step = draw(SPANS), draw(SPANS | st.sampled_from([timedelta(minutes=1), timedelta(days=7)]))
    assume(step <= last)
    minutes = int(step.total_seconds()) // 60
    at = draw(st.none() | st.integers(0, minutes - 1)) if minutes else None
    return Window(last=last, step=step, at=timedelta(minutes=at) if at is not None else None)


@given(windows(), MOMENTS)
def test_the_promise_is_kept(window: Window, now: datetime) -> None:
    start = window.start(now)
    assert start <= now - window.last
    assert start > now - window.last - window.step - (window.step if window.at is not None else timedelta())


@given(windows(), MOMENTS)
def test_the_bound_moves_exactly_when_it_is_said_to(window: Window, now: datetime) -> None:
    moves = window.next_slide(now)
    assert now < moves <= now + window.step
    assert window.start(moves - timedelta(microseconds=1)) == window.start(now)
    assert window.start(moves) == window.start(now) + window.step


@given(windows(), MOMENTS)
def test_a_bound_is_outgrown_exactly_when_a_slide_from_it_is_due(window: Window, start: datetime) -> None:
    """Also for a bound that is on no step of the window, as another window of the same view left it."""
    due = window.outgrown(start)
    assert window.start(due) > start
    assert window.start(due - timedelta(microseconds=1)) <= start


@given(windows(), MOMENTS, SPANS)
def test_the_bound_never_goes_back(window: Window, now: datetime, later: timedelta) -> None:
    assert window.start(now) <= window.start(now + later)


@pytest.mark.parametrize(
    ("at", "now", "start"),
    [
        (None, "2026-11-23T00:00:00", "2026-11-16"),
        (None, "2026-11-22T23:59:59", "2026-11-15"),
        ("0:10", "2026-11-23T00:09:59", "2026-11-15"),
        ("0:10", "2026-11-23T00:10:00", "2026-11-16"),
    ],
)
def test_at(at: str | None, now: str, start: str) -> None:
    offset = timedelta(minutes=10) if at else None
    window = Window(last=timedelta(days=7), step=timedelta(days=1), at=offset)
    assert window.start(datetime.fromisoformat(f"{now}+00:00")) == datetime.fromisoformat(f"{start}T00:00:00+00:00")


def test_steps_of_less_than_a_day() -> None:
    window = Window(last=timedelta(hours=24), step=timedelta(hours=6), at=timedelta(minutes=10))
    assert window.start(NOW) == datetime(2026, 11, 22, 0, tzinfo=UTC)
    assert window.start(NOW + timedelta(minutes=10)) == datetime(2026, 11, 22, 6, tzinfo=UTC)
    assert window.next_slide(NOW) == NOW + timedelta(minutes=10)


@pytest.mark.parametrize(
    ("last", "step", "at", "message"),
    [
        (timedelta(), timedelta(days=1), None, "longer than zero"),
        (timedelta(days=1), timedelta(days=2), None, r"the step \(2 days\) is longer than the window \(1 day\)"),
        (timedelta(days=2), timedelta(hours=1), timedelta(hours=1), "lies outside the step"),
        (timedelta(days=40000), timedelta(days=1), None, "longer than a century"),
    ],
)
def test_impossible_windows(last: timedelta, step: timedelta, at: timedelta | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Window(last=last, step=step, at=at)
