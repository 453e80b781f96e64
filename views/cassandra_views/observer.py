"""What a manager sees: the project's files, the catalog, the registry, the nodes. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from cassandra_views.cluster.catalog import read_catalog, read_sizes
from cassandra_views.cluster.database import Database
from cassandra_views.cluster.first_time import find_first_time, is_doubtful, time_text
from cassandra_views.cluster.preflight import ClusterFacts, check_cluster
from cassandra_views.cluster.registry import Registry
from cassandra_views.model.catalog import Catalog
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ClusterError
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import CreateGeneration, Step
from cassandra_views.planning.plan import Observed
from cassandra_views.planning.request import choose, resolve
from cassandra_views.planning.target import Target
from cassandra_views.project.cache import FOLDER as CACHE_FOLDER
from cassandra_views.project.cache import FileCache
from cassandra_views.project.config import Settings
from cassandra_views.project.config_file import cql_map
from cassandra_views.project.load import Loader


class Observer:
    """Looks at one project and at the cluster that its views are on.

    Attributes:
        files: what the project's files said the last time.

    Args:
        goes_on: view files that are wrong are left out instead of stopping everything.
    """

    def __init__(self, settings: Settings, database: Database, registry: Registry, *, goes_on: bool = False) -> None:
        self._settings = settings
        self._goes_on = goes_on
        self._database = database
        self._registry = registry
        self._facts: ClusterFacts | None = None
        folder = settings.folder
        self.files = FileCache(folder / CACHE_FOLDER if folder is not None else None)

    @property
    def has_files(self) -> bool:
        """Tell whether there is a folder of files at all."""
        return self._settings.templates.is_dir()

    def project(self) -> Project:
        """Read the project's files; errors as ``ViewManager.project``."""
        return Loader.of(self._settings, self.files).load(goes_on=self._goes_on)

    def facts(self) -> ClusterFacts:
        """Return what every node says of itself, asked once."""
        if self._facts is None:
            self._facts = check_cluster(self._database, is_work=False)
        return self._facts

    def observe(self, project: Project) -> Observed:
        """Return what cluster and registry say of the project's keyspaces, and of those the registry knows."""
        has_registry = self._registry.exists()
        records = self._registry.read_all() if has_registry else ()
        keyspaces = {*project.keyspaces, *(record.name.keyspace for record in records if record.is_live)}
        return Observed(catalog=read_catalog(self._database, keyspaces), records=records, has_registry=has_registry)

    def sizes(self, steps: Iterable[Step], catalog: Catalog) -> dict[tuple[str, str], tuple[int, int]]:
        """Return (partitions, bytes) of the base tables that steps build on and that stand already."""
        creates = [step for step in steps if isinstance(step, CreateGeneration)]
        bases = {(step.view.keyspace, step.base) for step in creates}
        return read_sizes(self._database, {base for base in bases if catalog.find_table(*base)})

    def doubts(self, steps: Iterable[Step], project: Project, catalog: Catalog, now: datetime) -> tuple[str, ...]:
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
                if first is not None and is_doubtful(time, first, now):
                    found.append(
                        f"table {keyspace}.{table}: by its file its first row is of {time_text(time, first)}, "
                        "which lies outside of any window: see 'time' in the file"
                    )
        return tuple(found)

    def target(self, project: str) -> Target:
        """Return where a plan that is made now for a project of that name would be for."""
        facts = self.facts()
        env = self._settings.env
        return Target(
            cluster=facts.name,
            registry=self._registry.keyspace,
            environment=self._settings.environment,
            project=project,
            line=self._line(facts),
            registry_replication=self._registry_replication(facts),
            keyspaces=env.keyspace_statements(),
            view_budget=env.view_budget,
            has_snapshot_option=facts.has_snapshot_option,
        )

    def known(self) -> set[ViewName]:
        """Return the views that a file or the registry knows."""
        known: set[ViewName] = set()
        if self.has_files:
            known |= {view.name for view in self.project().views}
        if self._registry.exists():
            known |= {record.name for record in self._registry.read_all()}
        return known

    def resolve(self, name: str) -> ViewName:
        """Return the view that a person means; errors as ``planning.request.resolve``."""
        return resolve(name, self.known())

    def choose(self, names: str | Iterable[str], tags: Iterable[str]) -> frozenset[ViewName]:
        """Return the views that a person means; errors as ``planning.request.choose``."""
        tagged = {view.name: view.tags for view in self.project().views} if self.has_files else {}
        return choose([names] if isinstance(names, str) else names, tags, self.known(), tagged)

    def record(self, view: ViewName) -> ViewRecord:
        """Return what the registry holds of a view; an empty record where there is no registry yet."""
        return self._registry.read(view) if self._registry.exists() else ViewRecord(name=view)

    def _registry_replication(self, facts: ClusterFacts) -> str:
        given = self._settings.env.registry_replication
        if given:
            return cql_map(given)
        per_dc = {name: min(3, count) for name, count in facts.data_centers.items()}
        return cql_map({"class": "NetworkTopologyStrategy", **per_dc})

    def _line(self, facts: ClusterFacts) -> str:
        nodes = sum(facts.data_centers.values())
        return (
            f"cluster {facts.name} (Cassandra {facts.version_text}, {nodes} node{'s' if nodes != 1 else ''}), "
            f"registry {self._registry.keyspace}, environment {self._settings.environment}"
        )
