"""The moving window of a view: how far back readers are promised to see, and when it slides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cassandra_views.model.times import LONGEST, duration_text, floor


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """``{last, step, at}`` of a view file; all bounds are half-open and in UTC.

    The lower bound is at most ``last``, one ``step`` and ``at`` before now.

    Args:
        last: what readers are promised to see, back from now.
        step: by how much the window moves at a time.
        at: when in each step it moves, as an offset from the step's begin; None: as soon as it can.
        slides_on_base: under Airflow, it moves when the base table is told to be written, not at its time.
    """

    last: timedelta
    step: timedelta
    at: timedelta | None = None
    slides_on_base: bool = False

    def __post_init__(self) -> None:
        if self.step <= timedelta() or self.last <= timedelta():
            raise ValueError("last and step must be longer than zero")
        if self.last > LONGEST:
            raise ValueError("the window is longer than a century; without one the view covers its whole base")
        if self.step > self.last:
            raise ValueError(
                f"the step ({duration_text(self.step)}) is longer than the window ({duration_text(self.last)})"
            )
        if self.at is not None and self.at >= self.step:
            raise ValueError(
                f"'at' ({duration_text(self.at)} after midnight) lies outside the step ({duration_text(self.step)})"
            )

    def start(self, now: datetime) -> datetime:
        """Return the lower bound that should serve now: never later than ``now - last``."""
        if self.at is None:
            return floor(now - self.last, self.step)
        slid_at = floor(now - self.at, self.step) + self.at
        return floor(slid_at - self.last, self.step)

    def next_slide(self, now: datetime) -> datetime:
        """Return when the window moves next."""
        if self.at is None:
            return floor(now - self.last, self.step) + self.step + self.last
        return floor(now - self.at, self.step) + self.at + self.step

    def outgrown(self, start: datetime) -> datetime:
        """Return since when a lower bound is earlier than the one that should serve: when a slide from it is due."""
        passes = floor(start, self.step) + self.step + self.last
        if self.at is None:
            return passes
        slid_at = floor(passes - self.at, self.step) + self.at
        return slid_at if slid_at >= passes else slid_at + self.step

    @property
    def declared(self) -> str:
        """The window as a file's front matter says it: equal for windows that keep the same rows at any time."""
        at = f', at: "{_time_of_day(self.at)}"' if self.at is not None else ""
        return f"{{last: {duration_text(self.last)}, step: {duration_text(self.step)}{at}}}"

    def __str__(self) -> str:
        return f"last {duration_text(self.last)}, step {duration_text(self.step)}"


def _time_of_day(at: timedelta) -> str:
    minutes = int(at.total_seconds()) // 60
    return f"{minutes // 60:02}:{minutes % 60:02}"
