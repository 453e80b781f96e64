"""What is to be done for each view by itself, so that one that cannot be planned does not hold up the others. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cassandra_client.errors import ViewsError
from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.errors import RepeatedFailure, ShrinkUnapproved
from cassandra_views.model.generation import Generation, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import (
    Cause,
    CreateGeneration,
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    DropGeneration,
    Plan,
    Step,
)
from cassandra_views.plan.lag import find_lag
from cassandra_views.plan.safeguards import find_withheld

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
        awaits_event: that slide is to be done when its base table is told to be written.
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
    def is_slide(self) -> bool:
        """Tell whether it is a slide of the window that has not begun yet, and nothing else."""
        creates = [each for each in self.steps if isinstance(each, CreateGeneration)]
        return bool(creates) and all(each.cause is Cause.SLIDE and not each.resumes for each in creates)


def judged(work: ViewWork, definition: ViewDefinition | None, record: ViewRecord | None, now: datetime) -> ViewWork:
    """Return the work with what file and registry say of when it had better be done."""
    if record is not None:
        withheld = find_withheld(record) if isinstance(work.error, ShrinkUnapproved) else None
        work = replace(work, failures=record.failures, failed_at=record.failed_at, withheld=withheld)
    window = definition.window if definition else None
    if window is not None and work.is_slide:
        lag = find_lag(definition, record, now)
        work = replace(work, lag=lag.late if lag else timedelta(), awaits_event=window.slides_on_base)
    return work


def work_of(plan: Plan) -> tuple[ViewWork, ...]:
    """Return a plan's steps by view, in the order of the plan; then the views that could not be planned."""
    found: dict[ViewName | None, list[Step]] = {}
    for step in plan.steps:
        match step:
            case CreateRegistry() | CreateKeyspace() | CreateTable():
                found.setdefault(None, []).append(step)
            case _:
                found.setdefault(step.view, []).append(step)
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
