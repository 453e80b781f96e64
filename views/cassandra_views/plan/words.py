"""Times and counts in the words that people are told them in, on every page and in every table. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cassandra_views.plan.status import stands_for


def brief(moment: datetime) -> str:
    """Return a moment without what is zero at its end."""
    return f"{moment:%Y-%m-%d}" if not moment.hour and not moment.minute else f"{moment:%Y-%m-%d %H:%M}"


def due_text(moment: datetime, now: datetime) -> str:
    """Return when something is due, or since when it is."""
    return f"in {stands_for(moment - now)}" if moment > now else f"due {stands_for(now - moment)}"


def next_slide_text(condition: str, due: datetime | None, now: datetime) -> str:
    """Return when a view's window moves next; a view that is frozen or off does not move."""
    return due_text(due, now) if due is not None and condition not in ("frozen", "off") else "-"


def age_text(moment: datetime | None, now: datetime) -> str:
    """Return how long ago something happened, for a cell; what was written by a clock ahead of ours is to come."""
    if moment is None:
        return "-"
    return f"in {stands_for(moment - now)}" if _is_ahead(moment, now) else stands_for(now - moment)


def ago_text(moment: datetime | None, now: datetime) -> str:
    """Return how long ago something happened, for a sentence."""
    if moment is None:
        return "some time ago"
    text = age_text(moment, now)
    return f"{text}, by a clock that is ahead" if _is_ahead(moment, now) else f"{text} ago"


def left_text(until: datetime, now: datetime) -> str:
    """Return how much time is left until a moment."""
    return stands_for(max(until - now, timedelta()))


def clock_note(moments: Iterable[datetime | None], now: datetime) -> str:
    """Return a sentence about times that are ahead of the clock; empty where none is."""
    ahead = max((moment - now for moment in moments if moment is not None and _is_ahead(moment, now)), default=None)
    if ahead is None:
        return ""
    return (
        f"Some times are up to {stands_for(ahead)} ahead of this clock: a run was given another time with --now, "
        "or the clocks of the machines differ."
    )


def _is_ahead(moment: datetime, now: datetime) -> bool:
    """Tell whether what has happened was written by a clock ahead of ours; two seconds are usual between machines."""
    return moment - now >= timedelta(seconds=2)


def failures_text(count: int) -> str:
    """Return how many runs failed; the moment of the last one follows."""
    return "1 run failed" if count == 1 else f"{count} runs in a row failed, the last"
