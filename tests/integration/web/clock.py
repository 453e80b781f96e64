"""The time of the tests of this folder: it begins at midday of one day, so that no midnight comes between them.

Managers and apps get it passed in. Servers in processes of their own have the machine's clock: they only read rows.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_NOON = datetime(2026, 11, 5, 12, tzinfo=UTC)
_BEGAN = time.monotonic()


def clock() -> datetime:
    """Return what time it is."""
    return _NOON + timedelta(seconds=time.monotonic() - _BEGAN)


def today() -> str:
    """Return the day that it is, as the tables of these tests write days."""
    return f"{_NOON:%Y-%m-%d}"


def yesterday() -> str:
    """Return the day before ``today``."""
    return f"{_NOON - timedelta(days=1):%Y-%m-%d}"
