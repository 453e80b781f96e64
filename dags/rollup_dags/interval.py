"""The interval that a run asks for. No Airflow here, and no look at the clock: a run says all that is needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class IntervalError(ValueError):
    """A run that asks for no whole and closed interval. Nothing was started."""


class RunTimes(Protocol):
    """What a DAG run knows of its time. The four are aware; the first three are none together."""

    logical_date: datetime | None
    data_interval_start: datetime | None
    data_interval_end: datetime | None
    run_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInterval:
    """``[start, end)`` in UTC."""

    start: datetime
    end: datetime

    @property
    def start_text(self) -> str:
        """The start as the scripts take it."""
        return _text(self.start)

    @property
    def end_text(self) -> str:
        """The end as the scripts take it."""
        return _text(self.end)

    def __str__(self) -> str:
        return f"{self.start_text} {self.end_text}"

    def last(self, unit: timedelta) -> RunInterval:
        """Return the last ``unit`` of it: of an hour its minute 59."""
        return RunInterval(start=self.end - unit, end=self.end)


def interval_of_run(run: RunTimes, unit: timedelta) -> RunInterval:
    """Return the whole ``unit`` (a minute, an hour, a day) that a run is for.

    A scheduled run and one of a backfill bring it as their data interval. A run by hand brings the time it was asked
    for: it gets the last unit that had ended then.

    Raises: IntervalError: the data interval is of another length, has not ended, or belongs to another time than the
        logical date.
    """
    start, end = run.data_interval_start, run.data_interval_end
    if start is None or end is None:
        # "airflow dags trigger" and a form with an empty logical date give no data interval.
        return _closed(floor(run.run_after, unit), unit, run)
    if end - start != unit:
        raise IntervalError(
            f"This run has the data interval {_text(start)} to {_text(end)}, and this DAG computes one {_name(unit)} "
            f"a run. Nothing was started. Use a backfill for a longer time; leave the data interval out for one "
            f"{_name(unit)}."
        )
    if floor(end, unit) != end and run.logical_date != end:
        # "airflow dags trigger --logical-date" stores that date beside an interval that ends now: which one is meant?
        raise IntervalError(
            f"This run has the logical date {_text(run.logical_date or run.run_after)} and the data interval "
            f"{_text(start)} to {_text(end)}, which do not belong together. Nothing was started. Trigger it from the "
            f"form, or make a backfill for that {_name(unit)}."
        )
    return _closed(floor(end, unit), unit, run)


def interval_of_days(first: str | None, last: str | None, run_after: datetime) -> RunInterval:
    """Return the days from ``first`` to ``last``, both included, written YYYY-MM-DD.

    Without ``first`` it is the last day that had ended at ``run_after``; without ``last`` it is one day.

    Raises: IntervalError: not a day, the last before the first, or a day that has not ended.
    """
    today = floor(run_after, DAY)
    if first is None and last is not None:
        raise IntervalError(f"There is a last day ({last}) and no first one. Nothing was started. Give both, or none.")
    start = today - DAY if first is None else _midnight(first)
    final = start if last is None else _midnight(last)
    if final < start:
        raise IntervalError(f"The last day ({last}) is before the first ({first}). Nothing was started. Exchange them.")
    if final >= today:
        raise IntervalError(
            f"{final:%Y-%m-%d} had not ended when this run was asked for ({_text(run_after)}). Nothing was started. "
            f"The last day that can be computed then is {today - DAY:%Y-%m-%d}."
        )
    return RunInterval(start=start, end=final + DAY)


def floor(time: datetime, unit: timedelta) -> datetime:
    """Return the start of the minute, hour or day of ``time``, in UTC."""
    moment = time.astimezone(UTC).replace(second=0, microsecond=0)
    if unit >= HOUR:
        moment = moment.replace(minute=0)
    return moment.replace(hour=0) if unit >= DAY else moment


def _closed(end: datetime, unit: timedelta, run: RunTimes) -> RunInterval:
    if end > run.run_after:
        raise IntervalError(
            f"The {_name(unit)} before {_text(end)} had not ended when this run was asked for "
            f"({_text(run.run_after)}). Nothing was started. Choose an earlier logical date."
        )
    return RunInterval(start=end - unit, end=end)


def _midnight(day: str) -> datetime:
    try:
        chosen = date.fromisoformat(day)
    except ValueError as error:
        raise IntervalError(f"{day!r} is not a day. Nothing was started. Write it like 2026-03-01.") from error
    return datetime(chosen.year, chosen.month, chosen.day, tzinfo=UTC)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(unit: timedelta) -> str:
    return {MINUTE: "minute", HOUR: "hour", DAY: "day"}[unit]
