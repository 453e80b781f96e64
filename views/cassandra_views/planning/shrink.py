"""Whether the next generation holds far fewer rows than the one that serves: a person is asked then. Pure."""

from __future__ import annotations

from datetime import datetime
from math import ceil

from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.errors import ShrinkUnapproved
from cassandra_views.model.generation import Generation, State, ViewRecord
from cassandra_views.model.names import ViewName, counted


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
        next=f"See that its base holds what readers need. To serve it: 'views apply {view.view} --allow-shrink'. To "
        f"build it again: 'views abort {view.view}', then apply",
    )
