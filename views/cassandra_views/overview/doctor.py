"""Reads the facts of ``views doctor`` in one round, each node asked by itself. Reads only.

What cannot be read is no error: it is part of the report, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from cassandra_client.database import Database
from cassandra_client.driver_errors import short_driver_text
from cassandra_client.errors import ClusterError, ViewsError
from cassandra_client.grants import Grant, read_permissions
from cassandra_views.apply.builds import read_build
from cassandra_views.apply.grants import standing_grants
from cassandra_views.apply.node_writes import read_node_writes
from cassandra_views.apply.suspects import Suspects
from cassandra_views.cql.statements import view_statement
from cassandra_views.model.definition import Project
from cassandra_views.model.diagnosis import DoctorReport, DoctorTopic, DoctorUnknown
from cassandra_views.model.generation import Generation, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Catalog
from cassandra_views.overview.doctor_connections import AT_ONCE, find_spark_fault, read_disk_shares, read_services
from cassandra_views.overview.query_runner import NODE_SECONDS, Clock, RegistryQuery, utc_now
from cassandra_views.plan.catalog import find_repairs, read_catalog
from cassandra_views.plan.cost import find_load, views_carried
from cassandra_views.plan.diagnosis import diagnose
from cassandra_views.plan.doctor_facts import BaseFacts, BuildFacts, DoctorFacts
from cassandra_views.plan.node_facts import OPTIONS_REFUSED, TABLES_ALLOWED, least_limit
from cassandra_views.plan.node_reader import ClusterFacts, read_facts, read_node_details
from cassandra_views.plan.repairs import RepairHistory, made_at
from cassandra_views.plan.status import view_statuses
from cassandra_views.project.settings import Settings
from cassandra_views.registry.schema import SCHEMA_NUMBER
from cassandra_views.registry.store import Registry

T = TypeVar("T")

_COMMAND_NODE_SECONDS = 10.0
"""How long the command waits for a node: a busy one is not one that is down. A page waits less."""

_PATIENCE_SECONDS = 8.0
_KEEP_SECONDS = 15.0
"""A page that is loaded again and again asks every node no more often than so."""

_READS = 'SELECT keyspace_name, table_name, "count" FROM system_views.coordinator_read_latency'
_REGISTRY_TABLES = 4
_OWN_OPTIONS = frozenset({"comment", "id"})
_SNAPSHOT_OPTIONS = frozenset({"allow_auto_snapshot", "incremental_backups"})
"""Of every generation, where the servers have them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _RegistryPart:
    """What the registry and the schema of its views hold, as far as they could be read."""

    number: int | None = None
    error: ViewsError | None = None
    records: tuple[ViewRecord, ...] = ()
    catalog: Catalog = field(default_factory=Catalog)


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
        self._node_seconds = _COMMAND_NODE_SECONDS if is_manager else NODE_SECONDS
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
        unread: list[DoctorUnknown] = []
        settings, project = self._find_files(unread)
        known = read_facts(database, timeout_seconds=self._node_seconds)
        commands = settings if self._is_manager else None
        with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="doctor") as pool:
            nodes = pool.submit(read_node_details, database, known, timeout_seconds=self._node_seconds)
            writes = pool.submit(read_node_writes, database, known.reached, timeout_seconds=self._node_seconds)
            reads = pool.submit(_read_counts, database, known, self._node_seconds)
            suspects = pool.submit(self._look_for_suspects, database, registry, known)
            services = pool.submit(read_services, database, commands) if commands else None
            spark = pool.submit(find_spark_fault, commands) if commands else None
            disks = pool.submit(read_disk_shares, commands, known.members) if commands else None
            tables = pool.submit(_count_tables, database) if least_limit(known.nodes, TABLES_ALLOWED) else None
            registry_part = _read_registry(database, registry, project)
            role = pool.submit(_read_role, database, project, registry.keyspace, registry_part) if commands else None
            builds = self._begin_builds(pool, database, known, registry_part)
            shares = disks.result() if disks is not None else {}
            missing = result_or_unknown(role, unread, DoctorTopic.ROLES, "this role")
            pending = result_or_unknown(writes, unread, DoctorTopic.WRITES, "the cluster")
            facts = DoctorFacts(
                at=self._clock(),
                cluster=known.name,
                registry=registry.keyspace,
                nodes=tuple(replace(each, disk_share=shares.get(each.address)) for each in nodes.result()),
                known_number=SCHEMA_NUMBER,
                registry_number=registry_part.number,
                registry_error=registry_part.error,
                registry_keyspace=registry_part.catalog.replications.get(registry.keyspace),
                auth_keyspace=registry_part.catalog.replications.get("system_auth") if _logs_in(database) else None,
                found_suspect=result_or_unknown(suspects, unread, DoctorTopic.VIEWS, "suspects") or {},
                statuses=view_statuses(
                    project or Project(name=""), registry_part.records, registry_part.catalog, self._clock()
                )
                if registry_part.error is None
                else (),
                records=registry_part.records,
                bases=self._read_bases(pool, database, known, registry_part, project),
                builds=tuple(
                    found
                    for name, future in builds
                    if (found := result_or_unknown(future, unread, DoctorTopic.VIEWS, f"the build of {name}"))
                ),
                writes=pending.pending(None) if pending is not None else None,
                reads=result_or_unknown(reads, unread, DoctorTopic.VIEWS, "reads of views"),
                probed=tuple(str(view.name) for view in project.views if view.lag.probe) if project else (),
                used_options=_used_options(project, known),
                tables=result_or_unknown(tables, unread, DoctorTopic.GUARDRAILS, "the number of tables"),
                lacking_tables=_count_lacking(project, registry_part),
                services=result_or_unknown(services, unread, DoctorTopic.CONNECTIONS, "services") or (),
                spark_fault=spark.result() if spark else None,
                spark_master=(settings.env.audit.spark_master or "") if settings else "",
                contact_points=len(settings.env.contact_points) if settings else None,
                local_dc=settings.env.local_dc if settings else None,
                view_budget=settings.env.view_budget if settings else None,
                reader_cache_seconds=settings.env.reader_cache_seconds if settings else None,
            )
        if missing is not None:
            facts = replace(facts, role=missing[0], missing=missing[1])
        if not self._is_manager:
            unread += _LEFT_TO_THE_COMMAND
        return diagnose(replace(facts, unread=tuple(unread)))

    def _look_for_suspects(self, database: Database, registry: Registry, known: ClusterFacts) -> Mapping[ViewName, str]:
        suspects = Suspects(database, registry, upgrade_registry=lambda: None, clock=self._clock)
        return suspects.look(known.reached, timeout_seconds=self._node_seconds)

    def _read_bases(
        self,
        pool: ThreadPoolExecutor,
        database: Database,
        known: ClusterFacts,
        registry_part: _RegistryPart,
        project: Project | None,
    ) -> tuple[BaseFacts, ...]:
        """Return the base tables; the history of their repairs, which is long, is left out of a page."""
        catalog, centers = registry_part.catalog, known.data_centers
        keys = sorted(key for key in views_carried(catalog) if key in catalog.tables)
        repairs: dict[tuple[str, str], Future[RepairHistory | str | None]] = {}
        if self._is_manager:
            repairs = {key: pool.submit(find_repairs, database, catalog, key, centers, self._clock()) for key in keys}
        return tuple(
            find_base_facts(
                key,
                registry_part.records,
                catalog,
                project,
                centers,
                repairs=repairs[key].result() if key in repairs else None,
                now=self._clock(),
            )
            for key in keys
        )

    def _begin_builds(
        self, pool: ThreadPoolExecutor, database: Database, known: ClusterFacts, registry_part: _RegistryPart
    ) -> list[tuple[ViewName, Future[BuildFacts]]]:
        return [
            (record.name, pool.submit(_read_build, database, known, record.name, each, self._node_seconds))
            for record in registry_part.records
            for each in record.in_state(State.BUILDING, State.BUILT)
        ]

    def _find_files(self, unread: list[DoctorUnknown]) -> tuple[Settings | None, Project | None]:
        settings, project = None, None
        try:
            settings = self._find_settings()
            project = self._find_project()
        except ViewsError as error:
            topic = DoctorTopic.READERS if settings is None else DoctorTopic.VIEWS
            unread.append(DoctorUnknown(topic=topic, on="the project's files", why=str(error)))
            return settings, project
        if settings is None:
            why = "no views.toml is at hand, so what it sets is unknown: the readers' cache time, budgets, services"
            unread.append(DoctorUnknown(topic=DoctorTopic.READERS, on="views.toml", why=why))
        if project is None:
            why = "no view files are at hand: what they promise, and whether they have changed, is unknown"
            unread.append(DoctorUnknown(topic=DoctorTopic.VIEWS, on="view files", why=why))
        return settings, project


