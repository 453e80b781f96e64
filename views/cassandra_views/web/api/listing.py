"""What an app can know of each view without reading it: columns, key, window, what serves, how fresh. Reads only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cassandra_client.database import Database
from cassandra_client.errors import ViewsError
from cassandra_views.cql.statements import complete_project, view_statement
from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Catalog, Column, ColumnKind, TableShape
from cassandra_views.model.times import TimeColumn, duration_text, instant_text
from cassandra_views.overview.query_runner import Clock, RegistryQuery
from cassandra_views.plan.catalog import read_catalog
from cassandra_views.plan.status import ViewStatus, view_statuses
from cassandra_views.registry.store import Registry

_NOT_LISTED = frozenset({"off", "retired"})
"""Nobody can read these, and nobody is about to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewEntry:
    """One view.

    Args:
        columns: the key first, in its order; a type is empty where neither the cluster nor a file tells it.
        definition: what its file says; None where there are no files.
    """

    status: ViewStatus
    record: ViewRecord
    columns: tuple[Column, ...]
    definition: ViewDefinition | None

    @property
    def name(self) -> ViewName:
        """The view."""
        return self.status.name

    @property
    def time(self) -> TimeColumn | None:
        """The column that times of the view stand in; None where it is not known or not among its columns."""
        found = self.record.read_from[-1].time if self.record.read_from else None
        told = self.definition.time if self.definition else None
        if found is None or (told is not None and replace(told, grain=found.grain) == found):
            found = told  # the registry does not keep the grain
        return found if found and any(column.name == found.name for column in self.columns) else None

    def to_json(self, prefix: str) -> dict[str, Any]:
        """Return the entry as clients get it.

        Args:
            prefix: the address of the API.
        """
        status, definition, record = self.status, self.definition, self.record
        served, time = record.read_from, self.time
        ends = [each.end for each in served]
        return {
            "name": self.name.view,
            "keyspace": self.name.keyspace,
            "description": definition.description if definition else "",
            "owner": definition.owner if definition else "",
            "tags": list(definition.tags) if definition else [],
            "state": status.condition,
            "is_ready": bool(served),
            "columns": [_column(column) for column in self.columns],
            "time": None
            if time is None
            else {
                "column": time.name,
                "kind": time.kind.value,
                "format": time.format or None,
                "grain": duration_text(time.grain) if time.grain else None,
            },
            "window": {
                "start": _instant(served[0].start if served else None),
                "end": _instant(max((each for each in ends if each), default=None) if None not in ends else None),
            },
            "generations": [each.name for each in served],
            "freshness": {
                "served_at": _instant(status.served_at),
                "audited_at": _instant(status.audited_at),
                "audit": status.audit or None,
                "next_slide_at": _instant(status.next_due),
                "late_seconds": status.slide_lag_seconds,
                "promise": status.promise or None,
            },
            "links": {"self": f"{prefix}/views/{self.name}", "rows": f"{prefix}/views/{self.name}/rows"},
        }


def listing_query(find_project: Callable[[], Project | None], clock: Clock) -> RegistryQuery[tuple[ViewEntry, ...]]:
    """Return the query for all views that can be read, or will be; without a registry, those of the files.

    Args:
        find_project: reads the view files, where there are any; one that is wrong hides none of the views.
    """

    def read(database: Database, registry: Registry) -> tuple[ViewEntry, ...]:
        project = _project(find_project)
        records = registry.read_all() if registry.exists() else ()
        definitions = {view.name: view for view in project.views}
        keyspaces = {record.name.keyspace for record in records if record.is_live}
        keyspaces |= {name.keyspace for name in definitions}
        catalog = read_catalog(database, keyspaces)
        definitions = {view.name: view for view in complete_project(project, catalog).views}
        by_name = {record.name: record for record in records}
        return tuple(
            ViewEntry(
                status=status,
                record=(record := by_name.get(status.name, ViewRecord(name=status.name))),
                columns=columns_of(record, definitions.get(status.name), catalog),
                definition=definitions.get(status.name),
            )
            for status in view_statuses(project, records, catalog, clock())
            if status.condition not in _NOT_LISTED
        )

    return RegistryQuery(key="listing", read=read)


def columns_of(record: ViewRecord, definition: ViewDefinition | None, catalog: Catalog) -> tuple[Column, ...]:
    """Return a view's columns, the key first: of what serves, else of what is there, else as its file says."""
    there = [*record.in_state(State.BUILDING, State.BUILT), *record.in_state(State.SERVING)]
    for each in reversed(there):
        live = catalog.find_view(record.name.keyspace, each.physical)
        if live is not None:
            return _in_order(live.shape)
    if definition is None:
        return ()
    try:
        statement = view_statement(definition)
    except ViewsError:
        return ()
    base = catalog.find_table(record.name.keyspace, definition.base)
    types = {column.name: column.type for column in base} if base else {}
    names = [*statement.columns, *(types if statement.selects_all else ())]
    rest = sorted(name for name in names if name not in statement.key)
    return (
        *(Column(name=n, type=types.get(n, ""), kind=ColumnKind.PARTITION_KEY) for n in statement.partition_key),
        *(
            Column(name=n, type=types.get(n, ""), kind=ColumnKind.CLUSTERING, is_descending=n in statement.descending)
            for n in statement.clustering
        ),
        *(Column(name=n, type=types.get(n, ""), kind=ColumnKind.REGULAR) for n in rest),
    )


def _in_order(shape: TableShape) -> tuple[Column, ...]:
    rest = sorted((column for column in shape if not column.is_key), key=lambda column: column.name)
    return (*shape.key_columns, *rest)


def _project(find_project: Callable[[], Project | None]) -> Project:
    try:
        return find_project() or Project(name="")
    except ViewsError:
        return Project(name="")


def _column(column: Column) -> dict[str, Any]:
    part = {ColumnKind.PARTITION_KEY: "partition", ColumnKind.CLUSTERING: "clustering"}.get(column.kind)
    order = ("desc" if column.is_descending else "asc") if part == "clustering" else None
    return {"name": column.name, "type": column.type or None, "key": part, "order": order}


def _instant(moment: datetime | None) -> str | None:
    return None if moment is None else instant_text(moment)
