"""The grains of time of the pipeline, and how old the newest interval of one is. Pure; knows no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Level(Enum):
    """A grain: its name, the length of an interval, how tables and views write its time, and its allowance.

    The allowance is how long after its end an interval may take to come before a page calls itself out of date:
    readings are up to 20 seconds late, and a job of the rollups has to run.
    """

    SECOND = ("second", timedelta(seconds=1), "%Y-%m-%d_%H-%M-%S", timedelta(seconds=20))
    MINUTE = ("minute", timedelta(minutes=1), "%Y-%m-%d_%H-%M", timedelta(minutes=3))
    HOUR = ("hour", timedelta(hours=1), "%Y-%m-%d_%H", timedelta(minutes=10))
    DAY = ("day", timedelta(days=1), "%Y-%m-%d", timedelta(minutes=30))

    def __init__(self, word: str, step: timedelta, format: str, allowance: timedelta) -> None:
        self.word = word
        self.step = step
        self.format = format
        self.allowance = allowance

    @property
    def table(self) -> str:
        """The table of this level's means; seconds have a table for each platform."""
        return f"unified_{self.word}"

    @property
    def ranking_view(self) -> str:
        """The view that has an interval's streamers in their order; there is none of seconds."""
        return f"top_streamers_by_{self.word}"

    @property
    def curve_view(self) -> str:
        """The view that has an interval's streamers by name; seconds have one for each platform."""
        return f"{self.table}_view"

    def text(self, at: datetime) -> str:
        """Return an interval as the views write it, and as addresses of pages hold it."""
        return at.strftime(self.format)

    def find(self, text: str) -> datetime | None:
        """Return the interval that a text names, or None where it names none."""
        try:
            found = datetime.strptime(text, self.format).replace(tzinfo=UTC)
        except ValueError:
            return None
        return found if self.text(found) == text else None

    def describe(self, at: datetime) -> str:
        """Return an interval in words: ``Monday 23 November 2026``, ``23 Nov 2026, 14:00 to 15:00``."""
        match self:
            case Level.DAY:
                return f"{at:%A} {at.day} {at:%B %Y}"
            case Level.HOUR:
                return f"{at.day} {at:%b %Y, %H:%M} to {at + self.step:%H:%M}"
            case Level.MINUTE:
                return f"{at.day} {at:%b %Y, %H:%M}"
            case Level.SECOND:
                return f"{at.day} {at:%b %Y, %H:%M:%S}"

    def axis_label(self, at: datetime) -> str:
        """Return an interval as an axis has room for it."""
        match self:
            case Level.DAY:
                return f"{at.day} {at:%b}"
            case Level.HOUR | Level.MINUTE:
                return f"{at:%H:%M}"
            case Level.SECOND:
                return f"{at:%H:%M:%S}"

    def begin(self, moment: datetime) -> datetime:
        """Return the begin of the interval that a moment lies in."""
        return moment - (moment - _EPOCH) % self.step

    def last_over(self, now: datetime) -> datetime:
        """Return the newest interval that is over."""
        return self.begin(now) - self.step

    def last_promised(self, now: datetime) -> datetime:
        """Return the newest interval that ought to be there by now."""
        return self.last_over(now - self.allowance)

    def back(self, newest: datetime, count: int) -> list[datetime]:
        """Return so many intervals, the newest first."""
        return [newest - step * self.step for step in range(count)]


ROLLED_UP = (Level.DAY, Level.HOUR, Level.MINUTE)
"""The levels that hold means of the one below."""


def duration_text(length: timedelta) -> str:
    """Return a length of time in its two largest units: ``2 days 3 hours``."""
    seconds = max(0, int(length.total_seconds()))
    parts = []
    for unit, word in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, seconds = divmod(seconds, unit)
        if count:
            parts.append(f"{count} {word}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "0 seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The newest interval there is, and what there ought to be.

    Args:
        newest: None where none was found among those that were looked at.
        looked_back: how far back was looked.
    """

    level: Level
    newest: datetime | None
    now: datetime
    looked_back: timedelta

    @property
    def late(self) -> timedelta:
        """Return by how much the newest is older than promised; nothing where it is as promised."""
        newest = self.newest or self.now - self.looked_back
        return max(timedelta(0), self.level.last_promised(self.now) - newest)

    @property
    def is_stale(self) -> bool:
        """Tell whether the newest is older than promised."""
        return bool(self.late)

    @property
    def age(self) -> str:
        """Return how long ago the newest interval ended."""
        return duration_text(self.now - (self.newest + self.level.step)) if self.newest else ""

    @property
    def note(self) -> str:
        """Say how old it is, where that is older than promised."""
        if not self.is_stale:
            return ""
        if self.newest is None:
            return f"There is no {self.level.word} in the last {duration_text(self.looked_back)}."
        return (
            f"The newest {self.level.word} is {self.level.describe(self.newest)} UTC, "
            f"{duration_text(self.late)} older than promised."
        )