_LEFT_TO_THE_COMMAND = [
    DoctorUnknown(
        topic=DoctorTopic.ROLES,
        on="the manager's role",
        why="this page has a role of its own; 'views doctor' looks at what the manager may do",
    ),
    DoctorUnknown(
        topic=DoctorTopic.CONNECTIONS,
        on="services",
        why="this page runs no commands; 'views doctor' asks machines, services and the Spark master",
    ),
    DoctorUnknown(
        topic=DoctorTopic.REPAIR,
        on="base tables",
        why="this page does not read the long history of repairs; 'views doctor' does",
    ),
]


def result_or_unknown(asked: Future[T] | None, unread: list[DoctorUnknown], topic: DoctorTopic, on: str) -> T | None:
    """Return what was asked for; None where it could not be read, and why goes among the unread."""
    if asked is None:
        return None
    try:
        return asked.result()
    except ViewsError as error:
        unread.append(DoctorUnknown(topic=topic, on=on, why=error.what))
        return None


def _read_registry(database: Database, registry: Registry, project: Project | None) -> _RegistryPart:
    """Read what the registry holds, and the schema of its keyspaces."""
    part = _RegistryPart()
    try:
        part = replace(part, number=registry.schema_number())
        if part.number is not None:
            part = replace(part, records=registry.read_all())
    except ViewsError as error:
        part = replace(part, error=error)
    keyspaces = {record.name.keyspace for record in part.records} | set(project.keyspaces if project else ())
    return replace(part, catalog=read_catalog(database, keyspaces))


