"""The four grains of time that the pages show, and when each interval ought to be there. Pure; knows no clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import Enum

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Level(Enum):
    """A grain: its name, the length of an interval, how a view writes its time, and its allowance.

    The allowance is how long after its end an interval may take to come before the page calls itself out of date:
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
    def ranking_view(self) -> str:
        """The view that has an interval's streamers in their order; there is none of seconds."""
        return f"top_streamers_by_{self.word}"

    @property
    def curve_view(self) -> str:
        """The view that has an interval's streamers by name; seconds have one for each platform."""
        return f"unified_{self.word}_view"

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


def level_named(word: str | None, levels: tuple[Level, ...], usual: Level) -> Level:
    """Return the level of this name, or the usual one where the name is none of these levels'."""
    return next((each for each in levels if each.word == word), usual)
