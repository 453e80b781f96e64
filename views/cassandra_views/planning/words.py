"""Times and counts in the words that people are told them in, on every page and in every table. Pure."""

from __future__ import annotations

from datetime import datetime

from cassandra_views.planning.status import stands_for


def brief(moment: datetime) -> str:
    """Return a moment without what is zero at its end."""
    return f"{moment:%Y-%m-%d}" if not moment.hour and not moment.minute else f"{moment:%Y-%m-%d %H:%M}"


def due_text(moment: datetime, now: datetime) -> str:
    """Return when something is due, or since when it is."""
    return f"in {stands_for(moment - now)}" if moment > now else f"due {stands_for(now - moment)}"


def ago_text(moment: datetime | None, now: datetime) -> str:
    """Return how long ago something happened."""
    return f"{stands_for(now - moment)} ago" if moment else "some time ago"


def failures_text(count: int) -> str:
    """Return how many runs failed; the moment of the last one follows."""
    return "1 run failed" if count == 1 else f"{count} runs in a row failed, the last"
