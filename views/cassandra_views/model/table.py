"""The shape of a table: what a CREATE TABLE asks for and what the server's schema tables say.

Both are read into this one type, so that they can be compared. Knows no CQL text but types.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class ColumnKind(Enum):
    """What a column is to its table; the values are those of ``system_schema.columns.kind``."""

    PARTITION_KEY = "partition_key"
    CLUSTERING = "clustering"
    STATIC = "static"
    REGULAR = "regular"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column.

    Args:
        type: the CQL type as ``cassandra_views.cql.types.canonical_type`` spells it.
        position: place in the partition key or among the clustering columns, from 0; -1 for others.
        is_descending: whether a clustering column is kept in descending order.
    """

    name: str
    type: str
    kind: ColumnKind
    position: int = -1
    is_descending: bool = False

    @property
    def is_key(self) -> bool:
        """Whether the column belongs to the primary key."""
        return self.kind in (ColumnKind.PARTITION_KEY, ColumnKind.CLUSTERING)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableShape:
    """A table or a materialized view.

    Args:
        columns: in any order; keys are put in order by ``partition_key`` and ``clustering``.
        options: pairs of option name and canonical text, as ``OptionValue`` describes: a plain text,
            or pairs of texts for options that are maps.
    """

    keyspace: str
    name: str
    columns: tuple[Column, ...]
    options: tuple[tuple[str, str | tuple[tuple[str, str], ...]], ...] = ()

    def __str__(self) -> str:
        return f"{self.keyspace}.{self.name}"

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def partition_key(self) -> tuple[Column, ...]:
        """The partition key columns in their order."""
        return self._in_order(ColumnKind.PARTITION_KEY)

    @property
    def clustering(self) -> tuple[Column, ...]:
        """The clustering columns in their order."""
        return self._in_order(ColumnKind.CLUSTERING)

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The whole primary key in its order."""
        return self.partition_key + self.clustering

    @property
    def is_counter(self) -> bool:
        """Whether this is a counter table."""
        return any(column.type == "counter" for column in self.columns)

    def find_column(self, name: str) -> Column | None:
        """Return the column of that name, None where there is none."""
        return next((column for column in self.columns if column.name == name), None)

    def find_option(self, name: str) -> str | tuple[tuple[str, str], ...] | None:
        """Return the option's canonical text (pairs for a map), None where it is not given."""
        return next((value for option, value in self.options if option == name), None)

    def _in_order(self, kind: ColumnKind) -> tuple[Column, ...]:
        found = [column for column in self.columns if column.kind is kind]
        return tuple(sorted(found, key=lambda column: column.position))