def find_base_facts(
    key: tuple[str, str],
    records: Iterable[ViewRecord],
    catalog: Catalog,
    project: Project | None,
    data_centers: Mapping[str, int],
    *,
    repairs: RepairHistory | str | None,
    now: datetime,
) -> BaseFacts:
    """Return what is known of one base table. Pure."""
    by_name = {record.name: record for record in records}
    definitions = {view.name: view for view in project.views} if project else {}
    carried = views_carried(catalog)[key]
    load = find_load(key, carried, by_name, catalog, now, definitions=definitions)
    on_it = [live for live in catalog.views.values() if (live.keyspace, live.base) == key]
    has_file = any((view.name.keyspace, view.base) == key for view in definitions.values())
    firsts = [
        first.created_at
        for name, record in by_name.items()
        if (first := record.find(1)) is not None
        and catalog.find_view(name.keyspace, first.physical) in on_it
        and first.created_at
    ]
    return BaseFacts(
        shape=catalog.tables[key],
        views=carried,
        lasting=load.lasting,
        is_ours=has_file or bool(load.keepers or load.ends),
        replicas=catalog.replications[key[0]].replicas(data_centers),
        repairs=repairs,
        made_at=made_at(on_it[0].base_id) if on_it else None,
        first_view_at=min(firsts, default=None),
    )


def _read_build(
    database: Database, known: ClusterFacts, name: ViewName, each: Generation, timeout_seconds: float
) -> BuildFacts:
    if each.state is State.BUILT:
        return BuildFacts(view=name, number=each.number, at=each.built_at or each.created_at, is_built=True)
    found = read_build(database, name.keyspace, each.physical, members=known.members, timeout_seconds=timeout_seconds)
    silent = [f"{node.address} (does not answer)" for node in found.nodes if not (node.is_built or node.is_reachable)]
    return BuildFacts(
        view=name,
        number=each.number,
        at=each.created_at,
        is_built=found.is_built,
        share=found.share,
        keys=found.keys,
        blocked_by=(*silent, *(f"{address} (moves in the ring)" for address in found.moving)),
    )


def _read_counts(database: Database, known: ClusterFacts, timeout_seconds: float) -> dict[str, int]:
    """Return how often partitions of each table and view were read since the nodes started.

    Raises:
        ClusterError: one node does not say: a sum without it would prove nothing.
    """
    silent = [node.address for node in known.nodes if node.error]
    if silent:
        raise ClusterError(f"{', '.join(silent)} does not say what was read", next="Check that the nodes are up")
    found: dict[str, int] = {}
    for answer in database.ask(_READS, known.reached, timeout_seconds=timeout_seconds):
        if answer.error is not None:
            raise ClusterError(
                f"{answer.host.endpoint.address} does not say what was read: {short_driver_text(answer.error)}",
                next="Grant the role SELECT on system_views.coordinator_read_latency",
            )
        for row in answer.rows:
            name = f"{row['keyspace_name']}.{row['table_name']}"
            found[name] = found.get(name, 0) + (row["count"] or 0)
    return found


def _count_tables(database: Database) -> int:
    """Return how many tables and views there are beside those of the servers."""
    rows = database.rows("SELECT keyspace_name FROM system_schema.tables")
    rows += database.rows("SELECT keyspace_name FROM system_schema.views")
    return sum(not (row["keyspace_name"] == "system" or row["keyspace_name"].startswith("system_")) for row in rows)


def _count_lacking(project: Project | None, registry_part: _RegistryPart) -> int:
    tables = [each for each in project.tables if each.managed] if project else []
    lacking = sum(registry_part.catalog.find_table(each.keyspace, each.table) is None for each in tables)
    has_registry = registry_part.number is not None or registry_part.error is not None
    return lacking + (0 if has_registry else _REGISTRY_TABLES)


def _used_options(project: Project | None, known: ClusterFacts) -> frozenset[str]:
    """Return the options that generations are made with; none where no guardrail asks."""
    if not any(node.words(name) for node in known.nodes for name in OPTIONS_REFUSED):
        return frozenset()
    own = _OWN_OPTIONS | (_SNAPSHOT_OPTIONS if known.has_snapshot_option else frozenset())
    views = project.views if project else ()
    return own | {option.name for view in views for option in view_statement(view).options}


def _logs_in(database: Database) -> bool:
    provider: Any = database.session.cluster.auth_provider
    return provider is not None


def _read_role(
    database: Database, project: Project | None, registry: str, registry_part: _RegistryPart
) -> tuple[str, tuple[Grant, ...]] | None:
    """Return the role and what it lacks; None where the servers ask for no permissions."""
    permissions = read_permissions(database.session, database.rows)
    if permissions is None:
        return None
    number = registry_part.number if registry_part.error is None else SCHEMA_NUMBER
    needed = standing_grants(
        project or Project(name=""), registry_part.records, registry, number, registry_part.catalog
    )
    return permissions.role, permissions.missing(needed)


__all__ = ["DoctorReader"]
