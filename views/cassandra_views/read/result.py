"""What a read returns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The rows of one read, and where they came from.

    Args:
        rows: as the session's row factory makes them (named tuples unless told otherwise).
        generations: the physical views that were read, in the order they were read.
        window: the ``[start, end)`` of time that the view serves, in UTC; None where it is open.
        next_page: the token for the rows after these; None when there is nothing more.
        pointer_age_seconds: how long ago the registry was last asked what serves. Above the reader's
            ``cache_seconds`` where the registry cannot be read.
    """

    rows: list[Any]
    generations: tuple[str, ...]
    window: tuple[datetime | None, datetime | None]
    next_page: str | None
    pointer_age_seconds: float

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)
