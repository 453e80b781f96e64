"""Reads what plans are made from: the project's files, the schema, the registry, the nodes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_views.cql.printing import map_cql
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import NETWORK, Catalog, Keyspace
from cassandra_views.model.steps import CreateGeneration, Step
from cassandra_views.plan.catalog import (
    find_first_time,
    find_repairs,
    is_implausible,
    read_catalog,
    read_sizes,
    time_text,
)
from cassandra_views.plan.inputs import Observed, PlanTarget
from cassandra_views.plan.node_reader import ClusterFacts, read_facts
from cassandra_views.plan.repairs import repair_warning
from cassandra_views.plan.selection import choose, resolve
from cassandra_views.project.cache import FOLDER as CACHE_FOLDER
from cassandra_views.project.cache import FileCache
from cassandra_views.project.loader import ProjectLoader
from cassandra_views.project.settings import Settings
from cassandra_views.registry.store import Registry


class Observer:
    """Reads one project and the cluster that its views are on.

    Attributes:
        files: what the project's files said the last time.
        wrong_files: what is wrong with those that were left out at the last reading.
    """

    def __init__(self, settings: Settings, database: Database, registry: Registry) -> None:
        self._settings = settings
        self._database = database
        self._registry = registry
        self._facts: ClusterFacts | None = None
        self.wrong_files: tuple[ProjectError, ...] = ()
        folder = settings.folder
        self.files = FileCache(folder / CACHE_FOLDER if folder is not None else None)

    @property
    def has_files(self) -> bool:
        """Tell whether there is a folder of files at all."""
        return self._settings.templates.is_dir()

    def project(self) -> Project:
        """Read the project's files; errors as ``Planner.project``."""
        found = ProjectLoader.of(self._settings, self.files).load(skip_broken=True)
        self.wrong_files = found.errors
        return found

    def project_of_registry(self) -> Project:
        """Return the project as far as its files can be read, for what the registry alone can answer."""
        with suppress(ProjectError):
            return self.project()
        name = self._settings.project
        return Project(name=name or "default", is_named=name is not None)

    def facts(self) -> ClusterFacts:
        """Return what every node says of itself, asked once."""
        if self._facts is None:
            self._facts = read_facts(self._database)
        return self._facts

    def observe(self, project: Project) -> Observed:
        """Return what cluster and registry say of the project's keyspaces, and of those the registry knows."""
        has_registry = self._registry.exists()
        records = self._registry.read_all() if has_registry else ()
        keyspaces = {*project.keyspaces, *(record.name.keyspace for record in records if record.is_live)}
        return Observed(catalog=read_catalog(self._database, keyspaces), records=records, has_registry=has_registry)

    def sizes(self, steps: Iterable[Step], catalog: Catalog) -> dict[tuple[str, str], tuple[int, int]]:
        """Return (partitions, bytes) of the base tables that steps build on and that exist already."""
        creates = [step for step in steps if isinstance(step, CreateGeneration)]
        bases = {(step.view.keyspace, step.base) for step in creates}
        return read_sizes(self._database, {base for base in bases if catalog.find_table(*base)})

    def time_warnings(
        self, steps: Iterable[Step], project: Project, catalog: Catalog, now: datetime
    ) -> tuple[str, ...]:
        """Return a sentence for each base table whose rows hold time otherwise than its file says.

        One row is read of each base on which a windowed view is built; one that cannot be read is left to the audit.
        """
        times = {view.name: view.time for view in project.views}
        creates = [step for step in steps if isinstance(step, CreateGeneration) and step.window_start is not None]
        bases = {(each.view.keyspace, each.base): times.get(each.view) for each in creates}
        found = []
        for (keyspace, table), time in sorted(bases.items()):
            if time is None or catalog.find_table(keyspace, table) is None:
                continue
            with suppress(ClusterError):
                first = find_first_time(self._database, keyspace, table, time)
                if first is not None and is_implausible(time, first, now):
                    found.append(
                        f"table {keyspace}.{table}: by its file its first row is of {time_text(time, first)}, "
                        "which lies outside of any window: see 'time' in the file"
                    )
        return tuple(found)

    def repair_warnings(self, steps: Iterable[Step], catalog: Catalog, now: datetime) -> tuple[str, ...]:
        """Return a sentence for each base of which not every token range is known to be repaired in time.

        Bases with one replica in all, or on one node, have nothing to repair.
        """
        centers = self.facts().data_centers
        creates = [step for step in steps if isinstance(step, CreateGeneration)]
        found = []
        for keyspace, table in sorted({(each.view.keyspace, each.base) for each in creates}):
            history = find_repairs(self._database, catalog, (keyspace, table), centers, now)
            if history is not None:
                replicas = catalog.replications[keyspace].replicas(centers)
                found.append(repair_warning(catalog.tables[keyspace, table], history, replicas))
        return tuple(filter(None, found))

    def target(self, project: str) -> PlanTarget:
        """Return where a plan that is made now for a project of that name would be for."""
        facts = self.facts()
        env = self._settings.env
        return PlanTarget(
            cluster=facts.name,
            registry=self._registry.keyspace,
            environment=self._settings.environment,
            project=project,
            line=self._line(facts),
            registry_replication=map_cql(self._registry_keyspace(facts).replication),
            registry_keyspace=self._registry_keyspace(facts),
            keyspaces=env.described_keyspaces(),
            data_centers=facts.data_centers,
            local_dc=env.local_dc,
            view_budget=env.view_budget,
            view_guardrail=facts.view_guardrail,
            audit_fresh=timedelta(seconds=env.audit_fresh_seconds),
            has_snapshot_option=facts.has_snapshot_option,
        )

    def known_views(self) -> set[ViewName]:
        """Return the views that a file or the registry knows."""
        project = self.project_of_registry()
        known = {view.name for view in project.views}
        if self._registry.exists():
            known |= {record.name for record in self._registry.read_all()}
        # A view whose file is wrong is known all the same; its keyspace only where the file has it.
        names = {each.view for each in known}
        return known | {
            ViewName(keyspace=each.keyspace, view=each.view) for each in project.broken if each.view not in names
        }

    def resolve(self, name: str) -> ViewName:
        """Return the view that a person means; errors as ``plan.selection.resolve``."""
        return resolve(name, self.known_views())

    def choose(self, names: str | Iterable[str], tags: Iterable[str]) -> frozenset[ViewName]:
        """Return the views that a person means; errors as ``plan.selection.choose``."""
        tagged = {view.name: view.tags for view in self.project_of_registry().views}
        return choose([names] if isinstance(names, str) else names, tags, self.known_views(), tagged)

    def record(self, view: ViewName) -> ViewRecord:
        """Return what the registry holds of a view; an empty record where there is no registry yet."""
        return self._registry.read(view) if self._registry.exists() else ViewRecord(name=view)

    def _registry_keyspace(self, facts: ClusterFacts) -> Keyspace:
        given = self._settings.env.registry_replication
        per_dc = {name: min(3, count) for name, count in facts.data_centers.items()}
        return Keyspace.of(self._registry.keyspace, given or {"class": NETWORK, **per_dc})

    def _line(self, facts: ClusterFacts) -> str:
        nodes = sum(facts.data_centers.values())
        return (
            f"cluster {facts.name} (Cassandra {facts.version_text}, {nodes} node{'s' if nodes != 1 else ''}), "
            f"registry {self._registry.keyspace}, environment {self._settings.environment}"
        )
