"""The plan of a whole project: what is observed and asked for, composed into ordered steps; or audits alone.

Pure: reads no clock, file or cluster; the same input gives the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cassandra_client.errors import ViewsError
from cassandra_views.cql.statements import complete_project
from cassandra_views.model.audit_request import FULL_AUDIT, AuditRequest
from cassandra_views.model.definition import BrokenView, Project, ViewDefinition
from cassandra_views.model.errors import ProjectError, RegistryError, RepeatedFailure, ShrinkUnapproved
from cassandra_views.model.generation import Generation, State, ViewRecord
from cassandra_views.model.names import HAND_MADE_NUMBER, ViewName, counted
from cassandra_views.model.schema import LiveView
from cassandra_views.model.steps import (
    AuditGeneration,
    Cause,
    CreateGeneration,
    CreateRegistry,
    DropGeneration,
    Plan,
    Precondition,
    RefusedView,
    Step,
    find_step_view,
    former_names,
)
from cassandra_views.plan.base_tables import (
    DefinitionChecker,
    base_steps,
    refuse_new_keyspace,
    refuse_unreadable_keyspace,
    refused_keyspaces,
    refused_tables,
)
from cassandra_views.plan.cost import limit_to_budgets
from cassandra_views.plan.generations import find_orphans, hand_made_drift, other_name
from cassandra_views.plan.inputs import Observed, PlanContext, PlanRequest, PlanTarget, file_marks, find_preconditions
from cassandra_views.plan.renames import find_renames, unnamed_renames
from cassandra_views.plan.safeguards import find_lag, find_withheld
from cassandra_views.plan.view_plan import plan_view


def make_plan(
    project: Project,
    observed: Observed,
    target: PlanTarget,
    request: PlanRequest,
    now: datetime,
    *,
    passed: set[str] | None = None,
) -> Plan:
    """Return the steps that bring the cluster to what the files say.

    Args:
        passed: see ``DefinitionChecker``; marks of what was checked are taken from it and added to it.

    Returns:
        The plan; a view that cannot be planned is in ``refused``, and the others are planned all the same: its file
        or its base table's is wrong, its base is missing or has no room, its statement breaks a rule of the server,
        or another registry or project manages it.
    """
    marks = file_marks(project, target.keyspaces)
    project = complete_project(project, observed.catalog)
    before = {record.name: record for record in observed.records}
    broken = {each.view for each in project.broken}
    with_file = {view.name for view in project.views} | {name for name in request.drop if name.view in broken}
    context = PlanContext(
        now=now, catalog=observed.catalog, target=target, request=request, off=request.drop & with_file
    )
    renames = find_renames(project, observed, context)
    records, observed = renames.records, replace(observed, records=renames.observed)
    owners = {(name.keyspace, each.physical): name for name, one in records.items() for each in one.generations}
    context = replace(context, owners=owners)
    definitions = {view.name: view for view in project.views}
    checker = DefinitionChecker(project, observed.catalog, passed)
    wanted = [name for name in _names(project, observed, context) if request.only is None or name in request.only]
    refused = [RefusedView.of(_shown(each), each.error) for each in project.broken if request.is_for(each.view)]
    if request.drop or request.abort:
        refused = []  # what is taken away needs no file
    if request.only is None:
        refused += [RefusedView.of(f"table {each.table}", each.error) for each in project.broken_tables]
    unusable = _foreign_registries(project, observed, target) | refused_keyspaces(project, observed.catalog, target)
    wrong_tables = refused_tables(project, observed.catalog)
    if request.only is None:
        refused += [RefusedView.of(f"table {table}", error) for (_keyspace, table), error in wrong_tables.items()]
    planned = []
    for name in wanted:
        definition, record = definitions.get(name), records.get(name)
        is_left = name in request.drop or name in request.abort or _is_overridden(record, now)
        try:
            if name in renames.refused:
                raise renames.refused[name]
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
            planned[-1].rename += renames.steps.get(name, ())
            for text in renames.notes.get(name, ()):
                planned[-1].note(text)
        except ViewsError as error:
            refused.append(RefusedView.of(str(name), error))
    for name in sorted(request.drop | request.abort):
        if owner := renames.former_of(name):
            refused.append(RefusedView.of(str(name), _former_name(name, owner)))
    # What differs from its base is repaired before all else, and first what lost all of its rows; then what may differ.
    empty = {name for name, each in records.items() if any(one.lost_all_rows for one in each.in_state(State.SERVING))}
    planned.sort(key=lambda each: (not each.is_repair, each.name not in empty, not each.is_suspect))
    refused += [RefusedView.of(str(each.name), each.waits) for each in planned if each.waits]
    batch = limit_to_budgets(planned, definitions, records, observed.catalog, target, now)

    notes: list[str] = []
    if request.only is None:
        notes += [*_of_nobody(project, observed, context), *_unmanaged(project, observed, context)]
        gone = [records[name] for name in wanted if name not in definitions]
        notes += unnamed_renames(project, gone, renames, observed.catalog)
    first: list[Step] = []
    if not observed.has_registry:
        if target.registry_keyspace is not None:
            refuse_new_keyspace(target.registry_keyspace, target)
        first.append(CreateRegistry(keyspace=target.registry, replication=target.registry_replication))
    bases = None
    if request.only is not None:
        made = [definitions[name] for name in wanted if name in definitions]
        bases = {(each.name.keyspace, each.base) for each in made if each.name not in request.drop | request.abort}
    first += base_steps(project, observed.catalog, target, bases, notes, unusable={*unusable, *wrong_tables})
    notes += batch.notes

    active = [each for each in planned if each.has_steps]
    done = [step for each in active for step in each.rename]
    steps = [step for each in active for step in each.clean]
    steps += [step for each in active for step in each.create]
    steps += [step for each in active for step in each.finish]
    steps += [step for each in active for step in each.after]
    steps = [*first, *done, *steps]
    if len(steps) == 1 and isinstance(steps[0], CreateRegistry):
        steps = []  # a registry is only worth creating for something to do
    return replace(
        target.empty_plan(now),
        steps=tuple(steps),
        preconditions=tuple(
            Precondition(view=name, revision=before.get(name, ViewRecord(name=name)).revision())
            for name in dict.fromkeys([*(each.name for each in active), *former_names(done)])
        ),
        notes=(*notes, *(note for each in planned for note in each.notes)),
        withheld=tuple(drop for each in planned for drop in each.withheld),
        refused=(*refused, *batch.refused),
        deferred=tuple(batch.deferred),
        # What is taken away because a person asked for it is so whatever a file says.
        files=() if request.drop or request.abort else find_preconditions(steps, project, marks),
    )


def _former_name(name: ViewName, owner: str) -> ViewsError:
    return ProjectError(
        f"it is a former name of {owner}, and has nothing of its own",
        on=str(name),
        remains="Nothing was changed",
        next=f"Name {owner}; 'views rename {name.view} {owner} --finish' gives this name up",
    )


def _names(project: Project, observed: Observed, context: PlanContext) -> list[ViewName]:
    """Return the views of the files, then those that the registry holds for this project alone."""
    names = sorted(view.name for view in project.views)
    known = set(names)
    # What is to be renamed is not gone, also where that is refused or the file is wrong.
    known |= {ViewName(keyspace=each.name.keyspace, view=one) for each in project.views for one in each.renamed_from}
    known |= {ViewName(keyspace=each.keyspace, view=one) for each in project.broken for one in each.renamed_from}
    broken = {each.view for each in project.broken}
    # An unnamed project speaks only for the keyspaces of its files: another folder's views are not "gone".
    gone = [
        record.name
        for record in observed.records
        if record.project == project.name
        and not record.renamed_to
        and (project.is_named or record.name.keyspace in project.keyspaces)
        and record.name not in known
        and (record.name.view not in broken or record.name in context.request.drop | context.request.abort)
        and (record.is_live or find_orphans(record, context))
    ]
    return names + sorted(gone)


def _of_nobody(project: Project, observed: Observed, context: PlanContext) -> Iterable[str]:
    """Tell of views that only their comments know: their registry rows were lost, and their files are gone."""
    known = {str(each.name) for each in project.views} | {str(each.name) for each in observed.records}
    known |= {f"{keyspace}.{each.view}" for each in project.broken for keyspace in project.keyspaces}
    found = dict.fromkeys(
        mark.view
        for live in observed.catalog.views.values()
        if live.keyspace in project.keyspaces and (mark := live.mark()) and mark.registry == context.target.registry
    )
    for view in sorted(set(found) - known):
        yield (
            f"{view} has physical views that say they are of this registry, and neither it nor a file knows the view: "
            "give it a file again, or drop them by hand"
        )


def _unmanaged(project: Project, observed: Observed, context: PlanContext) -> Iterable[str]:
    """Note the views on the project's tables that neither a file nor a registry knows: each write pays for them.

    Views under the name of one of the project are noted with that one.
    """
    bases = {(each.name.keyspace, each.base) for each in project.views}
    bases |= {(each.keyspace, each.table) for each in project.tables}
    known = {(each.name.keyspace, each.name.view) for each in project.views}
    known |= {(keyspace, each.view) for each in project.broken for keyspace in project.keyspaces}
    for record in observed.records:
        known.add((record.name.keyspace, record.name.view))
        known |= {(record.name.keyspace, each.physical) for each in record.generations}
    found: dict[tuple[str, str], list[LiveView]] = {}
    for key, live in observed.catalog.views.items():
        if (live.keyspace, live.base) in bases and key not in known and live.mark() is None:
            found.setdefault((live.keyspace, live.base), []).append(live)
    for (keyspace, base), views in sorted(found.items()):
        copied = [each for each in project.views if (each.name.keyspace, each.base) == (keyspace, base)]
        texts = []
        for live in sorted(views, key=lambda each: each.name):
            same = next((str(each.name) for each in copied if not hand_made_drift(live, each, context)), "")
            texts.append(live.name + (f" (same key and columns as {same})" if same else ""))
        yield (
            f"{keyspace}.{base} carries {counted(len(texts), 'view')} that nobody manages, for which each of its writes"
            f" pays: {', '.join(texts)}. 'views adopt {keyspace}.{base}' writes files for them; drop what nobody reads"
        )


def _is_overridden(record: ViewRecord | None, now: datetime) -> bool:
    """Tell whether a person's decision keeps the file from being carried out."""
    return record is not None and record.override is not None and record.override.holds(now)


