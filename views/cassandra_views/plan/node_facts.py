"""What a node says of itself and its peers say of it, as values, and what of that refuses work on views. Pure.

Preflight, the page of the cluster and ``views doctor`` judge nodes by these same questions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

OLDEST = (4, 1)
"""The oldest version of Cassandra that this program works with."""

_VIEWS_ENABLED = ("materialized_views_enabled", "enable_materialized_views")
"""The setting that allows views, by its names in newer and older servers."""
HINTS_ENABLED = "hinted_handoff_enabled"
TIMESTAMPS_ENABLED = "user_timestamps_enabled"
FILTERING_ENABLED = "allow_filtering_enabled"
READS_FORBIDDEN = "read_consistency_levels_disallowed"
WRITES_FORBIDDEN = "write_consistency_levels_disallowed"
OPTIONS_REFUSED = ("table_properties_disallowed", "table_properties_ignored")
TABLE_VIEWS_ALLOWED = "materialized_views_per_table_fail_threshold"
TABLE_VIEWS_WARNED = "materialized_views_per_table_warn_threshold"
TABLES_ALLOWED = "tables_fail_threshold"

SETTINGS = (
    *_VIEWS_ENABLED,
    HINTS_ENABLED,
    TIMESTAMPS_ENABLED,
    FILTERING_ENABLED,
    READS_FORBIDDEN,
    WRITES_FORBIDDEN,
    *OPTIONS_REFUSED,
    TABLE_VIEWS_ALLOWED,
    TABLE_VIEWS_WARNED,
    TABLES_ALLOWED,
)
"""The settings that are read of each node; what a version lacks is not among its settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadPoolState:
    """What waits in one of a node's thread pools."""

    active: int
    pending: int
    blocked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockBounds:
    """By how much a node's clock is ahead of this machine's: at least and at most, as its answer took some time."""

    least: timedelta
    most: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """One node, as it and its peers describe it. What could not be read is None.

    Args:
        state: its word in gossip, which stays what it was while a node is down; empty where no gossip could be read.
        owns_tokens: False while it joins: it takes no clients then.
        error: why it did not answer; empty where it did, or takes no clients.
        is_heard: whether its heartbeat went on while it did not answer us.
        settings: of ``SETTINGS``, by name.
        abilities: what was probed on it, by the names of ``ABILITIES``.
        disk_word: what gossip says of its disk, where a guardrail watches it: SPACIOUS, STUFFED or FULL.
        disk_share: how full its data disk is, 0 to 1, by the machine's provider.
        pools: by name.
        pending_compactions: the server's own estimate, which 6.0 and newer have in a table.
        unread: why settings, abilities, pools or compactions could not be read, by these words.
    """

    address: str
    data_center: str = ""
    state: str = ""
    is_moving: bool = False
    owns_tokens: bool = True
    error: str = ""
    is_heard: bool | None = None
    version: tuple[int, ...] = ()
    schema: str = ""
    settings: Mapping[str, str] | None = None
    abilities: frozenset[str] | None = None
    disk_word: str = ""
    disk_share: float | None = None
    pools: Mapping[str, ThreadPoolState] | None = None
    pending_compactions: int | None = None
    clock: ClockBounds | None = None
    unread: Mapping[str, str] = field(default_factory=dict)

    @property
    def word(self) -> str:
        """One word for the node: ``up``, ``moving`` or ``down``."""
        return "down" if self.error else "moving" if self.is_moving else "up"

    @property
    def version_text(self) -> str:
        """Its version; empty where it did not answer."""
        return ".".join(map(str, self.version))

    @property
    def is_too_old(self) -> bool:
        """Tell whether this program does not work with its version."""
        return bool(self.version) and self.version < OLDEST

    @property
    def views_enabled(self) -> bool | None:
        """Tell whether it creates views; None where its settings could not be read."""
        values = [self.settings[name] for name in _VIEWS_ENABLED if name in self.settings] if self.settings else []
        return "true" in values if values else None

    def is_off(self, setting: str) -> bool:
        """Tell whether a switch is known to be off."""
        return self.settings is not None and self.settings.get(setting) == "false"

    def limit(self, setting: str) -> int | None:
        """Return a threshold; None where none is set, or it could not be read."""
        text = (self.settings or {}).get(setting, "")
        return int(text) if text.isdigit() else None

    def words(self, setting: str) -> frozenset[str]:
        """Return the members of a set, in lower case."""
        found = (each.strip(" []'\"{}").lower() for each in (self.settings or {}).get(setting, "").split(","))
        return frozenset(found) - {"", "null"}


ABILITIES = {
    "snapshot option": "drops that leave no snapshot",
    "pending hints": "hints with their age",
    "view write metrics": "counted view writes",
    "compaction metrics": "counted pending compactions",
    "storage-attached indexes": "storage-attached indexes",
}
"""What versions of Cassandra differ in that matters here; each is probed."""


def nodes_of_centers(nodes: Iterable[NodeFacts]) -> dict[str, int]:
    """Return how many nodes each data centre has, joining ones left out."""
    found: dict[str, int] = {}
    for node in nodes:
        if node.owns_tokens:
            found[node.data_center] = found.get(node.data_center, 0) + 1
    return found


def schema_groups(nodes: Iterable[NodeFacts]) -> tuple[tuple[str, ...], ...]:
    """Return the addresses of the nodes that answered, those of one schema together; one group where they agree."""
    groups: dict[str, list[str]] = {}
    for node in nodes:
        if node.schema:
            groups.setdefault(node.schema, []).append(node.address)
    return tuple(map(tuple, groups.values()))


def major_versions(nodes: Iterable[NodeFacts]) -> dict[int, tuple[str, ...]]:
    """Return the addresses of the nodes that answered, by the major version of Cassandra that they run.

    Nodes of two major versions do not tell each other of schema changes (seen between 4.1.10 and 5.0.9).
    """
    groups: dict[int, list[str]] = {}
    for node in nodes:
        if node.version:
            groups.setdefault(node.version[0], []).append(node.address)
    return {major: tuple(groups[major]) for major in sorted(groups)}


def least_limit(nodes: Iterable[NodeFacts], setting: str) -> int | None:
    """Return the lowest threshold of the nodes; None where none sets any."""
    return min((limit for node in nodes if (limit := node.limit(setting)) is not None), default=None)


__all__ = [
    "ABILITIES",
    "FILTERING_ENABLED",
    "HINTS_ENABLED",
    "OLDEST",
    "OPTIONS_REFUSED",
    "READS_FORBIDDEN",
    "SETTINGS",
    "TABLES_ALLOWED",
    "TABLE_VIEWS_ALLOWED",
    "TABLE_VIEWS_WARNED",
    "TIMESTAMPS_ENABLED",
    "WRITES_FORBIDDEN",
    "ClockBounds",
    "NodeFacts",
    "ThreadPoolState",
    "least_limit",
    "major_versions",
    "nodes_of_centers",
    "schema_groups",
]
