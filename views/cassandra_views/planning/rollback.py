"""The plan of a rollback: readers are sent to the former generation, which is still fed. Pure."""

from __future__ import annotations

from datetime import datetime

from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import Audit, Generation, Serving, State, ViewRecord
from cassandra_views.model.steps import Plan, Precondition, ServeGeneration
from cassandra_views.model.times import TimeColumn
from cassandra_views.planning.target import Target


def get_former(record: ViewRecord) -> Generation:
    """Return the generation that served last before the one that serves now.

    Raises:
        ProjectError: none is kept.
    """
    former = [each for each in record.in_state(State.RETIRED) if each.audit is Audit.PASSED and each.retired_at]
    if not former:
        raise ProjectError(
            "there is no former generation to go back to: each is kept for its grace period alone",
            on=str(record.name),
            next=f"Correct the file and apply, or 'views refresh {record.name.view}'",
        )
    return max(former, key=lambda each: (each.retired_at, each.number))


def find_time(record: ViewRecord) -> TimeColumn | None:
    """Return the time column that readers of the view are told of now, or None."""
    return next((entry.time for entry in record.read_from if entry.time), None)


def make_rollback(
    record: ViewRecord, former: Generation, time: TimeColumn | None, target: Target, now: datetime
) -> Plan:
    """Return the one step that sends readers to a former generation and retires those that serve.

    Args:
        time: the view's time column; only told to readers where the generation is of a window.
    """
    is_bounded = former.window_start or former.window_end
    step = ServeGeneration(
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
        retires=tuple(each.number for each in record.in_state(State.SERVING)),
    )
    return target.new_plan(
        now, steps=(step,), preconditions=(Precondition(view=record.name, revision=record.revision()),)
    )
