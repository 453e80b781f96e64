"""What followers are summed by. Pure."""

from __future__ import annotations

CATEGORIES = ("game", "genre", "console", "language")

UNKNOWN = "unknown"
"""The value under which those count whose metadata is missing."""


def table_of(category: str) -> str:
    """Return the table of a category's sums."""
    return f"{category}_aggregation"
