"""Numbers of things in texts. A shared leaf."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 row``, ``2,000 rows``."""
    return f"{count:,} {noun}{'s' if count != 1 else ''}"
