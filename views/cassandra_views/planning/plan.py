"""The whole plan: what is observed and asked for, composed into ordered steps.

Pure: reads no clock, file or cluster; the same input gives the same plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cassandra_views.cql.drift import table_drift
from cassandra_views.cql.lint import lint_view, raise_on_errors
from cassandra_views.model.catalog import Catalog
from cassandra_views.model.definition import Project, TableDefinition, ViewDefinition
from cassandra_views.model.errors import PreflightError, ProjectError, RegistryError
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.names import ViewName, nearest
from cassandra_views.model.steps import (
    Cost,
    CreateGeneration,
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    Plan,
    Precondition,
    Step,
)
from cassandra_views.model.table import TableShape
from cassandra_views.planning.view_steps import Context, plan_view


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Which cluster, registry and environment a plan is for.

    Args:
        registry_replication: the CQL map with which a missing registry is created.
        keyspaces: CREATE KEYSPACE of the keyspaces that views.toml describes, by name.
        view_budget: how many views one base table may carry.
    """

    cluster: str
    registry: str
    environment: str
    project: str
    line: str
    registry_replication: str = ""
    keyspaces: tuple[tuple[str, str], ...] = ()
    view_budget: int = 20
    has_snapshot_option: bool = True


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
class Request:
    """What a person asked for beyond "make it as the files say".

    Args:
        only: plan these views alone; None plans all.
    """

    only: frozenset[ViewName] | None = None
    refresh: frozenset[ViewName] = frozenset()
    drop: frozenset[ViewName] = frozenset()
    abort: frozenset[ViewName] = frozenset()
    is_drop_allowed: bool = False


def make_plan(project: Project, observed: Observed, target: Target, request: Request, now: datetime) -> Plan:
    """Return the steps that bring the cluster to what the files say.

    Raises:
        ProjectError: a base table is missing, or a definition breaks a rule of the server.
        RegistryError: another registry manages one of these keyspaces.
        PreflightError: a base table would carry more views than the budget allows.
    """
    _refuse_second_registry(project, observed, target)
    context = Context(
        now=now,
        catalog=observed.catalog,
        registry=target.registry,
        refresh=request.refresh,
        drop=request.drop,
        abort=request.abort,
        is_drop_allowed=request.is_drop_allowed,
        has_snapshot_option=target.has_snapshot_option,
    )
    notes: list[str] = []
    first: list[Step] = []
    if not observed.has_registry:
        first.append(CreateRegistry(keyspace=target.registry, replication=target.registry_replication))
    first += _keyspaces(project, observed, target)
    first += _tables(project, observed, notes)

    definitions = {view.name: view for view in project.views}
    records = {record.name: record for record in observed.records}
    wanted = [name for name in _names(project, observed) if request.only is None or name in request.only]
    planned = []
    for name in wanted:
        definition = definitions.get(name)
        _refuse_foreign(name, records.get(name), project)
        if definition is not None and name not in request.drop and name not in request.abort:
            check_against_base(definition, project, observed.catalog)
        planned.append(plan_view(name, definition, records.get(name), context))

    active = [each for each in planned if each.has_steps]
    steps = [step for each in active for step in each.clean]
    steps += [step for each in active for step in each.create]
    steps += [step for each in active for step in each.finish]
    _refuse_over_budget(steps, observed.catalog, target)
    steps = [*first, *steps]
    if len(steps) == 1 and isinstance(steps[0], CreateRegistry):
        steps = []  # a registry is only worth creating for something to do
    return Plan(
        made_at=now,
        target=target.line,
        cluster=target.cluster,
        registry=target.registry,
        environment=target.environment,
        project=project.name,
        steps=tuple(steps),
        preconditions=tuple(
            Precondition(view=each.name, revision=(records.get(each.name) or ViewRecord(name=each.name)).revision())
            for each in active
        ),
        notes=(*notes, *(note for each in planned for note in each.notes)),
        withheld=tuple(drop for each in planned for drop in each.withheld),
    )


def _names(project: Project, observed: Observed) -> list[ViewName]:
    """Return the views of the files, then those that the registry holds for this project alone."""
    names = sorted(view.name for view in project.views)
    known = set(names)
    # An unnamed project speaks only for the keyspaces of its files: another folder's views are not "gone".
    gone = [
        record.name
        for record in observed.records
        if record.is_live
        and record.project == project.name
        and (project.is_named or record.name.keyspace in project.keyspaces)
    ]
    return names + sorted(name for name in gone if name not in known)


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


