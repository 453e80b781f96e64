"""Intervals of time ``[start, end)`` in UTC: read from arguments, checked, and parted by level. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cassandra_views.model.times import EPOCH, duration_text, instant_text, parse_instant
from spark_jobs.errors import BadInput
from spark_jobs.levels import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A stretch of time, with its end left out."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{instant_text(self.start)} to {instant_text(self.end)}"

    def starts(self, level: Level) -> tuple[datetime, ...]:
        """Return the beginnings of the level's intervals inside."""
        return moments(self.start, self.end, level.span)


def moments(start: datetime, end: datetime, step: timedelta) -> tuple[datetime, ...]:
    """Return the times from start, a step after each other, before end."""
    return tuple(start + step * number for number in range(-((start - end) // step)))


def parts_of(level: Level, starts: Iterable[datetime]) -> tuple[datetime, ...]:
    """Return the beginnings of the intervals of the level below inside these of ``level``, in their order."""
    assert level.below is not None
    return tuple(part for start in starts for part in moments(start, start + level.span, level.below.span))


def parse_interval(start: str, end: str, *, task: str, span: timedelta, now: datetime) -> Interval:
    """Return the interval that two ISO texts name; a text without a zone is UTC.

    Raises:
        BadInput: no times, not aligned to ``span``, an end before its start, or not over by ``now``.
    """
    found = Interval(start=_parsed(start, task), end=_parsed(end, task))
    on = f"{task} {found}"
    for name, moment in (("start", found.start), ("end", found.end)):
        if (moment - EPOCH) % span:
            raise BadInput(
                f"the {name} {instant_text(moment)} is not at the border of {_each(span)}",
                on=on,
                next=f"Give borders that are whole multiples of {duration_text(span)} in UTC",
            )
    if found.end <= found.start:
        raise BadInput(
            "the end is not after the start" if found.end == found.start else "the end is before the start",
            on=on,
            next=f"Give the end of the interval, at least {duration_text(span)} after its start",
        )
    if found.end > now:
        raise BadInput(
            f"the interval is not over: it is {instant_text(now.replace(microsecond=0))}",
            on=on,
            next="Run it again when its end has passed",
        )
    return found


def _parsed(text: str, task: str) -> datetime:
    try:
        found = parse_instant(text)
        if not 1970 <= found.year < 3000:
            raise ValueError("outside of what the tables' times are reckoned in")
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"'{text}' is no time, or not of the years 1970 to 2999",
            on=task,
            next="Write it as ISO 8601 in UTC, such as 2026-03-01T10:15:00Z",
        ) from error
    return found


def _each(span: timedelta) -> str:
    return duration_text(span).replace("1 ", "a ", 1).replace("a hour", "an hour")