def _foreign_registries(project: Project, observed: Observed, target: PlanTarget) -> dict[str, ViewsError]:
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


def make_audits(
    project: Project,
    records: Iterable[ViewRecord],
    target: PlanTarget,
    only: frozenset[ViewName] | None,
    now: datetime,
    request: AuditRequest = FULL_AUDIT,
) -> Plan:
    """Return an audit of each generation that serves, suspect ones first.

    It depends on nothing else, so it has no preconditions.

    Args:
        only: these views; None is all that serve and are of this project.

    Returns:
        The plan; views whose registry rows cannot be read are in ``refused``.

    Raises:
        ProjectError: of views that are named, one serves nothing.
    """
    chosen = [each for each in records if (each.project == project.name if only is None else each.name in only)]
    refused = tuple(RefusedView.of(str(each.name), each.error) for each in chosen if each.error is not None)
    chosen = [each for each in chosen if each.error is None]
    serving = {record.name: record.in_state(State.SERVING) for record in chosen}
    if only is not None:
        unreadable = {each.view for each in refused}
        idle = sorted(name for name in only if not serving.get(name) and str(name) not in unreadable)
        if idle:
            absence = next((each.absence() for each in chosen if each.name == idle[0]), "")
            raise ProjectError(
                f"nothing of it serves, so there is nothing to audit{f': {absence}' if absence else ''}",
                on=", ".join(map(str, idle)),
                next=f"'views explain {idle[0].view}' shows the reason",
            )
    suspects = {name for name, found in serving.items() if any(each.suspicion for each in found)}
    steps = tuple(
        AuditGeneration(
            view=name,
            number=each.number,
            is_again=True,
            request=request,
            physical=other_name(name, each.number, each.physical),
        )
        for name in sorted(serving, key=lambda name: (name not in suspects, name))
        for each in serving[name]
    )
    return replace(target.empty_plan(now), steps=steps, refused=refused)


