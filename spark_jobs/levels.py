"""The levels of the pipeline, and the tables that hold each. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cassandra_views.model.times import EPOCH

COUNTS = ("youtube_count", "twitter_count", "twitch_count")
"""The counts of a row, one a platform, in the order of the tables."""


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
class Level:
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
    below: Level | None = None

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


def _live(platform: str) -> Table:
    return Table(name=f"{platform}_live", count=f"{platform}_count")


def _unified(name: str) -> tuple[Table, ...]:
    return (Table(name=f"unified_{name}"),)


LIVE = Level(
    name="live",
    span=timedelta(seconds=1),
    format="%Y-%m-%d_%H-%M-%S",
    tables=tuple(_live(each) for each in ("youtube", "twitter", "twitch")),
)
MINUTE = Level(name="minute", span=timedelta(minutes=1), format="%Y-%m-%d_%H-%M", tables=_unified("minute"), below=LIVE)
HOUR = Level(name="hour", span=timedelta(hours=1), format="%Y-%m-%d_%H", tables=_unified("hour"), below=MINUTE)
DAY = Level(name="day", span=timedelta(days=1), format="%Y-%m-%d", tables=_unified("day"), below=HOUR)
