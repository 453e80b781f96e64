"""The whole plan: what is observed and asked for, composed into ordered steps.

Pure: reads no clock, file or cluster; the same input gives the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cassandra_views.cql.drift import table_drift
from cassandra_views.cql.statements import complete_project, table_statement
from cassandra_views.model.catalog import Catalog
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import RegistryError
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import (
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    Plan,
    Precondition,
    Step,
)
from cassandra_views.planning.check import Checker
from cassandra_views.planning.cost import refuse_over_budget
from cassandra_views.planning.generations import Context
from cassandra_views.planning.request import Request
from cassandra_views.planning.target import Target
from cassandra_views.planning.unknown import orphans
from cassandra_views.planning.view_steps import plan_view


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the cluster and the registry say, read in one round.

    Args:
        has_registry: False before the first apply.
    """

    catalog: Catalog
    records: tuple[ViewRecord, ...] = ()
    has_registry: bool = True


def make_plan(
    project: Project,
    observed: Observed,
    target: Target,
    request: Request,
    now: datetime,
    *,
    passed: set[str] | None = None,
) -> Plan:
    """Return the steps that bring the cluster to what the files say.

    Args:
        passed: see ``Checker``; marks of what was checked are taken from it and added to it.

    Raises:
        ProjectError: a base table is missing, or a definition breaks a rule of the server.
        RegistryError: another registry or project manages one of these keyspaces or views.
        PreflightError: a base table would carry more views than the budget allows.
    """
    project = complete_project(project, observed.catalog)
    _refuse_second_registry(project, observed, target)
    records = {record.name: record for record in observed.records}
    context = Context(
        now=now,
        catalog=observed.catalog,
        registry=target.registry,
        refresh=frozenset(
            name for name in request.refresh if request.is_refresh(records.get(name) or ViewRecord(name=name))
        ),
        drop=request.drop,
        abort=request.abort,
        is_drop_allowed=request.is_drop_allowed,
        has_snapshot_option=target.has_snapshot_option,
    )
    definitions = {view.name: view for view in project.views}
    checker = Checker(project, observed.catalog, passed)
    wanted = [name for name in _names(project, observed, context) if request.only is None or name in request.only]
    planned = []
    for name in wanted:
        definition, record = definitions.get(name), records.get(name)
        _refuse_foreign(name, record, project)
        is_left = name in request.drop or name in request.abort or _is_overridden(record, now)
        if definition is not None and not is_left:
            checker.check(definition)
        planned.append(plan_view(name, definition, record, context))

    notes = list(_of_nobody(project, observed, context)) if request.only is None else []
    first: list[Step] = []
    if not observed.has_registry:
        first.append(CreateRegistry(keyspace=target.registry, replication=target.registry_replication))
    bases = None
    if request.only:
        made = [definitions[name] for name in wanted if name in definitions]
        bases = {(each.name.keyspace, each.base) for each in made if each.name not in request.drop | request.abort}
    first += _tables(project, observed, target, bases, notes)

    # First those whose readers see nothing of what the base holds.
    empty = {name for name, each in records.items() if any(one.lost_all_rows for one in each.in_state(State.SERVING))}
    active = sorted((each for each in planned if each.has_steps), key=lambda each: each.name not in empty)
    steps = [step for each in active for step in each.clean]
    steps += [step for each in active for step in each.create]
    steps += [step for each in active for step in each.finish]
    steps += [step for each in active for step in each.after]
    refuse_over_budget(steps, observed.catalog, target.view_budget)
    steps = [*first, *steps]
    if len(steps) == 1 and isinstance(steps[0], CreateRegistry):
        steps = []  # a registry is only worth creating for something to do
    return target.new_plan(
        now,
        steps=tuple(steps),
        preconditions=tuple(
            Precondition(view=each.name, revision=(records.get(each.name) or ViewRecord(name=each.name)).revision())
            for each in active
        ),
        notes=(*notes, *(note for each in planned for note in each.notes)),
        withheld=tuple(drop for each in planned for drop in each.withheld),
    )


def _names(project: Project, observed: Observed, context: Context) -> list[ViewName]:
    """Return the views of the files, then those that the registry holds for this project alone."""
    names = sorted(view.name for view in project.views)
    known = set(names)
    broken = {each.view for each in project.broken}
    # An unnamed project speaks only for the keyspaces of its files: another folder's views are not "gone".
    gone = [
        record.name
        for record in observed.records
        if record.project == project.name
        and (project.is_named or record.name.keyspace in project.keyspaces)
        and record.name not in known
        and record.name.view not in broken
        and (record.is_live or orphans(record, context))
    ]
    return names + sorted(gone)


def _of_nobody(project: Project, observed: Observed, context: Context) -> Iterable[str]:
    """Tell of views that only their comments know: their registry rows were lost, and their files are gone."""
    known = {str(each.name) for each in project.views} | {str(each.name) for each in observed.records}
    known |= {f"{keyspace}.{each.view}" for each in project.broken for keyspace in project.keyspaces}
    found = dict.fromkeys(
        mark.view
        for live in observed.catalog.views.values()
        if live.keyspace in project.keyspaces and (mark := live.mark()) and mark.registry == context.registry
    )
    for view in sorted(set(found) - known):
        yield (
            f"{view} has physical views that say they are of this registry, and neither it nor a file knows the view: "
            "give it a file again, or drop them by hand"
        )


def _is_overridden(record: ViewRecord | None, now: datetime) -> bool:
    """Tell whether a person's decision keeps the file from being carried out."""
    return record is not None and record.override is not None and record.override.holds(now)


def _refuse_second_registry(project: Project, observed: Observed, target: Target) -> None:
    for view in observed.catalog.views.values():
        mark = view.mark() if view.keyspace in project.keyspaces else None
        if mark and mark.registry != target.registry:
            raise RegistryError(
                f"its views are managed by another registry, {mark.registry}",
                on=f"keyspace {view.keyspace}",
                next=f"Set registry = '{mark.registry}' for this environment in views.toml, or drop {view.name} first",
            )


def _refuse_foreign(name: ViewName, record: ViewRecord | None, project: Project) -> None:
    if record is not None and record.is_live and record.project != project.name:
        raise RegistryError(
            f"it belongs to the project '{record.project}', and this is '{project.name}'",
            on=str(name),
            next="Rename one of the two views, or set the same project name in views.toml",
        )


def _tables(
    project: Project,
    observed: Observed,
    target: Target,
    bases: set[tuple[str, str]] | None,
    notes: list[str],
) -> Iterable[Step]:
    """Return what creates keyspaces and base tables that are missing; ``bases`` limits it to some."""
    tables = [table for table in project.tables if bases is None or (table.keyspace, table.table) in bases]
    keyspaces = set(project.keyspaces) if bases is None else {keyspace for keyspace, _table in bases}
    steps: list[Step] = [
        CreateKeyspace(keyspace=keyspace, cql=cql)
        for keyspace, cql in target.keyspaces
        if keyspace in keyspaces and keyspace not in observed.catalog.keyspaces
    ]
    for table in tables:
        live = observed.catalog.find_table(table.keyspace, table.table)
        if live is None:
            if table.managed:
                steps.append(CreateTable(keyspace=table.keyspace, table=table.table, cql=table.cql))
        elif (statement := table_statement(table)) is not None:
            notes += [
                f"table {table.keyspace}.{table.table} differs from {table.place.file}: {difference}; "
                "it was left as it is"
                for difference in table_drift(statement, live)
            ]
    return steps
