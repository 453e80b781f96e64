"""Reads the facts of ``views doctor`` in one round, each node asked by itself. Reads only.

What cannot be read is no error: it is part of the report, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from cassandra.util import datetime_from_uuid1

from cassandra_client.database import Answer, Database
from cassandra_client.driver_errors import short_driver_text
from cassandra_client.errors import ClusterError, ViewsError
from cassandra_client.grants import read_permissions
from cassandra_client.members import Member, read_members
from cassandra_healing.model import WORK_OBSERVERS, MemberId, ProbeResult
from cassandra_healing.policy import ServicePolicy
from cassandra_healing.probes.machine import ask_provider
from cassandra_healing.probes.service import ServiceProber
from cassandra_healing.session import ClusterSession
from cassandra_views.apply.grants import OPTIONAL_TABLES, RoleKind, role_grants
from cassandra_views.apply.node_writes import read_node_writes
from cassandra_views.apply.preflight import OLDEST
from cassandra_views.apply.spark_master import find_unreachable_reason
from cassandra_views.apply.suspects import Suspects
from cassandra_views.model.definition import Project
from cassandra_views.model.diagnosis import DoctorReport, DoctorTopic, DoctorUnknown
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Catalog, Keyspace
from cassandra_views.overview.query_runner import Clock, RegistryQuery, utc_now
from cassandra_views.plan.catalog import SAI_TABLE, ClusterFacts, read_catalog, read_facts, read_keyspace, read_repairs
from cassandra_views.plan.diagnosis import diagnose
from cassandra_views.plan.doctor_facts import (
    BaseFacts,
    ClockBounds,
    DoctorFacts,
    NodeFacts,
    ThreadPoolState,
    WatchedService,
)
from cassandra_views.plan.repairs import RepairHistory, gc_grace_of
from cassandra_views.plan.status import view_statuses
from cassandra_views.project.settings import Settings
from cassandra_views.registry.schema import SCHEMA_NUMBER
from cassandra_views.registry.store import Registry

T = TypeVar("T")

_AT_ONCE = 8
_PATIENCE_SECONDS = 8.0
_KEEP_SECONDS = 15.0
"""A page that is loaded again and again asks every node no more often than so."""

_LOCAL = "SELECT release_version, schema_version, now() AS now FROM system.local"
_TABLES = "SELECT keyspace_name, table_name FROM system_virtual_schema.tables"
_SNAPSHOT_OPTION = (
    "SELECT column_name FROM system_schema.columns WHERE keyspace_name = 'system_schema' AND table_name = 'views'"
)
_DISKS = "SELECT host_id, disk_usage FROM system_views.gossip_info"
_POOLS = "SELECT name, active_tasks, pending_tasks, blocked_tasks FROM system_views.thread_pools"
_READS = 'SELECT keyspace_name, table_name, "count" FROM system_views.coordinator_read_latency'
_VIRTUAL = {
    ("system_views", "pending_hints"): "pending hints",
    ("system_metrics", "client_request_group"): "view write metrics",
    ("system_views", SAI_TABLE): "storage-attached indexes",
}
"""Abilities by the virtual table that comes with them."""
_WORST_DISK = ("FULL", "STUFFED", "SPACIOUS")


@dataclass(frozen=True, slots=True, kw_only=True)
class _RegistryPart:
    """What the registry and the schema of its views hold."""

    number: int | None
    error: str = ""
    keyspace: Keyspace | None = None
    records: tuple[ViewRecord, ...] = ()
    catalog: Catalog


class DoctorReader:
    """Reads the facts and makes the report of them.

    Args:
        find_settings: views.toml; None where there is none at hand.
        find_project: the view files; None where there are none at hand.
        is_manager: whether this is run with the role that plans and applies, where services, machines and the Spark
            master may be asked too: a page has a role of its own and runs no commands.
    """

    def __init__(
        self,
        *,
        find_settings: Callable[[], Settings | None] = lambda: None,
        find_project: Callable[[], Project | None] = lambda: None,
        is_manager: bool = False,
        clock: Clock = utc_now,
    ) -> None:
        self._find_settings = find_settings
        self._find_project = find_project
        self._is_manager = is_manager
        self._clock = clock

    @property
    def query(self) -> RegistryQuery[DoctorReport]:
        """The query of a page."""
        return RegistryQuery(
            key="doctor", read=self.read, keep_seconds=_KEEP_SECONDS, patience_seconds=_PATIENCE_SECONDS
        )

    def read(self, database: Database, registry: Registry) -> DoctorReport:
        """Look at everything.

        Raises:
            ClusterError: no node answers.
        """
        unknown: list[DoctorUnknown] = []
        settings, project = self._find_files(unknown)
        members = read_members(database)
        known = read_facts(database)
        centers = known.data_centers
        with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="doctor") as pool:
            writes = pool.submit(lambda: read_node_writes(database).pending(None))
            reads = pool.submit(_read_counts, database)
            role = pool.submit(_read_role, database, project, settings) if self._is_manager else None
            auth = pool.submit(read_keyspace, database, "system_auth") if _logs_in(database) else None
            suspects: Future[Mapping[ViewName, str]] = pool.submit(self._suspects(database, registry).look)
            services = pool.submit(_read_services, database, settings) if settings and self._is_manager else None
            spark = pool.submit(_spark_fault, settings) if settings and self._is_manager else None
            disks = pool.submit(_disk_shares, settings, members) if settings and self._is_manager else None
            nodes = pool.submit(_read_nodes, database, members, known)
            kept = _read_registry(database, registry, project)
            repairs = {
                key: pool.submit(_read_repairs, database, kept.catalog, key, centers, self._clock())
                for key in {(live.keyspace, live.base) for live in kept.catalog.views.values()}
                if key in kept.catalog.tables
            }
            shares = disks.result() if disks is not None else {}
            facts = DoctorFacts(
                at=self._clock(),
                cluster=known.name,
                registry=registry.keyspace,
                nodes=tuple(replace(each, disk_share=shares.get(each.address)) for each in nodes.result()),
                known_number=SCHEMA_NUMBER,
                oldest_version=OLDEST,
                registry_number=kept.number,
                registry_error=kept.error,
                registry_keyspace=kept.keyspace,
                auth_keyspace=_kept(auth, unknown, DoctorTopic.ROLES, "system_auth"),
                found_suspect=_kept(suspects, unknown, DoctorTopic.VIEWS, "suspects") or {},
                statuses=view_statuses(project or Project(name=""), kept.records, kept.catalog, self._clock()),
                records=kept.records,
                bases=tuple(_bases(kept.catalog, repairs, centers)),
                writes=_kept(writes, unknown, DoctorTopic.WRITES, "the cluster"),
                reads=_kept(reads, unknown, DoctorTopic.VIEWS, "reads of views"),
                probed=tuple(str(view.name) for view in project.views if view.lag.probe) if project else (),
                services=_kept(services, unknown, DoctorTopic.CONNECTIONS, "services") or (),
                spark_fault=spark.result() if spark else None,
                spark_master=(settings.env.audit.spark_master or "") if settings else "",
                contact_points=len(settings.env.contact_points) if settings else None,
                local_dc=settings.env.local_dc if settings else None,
                view_budget=settings.env.view_budget if settings else None,
                reader_cache_seconds=settings.env.reader_cache_seconds if settings else None,
            )
            found = _kept(role, unknown, DoctorTopic.ROLES, "this role")
        if found is not None:
            facts = replace(facts, role=found[0], missing=found[1])
        elif not self._is_manager:
            why = "this page has a role of its own; 'views doctor' looks at what the manager may do"
            unknown.append(DoctorUnknown(topic=DoctorTopic.ROLES, on="the manager's role", why=why))
            why = "this page runs no commands; 'views doctor' asks machines, services and the Spark master"
            unknown.append(DoctorUnknown(topic=DoctorTopic.CONNECTIONS, on="services", why=why))
        return diagnose(replace(facts, unknown=tuple(unknown)))

    def _suspects(self, database: Database, registry: Registry) -> Suspects:
        return Suspects(database, registry, upgrade_registry=lambda: None, clock=self._clock)

    def _find_files(self, unknown: list[DoctorUnknown]) -> tuple[Settings | None, Project | None]:
        settings, project = None, None
        try:
            settings = self._find_settings()
            project = self._find_project()
        except ViewsError as error:
            topic = DoctorTopic.READERS if settings is None else DoctorTopic.VIEWS
            unknown.append(DoctorUnknown(topic=topic, on="the project's files", why=str(error)))
            return settings, project
        if settings is None:
            why = "no views.toml is at hand, so what it sets is unknown: the readers' cache time, budgets, services"
            unknown.append(DoctorUnknown(topic=DoctorTopic.READERS, on="views.toml", why=why))
        if project is None:
            why = "no view files are at hand: what they promise, and whether they have changed, is unknown"
            unknown.append(DoctorUnknown(topic=DoctorTopic.VIEWS, on="view files", why=why))
        return settings, project


def _kept(asked: Future[T] | None, unknown: list[DoctorUnknown], topic: DoctorTopic, on: str) -> T | None:
    """Return what was asked for; None where it could not be read, and why goes among the unknown."""
    if asked is None:
        return None
    try:
        return asked.result()
    except ViewsError as error:
        unknown.append(DoctorUnknown(topic=topic, on=on, why=error.what))
        return None


def _address(answer: Answer) -> str:
    return str(answer.host.endpoint.address)


def _read_nodes(database: Database, members: list[Member], known: ClusterFacts) -> tuple[NodeFacts, ...]:
    hosts = [member.host for member in members if member.owns_tokens]
    asked_at = datetime.now(UTC)
    local = {_address(each): each for each in database.ask(_LOCAL, hosts)}
    hosts = [each.host for each in local.values() if each.error is None]  # one that hangs is waited for once
    tables, columns, pools = (
        {_address(each): each for each in database.ask(query, hosts)} for query in (_TABLES, _SNAPSHOT_OPTION, _POOLS)
    )
    disks: dict[str, str] = {}
    for answer in database.ask(_DISKS, hosts):
        for row in answer.rows:
            word = str(row["disk_usage"] or "").partition(",")[0]
            worst = [each for each in _WORST_DISK if each in (word, disks.get(str(row["host_id"])))]
            disks[str(row["host_id"])] = worst[0] if worst else ""
    found = []
    for member in members:
        own = local.get(member.address)
        node = NodeFacts(
            address=member.address,
            data_center=member.data_center,
            state=member.status,
            is_moving=member.is_moving,
            disk_word=disks.get(str(member.host_id), ""),
        )
        if own is not None and own.error is not None:
            node = replace(node, error=short_driver_text(own.error))
        elif own is not None and own.rows:
            now = datetime_from_uuid1(own.rows[0]["now"]).replace(tzinfo=UTC)
            node = replace(
                node,
                version=known.versions.get(member.address, ()),
                schema=str(own.rows[0]["schema_version"]),
                settings=known.settings.get(member.address),
                abilities=_abilities(tables[member.address], columns[member.address]),
                pools=_pool_states(pools[member.address]),
                unread=_unread(tables[member.address], pools[member.address], known),
                clock=ClockBounds(least=now - asked_at - timedelta(seconds=own.seconds), most=now - asked_at),
            )
        found.append(node)
    return tuple(found)


def _abilities(tables: Answer, columns: Answer) -> frozenset[str] | None:
    if tables.error is not None or columns.error is not None:
        return None
    found = {_VIRTUAL.get((row["keyspace_name"], row["table_name"]), "") for row in tables.rows} - {""}
    if any(row["column_name"] == "allow_auto_snapshot" for row in columns.rows):
        found.add("snapshot option")
    return frozenset(found)


def _unread(tables: Answer, pools: Answer, known: ClusterFacts) -> dict[str, str]:
    errors = {"abilities": tables.error, "pools": pools.error, "settings": known.settings_refusal}
    return {what: short_driver_text(error) for what, error in errors.items() if error is not None}


def _pool_states(answer: Answer) -> dict[str, ThreadPoolState] | None:
    if answer.error is not None:
        return None
    return {
        row["name"]: ThreadPoolState(
            active=row["active_tasks"] or 0, pending=row["pending_tasks"] or 0, blocked=row["blocked_tasks"] or 0
        )
        for row in answer.rows
    }


def _read_registry(database: Database, registry: Registry, project: Project | None) -> _RegistryPart:
    records: tuple[ViewRecord, ...] = ()
    number, error, keyspace = None, "", None
    try:
        number = registry.schema_number()
        if number is not None:
            keyspace = read_keyspace(database, registry.keyspace)
            records = registry.read_all()
    except ViewsError as refused:
        error = refused.what
    keyspaces = {record.name.keyspace for record in records} | set(project.keyspaces if project else ())
    catalog = read_catalog(database, keyspaces)
    return _RegistryPart(number=number, error=error, keyspace=keyspace, records=records, catalog=catalog)


def _read_repairs(
    database: Database, catalog: Catalog, key: tuple[str, str], centers: Mapping[str, int], now: datetime
) -> RepairHistory | str | None:
    """Return the repairs of a base table; None where it has one replica, so that there is nothing to repair."""
    if catalog.replications[key[0]].replicas(centers) < 2:
        return None
    try:
        return read_repairs(database, *key, now - gc_grace_of(catalog.tables[key]))
    except ClusterError as error:
        return error.what


def _bases(
    catalog: Catalog,
    repairs: Mapping[tuple[str, str], Future[RepairHistory | str | None]],
    centers: Mapping[str, int],
) -> Iterator[BaseFacts]:
    for keyspace, table in sorted(repairs):
        yield BaseFacts(
            shape=catalog.tables[keyspace, table],
            views=sum((live.keyspace, live.base) == (keyspace, table) for live in catalog.views.values()),
            replicas=catalog.replications[keyspace].replicas(centers),
            repairs=repairs[keyspace, table].result(),
        )


def _read_counts(database: Database) -> dict[str, int]:
    """Return how often partitions of each table and view were read since the nodes started.

    Raises:
        ClusterError: one node does not say: a sum without it would prove nothing.
    """
    found: dict[str, int] = {}
    for answer in database.ask(_READS):
        if answer.error is not None:
            raise ClusterError(
                f"{_address(answer)} does not say what was read: {short_driver_text(answer.error)}",
                next="Grant the role SELECT on system_views.coordinator_read_latency",
            )
        for row in answer.rows:
            name = f"{row['keyspace_name']}.{row['table_name']}"
            found[name] = found.get(name, 0) + (row["count"] or 0)
    return found


def _logs_in(database: Database) -> bool:
    provider: Any = database.session.cluster.auth_provider
    return provider is not None


def _read_role(
    database: Database, project: Project | None, settings: Settings | None
) -> tuple[str, tuple[Any, ...]] | None:
    """Return the role and what it lacks; None where the servers ask for no permissions."""
    permissions = read_permissions(database.session, database.rows)
    if permissions is None or settings is None:
        return None
    if permissions.is_superuser:
        return permissions.role, ()
    needed = role_grants(RoleKind.MANAGER, permissions.role, project or Project(name=""), settings, replicas=1).grants
    needed = tuple(each for each in needed if (each.keyspace, each.table) not in OPTIONAL_TABLES)
    return permissions.role, permissions.missing(needed)


def _read_services(database: Database, settings: Settings) -> tuple[WatchedService, ...]:
    services: Mapping[str, ServicePolicy] = settings.env.healing.services
    if not services:
        return ()
    session = ClusterSession(database.session, timeout_seconds=settings.env.healing.timeout_seconds)
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="doctor_services") as pool:
        asked = ServiceProber(session, services, pool).begin(datetime.now(UTC))
        found = []
        for each in asked:
            work = next(one for one in each.result() if one.observer in WORK_OBSERVERS)
            works = None if work.result is ProbeResult.NEUTRAL else work.result in (ProbeResult.GOOD, ProbeResult.SLOW)
            found.append(WatchedService(name=work.node.address, works=works, detail=work.detail or work.result.value))
    return tuple(found)


def _spark_fault(settings: Settings) -> str | None:
    master = settings.env.audit.spark_master
    return find_unreachable_reason(master) if master else None


def _disk_shares(settings: Settings, members: Iterable[Member]) -> dict[str, float]:
    """Return how full the data disk of each node is, where the machine's provider says so."""
    command = settings.env.healing.machine_command
    if not command:
        return {}
    ids = [MemberId(host_id=member.host_id, address=member.address) for member in members]
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="doctor_machines") as pool:
        asked = pool.map(lambda node: ask_provider(node, command), ids)
        shares = {node.address: each.disk_used_share for node, each in zip(ids, asked, strict=True)}
    return {address: share for address, share in shares.items() if share is not None}


__all__ = ["DoctorReader"]
