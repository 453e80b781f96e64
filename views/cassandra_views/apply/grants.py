"""What each role needs and no more: the permissions of manager, reader and healer, and those of a plan.

By table, never by keyspace, so that a role sees nothing beside what it works with. ``system_schema``, ``system.local``
and ``system.peers`` are readable by every role.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from cassandra_client.grants import Grant
from cassandra_client.names import quoted
from cassandra_healing.storage import tables as health_tables
from cassandra_views.cql.printing import keyspace_cql, string_cql
from cassandra_views.model.definition import Project
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.schema import NETWORK, Catalog, Keyspace
from cassandra_views.model.steps import (
    AdoptGeneration,
    AuditGeneration,
    CreateGeneration,
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    DropGeneration,
    DropRegistry,
    Step,
    SweepOrphan,
    physical_of,
)
from cassandra_views.project.settings import Settings
from cassandra_views.registry.schema import SCHEMA_NUMBER, table_statements, upgrade_statements

STATUS_TABLES = {
    ("system", "built_views"): "whether a build has ended, on each node",
    ("system", "view_builds_in_progress"): "how far a build is, on each node",
    ("system", "batches"): "view writes that a node still delivers",
    ("system_distributed", "view_build_status"): "when a build ended",
    ("system_distributed", "repair_history"): "whether a base table was repaired in time",
    ("system_distributed", "parent_repair_history"): "which ranges a repair repaired",
    ("system_views", "pending_hints"): "view writes that wait for a node",
    ("system_views", "settings"): "what each node is set to",
    ("system_views", "gossip_info"): "who is up, joins or leaves",
    ("system", "size_estimates"): "what a plan will cost",
    ("system_views", "thread_pools"): "view writes that wait, for 'views doctor'",
    ("system_views", "coordinator_read_latency"): "whether a view is read, for 'views doctor'",
}
"""The tables of the servers that the manager reads, and what for."""

OPTIONAL_TABLES = {
    ("system_distributed", "repair_history"),
    ("system_distributed", "parent_repair_history"),
    ("system_views", "thread_pools"),
    ("system_views", "coordinator_read_latency"),
}
"""Those that no run demands: a plan only warns of less, and 'views doctor' says what it could not see."""

_REGISTRY = {
    "about": "the registry's schema number",
    "views": "what exists and serves",
    "history": "what happened",
    "lease": "who may issue DDL now",
}
_WRITTEN = ("views", "history", "lease")


class RoleKind(StrEnum):
    """Who does what."""

    MANAGER = "manager"
    READER = "reader"
    HEALER = "healer"


PURPOSES = {
    RoleKind.MANAGER: "plans, applies, audits, rolls back and drops",
    RoleKind.READER: "reads views, as an application does",
    RoleKind.HEALER: "checks the nodes, records that and heals them",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleGrants:
    """One role: what an administrator makes once, so that it needs no CREATE, and what it is granted."""

    kind: RoleKind
    name: str
    setup: tuple[str, ...]
    grants: tuple[Grant, ...]

    @property
    def statements(self) -> tuple[str, ...]:
        """All statements, in the order in which they are run; each can be run twice."""
        return (
            *self.setup,
            f"CREATE ROLE IF NOT EXISTS {quoted(self.name)} WITH LOGIN = false",
            *(each.cql(self.name) for each in self.grants),
        )


def role_grants(
    kind: RoleKind,
    name: str,
    project: Project,
    settings: Settings,
    *,
    replicas: int,
    with_pages: bool = False,
    more_bases: Iterable[tuple[str, str]] = (),
) -> RoleGrants:
    """Return what a role of a project needs. Pure.

    Args:
        replicas: how many replicas the registry and the tables of cluster health get in each data centre, where
            views.toml says nothing of it.
        with_pages: the reader also serves the operations pages.
        more_bases: keyspace and name of base tables whose views are in no file any longer, and still exist.
    """
    env = settings.env
    bases = sorted({*((view.name.keyspace, view.base) for view in project.views), *more_bases})
    setup: tuple[str, ...] = ()
    match kind:
        case RoleKind.MANAGER:
            setup = _manager_setup(project, settings, replicas)
            probed = sorted({(view.name.keyspace, view.base) for view in project.views if view.lag.probe})
            grants = (*status_grants(), *_base_grants(bases), *_probe_grants(probed), *_registry_grants(env.registry))
        case RoleKind.READER:
            grants = _reader_grants(bases, env.registry)
            if with_pages:
                grants = (*grants, *_page_grants(env.registry, env.healing.keyspace))
        case RoleKind.HEALER:
            setup = tuple(health_tables.statements(env.healing.keyspace, {"replication_factor": replicas}))
            grants = health_tables.healer_grants(env.healing.keyspace)
    return RoleGrants(kind=kind, name=name, setup=setup, grants=grants)


def _manager_setup(project: Project, settings: Settings, replicas: int) -> tuple[str, ...]:
    env = settings.env
    default = {"class": NETWORK, "replication_factor": str(replicas)}
    registry = Keyspace.of(env.registry, env.registry_replication or default)
    keyspaces = {each.name: each for each in (*env.described_keyspaces(), registry)}
    about, number = f"{quoted(env.registry)}.about", string_cql(str(SCHEMA_NUMBER))
    older = ", ".join(string_cql(str(each)) for each in range(1, SCHEMA_NUMBER))
    return (
        *(keyspace_cql(each, verb="CREATE", if_not_exists=True) for each in keyspaces.values()),
        *(_create_once(each.cql) for each in project.tables if each.managed),
        *(cql for _table, cql in table_statements(env.registry)),
        # A registry that an older version made is upgraded here, so that no role needs ALTER on it.
        *(cql for _table, cql in upgrade_statements(env.registry, 1)),
        f"INSERT INTO {about} (name, value) VALUES ('schema', {number}) IF NOT EXISTS",
        f"UPDATE {about} SET value = {number} WHERE name = 'schema' IF value IN ({older})",
    )


def _create_once(cql: str) -> str:
    return f"CREATE TABLE IF NOT EXISTS {cql.removeprefix('CREATE TABLE ').removeprefix('IF NOT EXISTS ')}"


def status_grants() -> tuple[Grant, ...]:
    """Return what the manager reads to know how the servers are."""
    return tuple(_select(keyspace, table, why) for (keyspace, table), why in STATUS_TABLES.items())


def needed_status_grants() -> tuple[Grant, ...]:
    """Return what of that a run cannot do without."""
    return tuple(each for each in status_grants() if (each.keyspace, each.table) not in OPTIONAL_TABLES)


def _base_grants(bases: Iterable[tuple[str, str]]) -> tuple[Grant, ...]:
    return tuple(
        grant
        for keyspace, table in bases
        for grant in (
            Grant(
                permission="ALTER",
                keyspace=keyspace,
                table=table,
                why="to create and drop its views; the servers let it ALTER the table, too",
            ),
            _select(keyspace, table, "to audit its views"),
        )
    )


def _probe_grants(bases: Iterable[tuple[str, str]]) -> tuple[Grant, ...]:
    why = "to write the row that `lag: {probe: ...}` looks for, and delete it"
    return tuple(Grant(permission="MODIFY", keyspace=keyspace, table=table, why=why) for keyspace, table in bases)


def _registry_grants(registry: str) -> tuple[Grant, ...]:
    return (
        *(_select(registry, table, why) for table, why in _REGISTRY.items()),
        *(Grant(permission="MODIFY", keyspace=registry, table=table, why=_REGISTRY[table]) for table in _WRITTEN),
    )


def _reader_grants(bases: Iterable[tuple[str, str]], registry: str) -> tuple[Grant, ...]:
    return (
        _select(registry, "views", "what serves"),
        *(_select(keyspace, table, "reading a view asks for its base table") for keyspace, table in bases),
    )


def _page_grants(registry: str, health: str) -> tuple[Grant, ...]:
    return (
        *(_select(registry, table, why) for table, why in _REGISTRY.items() if table != "views"),
        *status_grants(),
        *health_tables.table_grants(health, ("SELECT",)),
    )


def _select(keyspace: str, table: str, why: str) -> Grant:
    return Grant(permission="SELECT", keyspace=keyspace, table=table, why=why)


def common_grants(steps: Iterable[Step], registry: str, number: int | None, catalog: Catalog) -> tuple[Grant, ...]:
    """Return what steps need whatever their views stand on: the servers' status, the registry, and what is made.

    Args:
        number: the schema number of the registry; None where there is none.
    """
    needed = [*needed_status_grants()]
    for step in steps:
        match step:
            case CreateRegistry(keyspace=keyspace) | CreateTable(keyspace=keyspace) if keyspace in catalog.keyspaces:
                needed.append(Grant(permission="CREATE", keyspace=keyspace))
            case CreateRegistry() | CreateTable() | CreateKeyspace():
                needed.append(Grant(permission="CREATE"))
            case DropRegistry():
                needed += [Grant(permission="DROP", keyspace=registry, table=table) for table in step.tables]
                if step.drops_keyspace:
                    needed.append(Grant(permission="DROP", keyspace=registry))
            case _:
                pass
    if number is None:  # who creates a table holds every permission on it
        return tuple(needed)
    if number < SCHEMA_NUMBER:
        altered = {table for table, _cql in upgrade_statements(registry, number)}
        needed += [Grant(permission="ALTER", keyspace=registry, table=table) for table in sorted(altered)]
        needed.append(Grant(permission="MODIFY", keyspace=registry, table="about"))
    return (*needed, *_registry_grants(registry))


def base_grants(step: Step, catalog: Catalog) -> tuple[Grant, ...]:
    """Return what a step needs on the base table of its view, as far as that exists."""
    match step:
        case CreateGeneration():
            return _existing_grants(step.view.keyspace, step.base, ("ALTER", "SELECT"), catalog)
        case AuditGeneration() | AdoptGeneration() | DropGeneration() | SweepOrphan():
            live = catalog.find_view(step.view.keyspace, physical_of(step))
            permissions = ("ALTER",) if isinstance(step, DropGeneration | SweepOrphan) else ("SELECT",)
            return _existing_grants(step.view.keyspace, live.base, permissions, catalog) if live else ()
        case _:
            return ()


def standing_grants(
    project: Project, records: Iterable[ViewRecord], registry: str, number: int | None, catalog: Catalog
) -> tuple[Grant, ...]:
    """Return what the next runs need as things stand: the same as is asked of each step before a run.

    Args:
        number: the schema number of the registry; None where there is none.
    """
    missing = [
        each for each in project.tables if each.managed and catalog.find_table(each.keyspace, each.table) is None
    ]
    steps: list[Step] = [CreateTable(keyspace=each.keyspace, table=each.table, cql="") for each in missing]
    if number is None:
        steps.append(CreateRegistry(keyspace=registry, replication=""))
    bases = {(view.name.keyspace, view.base) for view in project.views}
    for record in records:
        found = (catalog.find_view(record.name.keyspace, each.physical) for each in record.generations)
        bases |= {(live.keyspace, live.base) for live in found if live is not None}
    probed = {(view.name.keyspace, view.base) for view in project.views if view.lag.probe}
    return (
        *common_grants(steps, registry, number, catalog),
        *(grant for base in sorted(bases) for grant in _existing_grants(*base, ("ALTER", "SELECT"), catalog)),
        *(grant for base in sorted(probed) for grant in _existing_grants(*base, ("MODIFY",), catalog)),
    )


def _existing_grants(keyspace: str, base: str, permissions: tuple[str, ...], catalog: Catalog) -> tuple[Grant, ...]:
    if catalog.find_table(keyspace, base) is None:
        return ()
    return tuple(Grant(permission=each, keyspace=keyspace, table=base) for each in permissions)


__all__ = [
    "OPTIONAL_TABLES",
    "PURPOSES",
    "STATUS_TABLES",
    "RoleGrants",
    "RoleKind",
    "base_grants",
    "common_grants",
    "needed_status_grants",
    "role_grants",
    "standing_grants",
    "status_grants",
]
