"""The facts about nodes, registry and views that a diagnosis is made from, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cassandra_client.grants import Grant
from cassandra_views.model.diagnosis import DoctorUnknown
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.lag import PendingWrites
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Keyspace, TableShape
from cassandra_views.plan.repairs import RepairHistory
from cassandra_views.plan.status import ViewStatus


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
        state: its word in gossip.
        error: why it did not answer; empty where it did.
        settings: of those that matter here, by name.
        abilities: what was probed on it, by the names of ``ABILITIES``.
        disk_word: what gossip says of its disk, where a guardrail watches it: SPACIOUS, STUFFED or FULL.
        disk_share: how full its data disk is, 0 to 1, by the machine's provider.
        pools: by name.
        unread: why settings, abilities or pools could not be read, by these words.
    """

    address: str
    data_center: str = ""
    state: str = ""
    is_moving: bool = False
    error: str = ""
    version: tuple[int, ...] = ()
    schema: str = ""
    settings: Mapping[str, str] | None = None
    abilities: frozenset[str] | None = None
    disk_word: str = ""
    disk_share: float | None = None
    pools: Mapping[str, ThreadPoolState] | None = None
    clock: ClockBounds | None = None
    unread: Mapping[str, str] = field(default_factory=dict)


ABILITIES = {
    "snapshot option": "drops that leave no snapshot",
    "pending hints": "hints with their age",
    "view write metrics": "counted view writes",
    "storage-attached indexes": "storage-attached indexes",
}
"""What versions of Cassandra differ in that matters here; each is probed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFacts:
    """A base table.

    Args:
        views: how many views it carries, generations counted.
        repairs: since its ``gc_grace_seconds`` ago; why they could not be read; None where there is nothing to repair.
    """

    shape: TableShape
    views: int
    replicas: int
    repairs: RepairHistory | str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedService:
    """A service of views.toml; whether it works is None where that could not be seen."""

    name: str
    works: bool | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFacts:
    """All that a diagnosis is made from; what could not be read is None, and stands in ``unknown`` where that has a
    reason of its own.

    Args:
        registry_number: None where there is no registry.
        known_number: the newest schema number that this program knows.
        registry_error: why the registry cannot be used.
        found_suspect: views that serve and that the next apply will find suspect, with the reason.
        auth_keyspace: where roles are kept; None where nobody logs in.
        reads: how often some partition of a physical view was read since the nodes started, by ``keyspace.physical``.
        probed: views whose file has a canary row.
        role, missing: the role, and what it lacks of what the manager needs; missing is None where none is asked for.
        spark_fault: why the Spark master of audits cannot be reached; empty where it can be, None where none is named.
        contact_points, local_dc, view_budget, reader_cache_seconds: as views.toml has them; None without one.
    """

    at: datetime
    cluster: str
    registry: str
    nodes: tuple[NodeFacts, ...]
    known_number: int
    oldest_version: tuple[int, ...]
    registry_number: int | None = None
    registry_error: str = ""
    registry_keyspace: Keyspace | None = None
    auth_keyspace: Keyspace | None = None
    statuses: tuple[ViewStatus, ...] = ()
    records: tuple[ViewRecord, ...] = ()
    found_suspect: Mapping[ViewName, str] = field(default_factory=dict)
    bases: tuple[BaseFacts, ...] = ()
    writes: PendingWrites | None = None
    reads: Mapping[str, int] | None = None
    probed: tuple[str, ...] = ()
    role: str = ""
    missing: tuple[Grant, ...] | None = None
    services: tuple[WatchedService, ...] = ()
    spark_fault: str | None = None
    spark_master: str = ""
    contact_points: int | None = None
    local_dc: str | None = None
    view_budget: int | None = None
    reader_cache_seconds: float | None = None
    unknown: tuple[DoctorUnknown, ...] = ()

    @property
    def data_centers(self) -> dict[str, int]:
        """How many nodes each data centre has, joining ones left out."""
        found: dict[str, int] = {}
        for node in self.nodes:
            if not (node.is_moving and node.state.startswith("BOOT")):
                found[node.data_center] = found.get(node.data_center, 0) + 1
        return found


__all__ = ["ABILITIES", "BaseFacts", "ClockBounds", "DoctorFacts", "NodeFacts", "ThreadPoolState", "WatchedService"]
