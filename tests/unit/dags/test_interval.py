"""Which interval a run asks for: whole, closed, and never from the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dags.rollup_dags.interval import (
    DAY,
    HOUR,
    MINUTE,
    IntervalError,
    RunInterval,
    floor,
    interval_of_days,
    interval_of_run,
)

UNITS = pytest.mark.parametrize("unit", [MINUTE, HOUR, DAY], ids=["minute", "hour", "day"])
MOMENTS = st.datetimes(datetime(2019, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@dataclass
class RunTimes:
    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def scheduled(start: str, end: str) -> RunTimes:
    return RunTimes(at(start), at(start), at(end), at(end))


def by_hand(logical_date: datetime, unit: timedelta, run_after: datetime) -> RunTimes:
    """What Airflow stores for the form's logical date: an interval of the unit's length that ends there."""
    return RunTimes(logical_date, logical_date - unit, logical_date, run_after)


@pytest.mark.parametrize(
    ("run", "unit", "text"),
    [
        (scheduled("2026-03-01T10:15", "2026-03-01T10:16"), MINUTE, "2026-03-01T10:15:00Z 2026-03-01T10:16:00Z"),
        (scheduled("2026-03-01T23:00", "2026-03-02T00:00"), HOUR, "2026-03-01T23:00:00Z 2026-03-02T00:00:00Z"),
        (scheduled("2025-12-31T00:00", "2026-01-01T00:00"), DAY, "2025-12-31T00:00:00Z 2026-01-01T00:00:00Z"),
        (scheduled("2024-02-29T00:00", "2024-03-01T00:00"), DAY, "2024-02-29T00:00:00Z 2024-03-01T00:00:00Z"),
    ],
)
def test_a_scheduled_run_brings_its_interval(run: RunTimes, unit: timedelta, text: str) -> None:
    assert str(interval_of_run(run, unit)) == text


@UNITS
@given(moment=MOMENTS, zone=ZONES, late=st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_run_by_hand_gets_the_last_unit_that_had_ended(
    unit: timedelta, moment: datetime, zone: timezone, late: timedelta
) -> None:
    interval = interval_of_run(by_hand(moment.astimezone(zone), unit, moment + late), unit)

    assert interval.end <= moment < interval.end + unit
    assert interval.end - interval.start == unit
    assert interval.end == floor(interval.end, unit)


@UNITS
@given(moment=MOMENTS)
def test_a_run_without_a_data_interval_counts_from_when_it_was_asked_for(unit: timedelta, moment: datetime) -> None:
    interval = interval_of_run(RunTimes(None, None, None, moment), unit)

    assert interval == interval_of_run(by_hand(moment, unit, moment), unit)


@given(moment=MOMENTS)
def test_the_last_unit_of_an_interval_ends_with_it(moment: datetime) -> None:
    day = interval_of_run(by_hand(moment, DAY, moment), DAY)

    assert day.last(DAY) == day
    assert day.last(HOUR) == RunInterval(start=day.end - HOUR, end=day.end)
    assert day.last(HOUR).last(MINUTE) == day.last(MINUTE)


def test_an_interval_of_another_length_is_refused() -> None:
    run = RunTimes(at("2026-03-01T10:00"), at("2026-03-01T07:00"), at("2026-03-01T10:00"), at("2026-03-01T12:00"))

    with pytest.raises(IntervalError, match=r"computes one hour a run\. Nothing was started\. Use a backfill"):
        interval_of_run(run, HOUR)


def test_a_logical_date_beside_an_interval_that_ends_now_is_refused() -> None:
    """This is what `airflow dags trigger --logical-date 2026-02-01` stores on 1 March at 12:34."""
    now = at("2026-03-01T12:34:56")
    run = RunTimes(at("2026-02-01T00:00"), now - HOUR, now, now)

    with pytest.raises(IntervalError, match=r"2026-02-01T00:00:00Z .* do not belong together\. Nothing was started"):
        interval_of_run(run, HOUR)


@UNITS
def test_an_interval_that_has_not_ended_is_refused(unit: timedelta) -> None:
    now = at("2026-03-01T00:00")

    with pytest.raises(IntervalError, match="had not ended when this run was asked for"):
        interval_of_run(by_hand(now + unit, unit, now), unit)


def test_an_interval_ends_at_the_moment_the_run_is_for() -> None:
    now = at("2026-03-01T00:00")

    assert interval_of_run(by_hand(now, DAY, now), DAY).end == now


@pytest.mark.parametrize(
    ("first", "last", "text"),
    [
        (None, None, "2026-02-28T00:00:00Z 2026-03-01T00:00:00Z"),
        ("2026-02-10", None, "2026-02-10T00:00:00Z 2026-02-11T00:00:00Z"),
        ("2026-02-10", "2026-02-10", "2026-02-10T00:00:00Z 2026-02-11T00:00:00Z"),
        ("2025-12-30", "2026-01-02", "2025-12-30T00:00:00Z 2026-01-03T00:00:00Z"),
        ("2026-02-27", "2026-02-28", "2026-02-27T00:00:00Z 2026-03-01T00:00:00Z"),
    ],
)
def test_days_are_included_on_both_sides(first: str | None, last: str | None, text: str) -> None:
    assert str(interval_of_days(first, last, at("2026-03-01T00:00"))) == text


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("2026-02-10", "2026-02-09", "The last day (2026-02-09) is before the first (2026-02-10)"),
        ("2026-03-01", None, "2026-03-01 had not ended"),
        ("2026-02-01", "2026-03-01", "The last day that can be computed then is 2026-02-28"),
        (None, "2026-02-01", "There is a last day (2026-02-01) and no first one"),
        ("9999-12-31", None, "9999-12-31 had not ended"),
        ("2026-02-30", None, "'2026-02-30' is not a day"),
        ("yesterday", None, "'yesterday' is not a day"),
    ],
)
def test_days_that_cannot_be_are_refused(first: str | None, last: str | None, says: str) -> None:
    with pytest.raises(IntervalError) as refused:
        interval_of_days(first, last, at("2026-03-01T23:59:59"))

    assert says in str(refused.value)
    assert "Nothing was started" in str(refused.value)