def is_suspect_audit(step: Step) -> bool:
    """Tell whether a step is the full audit of what serves and is suspect."""
    return isinstance(step, AuditGeneration) and step.is_again and not step.is_return and step.request == FULL_AUDIT


def is_original_drop(step: Step) -> bool:
    """Tell whether a step drops the view that people made, for which a person is always asked."""
    return isinstance(step, DropGeneration) and step.number == HAND_MADE_NUMBER and step.needs_approval


WAITING = (RepeatedFailure, ShrinkUnapproved)
"""Errors of views that wait for a person: another run would find the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewWork:
    """What is to be done for one view; for ``name`` None, what belongs to no view: keyspaces and base tables.

    Args:
        revision: of the view's registry rows, as the plan's precondition has it.
        error: why it could not be planned; steps are then only what takes old generations away.
        failures: runs in a row that failed for it; the last at ``failed_at``.
        lag: for how long a slide that is among the steps has been due.
        withheld: the generation that ``ShrinkUnapproved`` is about.
        awaits_event: that slide waits for the event that its base table was written.
    """

    name: ViewName | None
    steps: tuple[Step, ...] = ()
    revision: str = ""
    error: ViewsError | None = None
    failures: int = 0
    failed_at: datetime | None = None
    lag: timedelta = timedelta()
    awaits_event: bool = False
    withheld: Generation | None = None

    @property
    def waits_for_person(self) -> bool:
        """Tell whether it goes no further by itself: ``error`` says what a person must decide or correct.

        That is ``ShrinkUnapproved`` (plan with ``allow_shrink`` once a person has agreed) or ``RepeatedFailure``.
        """
        return isinstance(self.error, WAITING)

    @property
    def needs_approval(self) -> bool:
        """Tell whether nothing but drops of the whole view is left, which a person is asked for."""
        return bool(self.steps) and all(isinstance(each, DropGeneration) and each.needs_approval for each in self.steps)

    @property
    def original_part(self) -> ViewWork:
        """The drop of the view that people made, which a person is asked for while everything else goes on."""
        steps = tuple(step for step in self.steps if is_original_drop(step))
        return replace(self, steps=steps, error=None, withheld=None, lag=timedelta(), awaits_event=False)

    def without_original_drop(self) -> ViewWork:
        """Return the work without that drop."""
        return replace(self, steps=tuple(step for step in self.steps if not is_original_drop(step)))

    def without_suspect_audits(self) -> ViewWork:
        """Return the work without full audits of what serves and is suspect."""
        return replace(self, steps=tuple(step for step in self.steps if not is_suspect_audit(step)))

    @property
    def is_slide(self) -> bool:
        """Tell whether it is a slide of the window that has not begun yet, and nothing else."""
        creates = [each for each in self.steps if isinstance(each, CreateGeneration)]
        return bool(creates) and all(each.cause is Cause.SLIDE and not each.resumes for each in creates)


def with_schedule(
    work: ViewWork, definition: ViewDefinition | None, record: ViewRecord | None, now: datetime
) -> ViewWork:
    """Return the work with what file and registry say of when it is due."""
    if record is not None:
        withheld = find_withheld(record) if isinstance(work.error, ShrinkUnapproved) else None
        work = replace(work, failures=record.failures, failed_at=record.failed_at, withheld=withheld)
    window = definition.window if definition else None
    if window is not None and work.is_slide:
        lag = find_lag(definition, record, now)
        work = replace(work, lag=lag.late if lag else timedelta(), awaits_event=window.slides_on_base)
    return work


def work_by_view(plan: Plan) -> tuple[ViewWork, ...]:
    """Return a plan's steps by view, in the order of the plan; then the views that could not be planned."""
    found: dict[ViewName | None, list[Step]] = {}
    for step in plan.steps:
        found.setdefault(find_step_view(step), []).append(step)
    revisions = {each.view: each.revision for each in plan.preconditions}
    errors = {each.view: each.as_error() for each in plan.refused if not each.view.startswith("table ")}
    works = [
        ViewWork(
            name=name,
            steps=tuple(steps),
            revision=revisions.get(name, "") if name else "",
            error=errors.pop(str(name), None),
        )
        for name, steps in found.items()
    ]
    for view, error in errors.items():
        keyspace, _dot, name = view.rpartition(".")
        works.append(ViewWork(name=ViewName(keyspace=keyspace, view=name), error=error))
    return tuple(works)
