"""The levels of the pipeline, the tables that hold each, and intervals ``[start, end)`` of them in UTC. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cassandra_views.model.times import EPOCH, duration_text, instant_text, parse_instant
from spark_jobs.errors import BadInput

COUNTS = ("youtube_count", "twitter_count", "twitch_count")
"""The counts of a row, one a platform, in the order of the tables."""

COLUMNS = ("streamer", "timestamp", *COUNTS, "total_count")
"""The columns of a unified table."""

CATEGORIES = ("game", "genre", "console", "language")
"""What followers are summed by."""

UNKNOWN = "unknown"
"""The category of those whose metadata is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A base table of a level.

    Args:
        count: the one of ``COUNTS`` whose readings it holds, as ``follower_count``; empty where it has them all.
    """

    name: str
    count: str = ""

    @property
    def view(self) -> str:
        """The view that serves it by time: its key is (timestamp, streamer)."""
        return f"{self.name}_view"

    @property
    def columns(self) -> dict[str, str]:
        """Its own column of each of ``COUNTS`` that it holds."""
        return {self.count: "follower_count"} if self.count else {each: each for each in COUNTS}


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupLevel:
    """A grain of time. The text of a level is the beginning of the texts of the level below.

    Args:
        span: the length of one interval.
        format: how its tables write time.
        below: the level whose means it holds; None for the readings themselves.
    """

    name: str
    span: timedelta
    format: str
    tables: tuple[Table, ...]
    below: RollupLevel | None = None

    @property
    def width(self) -> int:
        """The number of characters of its texts."""
        return len(self.text(EPOCH))

    @property
    def parts(self) -> int:
        """How many intervals of the level below one of its own has."""
        assert self.below is not None
        return self.span // self.below.span

    def text(self, moment: datetime) -> str:
        """Return the moment as its tables write it."""
        # %Y has no leading zeros on Linux before year 1000, and those would not sort.
        return moment.strftime(self.format.replace("%Y", f"{moment.year:04d}"))

    def steps(self, first: str, last: str) -> int:
        """Return how many intervals lie between the beginnings of two."""
        begin, end = (datetime.strptime(each, self.format).replace(tzinfo=UTC) for each in (first, last))
        return (end - begin) // self.span


def aggregation_table(category: str) -> str:
    """Return the table of a category's sums."""
    return f"{category}_aggregation"


def _live(platform: str) -> Table:
    return Table(name=f"{platform}_live", count=f"{platform}_count")


def _unified(name: str) -> tuple[Table, ...]:
    return (Table(name=f"unified_{name}"),)


LIVE = RollupLevel(
    name="live",
    span=timedelta(seconds=1),
    format="%Y-%m-%d_%H-%M-%S",
    tables=tuple(_live(each) for each in ("youtube", "twitter", "twitch")),
)
MINUTE = RollupLevel(
    name="minute", span=timedelta(minutes=1), format="%Y-%m-%d_%H-%M", tables=_unified("minute"), below=LIVE
)
HOUR = RollupLevel(name="hour", span=timedelta(hours=1), format="%Y-%m-%d_%H", tables=_unified("hour"), below=MINUTE)
DAY = RollupLevel(name="day", span=timedelta(days=1), format="%Y-%m-%d", tables=_unified("day"), below=HOUR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A stretch of time, with its end left out."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{instant_text(self.start)} to {instant_text(self.end)}"

    def starts(self, level: RollupLevel) -> tuple[datetime, ...]:
        """Return the beginnings of the level's intervals inside."""
        return moments(self.start, self.end, level.span)


def moments(start: datetime, end: datetime, step: timedelta) -> tuple[datetime, ...]:
    """Return the times from start, a step after each other, before end."""
    return tuple(start + step * number for number in range(-((start - end) // step)))


def parts_of(level: RollupLevel, starts: Iterable[datetime]) -> tuple[datetime, ...]:
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
            raise ValueError("outside of what the tables' times are computed in")
    except (ValueError, OverflowError) as error:
        raise BadInput(
            f"'{text}' is not a time in the years 1970 to 2999",
            on=task,
            next="Write it as ISO 8601 in UTC, such as 2026-03-01T10:15:00Z",
        ) from error
    return found


def _each(span: timedelta) -> str:
    return duration_text(span).replace("1 ", "a ", 1).replace("a hour", "an hour")
