"""What a plan is made from: its target, the request, what was observed, and the marks of files. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cassandra_views.model.definition import Project, TableDefinition, ViewDefinition
from cassandra_views.model.errors import StalePlan
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Catalog, Keyspace, LiveView
from cassandra_views.model.steps import (
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    DropRegistry,
    FilePrecondition,
    Plan,
    RenameView,
    Step,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTarget:
    """Which cluster, registry and environment a plan is for.

    Args:
        registry_replication: the CQL map with which a missing registry is created.
        keyspaces: those that views.toml describes.
        data_centers: how many nodes each has.
        local_dc: the one that is read and written in, where the settings name it.
        view_budget: how many views one base table may carry.
        view_guardrail: how many the servers allow; None where they set no limit.
        audit_fresh: for how long an audit is as good as a new one when readers return to a generation.
        has_snapshot_option: the servers know ``allow_auto_snapshot`` (5.0 and newer).
    """

    cluster: str
    registry: str
    environment: str
    project: str
    line: str
    registry_replication: str = ""
    registry_keyspace: Keyspace | None = None
    keyspaces: tuple[Keyspace, ...] = ()
    data_centers: Mapping[str, int] = field(default_factory=dict)
    local_dc: str | None = None
    view_budget: int = 20
    view_guardrail: int | None = None
    audit_fresh: timedelta = timedelta(hours=1)
    has_snapshot_option: bool = True

    def empty_plan(self, now: datetime) -> Plan:
        """Return a plan for this target without steps, made now."""
        return Plan(
            made_at=now,
            target=self.line,
            cluster=self.cluster,
            registry=self.registry,
            environment=self.environment,
            project=self.project,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What a person asked for beyond "make it as the files say".

    Args:
        only: plan these views alone; None plans all.
        unless_run: views of which this run has made a generation are not refreshed again.
        refresh, drop, abort: views for which a person asked this, whatever their files say.
        drop_reason: why the views of ``drop`` are dropped.
        is_drop_allowed: whole views may be dropped, and those that people made (``--allow-drop``).
        is_shrink_allowed: a generation may be served that holds far fewer rows than what serves (``--allow-shrink``).
    """

    only: frozenset[ViewName] | None = None
    refresh: frozenset[ViewName] = frozenset()
    drop: frozenset[ViewName] = frozenset()
    abort: frozenset[ViewName] = frozenset()
    is_drop_allowed: bool = False
    is_shrink_allowed: bool = False
    unless_run: str | None = None
    drop_reason: str = "a person asked for it"

    def is_for(self, view: str) -> bool:
        """Tell whether a view of that name is among those to be planned."""
        return self.only is None or any(name.view == view for name in self.only)

    def is_refresh(self, record: ViewRecord) -> bool:
        """Tell whether a view is to be built again although nothing has changed."""
        return record.name in self.refresh and not is_made_by(record, self.unless_run)


def is_made_by(record: ViewRecord, run: str | None) -> bool:
    """Tell whether a run has made a generation of the view, whatever became of it since."""
    return run is not None and any(each.run == run for each in record.generations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the cluster and the registry say, read in one round.

    Args:
        has_registry: False before the first apply.
    """

    catalog: Catalog
    records: tuple[ViewRecord, ...] = ()
    has_registry: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """What planning one view needs beside the view itself.

    Args:
        off: views that are dropped and have a file, or the next plan would create them again.
        owners: the view whose generation each physical view is, by its keyspace and name, as the registry knows it.
    """

    now: datetime
    catalog: Catalog
    target: PlanTarget
    request: PlanRequest = field(default_factory=PlanRequest)
    off: frozenset[ViewName] = frozenset()
    owners: Mapping[tuple[str, str], ViewName] = field(default_factory=dict)

    def is_of_another(self, live: LiveView, name: ViewName) -> bool:
        """Tell whether a physical view is a generation of another view than this one, whatever its name says."""
        return self.owners.get((live.keyspace, live.name), name) != name


NO_FILE = ""


def file_marks(project: Project, keyspaces: Iterable[Keyspace]) -> dict[str, str]:
    """Return the marks of all that a project's files say, by what they are of.

    Args:
        keyspaces: those that views.toml describes.
    """
    marks = {f"view {each.name}": _mark_of_view(each) for each in project.views}
    marks |= {f"table {each.keyspace}.{each.table}": _mark_of_table(each) for each in project.tables}
    return marks | {f"keyspace {each.name}": _mark(each.replication) for each in keyspaces}


def find_preconditions(
    steps: Iterable[Step], project: Project, marks: Mapping[str, str]
) -> tuple[FilePrecondition, ...]:
    """Return what the files must still say when these steps are carried out; a view may have no file by then."""
    bases = {each.name: f"table {each.name.keyspace}.{each.base}" for each in project.views}
    subjects: dict[str, None] = {}
    for step in steps:
        match step:
            case CreateRegistry() | DropRegistry():
                pass
            case CreateKeyspace():
                subjects.setdefault(f"keyspace {step.keyspace}")
            case CreateTable():
                subjects.setdefault(f"table {step.keyspace}.{step.table}")
            case _:
                if isinstance(step, RenameView):
                    subjects.setdefault(f"view {step.view.keyspace}.{step.former}")
                subjects.setdefault(f"view {step.view}")
                if step.view in bases:
                    subjects.setdefault(bases[step.view])
    return tuple(FilePrecondition(subject=each, mark=marks.get(each, NO_FILE)) for each in subjects)


def refuse_changed_files(plan: Plan, marks: Mapping[str, str]) -> None:
    """Refuse a plan where a file that it was made from says something else now.

    Raises:
        StalePlan: names what the file is of.
    """
    for each in plan.files:
        found = marks.get(each.subject, NO_FILE)
        if found != each.mark:
            kind, _space, name = each.subject.partition(" ")
            what = "what views.toml says of this keyspace" if kind == "keyspace" else f"the file of this {kind}"
            how = "is gone or wrong" if found == NO_FILE else "is new" if each.mark == NO_FILE else "has changed"
            raise StalePlan(f"the plan is stale: {what} {how} since it was made", on=name, next="Plan again")


def _mark_of_view(view: ViewDefinition) -> str:
    return _mark(
        view.version,
        view.text,
        view.base,
        view.window,
        view.time,
        view.strategy.value,
        view.grace,
        view.max_lag,
        view.lag,
        view.min_rows_percent,
        *view.checks,
        *view.renamed_from,
    )


def _mark_of_table(table: TableDefinition) -> str:
    return _mark(table.managed, table.time, table.text, table.cql)


def _mark(*parts: object) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
