"""The whole plan: what is observed and asked for, composed into ordered steps.

Pure: reads no clock, file or cluster; the same input gives the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cassandra_client.errors import ViewsError
from cassandra_views.cql.statements import complete_project
from cassandra_views.model.definition import BrokenView, Project
from cassandra_views.model.errors import RegistryError
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Catalog
from cassandra_views.model.steps import (
    CreateRegistry,
    Plan,
    Precondition,
    Refusal,
    Step,
)
from cassandra_views.planning.bases import (
    base_steps,
    refuse_new_keyspace,
    refuse_unreadable_keyspace,
    refused_keyspaces,
    refused_tables,
)
from cassandra_views.planning.batches import limit_to_budgets
from cassandra_views.planning.check import Checker
from cassandra_views.planning.files import file_marks, find_preconditions
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

    Returns:
        The plan; a view that cannot be planned is in ``refused``, and the others are planned all the same: its file
        or its base table's is wrong, its base is missing or has no room, its statement breaks a rule of the server,
        or another registry or project manages it.
    """
    marks = file_marks(project, target.keyspaces)
    project = complete_project(project, observed.catalog)
    records = {record.name: record for record in observed.records}
    broken = {each.view for each in project.broken}
    with_file = {view.name for view in project.views} | {name for name in request.drop if name.view in broken}
    context = Context(
        now=now,
        catalog=observed.catalog,
        registry=target.registry,
        refresh=frozenset(
            name for name in request.refresh if request.is_refresh(records.get(name) or ViewRecord(name=name))
        ),
        drop=request.drop,
        abort=request.abort,
        drop_reason=request.drop_reason,
        off=request.drop & with_file,
        audit_fresh=target.audit_fresh,
        is_drop_allowed=request.is_drop_allowed,
        is_shrink_allowed=request.is_shrink_allowed,
        has_snapshot_option=target.has_snapshot_option,
    )
    definitions = {view.name: view for view in project.views}
    checker = Checker(project, observed.catalog, passed)
    wanted = [name for name in _names(project, observed, context) if request.only is None or name in request.only]
    refused = [Refusal.of(_shown(each), each.error) for each in project.broken if request.is_for(each.view)]
    if request.drop or request.abort:
        refused = []  # what is taken away needs no file
    if request.only is None:
        refused += [Refusal.of(f"table {each.table}", each.error) for each in project.broken_tables]
    unusable = _foreign_registries(project, observed, target) | refused_keyspaces(project, observed.catalog, target)
    wrong_tables = refused_tables(project, observed.catalog)
    if request.only is None:
        refused += [Refusal.of(f"table {table}", error) for (_keyspace, table), error in wrong_tables.items()]
    planned = []
    for name in wanted:
        definition, record = definitions.get(name), records.get(name)
        is_left = name in request.drop or name in request.abort or _is_overridden(record, now)
        try:
            if record is not None and record.error is not None:
                raise record.error
            if name.keyspace in unusable:
                raise unusable[name.keyspace]
            _refuse_foreign(name, record, project)
            if definition is not None and not is_left:
                if (name.keyspace, definition.base) in wrong_tables:
                    raise wrong_tables[name.keyspace, definition.base]
                refuse_unreadable_keyspace(name, observed.catalog, target)
                checker.check(definition)
            planned.append(plan_view(name, definition, record, context))
        except ViewsError as error:
            refused.append(Refusal.of(str(name), error))
    # What differs from its base is repaired before all else, and first what lost all of its rows.
    empty = {name for name, each in records.items() if any(one.lost_all_rows for one in each.in_state(State.SERVING))}
    planned.sort(key=lambda each: (not each.is_repair, each.name not in empty))
    refused += [Refusal.of(str(each.name), each.waits) for each in planned if each.waits]
    batch = limit_to_budgets(planned, definitions, records, observed.catalog, target, now)

    notes = list(_of_nobody(project, observed, context)) if request.only is None else []
    first: list[Step] = []
    if not observed.has_registry:
        if target.registry_keyspace is not None:
            refuse_new_keyspace(target.registry_keyspace, target)
        first.append(CreateRegistry(keyspace=target.registry, replication=target.registry_replication))
    bases = None
    if request.only:
        made = [definitions[name] for name in wanted if name in definitions]
        bases = {(each.name.keyspace, each.base) for each in made if each.name not in request.drop | request.abort}
    first += base_steps(project, observed.catalog, target, bases, notes, unusable={*unusable, *wrong_tables})
    notes += batch.notes

    active = [each for each in planned if each.has_steps]
    steps = [step for each in active for step in each.clean]
    steps += [step for each in active for step in each.create]
    steps += [step for each in active for step in each.finish]
    steps += [step for each in active for step in each.after]
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
        refused=(*refused, *batch.refused),
        deferred=tuple(batch.deferred),
        # What is taken away because a person asked for it is so whatever a file says.
        files=() if request.drop or request.abort else find_preconditions(steps, project, marks),
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
        and (record.name.view not in broken or record.name in context.drop | context.abort)
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


def _foreign_registries(project: Project, observed: Observed, target: Target) -> dict[str, ViewsError]:
    """Return the error of each keyspace of the project whose views another registry manages."""
    found: dict[str, ViewsError] = {}
    for view in observed.catalog.views.values():
        mark = view.mark() if view.keyspace in project.keyspaces else None
        if mark and mark.registry != target.registry:
            found[view.keyspace] = RegistryError(
                f"its views are managed by another registry, {mark.registry}",
                on=f"keyspace {view.keyspace}",
                next=f"Set registry = '{mark.registry}' for this environment in views.toml, or drop {view.name} first",
            )
    return found


def _shown(broken: BrokenView) -> str:
    return f"{broken.keyspace}.{broken.view}" if broken.keyspace else broken.view


def _refuse_foreign(name: ViewName, record: ViewRecord | None, project: Project) -> None:
    if record is not None and record.is_live and record.project != project.name:
        raise RegistryError(
            f"it belongs to the project '{record.project}', and this is '{project.name}'",
            on=str(name),
            next="Rename one of the two views, or set the same project name in views.toml",
        )
