"""What a reader returns: the rows of a read and where they came from, and the description of a view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cassandra_views.model.names import ViewName
from cassandra_views.model.times import TimeColumn
from cassandra_views.read.physical import PhysicalView
from cassandra_views.read.pointer import Pointer
from cassandra_views.read.routing import resolved_spans


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewColumn:
    """A column of a view.

    Args:
        type: as CQL writes it.
        part: ``partition``, ``clustering``, or empty outside the key.
        is_descending: the rows of a partition come with the largest value of this column first.
        driver_type: the driver's class for the type.
    """

    name: str
    type: str
    part: str
    is_descending: bool
    driver_type: Any = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewDescription:
    """A view that serves.

    Args:
        columns: the key first, in its order.
        time: the column that the window moves along; None for a view of its whole base.
        window: the ``[start, end)`` of time that the view serves, in UTC; None where it is open.
        generations: the physical views that serve, in the order of their times.
    """

    name: ViewName
    columns: tuple[ViewColumn, ...]
    time: TimeColumn | None
    window: tuple[datetime | None, datetime | None]
    generations: tuple[str, ...]

    @classmethod
    def of(cls, pointer: Pointer, view: PhysicalView) -> ViewDescription:
        """Put together what is known of a view that serves.

        Raises:
            ReadError: the physical view has not the time column that the registry names.
        """
        key = {column.name: ("partition", column.is_descending) for column in view.partition}
        key |= {column.name: ("clustering", column.is_descending) for column in view.clustering}
        return cls(
            name=pointer.name,
            columns=tuple(
                ViewColumn(
                    name=name,
                    type=view.types[name].cql_parameterized_type().replace("varchar", "text"),
                    part=key.get(name, ("", False))[0],
                    is_descending=key.get(name, ("", False))[1],
                    driver_type=view.types[name],
                )
                for name in view.columns
            ),
            time=resolved_spans(pointer.spans, view, on=pointer.on)[-1].entry.time,
            window=pointer.window,
            generations=tuple(span.entry.name for span in pointer.spans),
        )

    @property
    def partition(self) -> tuple[ViewColumn, ...]:
        """Return the columns of the partition key, all of which a read gives."""
        return tuple(column for column in self.columns if column.part == "partition")

    @property
    def clustering(self) -> tuple[ViewColumn, ...]:
        """Return the columns that order the rows of a partition."""
        return tuple(column for column in self.columns if column.part == "clustering")
