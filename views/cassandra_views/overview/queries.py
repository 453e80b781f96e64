"""The queries of pages, and their answers as values. They only read, and no files but those that they are handed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cassandra import ConsistencyLevel

from cassandra_client.database import Database
from cassandra_client.errors import ViewsError
from cassandra_views.apply.builds import BuildProgress, read_build
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import RegistryError
from cassandra_views.model.generation import Generation, OverrideKind, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.overview.query_runner import Clock, RegistryQuery, utc_now
from cassandra_views.plan.catalog import read_catalog, read_sizes
from cassandra_views.plan.status import ViewStatus, view_statuses
from cassandra_views.registry.history import Event
from cassandra_views.registry.store import Registry

EVENTS = 50
"""How many of a view's last events its page shows."""

_ABSENCE_EVENTS = 20
_OVERRIDE_ENDED = "override none"


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


def overview_query(
    *,
    next_without_registry: str,
    find_project: Callable[[], Project | None] = lambda: None,
    clock: Clock = utc_now,
) -> RegistryQuery[Overview]:
    """Return the query for all views.

    It raises RegistryError where there is no registry, or a newer program made it; ClusterError where the cluster
    does not answer.

    Args:
        next_without_registry: what a person does where there is no registry.
        find_project: reads the view files, where there are any. A file that is wrong hides none of the views.
    """

    def read(database: Database, registry: Registry) -> Overview:
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
        now = clock()
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
                if (found := catalog.find_view(record.name.keyspace, each.physical)) is not None
            },
        )

    return RegistryQuery(key="overview", read=read)


def events_query(name: ViewName, *, limit: int = EVENTS) -> RegistryQuery[tuple[Event, ...]]:
    """Return the query for a view's last events, newest first."""
    return RegistryQuery(
        key=("events", name), read=lambda _database, registry: tuple(registry.history(name, limit=limit))
    )


def build_query(name: ViewName, each: Generation) -> RegistryQuery[BuildProgress]:
    """Return the query how far the build of a generation is, node by node."""
    return RegistryQuery(
        key=("build", name, each.number),
        read=lambda database, _registry: read_build(database, name.keyspace, each.physical),
    )


def base_query(keyspace: str, table: str, carried: int) -> RegistryQuery[BaseSize]:
    """Return the query how large a base table is."""

    def read(database: Database, _registry: Registry) -> BaseSize:
        partitions, size = read_sizes(database, [(keyspace, table)]).get((keyspace, table), (None, None))
        return BaseSize(keyspace=keyspace, table=table, carried=carried, partitions=partitions, size_bytes=size)

    return RegistryQuery(key=("base", keyspace, table, carried), read=read)


class AbsenceKind(StrEnum):
    """Why nothing serves a view."""

    NONE = "none"
    """Something serves it by now."""
    BUILDING = "building"
    OFF = "off"
    FROZEN = "frozen"
    FAILED = "failed"
    RETIRED = "retired"
    DROPPED = "dropped"
    PENDING = "pending"
    """It was switched on again, and is not made again yet."""
    NEVER_MADE = "never made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Why nothing serves a view.

    Args:
        by: who switched it off, froze or dropped it.
        reason: their reason; or the last error of its builds.
        until: when an override ends.
        at: when it was dropped, or failed last.
        is_first: whether it was never served before, where it is being built.
    """

    kind: AbsenceKind
    by: str = ""
    reason: str = ""
    until: datetime | None = None
    at: datetime | None = None
    is_first: bool = False


def absence_of(record: ViewRecord, events: Sequence[Event], now: datetime) -> Absence:
    """Return why nothing serves a view.

    Args:
        record: what the registry holds of it; one without generations where it holds nothing.
        events: its history, newest first.
    """
    if record.read_from:
        return Absence(kind=AbsenceKind.NONE)
    override = record.override if record.override and record.override.holds(now) else None
    if override and override.kind is OverrideKind.OFF:
        return Absence(kind=AbsenceKind.OFF, by=override.by, reason=override.reason, until=override.until)
    if record.in_state(State.BUILDING, State.BUILT):
        return Absence(kind=AbsenceKind.BUILDING, is_first=not any(event.event == "serve" for event in events))
    if override:
        return Absence(kind=AbsenceKind.FROZEN, by=override.by, reason=override.reason, until=override.until)
    if record.in_state(State.FAILED) or record.failures or record.last_error:
        return Absence(kind=AbsenceKind.FAILED, reason=record.last_error, at=record.failed_at)
    retired = next((event for event in events if event.event in ("retire", "drop")), None)
    if record.in_state(State.RETIRED):
        return _by_event(AbsenceKind.RETIRED, retired)
    if retired is None:
        return Absence(kind=AbsenceKind.DROPPED if record.generations else AbsenceKind.NEVER_MADE)
    if any(event.event == _OVERRIDE_ENDED and event.at > retired.at for event in events):
        return Absence(kind=AbsenceKind.PENDING)
    return _by_event(AbsenceKind.DROPPED, retired)


def absence_query(view: str, keyspace: str | None = None, *, clock: Clock = utc_now) -> RegistryQuery[Absence]:
    """Return the query why nothing serves a view.

    Args:
        view: its name, or ``keyspace.name``.
        keyspace: of a name without one, where it is known.
    """

    def read(_database: Database, registry: Registry) -> Absence:
        if not registry.exists():
            return Absence(kind=AbsenceKind.NEVER_MADE)
        prefix, _dot, name = view.rpartition(".")
        wanted = prefix or keyspace
        found = [
            record
            for record in registry.read_all()
            if record.name.view == name and (not wanted or record.name.keyspace == wanted)
        ]
        for record in found:
            if record.error is not None:
                raise record.error
        if not found:
            return Absence(kind=AbsenceKind.NEVER_MADE)
        record = found[0]
        return absence_of(record, registry.history(record.name, limit=_ABSENCE_EVENTS), clock())

    return RegistryQuery(key=("absence", view), read=read)


def _by_event(kind: AbsenceKind, event: Event | None) -> Absence:
    if event is None:
        return Absence(kind=kind)
    return Absence(kind=kind, by=event.author, reason=event.detail, at=event.at)
