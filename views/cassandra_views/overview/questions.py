"""What pages ask of a registry, and the answers as values. Reads only, and no files but those it is handed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from cassandra import ConsistencyLevel

from cassandra_client.database import Database
from cassandra_client.errors import ViewsError
from cassandra_views.apply.builds import BuildLook, look
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import RegistryError
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.overview.lookout import Question
from cassandra_views.plan.catalog import read_catalog, read_sizes
from cassandra_views.plan.status import ViewStatus, view_statuses
from cassandra_views.registry.history import Event
from cassandra_views.registry.store import Registry

EVENTS = 50
"""How many of a view's last events its page shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """All views of a registry at one moment, each with what the registry holds of it.

    Args:
        has_files: whether the view files were read, too: only they tell ``stale``, ``changed`` and promises.
        files_error: why they could not be read, where they could not.
        wrong_files: what is wrong with the files that were left out.
        carried: how many views each base table carries, by (keyspace, table), generations counted.
        bases: the base table of each view that exists.
    """

    at: datetime
    cluster: str
    registry: str
    views: tuple[tuple[ViewStatus, ViewRecord], ...]
    has_files: bool = False
    files_error: str = ""
    wrong_files: tuple[str, ...] = ()
    carried: dict[tuple[str, str], int]
    bases: dict[ViewName, str]

    def find(self, name: ViewName) -> tuple[ViewStatus, ViewRecord]:
        """Return the view of this name, which is one of these."""
        return next(each for each in self.views if each[0].name == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseSize:
    """The base table of a view.

    Args:
        carried: how many views each of its writes visits.
        partitions, size_bytes: by the nodes' own estimates; None where they have none, or may not be asked.
    """

    keyspace: str
    table: str
    carried: int
    partitions: int | None = None
    size_bytes: int | None = None


def overview_question(
    *, next_without_registry: str, find_project: Callable[[], Project | None] = lambda: None
) -> Question[Overview]:
    """Return the question for all views.

    It raises RegistryError where there is no registry, or a newer program made it; ClusterError where the cluster
    does not answer.

    Args:
        next_without_registry: what a person does where there is no registry.
        find_project: reads the view files, where there are any. A file that is wrong hides none of the views.
    """

    def ask(database: Database, registry: Registry) -> Overview:
        local = database.rows("SELECT cluster_name FROM system.local", consistency=ConsistencyLevel.ONE)
        cluster = str(local[0]["cluster_name"])
        if not registry.exists():
            raise RegistryError(
                f"cluster {cluster} has no registry there",
                on=f"keyspace {registry.keyspace}",
                next=f"The first 'views apply' or run of 'views_reconcile' makes one; {next_without_registry}",
            )
        records = registry.read_all()
        project, files_error = None, ""
        try:
            project = find_project()
        except ViewsError as error:
            files_error = str(error)
        catalog = read_catalog(database, {record.name.keyspace for record in records if record.is_live})
        now = datetime.now(UTC)
        by_name = {record.name: record for record in records}
        statuses = view_statuses(project or Project(name=""), records, catalog, now)
        carried: dict[tuple[str, str], int] = {}
        for live in catalog.views.values():
            carried[live.keyspace, live.base] = carried.get((live.keyspace, live.base), 0) + 1
        return Overview(
            at=now,
            cluster=cluster,
            registry=registry.keyspace,
            views=tuple((status, by_name.get(status.name, ViewRecord(name=status.name))) for status in statuses),
            has_files=project is not None,
            files_error=files_error,
            wrong_files=tuple(map(str, project.errors)) if project is not None else (),
            carried=carried,
            bases={
                record.name: found.base
                for record in records
                for each in record.generations
                if (found := catalog.find_view(record.name, each.number)) is not None
            },
        )

    return ask


def ask_events(name: ViewName, *, limit: int = EVENTS) -> Question[tuple[Event, ...]]:
    """Return the question for a view's last events, newest first."""
    return lambda _database, registry: tuple(registry.history(name, limit=limit))


def ask_build(name: ViewName, number: int) -> Question[BuildLook]:
    """Return the question how far the build of a generation is, node by node."""
    return lambda database, _registry: look(database, name.keyspace, name.physical(number))


def ask_base(keyspace: str, table: str, carried: int) -> Question[BaseSize]:
    """Return the question how large a base table is."""

    def ask(database: Database, _registry: Registry) -> BaseSize:
        partitions, size = read_sizes(database, [(keyspace, table)]).get((keyspace, table), (None, None))
        return BaseSize(keyspace=keyspace, table=table, carried=carried, partitions=partitions, size_bytes=size)

    return ask
