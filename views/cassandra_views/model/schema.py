"""The schema of a cluster as values: tables and their columns, keyspaces and their replication, the views that exist.

What a CREATE TABLE asks for and what the server's schema tables say are read into the same types, so that they can be
compared.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from cassandra_views.model.names import ViewName, nearest, parse_physical


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
        is_compact: whether it was made WITH COMPACT STORAGE.
        had_counters: whether a counter was dropped from it: it stays a counter table.
    """

    keyspace: str
    name: str
    columns: tuple[Column, ...]
    options: tuple[tuple[str, str | tuple[tuple[str, str], ...]], ...] = ()
    is_compact: bool = False
    had_counters: bool = False

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
        return self.had_counters or any(column.type == "counter" for column in self.columns)

    def find_column(self, name: str) -> Column | None:
        """Return the column of that name, None where there is none."""
        return next((column for column in self.columns if column.name == name), None)

    def find_option(self, name: str) -> str | tuple[tuple[str, str], ...] | None:
        """Return the option's canonical text (pairs for a map), None where it is not given."""
        return next((value for option, value in self.options if option == name), None)

    def _in_order(self, kind: ColumnKind) -> tuple[Column, ...]:
        found = [column for column in self.columns if column.kind is kind]
        return tuple(sorted(found, key=lambda column: column.position))


class IndexKind(Enum):
    """What decides which conditions an index answers."""

    LEGACY = "secondary index"
    SAI = "storage-attached index"
    SASI = "SASI index"
    CUSTOM = "custom index"
    """One of which nothing is known here."""


_INDEX_TARGET = re.compile(r"(?:(?P<part>keys|values|entries|full)\()?(?P<column>.*?)\)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableIndex:
    """An index of a table.

    Args:
        column: what it is on; empty where it names none.
        part: ``keys``, ``values``, ``entries`` or ``full`` of a collection; empty of any other column.
    """

    name: str
    kind: IndexKind
    column: str
    part: str = ""

    @classmethod
    def of(cls, name: str, options: Mapping[str, str]) -> TableIndex:
        """Return the index that a row of ``system_schema.indexes`` describes."""
        class_name = options.get("class_name", "").rpartition(".")[2].lower()
        is_analyzed = options.keys() & {"analyzed", "analyzer_class"}
        kind = {
            "": IndexKind.LEGACY,
            "sai": IndexKind.SAI,
            "storageattachedindex": IndexKind.SAI,
            "sasiindex": IndexKind.CUSTOM if is_analyzed else IndexKind.SASI,
        }.get(class_name, IndexKind.CUSTOM)
        target = options.get("target", "")
        match = _INDEX_TARGET.fullmatch(target) if target.endswith(")") else None
        column = match["column"] if match and match["part"] else target
        if column.startswith('"') and column.endswith('"'):
            column = column[1:-1].replace('""', '"')
        return cls(name=name, kind=kind, column=column, part=(match["part"] or "") if match else "")


SIMPLE, NETWORK = "SimpleStrategy", "NetworkTopologyStrategy"
_PACKAGE = "org.apache.cassandra.locator."
_FACTOR = "replication_factor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyspace:
    """A keyspace as views.toml describes it, or as ``system_schema`` holds it.

    Args:
        replication: pairs of a key and its value, ``class`` among them.
    """

    name: str
    replication: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, name: str, replication: Mapping[str, object]) -> Keyspace:
        """Return the keyspace with its map in one spelling: the class first and by its short name, then sorted."""
        pairs = {key: str(value).strip() for key, value in replication.items()}
        pairs["class"] = pairs.get("class", "").removeprefix(_PACKAGE)
        return cls(name=name, replication=tuple(sorted(pairs.items(), key=lambda pair: (pair[0] != "class", pair))))

    def factors(self, data_centers: Mapping[str, int]) -> dict[str, int]:
        """Return how many replicas each data centre has; one of no name stands for the whole cluster."""
        pairs = dict(self.replication)
        strategy = pairs.pop("class", "")
        if strategy == SIMPLE:
            return {"": _count(pairs.get(_FACTOR, ""))}
        if strategy != NETWORK:
            return {}
        every = pairs.pop(_FACTOR, None)
        found = dict.fromkeys(data_centers, _count(every)) if every is not None else {}
        return found | {name: _count(value) for name, value in pairs.items()}

    def replicas(self, data_centers: Mapping[str, int]) -> int:
        """Return how many replicas a row has: no more in a data centre than that has nodes."""
        nodes = {"": sum(data_centers.values()), **data_centers}
        return sum(min(count, nodes.get(name, 0)) for name, count in self.factors(data_centers).items())


