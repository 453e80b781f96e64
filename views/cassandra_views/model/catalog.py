"""What exists on the cluster, read in one round from ``system_schema``."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field

from cassandra_views.model.names import ViewName, parse_physical
from cassandra_views.model.replication import Keyspace
from cassandra_views.model.table import TableShape

_COMMENT = re.compile(
    r"(?:\A|\s)cassandra-views registry=(?P<registry>\S+) view=(?P<view>\S+) version=(?P<version>\S+)"
    r"(?: start=(?P<start>\S+))?(?: end=(?P<end>\S+))?\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveView:
    """A materialized view as the schema tells it."""

    keyspace: str
    name: str
    base: str
    table_id: uuid.UUID
    where_clause: str
    include_all_columns: bool
    comment: str
    shape: TableShape

    def mark(self) -> Mark | None:
        """Return what our comment says of it, None where it is not ours."""
        return Mark.parse(self.comment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a generation's comment holds: enough to rebuild a lost registry from the schema."""

    registry: str
    view: str
    version: str
    start: str = ""
    end: str = ""

    def __str__(self) -> str:
        text = f"cassandra-views registry={self.registry} view={self.view} version={self.version}"
        return text + (f" start={self.start}" if self.start else "") + (f" end={self.end}" if self.end else "")

    @classmethod
    def parse(cls, comment: str) -> Mark | None:
        """Return the mark that a comment ends in, None where it is not ours; a file's own text may stand before it."""
        match = _COMMENT.search(comment)
        return cls(**{key: value or "" for key, value in match.groupdict().items()}) if match else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The keyspaces, tables and views a plan looks at; ``keyspaces`` names those that exist.

    Args:
        replications: of the keyspaces that exist, as the cluster has them.
    """

    keyspaces: frozenset[str] = frozenset()
    replications: dict[str, Keyspace] = field(default_factory=dict)
    tables: dict[tuple[str, str], TableShape] = field(default_factory=dict)
    views: dict[tuple[str, str], LiveView] = field(default_factory=dict)
    _index: dict[tuple[str, str], tuple[LiveView, ...]] = field(default_factory=dict, repr=False, compare=False)

    def find_table(self, keyspace: str, table: str) -> TableShape | None:
        """Return the table's shape, or None."""
        return self.tables.get((keyspace, table))

    def find_view(self, name: ViewName, number: int) -> LiveView | None:
        """Return the physical view of a generation, or None."""
        return self.views.get((name.keyspace, name.physical(number)))

    def generations_of(self, name: ViewName) -> tuple[LiveView, ...]:
        """Return the physical views whose names are those of generations of the view, managed or not."""
        return self._by_view().get((name.keyspace, name.view), ())

    def _by_view(self) -> dict[tuple[str, str], tuple[LiveView, ...]]:
        if not self._index:
            for live in self.views.values():
                parsed = parse_physical(live.name)
                if parsed:
                    key = (live.keyspace, parsed[0])
                    self._index[key] = (*self._index.get(key, ()), live)
        return self._index

    def views_of(self, keyspace: str, base: str) -> tuple[LiveView, ...]:
        """Return the views that hang on a base table, managed or not."""
        return tuple(view for view in self.views.values() if view.keyspace == keyspace and view.base == base)
