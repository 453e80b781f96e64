"""What a reader can know of a view before it reads: columns, key, window, and what serves."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cassandra_views.model.names import ViewName
from cassandra_views.model.times import TimeColumn
from cassandra_views.read.physical import PhysicalView
from cassandra_views.read.pointer import Pointer
from cassandra_views.read.time_column import resolved_spans


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