def replication_refusals(keyspace: Keyspace, data_centers: Mapping[str, int]) -> tuple[str, ...]:
    """Return why this keyspace had better not be made on a cluster of these data centres; empty where it may.

    Args:
        data_centers: their names, and how many nodes each has.
    """
    pairs = dict(keyspace.replication)
    strategy = pairs.pop("class", "")
    if not strategy:
        return ("its replication names no class",)
    if strategy not in (SIMPLE, NETWORK):
        if "." in strategy:
            return ()  # somebody's own class
        return (f"there is no replication class '{strategy}'{nearest(strategy, [SIMPLE, NETWORK])}".rstrip("?"),)
    found = []
    if strategy == SIMPLE:
        found += [f"{SIMPLE} takes replication_factor alone, not '{key}'" for key in pairs if key != _FACTOR]
        if _FACTOR not in pairs:
            found.append(f"{SIMPLE} needs replication_factor")
    elif not pairs:
        found.append(f"{NETWORK} needs a number of replicas for a data centre")
    for key, value in pairs.items():
        if "/" in value:
            found.append(f"'{key}' is {value}: materialized views are not supported on transient replicas")
        elif not value.isdigit():
            found.append(f"'{key}' is {value}, which is no number of replicas")
        elif strategy == NETWORK and key != _FACTOR and key not in data_centers:
            known = ", ".join(sorted(data_centers))
            found.append(f"there is no data centre '{key}'; the cluster has {known}")
    return tuple(found) or too_many_replicas(keyspace, data_centers)


def too_many_replicas(keyspace: Keyspace, data_centers: Mapping[str, int]) -> tuple[str, ...]:
    """Return where a keyspace has more replicas than there are nodes."""
    return tuple(
        f"it asks for {count} replicas{f' in {name}' if name else ''}, and {name or 'the cluster'} has {_nodes(nodes)}"
        for name, count, nodes in _beside(keyspace, data_centers)
        if count > nodes
    )


def without_quorum(keyspace: Keyspace, data_centers: Mapping[str, int], local: str | None = None) -> tuple[str, ...]:
    """Return where so many replicas are asked for that a quorum of them can never answer.

    Args:
        local: the data centre that is read and written in; without it every one counts that has replicas.
    """
    return tuple(
        f"{count // 2 + 1} of its {count} replicas{f' in {name}' if name else ''} must answer, "
        f"and there {'is' if nodes == 1 else 'are'} {_nodes(nodes)}"
        for name, count, nodes in _beside(keyspace, data_centers)
        if (not name or local is None or name == local) and count // 2 + 1 > nodes
    )


def centers_without_replicas(keyspace: Keyspace, data_centers: Mapping[str, int]) -> tuple[str, ...]:
    """Return the data centres in which a keyspace has no replica, so that a quorum of theirs never answers."""
    if dict(keyspace.replication)["class"] != NETWORK:
        return ()
    factors = keyspace.factors(data_centers)
    return tuple(sorted(name for name in data_centers if not factors.get(name)))


def _beside(keyspace: Keyspace, data_centers: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Return (data centre, replicas, nodes); nothing where no node is known."""
    total = sum(data_centers.values())
    return [
        (name, count, data_centers.get(name, 0) if name else total)
        for name, count in sorted(keyspace.factors(data_centers).items())
        if total
    ]


def _nodes(count: int) -> str:
    return f"{count} node{'s' if count != 1 else ''}"


def _count(value: str | None) -> int:
    text = (value or "").partition("/")[0]
    return int(text) if text.isdigit() else 0


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
    base_id: uuid.UUID | None = None

    def mark(self) -> SchemaComment | None:
        """Return what our comment says of it, None where it is not ours."""
        return SchemaComment.parse(self.comment)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaComment:
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
    def parse(cls, comment: str) -> SchemaComment | None:
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

    def find_view(self, keyspace: str, physical: str) -> LiveView | None:
        """Return a physical view, or None."""
        return self.views.get((keyspace, physical))

    def generations_of(self, name: ViewName) -> tuple[LiveView, ...]:
        """Return the physical views whose names are those of generations of the view, managed or not."""
        return self._by_stem().get((name.keyspace, name.stem), ())

    def _by_stem(self) -> dict[tuple[str, str], tuple[LiveView, ...]]:
        if not self._index:
            for live in self.views.values():
                parsed = parse_physical(live.name)
                if parsed:
                    key = (live.keyspace, parsed[0])
                    self._index[key] = (*self._index.get(key, ()), live)
        return self._index
