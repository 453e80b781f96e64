"""The steps of one view: what its file asks for, against what the registry and the schema hold. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cassandra_client.errors import ViewsError
from cassandra_client.names import quoted, table_id
from cassandra_views.model.audit_request import AUDIT_BY_SIZE, AuditRequest
from cassandra_views.model.audit_result import empty_window_text
from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.generation import DROP_REASON, Audit, Generation, OverrideKind, State, ViewRecord
from cassandra_views.model.names import HAND_MADE_NUMBER, ViewName
from cassandra_views.model.steps import (
    AdoptGeneration,
    AuditGeneration,
    AwaitBuild,
    Cause,
    CreateGeneration,
    DropGeneration,
    FailGeneration,
    GenerationStep,
    ReleaseGeneration,
    RetireView,
    ServeGeneration,
    Step,
    physical_of,
)
from cassandra_views.model.times import instant_text
from cassandra_views.plan.generations import (
    agrees,
    audit_request,
    cause_of,
    find_former,
    find_hand_made,
    find_lost,
    find_orphans,
    find_serving,
    find_unmanaged,
    generation_cql,
    hand_made_drift,
    is_audit_due,
    is_resumable,
    is_there,
    made_later,
    needs_audit,
    next_number,
    other_name,
    sweep,
    vanished,
)
from cassandra_views.plan.inputs import PlanContext
from cassandra_views.plan.safeguards import (
    find_lag,
    find_min_rows,
    is_given_up,
    is_withheld,
    mark_of_base,
    repeated_failure,
    shrink_error,
)

_MOVED_ON = "has moved its window on meanwhile; the next run slides again"


@dataclass(slots=True)
class ViewSteps:
    """The steps of one view, by the phase of the plan they belong to."""

    name: ViewName
    rename: list[Step] = field(default_factory=list)
    clean: list[Step] = field(default_factory=list)
    create: list[Step] = field(default_factory=list)
    finish: list[Step] = field(default_factory=list)
    after: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    withheld: list[DropGeneration] = field(default_factory=list)
    is_repair: bool = False
    is_suspect: bool = False
    waits: ViewsError | None = None
    allows_drop: bool = False
    has_hand_made: bool = False

    @property
    def has_steps(self) -> bool:
        """Tell whether anything is to be done."""
        return bool(self.rename or self.clean or self.create or self.finish or self.after)

    def hold_back(self) -> None:
        """Take out what makes a new generation; what takes old ones away stays."""
        self.create, self.finish, self.after = [], [], []

    def note(self, text: str) -> None:
        """Add what a person should know of this view and no step does."""
        self.notes.append(f"{self.name} {text}")

    def drop(self, number: int, reason: str) -> None:
        """Add the drop of one generation; a view that people made is dropped with their approval alone."""
        drop = DropGeneration(
            view=self.name,
            number=number,
            reason=reason,
            needs_approval=number == HAND_MADE_NUMBER and self.has_hand_made,
        )
        (self.withheld if drop.needs_approval and not self.allows_drop else self.clean).append(drop)

    def abandon(self, each: Generation, reason: str) -> None:
        """Give up a generation that never served, and drop it; a view that people made is left to them."""
        if each.number == HAND_MADE_NUMBER:
            self.release(each, reason)
            return
        self.clean.append(FailGeneration(view=self.name, number=each.number, reason=reason))
        self.drop(each.number, reason)

    def release(self, each: Generation, reason: str) -> None:
        """Take a view that people made out of the registry; it is theirs again, and may be taken over again."""
        self.clean.append(ReleaseGeneration(view=self.name, number=each.number, reason=reason))

    def name_physicals(self, record: ViewRecord) -> None:
        """Name the physical views of the steps whose generations were made under a former name of the view."""
        others = {each.number: other_name(self.name, each.number, each.physical) for each in record.generations}
        if any(others.values()):
            self.clean, self.create = with_physicals(self.clean, others), with_physicals(self.create, others)
            self.finish, self.after = with_physicals(self.finish, others), with_physicals(self.after, others)
            self.withheld = [replace(each, physical=others.get(each.number, "")) for each in self.withheld]

    def without_released(self, record: ViewRecord) -> ViewRecord:
        """Return the record as it is once what is released has left it."""
        released = {step.number for step in self.clean if isinstance(step, ReleaseGeneration)}
        if not released:
            return record
        return replace(record, generations=tuple(each for each in record.generations if each.number not in released))


def with_physicals(steps: Iterable[Step], others: Mapping[int, str]) -> list[Step]:
    """Return steps of one view with the physical views that are not named by view and number."""
    return [
        replace(step, physical=others.get(step.number, ""))
        if isinstance(step, GenerationStep) and not step.physical
        else step
        for step in steps
    ]


def plan_view(
    name: ViewName, definition: ViewDefinition | None, record: ViewRecord | None, context: PlanContext
) -> ViewSteps:
    """Return what must be done for one view; nothing, where file, registry and schema agree."""
    record = record or ViewRecord(name=name)
    steps = _plan_view(name, definition, record, context)
    steps.name_physicals(record)
    return steps


def _plan_view(
    name: ViewName, definition: ViewDefinition | None, record: ViewRecord, context: PlanContext
) -> ViewSteps:
    made = record.find(HAND_MADE_NUMBER)
    has_hand_made = made is not None and is_there(name, made, context.catalog)
    steps = ViewSteps(name, allows_drop=context.request.is_drop_allowed, has_hand_made=has_hand_made)
    now = context.now
    override = record.override if record.override and record.override.holds(now) else None
    is_frozen = override is not None and override.kind is OverrideKind.FROZEN
    if override:
        steps.note(f"is {override}")
    lag = find_lag(definition, record, now)
    if lag is not None and lag.broken_by:
        steps.note(f"breaks its promise: {lag}")

    for each in record.in_state(State.DROPPING):
        begun = each.reason.removeprefix(DROP_REASON) if each.reason.startswith(DROP_REASON) else ""
        reason = begun or "a drop that was begun is finished"
        steps.clean.append(DropGeneration(view=name, number=each.number, reason=reason))
    for each in record.in_state(State.FAILED):
        if each.number == HAND_MADE_NUMBER and not (has_hand_made and each.audit is Audit.FAILED):
            steps.release(each, each.reason)  # nothing is known against the view that is there now
        else:
            steps.drop(each.number, f"it failed: {each.reason or 'reason unknown'}")

    if name in context.request.abort:
        for each in record.in_state(State.BUILDING, State.BUILT):
            steps.abandon(each, "given up by a person")
        return steps
    if name in context.request.drop:
        _leave(record, context, steps, context.request.drop_reason, is_approved=True)
    elif override and override.kind is OverrideKind.OFF:
        _leave(record, context, steps, f"override {override}", is_approved=context.request.is_drop_allowed)
    elif definition is None and not is_frozen:
        _leave(record, context, steps, "its file is gone", is_approved=context.request.is_drop_allowed)
    else:
        for text in (*vanished(record, context), *made_later(record, now)):
            steps.note(text)
        for each in record.in_state(State.SERVING):
            if each.verdict is not None and each.verdict.first_time:
                steps.note(f"generation {each.number}: {empty_window_text(each.verdict.first_time)}")
            if each.suspicion is not None:
                steps.note(f"generation {each.number} is {each.suspicion}")
            if each.audit is Audit.FAILED and (definition is None or is_frozen):
                steps.note(f"generation {each.number} serves, and its last audit failed")
        if definition is not None and not is_frozen:
            _Convergence(definition, steps.without_released(record), context, steps).plan()
        if definition is not None:
            _note_unmanaged(definition, record, context, steps)
        _drop_replaced(record, definition.grace if definition else record.grace, context, steps)
        if not steps.create and not steps.finish:
            _audit_returned(record, context, steps)
    _sweep(record, context, steps)
    return steps


def _note_unmanaged(definition: ViewDefinition, record: ViewRecord, context: PlanContext, steps: ViewSteps) -> None:
    """Note a view that people made under the logical name, where it is not taken over."""
    live = find_unmanaged(record, context)
    is_taken = any(isinstance(step, AdoptGeneration) and step.number == HAND_MADE_NUMBER for step in steps.create)
    if live is None or is_taken:
        return
    drift = "; ".join(hand_made_drift(live, definition, context))
    steps.note(
        "also exists as a view that people made and nobody manages, so each write of its base pays for both"
        f"{f' (it is not what the file says: {drift})' if drift else ''}: switch its readers to this view, then run "
        f"DROP MATERIALIZED VIEW {quoted(live.keyspace)}.{quoted(live.name)}"
    )


def _leave(record: ViewRecord, context: PlanContext, steps: ViewSteps, why: str, *, is_approved: bool) -> None:
    """Retire a whole view; drop its generations where that is approved.

    The view that people made is dropped only where drops are allowed, also where a person asked for the drop.
    """
    serving = record.in_state(State.SERVING)
    kept = record.override
    is_off = kept is not None and kept.kind is OverrideKind.OFF and kept.until is None
    override = OverrideKind.OFF if record.name in context.off and not is_off else None
    if serving or record.read_from or override:
        retires = tuple(each.number for each in serving)
        steps.clean.append(RetireView(view=record.name, retires=retires, reason=why, override=override))
    for each in record.in_state(State.BUILDING, State.BUILT):
        steps.abandon(each, why)
    is_asked = record.name in context.request.drop
    for each in record.in_state(State.RETIRED, State.SERVING):
        is_original = each.number == HAND_MADE_NUMBER
        needs_approval = steps.has_hand_made or not is_original  # what people have dropped already is only forgotten
        is_allowed = (steps.allows_drop or not needs_approval) if is_original else is_approved
        drop = DropGeneration(view=record.name, number=each.number, reason=why, needs_approval=needs_approval)
        has_grace = each.retired_at is None or each.retired_at + record.grace > context.now
        if is_allowed and (is_asked or not has_grace):
            steps.clean.append(drop)
        elif not is_allowed:
            steps.withheld.append(drop)
        else:
            steps.note(f"generation {each.number} is dropped when its grace has ended")


def _audit_returned(record: ViewRecord, context: PlanContext, steps: ViewSteps) -> None:
    """Audit what is suspect, and what a rollback sent readers to, where that was not done right after it."""
    for each in record.in_state(State.SERVING):
        if is_audit_due(each, context) and is_there(record.name, each, context.catalog):
            audit = AuditGeneration(view=record.name, number=each.number, is_again=True, request=audit_request(each))
            steps.finish.append(audit)
            steps.is_suspect |= each.suspicion is not None


def _drop_replaced(record: ViewRecord, grace: timedelta, context: PlanContext, steps: ViewSteps) -> None:
    """Drop what was replaced and whose grace has ended; not what readers return to."""
    returning = {step.number for step in steps.finish if isinstance(step, ServeGeneration)}
    for each in steps.without_released(record).in_state(State.RETIRED):
        ends = (each.retired_at or context.now) + grace
        if each.number in returning:
            continue
        if ends <= context.now and record.read_from:
            steps.drop(each.number, f"replaced, and its grace ended {instant_text(ends)}")


def _sweep(record: ViewRecord, context: PlanContext, steps: ViewSteps) -> None:
    """Drop physical views that nobody knows of: first where something serves, else when something does.

    Where the registry was lost they may be all that applications still read.
    """
    adopted = {physical_of(step) for step in steps.create if isinstance(step, AdoptGeneration)}
    found = [live for live in find_orphans(record, context) if live.name not in adopted]
    sweeps = [sweep(live, steps.name) for live in found]
    is_left = not steps.create and not steps.finish
    if record.read_from or (is_left and record.next_number > 1):
        steps.clean += sweeps
    elif not is_left:
        steps.after += sweeps
    if found and not record.read_from and record.next_number == 1:
        names = ", ".join(live.name for live in found)
        what = "dropped once a new one serves" if not is_left else "left alone"
        steps.note(f"has physical views that the registry does not know ({names}): they are {what}")


def _not_taken_over(name: ViewName) -> ViewsError:
    return ViewsError(
        "the existing view of its name is not taken over yet, and a refresh would build a second one beside it",
        on=str(name),
        remains="Nothing was changed",
        next=f"'views apply {name.view}' takes it over without a build; after that 'views refresh {name.view}' builds "
        "generation 1",
    )


class _Convergence:
    """Brings a view to what its file says: nothing, or one new generation, or one that was begun."""

    def __init__(self, definition: ViewDefinition, record: ViewRecord, context: PlanContext, steps: ViewSteps) -> None:
        self._definition, self._record, self._context, self._steps = definition, record, context, steps
        self._name = record.name
        self._start = definition.window_start(context.now)
        self._serving = find_serving(record, context)

    def plan(self) -> None:
        """Add the steps that are needed, or why the view waits."""
        definition, context, steps = self._definition, self._context, self._steps
        serving = self._serving
        # One that differs from its base is replaced by a new one: what a former one holds may differ as well by now.
        steps.is_repair = serving is not None and serving.audit is Audit.FAILED
        is_refresh = context.request.is_refresh(self._record)
        is_new = is_refresh or steps.is_repair
        self._release_replaced_original()
        self._plan_begun()
        record = self._record = steps.without_released(self._record)
        if steps.finish or steps.waits:
            return
        if serving is not None and agrees(serving, definition, context.now) and not is_new:
            return
        former = None if is_new else find_former(definition, record, context)
        if former is not None:
            if self._needs_audit(former):
                audit = AuditGeneration(
                    view=self._name,
                    number=former.number,
                    is_again=True,
                    is_return=True,
                    request=audit_request(former),
                    checks=definition.checks,
                )
                steps.finish.append(audit)
            self._finish(former.number, self._start, needs_build=False, is_unaudited=False)
            return
        lost = None
        if is_refresh and find_hand_made(definition, record, context) is not None:
            raise _not_taken_over(record.name)
        if serving is None and not is_refresh:
            lost = find_lost(definition, record, context) or find_hand_made(definition, record, context)
        if lost is not None:
            if lost.window_start != self._start:
                steps.note(_MOVED_ON)
            steps.create.append(lost)
            self._finish(lost.number, lost.window_start, physical=lost.physical)
            return
        base_mark = mark_of_base(context.catalog.find_table(self._name.keyspace, definition.base))
        if not is_refresh and is_given_up(record, definition, base_mark):
            steps.waits = repeated_failure(record)
            return
        self._create(base_mark)

    def _release_replaced_original(self) -> None:
        """Release the view that people made where they made it again, so that the new one can be taken over.

        That is so only where it is what the file says, and the view has no other generation.
        """
        made = self._record.find(HAND_MADE_NUMBER)
        if made is None or made.state is State.DROPPING or is_there(self._name, made, self._context.catalog):
            return
        rest = replace(
            self._record, generations=tuple(each for each in self._record.generations if each.number != made.number)
        )
        if find_hand_made(self._definition, rest, self._context) is not None:
            self._steps.release(made, "it was dropped and created again by somebody else")
            self._record = rest

    def _plan_begun(self) -> None:
        """Resume the newest generation that never served where it is still fit, and give up the others."""
        record, steps = self._record, self._steps
        for each in reversed(record.in_state(State.BUILDING, State.BUILT)):
            if steps.finish or steps.waits or not is_resumable(each, self._definition, record, self._context):
                steps.abandon(each, "the view's file, or the time, asks for something else now")
            elif is_withheld(each, self._serving) and not self._context.request.is_shrink_allowed:
                steps.waits = shrink_error(self._name, each, self._serving)
            else:
                self._resume(each)

    def _resume(self, each: Generation) -> None:
        if each.window_start != self._start:
            self._steps.note(_MOVED_ON)
        if self._context.catalog.find_view(self._name.keyspace, each.physical) is None:
            create = CreateGeneration(
                view=self._name,
                number=each.number,
                base=self._definition.base,
                cql=each.cql,
                table_id=each.table_id,
                version=each.version,
                cause=Cause.CREATE,
                reason="a run was stopped before its CREATE was known to have arrived",
                window_start=each.window_start,
                window_end=each.window_end,
                resumes=True,
            )
            self._steps.create.append(create)
        is_building, is_unaudited = each.state is State.BUILDING, self._needs_audit(each)
        self._finish(
            each.number,
            each.window_start,
            needs_build=is_building,
            is_unaudited=is_unaudited,
            request=audit_request(each),
        )

    def _needs_audit(self, each: Generation) -> bool:
        """Tell whether a generation must be audited before it serves; checks are asked by that step alone."""
        return bool(self._definition.checks) or needs_audit(each, self._context)

    def _create(self, base_mark: str) -> None:
        definition, record, context = self._definition, self._record, self._context
        cause, reason = cause_of(self._serving, definition, record, context)
        number = next_number(record, context)
        create = CreateGeneration(
            view=self._name,
            number=number,
            base=definition.base,
            cql=generation_cql(definition, self._name.physical(number), self._start, context),
            table_id=table_id(self._name.keyspace, self._name.physical(number)),
            version=definition.version,
            cause=cause,
            reason=reason,
            window_start=self._start,
            window_declared=definition.window.declared if definition.window else "",
            base_mark=base_mark,
        )
        self._steps.create.append(create)
        self._finish(number, self._start)

    def _finish(
        self,
        number: int,
        start: datetime | None,
        *,
        needs_build: bool = True,
        is_unaudited: bool = True,
        request: AuditRequest = AUDIT_BY_SIZE,
        physical: str = "",
    ) -> None:
        """Add what leads from a generation that is created to one that serves."""
        definition, name, serving, now = self._definition, self._name, self._serving, self._context.now
        # A former generation that returns was served before, so nothing is lost that a person did not see.
        is_next = needs_build or serving is None or serving.number < number
        is_limited = is_next and not self._context.request.is_shrink_allowed
        min_rows = find_min_rows(serving, definition, now) if is_limited else None
        if needs_build:
            self._steps.finish.append(AwaitBuild(view=name, number=number, physical=physical))
        if is_unaudited:
            time = definition.time if start else None
            audit = AuditGeneration(
                view=name, number=number, request=request, time=time, checks=definition.checks, physical=physical
            )
            self._steps.finish.append(audit)
        self._steps.finish.append(
            ServeGeneration(
                view=name,
                number=number,
                read_from=(definition.serving(physical or self._record.physical(number), start),),
                strategy=definition.strategy,
                grace_seconds=int(definition.grace.total_seconds()),
                next_due=definition.window.next_slide(now) if definition.window else None,
                retires=tuple(each.number for each in self._record.in_state(State.SERVING)),
                min_rows=min_rows,
                min_rows_percent=definition.min_rows_percent if min_rows is not None else 0,
                time=definition.time if min_rows is not None else None,
                window_start=start if min_rows is not None else None,
                physical=physical,
            )
        )
