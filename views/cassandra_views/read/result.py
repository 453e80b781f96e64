"""What a read returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The rows of one read, and where they came from.

    Args:
        rows: as the session's row factory makes them (named tuples unless told otherwise).
        generations: the physical views that were read, in the order they were read.
        window: the ``[start, end)`` of time that the view serves, in UTC; None where it is open.
        pointer_age_seconds: how long ago the registry was last asked what serves. Above the reader's
            ``cache_seconds`` where the registry cannot be read.
        is_retried: the first attempt met what is dropped meanwhile, and this is the second.
        token: makes ``next_page``; None when there is nothing more.
    """

    rows: list[Any]
    generations: tuple[str, ...]
    window: tuple[datetime | None, datetime | None]
    pointer_age_seconds: float
    is_retried: bool = False
    token: Callable[[], str] | None = field(default=None, repr=False, compare=False)

    @property
    def next_page(self) -> str | None:
        """The token for the rows after these; None when there is nothing more.

        Made when it is asked for: most reads of a first page never are, and it costs as much as the rest.

        Raises:
            BadRead: the session's row factory hides the key of the last row.
        """
        return self.token() if self.token else None

    def __iter__(self) -> Iterator[Any]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)
