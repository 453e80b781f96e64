"""When a view's window moves, as Airflow's scheduler asks for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.timetables.base import DagRunInfo, DataInterval, Timetable
from pendulum import DateTime, instance

from cassandra_views.model.definition import Window

if TYPE_CHECKING:
    from airflow.timetables.base import TimeRestriction


class SlideTimetable(Timetable):
    """One run at each slide of a window; what was missed while Airflow was away collapses into one.

    A run's data interval is the step that ends with the slide.
    """

    def __init__(self, window: Window) -> None:
        self._window = window

    @property
    def summary(self) -> str:
        """What the UI shows as the schedule."""
        return f"slides: {self._window}"

    description = "At each slide of the view's window"

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        """Return the step that ends with a run by hand."""
        return DataInterval(start=run_after - self._window.step, end=run_after)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """Return the next slide after the last run; without catch-up, none that is over but the newest."""
        now = datetime.now(UTC)
        # A slide at the very beginning is one of them.
        after = (_plain(restriction.earliest) if restriction.earliest else now) - timedelta.resolution
        if last_automated_data_interval is not None:
            after = max(after, _plain(last_automated_data_interval.end))
        slide = self._window.next_slide(after)
        if not restriction.catchup:
            # The newest slide that is over, or the next one.
            newest = self._window.next_slide(now) - self._window.step
            slide = max(slide, newest)
        if restriction.latest is not None and slide > _plain(restriction.latest):
            return None
        at = instance(slide, tz="UTC")
        return DagRunInfo.interval(start=at - self._window.step, end=at)

    def serialize(self) -> dict[str, Any]:
        """Return it as seconds."""
        window = self._window
        return {
            "last": window.last.total_seconds(),
            "step": window.step.total_seconds(),
            "at": window.at.total_seconds() if window.at is not None else None,
        }

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> SlideTimetable:
        """Return it from what ``serialize`` gave."""
        at = data["at"]
        return cls(
            Window(
                last=timedelta(seconds=data["last"]),
                step=timedelta(seconds=data["step"]),
                at=timedelta(seconds=at) if at is not None else None,
            )
        )


def _plain(moment: DateTime) -> datetime:
    """Return Airflow's moment as the standard library's: differences of the two kinds do not divide alike."""
    return datetime.fromisoformat(moment.isoformat()).astimezone(UTC)
