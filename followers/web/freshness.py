"""How old what a page shows is, against what it promises. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from followers.web import texts
from followers.web.levels import Level


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
        return texts.span(self.now - (self.newest + self.level.step)) if self.newest else ""

    @property
    def note(self) -> str:
        """Say how old it is, where that is older than promised."""
        if not self.is_stale:
            return ""
        word = self.level.word
        if self.newest is None:
            return f"There is no {word} in the last {texts.span(self.looked_back)}."
        return (
            f"The newest {word} is {texts.named(self.level, self.newest)} UTC, "
            f"{texts.span(self.late)} older than promised."
        )
