"""When a view must wait for a person, or a person must know: repeated failures, far fewer rows, a late slide. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.errors import RepeatedFailure, ShrinkUnapproved
from cassandra_views.model.generation import Generation, State, ViewRecord
from cassandra_views.model.names import ViewName, counted
from cassandra_views.model.schema import TableShape
from cassandra_views.model.times import duration_text


def min_rows_of(rows: int, percent: int) -> int | None:
    """Return how many rows a generation needs to be served beside one of so many rows; None where any number does."""
    return max(1, ceil(rows * percent / 100)) if rows > 0 and percent > 0 else None


def expected_rows(serving: Generation, start: datetime | None, now: datetime) -> int:
    """Return how many rows a generation of the window from ``start`` should hold, by what serves.

    Rows are taken as spread evenly over time, so that a moved window is compared by its share of the former one.
    """
    rows = serving.rows_built or 0
    counted = serving.audited_at or serving.served_at or now
    if serving.window_start is None or start is None or counted <= serving.window_start:
        return rows
    share = (now - start) / (counted - serving.window_start)
    return ceil(rows * min(max(share, 0.0), 1.0))


def find_min_rows(serving: Generation | None, definition: ViewDefinition, now: datetime) -> int | None:
    """Return how many rows the next generation needs to be served without a person, None where any number does."""
    if serving is None or serving.rows_built is None:
        return None
    start = definition.window_start(now)
    if serving.window_start is None and start is not None:
        # How much of the whole base lies in the window is not known: only none at all is too few.
        return min_rows_of(min(serving.rows_built, 1), definition.min_rows_percent)
    return min_rows_of(expected_rows(serving, start, now), definition.min_rows_percent)


def is_withheld(each: Generation, serving: Generation | None) -> bool:
    """Tell whether a generation was found too small beside the one that serves, and still waits for a person."""
    return serving is not None and each.compared_to == serving.number


def find_withheld(record: ViewRecord) -> Generation | None:
    """Return the generation that is built and waits for a person, since it holds far fewer rows than what serves."""
    serving = (record.in_state(State.SERVING) or (None,))[-1]
    return next((each for each in record.in_state(State.BUILT) if is_withheld(each, serving)), None)


def shrink_error(view: ViewName, each: Generation, serving: Generation | None) -> ShrinkUnapproved:
    """Return the error of a generation that waits for a person, with the counts of both."""
    rows, former = each.rows_built or 0, each.compared_rows
    serves = f"generation {serving.number}, which serves," if serving else "what serves"
    return ShrinkUnapproved(
        f"it holds {counted(rows, 'row')}, and {serves} holds {counted(former or 0, 'row')} of the same window: "
        "readers would lose them",
        on=f"{view} generation {each.number}",
        remains="It is built and audited, and waits; readers are where they were",
        next="Check that the base table holds all rows that readers need. To serve it: "
        f"'views apply {view.view} --allow-shrink'. To build it again: 'views abort {view.view}', then apply",
    )


MOST_BUILDS = 2
"""How many generations in a row may fail for one reason."""


def mark_of_base(base: TableShape | None) -> str:
    """Return a mark of a base table's columns and key; empty where there is no such table yet."""
    if base is None:
        return ""
    columns = sorted((each.name, each.type, each.kind.value, each.position, each.is_descending) for each in base)
    return hashlib.blake2b(repr(columns).encode(), digest_size=8).hexdigest()


def is_given_up(record: ViewRecord, definition: ViewDefinition, base_mark: str) -> bool:
    """Tell whether building this version on this base table again would most likely fail again."""
    return (
        record.failed_builds >= MOST_BUILDS
        and record.failed_version == definition.version
        and record.failed_base == base_mark
    )


def repeated_failure(record: ViewRecord) -> RepeatedFailure:
    """Return the error of a view that is not built again, with the reason."""
    view = record.name.view
    return RepeatedFailure(
        f"its last {record.failed_builds} generations failed for one reason, so no further one is built: "
        f"{record.failed_reason}",
        on=str(record.name),
        remains="What served before still serves" if record.read_from else "Nothing serves",
        next="Correct the reason. A changed statement or base table is tried by itself; after a corrected check or row "
        f"run 'views refresh {view}'",
    )


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
