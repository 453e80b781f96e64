"""How late the slide of a view's window is, and whether that is what its file promises. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.times import duration_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """A slide that is due, by what the view's file says now.

    Args:
        due: since when; what serves lacks nothing, and holds more of the past than it should.
        late: for how long.
        max_lag: how late it may be; None where the file promises nothing.
    """

    due: datetime
    late: timedelta
    max_lag: timedelta | None = None

    @property
    def broken_by(self) -> timedelta:
        """By how much the promise is broken; zero where it is kept, or there is none."""
        return timedelta() if self.max_lag is None else max(self.late - self.max_lag, timedelta())

    def __str__(self) -> str:
        late = duration_text(self.late)
        return f"its slide is {late} late" + (f", and max_lag is {duration_text(self.max_lag)}" if self.max_lag else "")


def find_lag(definition: ViewDefinition | None, record: ViewRecord | None, now: datetime) -> Lag | None:
    """Return how late the slide of what serves is; None where none is due, or nothing serves that could slide."""
    serving = record.in_state(State.SERVING) if record else ()
    if definition is None or definition.window is None or not serving or serving[-1].window_start is None:
        return None
    due = definition.window.outgrown(serving[-1].window_start)
    return Lag(due=due, late=now - due, max_lag=definition.max_lag) if due <= now else None