def _keyspaces(project: Project, observed: Observed, target: Target) -> Iterable[Step]:
    for keyspace, cql in target.keyspaces:
        if keyspace in project.keyspaces and keyspace not in observed.catalog.keyspaces:
            yield CreateKeyspace(keyspace=keyspace, cql=cql)


def _tables(project: Project, observed: Observed, notes: list[str]) -> list[Step]:
    steps: list[Step] = []
    for table in project.tables:
        live = observed.catalog.find_table(table.keyspace, table.table)
        if live is None:
            if table.managed:
                steps.append(CreateTable(keyspace=table.keyspace, table=table.table, cql=table.cql))
        elif table.statement is not None:
            notes += [
                f"table {table.keyspace}.{table.table} differs from {table.place.file}: {difference}; it was left as it is"
                for difference in table_drift(table.statement, live)
            ]
    return steps


def find_base(definition: ViewDefinition, project: Project, catalog: Catalog) -> TableShape | None:
    """Return the base table's shape: the live one, or that of a file whose table is still to be created."""
    live = catalog.find_table(definition.name.keyspace, definition.base)
    if live is not None:
        return live
    table = find_table(project, definition.name.keyspace, definition.base)
    if table is not None and table.managed and table.statement is not None:
        return table.statement.shape(table.keyspace)
    return None


def find_table(project: Project, keyspace: str, table: str) -> TableDefinition | None:
    """Return the file of a base table, or None."""
    return next((each for each in project.tables if (each.keyspace, each.table) == (keyspace, table)), None)


def check_against_base(definition: ViewDefinition, project: Project, catalog: Catalog) -> None:
    """Refuse a definition whose base is missing, or that the server would refuse or be harmed by."""
    keyspace = definition.name.keyspace
    base = find_base(definition, project, catalog)
    if base is None:
        known = [name for space, name in catalog.tables if space == keyspace]
        where = f"keyspace {keyspace} does not exist" if keyspace not in catalog.keyspaces else "there is no such table"
        raise ProjectError(
            f"the base table {keyspace}.{definition.base} is missing ({where}{nearest(definition.base, known)})",
            on=str(definition.name),
            place=definition.place,
            next="Create the table, correct base(...), or describe it in tables/ with managed: true",
        )
    raise_on_errors(lint_view(definition.statement, base, file=definition.place.file), on=str(definition.name))


def _refuse_over_budget(steps: list[Step], catalog: Catalog, target: Target) -> None:
    created = Counter(
        (step.view.keyspace, step.base) for step in steps if isinstance(step, CreateGeneration) and not step.resumes
    )
    for (keyspace, base), count in created.items():
        existing = len(catalog.views_of(keyspace, base))
        if existing + count > target.view_budget:
            raise PreflightError(
                f"it would carry {existing + count} views, and the budget is {target.view_budget}: "
                "each write of the base visits every one of them",
                on=f"table {keyspace}.{base}",
                next="Wait until generations past their grace are dropped, remove views, or raise view_budget in views.toml",
            )


def costs_of(
    steps: Iterable[Step], catalog: Catalog, sizes: dict[tuple[str, str], tuple[int, int]], target: Target
) -> tuple[Cost, ...]:
    """Return what the plan's new generations will cost, said before it is paid.

    Args:
        sizes: (partitions, bytes) of base tables, by the nodes' estimates; what is absent is "unknown".
    """
    found = []
    for step in steps:
        if isinstance(step, CreateGeneration):
            partitions, size = sizes.get((step.view.keyspace, step.base), (None, None))
            found.append(
                Cost(
                    view=step.view,
                    partitions=partitions,
                    size_bytes=size,
                    views_on_base=len(catalog.views_of(step.view.keyspace, step.base)) + 1,
                    keeps_snapshot=not target.has_snapshot_option,
                )
            )
    return tuple(found)


def resolve(text: str, known: Iterable[ViewName]) -> ViewName:
    """Return the view that a person means by ``view`` or ``keyspace.view``.

    Raises:
        ViewsError: no view, or more than one, has that name.
    """
    names = sorted(set(known))
    found = [name for name in names if text in (name.view, str(name))]
    if len(found) == 1:
        return found[0]
    if found:
        raise ProjectError(
            f"more than one view has this name: {', '.join(map(str, found))}",
            on=text,
            next="Name it with its keyspace",
        )
    spellings = [name.view for name in names] + [str(name) for name in names]
    raise ProjectError(
        f"there is no such view{nearest(text, spellings)}",
        on=text,
        next="'views status' lists the views that exist, 'views lint' those in files",
    )
