"""The facts about nodes, registry and views that a diagnosis is made from, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cassandra_client.errors import ViewsError
from cassandra_client.grants import Grant
from cassandra_views.model.diagnosis import DoctorUnknown
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.lag import PendingWrites
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Keyspace, TableShape
from cassandra_views.plan.node_facts import NodeFacts, nodes_of_centers
from cassandra_views.plan.repairs import RepairHistory
from cassandra_views.plan.status import ViewStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFacts:
    """A base table.

    Args:
        views: how many views it carries, generations counted.
        lasting: how many of them stay, once generations that were replaced are dropped.
        is_ours: whether a view of this registry, or of the project's files, is on it.
        repairs: since its ``gc_grace_seconds`` ago; why they could not be read; None where there is nothing to repair.
        made_at: when it was made, by its id; None where that holds no time.
        first_view_at: when the first generation of a view on it was made, where that one still stands.
    """

    shape: TableShape
    views: int
    lasting: int
    is_ours: bool = True
    replicas: int
    repairs: RepairHistory | str | None
    made_at: datetime | None = None
    first_view_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFacts:
    """A generation that is being built, or is built and not yet served, at one moment.

    Args:
        at: since when: of its creation, or of the end of its build.
        is_built: every node has built it.
        share: about how much is done, 0 to 1.
        keys: partitions gone through by all nodes, as of their last checkpoints.
        blocked_by: the nodes for which it cannot end by itself: they cannot be reached, or move in the ring.
    """

    view: ViewName
    number: int
    at: datetime | None
    is_built: bool = False
    share: float = 0.0
    keys: int = 0
    blocked_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedService:
    """A service of views.toml; whether it works is None where that could not be seen."""

    name: str
    works: bool | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFacts:
    """All that a diagnosis is made from; what could not be read is None, and stands in ``unread`` where that has a
    reason of its own.

    Args:
        registry_number: None where there is no registry.
        known_number: the newest schema number that this program knows.
        registry_error: why the registry, or a part of it, could not be read.
        found_suspect: views that serve and that the next apply will find suspect, with the reason.
        auth_keyspace: where roles are kept; None where nobody logs in.
        reads: how often some partition of a physical view was read since it was made or the nodes started, by
            ``keyspace.physical``.
        used_options: of views, in the statements that the next apply sends.
        tables: how many tables and views there are beside those of the servers; None where no guardrail limits them.
        lacking_tables: how many the next apply makes: of the registry, and those whose files are managed.
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
    registry_number: int | None = None
    registry_error: ViewsError | None = None
    registry_keyspace: Keyspace | None = None
    auth_keyspace: Keyspace | None = None
    statuses: tuple[ViewStatus, ...] = ()
    records: tuple[ViewRecord, ...] = ()
    found_suspect: Mapping[ViewName, str] = field(default_factory=dict)
    bases: tuple[BaseFacts, ...] = ()
    builds: tuple[BuildFacts, ...] = ()
    writes: PendingWrites | None = None
    reads: Mapping[str, int] | None = None
    probed: tuple[str, ...] = ()
    used_options: frozenset[str] = frozenset()
    tables: int | None = None
    lacking_tables: int = 0
    role: str = ""
    missing: tuple[Grant, ...] | None = None
    services: tuple[WatchedService, ...] = ()
    spark_fault: str | None = None
    spark_master: str = ""
    contact_points: int | None = None
    local_dc: str | None = None
    view_budget: int | None = None
    reader_cache_seconds: float | None = None
    unread: tuple[DoctorUnknown, ...] = ()

    @property
    def data_centers(self) -> dict[str, int]:
        """How many nodes each data centre has, joining ones left out."""
        return nodes_of_centers(self.nodes)


__all__ = ["BaseFacts", "BuildFacts", "DoctorFacts", "WatchedService"]
