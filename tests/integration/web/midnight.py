"""Keeping the tests of this folder away from midnight, UTC.

Servers, browsers and the apps themselves tell the time by the machine's clock, and the views that they read slide
soon after midnight: "today" must be the same day for all of them, from the first test to the last.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

SLID = timedelta(minutes=11)
"""By then after midnight every view of ``place`` is due to have slid: the latest one slides ten minutes past."""

TAKES = timedelta(minutes=20)
"""What these tests take at most, with a manager in one of them whose clock runs ten minutes ahead."""


def rest(now: datetime) -> timedelta:
    """Return how long to wait before the first of these tests may begin; nothing at most times of the day."""
    midnight = begin(now)
    if now >= midnight + SLID:
        midnight += timedelta(days=1)
    return midnight + SLID - now if now + TAKES > midnight else timedelta(0)


def begin(now: datetime) -> datetime:
    """Return the begin of a moment's day."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def today() -> str:
    """Return the day that it is, as the tables of these tests write days."""
    return f"{datetime.now(UTC):%Y-%m-%d}"


def yesterday() -> str:
    """Return the day before ``today``."""
    return f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
