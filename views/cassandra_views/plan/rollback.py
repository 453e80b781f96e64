"""The plan of a rollback: readers are sent to the former generation, which is still fed. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import Audit, Generation, OverrideKind, Serving, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import (
    AdoptGeneration,
    AuditGeneration,
    CreateGeneration,
    Plan,
    Precondition,
    RetireView,
    ServeGeneration,
    Step,
)
from cassandra_views.plan.generations import audit_request, is_audit_due, needs_audit, other_name
from cassandra_views.plan.inputs import PlanContext
from cassandra_views.plan.selection import refuse_frozen
from cassandra_views.plan.view_plan import plan_view, with_physicals


def get_former(record: ViewRecord) -> Generation:
    """Return the generation that served last before the one that serves now.

    Raises:
        ProjectError: none is kept.
    """
    former = [each for each in record.in_state(State.RETIRED) if each.audit is Audit.PASSED and each.retired_at]
    if former:
        return max(former, key=lambda each: (each.retired_at, each.number))
    if not record.is_live:
        raise ProjectError(
            f"there is nothing to go back to: {record.absence()}",
            on=str(record.name),
            next="'views apply' makes a view that has a file",
        )
    raise ProjectError(
        "there is no former generation to go back to: each is kept for its grace period alone",
        on=str(record.name),
        next=f"Correct the file and apply, or 'views refresh {record.name.view}'",
    )


def make_rollback(
    record: ViewRecord,
    definition: ViewDefinition | None,
    context: PlanContext,
    *,
    is_file_known: bool,
    reason: str,
) -> Plan:
    """Return the steps that send readers to the former generation at once, and audit it right after.

    The switch freezes the view in the same batch where its file asks for something else, or the next plan would
    undo it. Where a rollback has switched already only what is still missing is done, so that the command can be
    run again where it is not known how far it came.

    Args:
        definition: what the view's file says, None where there is none.
        is_file_known: False where the files cannot be read: the view is frozen then.

    Raises:
        ProjectError: there is no former generation.
        ViewsError: a person has decided over the view.
    """
    serving = record.in_state(State.SERVING)
    is_done = record.rolled_back_from is not None and bool(serving)
    if is_done:
        former, after = serving[-1], record
    else:
        if record.is_live:
            refuse_frozen(record, context.now)
        former = get_former(record)
        after = _switched(record, former, context.now)
    is_held = record.override is not None and record.override.holds(context.now)
    freezes = not is_held and (not is_file_known or _asks_otherwise(definition, after, context))
    steps: list[Step] = []
    if freezes or not is_done:
        steps.append(_serve(record, definition, former, freezes=freezes, reason=reason))
    if is_audit_due(former, context) if is_done else needs_audit(former, context):
        request = audit_request(former)
        steps.append(AuditGeneration(view=record.name, number=former.number, is_again=True, request=request))
    precondition = Precondition(view=record.name, revision=record.revision())
    notes = _told(record.name, former, record.rolled_back_from) if is_done else ()
    empty = context.target.empty_plan(context.now)
    others = {each.number: other_name(record.name, each.number, each.physical) for each in record.generations}
    steps = with_physicals(steps, others)
    return replace(empty, steps=tuple(steps), preconditions=(precondition,) if steps else (), notes=notes)


def _serve(
    record: ViewRecord, definition: ViewDefinition | None, former: Generation, *, freezes: bool, reason: str
) -> ServeGeneration:
    is_bounded = former.window_start or former.window_end
    told = next((entry.time for entry in record.read_from if entry.time), None)
    time = told or (definition.time if definition else None)
    serving = record.in_state(State.SERVING)
    left = (
        record.rolled_back_from
        if record.rolled_back_from is not None
        else max((each.number for each in serving), default=former.number)
    )
    return ServeGeneration(
        view=record.name,
        number=former.number,
        read_from=(
            Serving(
                name=former.physical,
                time=time if is_bounded else None,
                start=former.window_start,
                end=former.window_end,
            ),
        ),
        strategy=record.strategy,
        grace_seconds=int(record.grace.total_seconds()),
        next_due=record.next_due,
        retires=tuple(each.number for each in serving),
        rolled_back_from=left,
        override=OverrideKind.FROZEN if freezes else None,
        reason=reason,
    )


def _switched(record: ViewRecord, former: Generation, now: datetime) -> ViewRecord:
    """Return the record as it is once readers are at the former generation."""
    changed = []
    for each in record.generations:
        if each.number == former.number:
            each = replace(each, state=State.SERVING, retired_at=None, served_at=now)
        elif each.state is State.SERVING:
            each = replace(each, state=State.RETIRED, retired_at=now)
        changed.append(each)
    return replace(record, generations=tuple(changed), read_from=(Serving(name=former.physical),))


def _asks_otherwise(definition: ViewDefinition | None, record: ViewRecord, context: PlanContext) -> bool:
    """Tell whether a plan would send readers elsewhere, or make another generation."""
    steps = plan_view(record.name, definition, record, context)
    undoing = (CreateGeneration, AdoptGeneration, ServeGeneration, RetireView)
    return any(isinstance(step, undoing) for step in (*steps.clean, *steps.create, *steps.finish, *steps.after))


def _told(name: ViewName, former: Generation, left: int | None) -> tuple[str, ...]:
    return (f"{name} is rolled back already: generation {former.number} serves in place of generation {left}",)
