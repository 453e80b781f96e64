"""The plan of auditing what serves, at any time: nothing but audits, which change no state. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import AuditGeneration, Plan
from cassandra_views.plan.target import Target


def make_audits(
    project: Project,
    records: Iterable[ViewRecord],
    target: Target,
    only: frozenset[ViewName] | None,
    now: datetime,
) -> Plan:
    """Return an audit of each generation that serves; it depends on nothing else, so it has no preconditions.

    Args:
        only: these views; None is all that serve and are of this project.

    Raises:
        ProjectError: of views that are named, one serves nothing.
    """
    records = tuple(records)
    serving = {record.name: record.in_state(State.SERVING) for record in records if record.project == project.name}
    if only is not None:
        serving = {record.name: record.in_state(State.SERVING) for record in records if record.name in only}
        idle = sorted(name for name in only if not serving.get(name))
        if idle:
            absence = next((each.absence() for each in records if each.name == idle[0]), "")
            raise ProjectError(
                f"nothing of it serves, so there is nothing to audit{f': {absence}' if absence else ''}",
                on=", ".join(map(str, idle)),
                next=f"'views why {idle[0].view}' shows the reason",
            )
    steps = tuple(
        AuditGeneration(view=name, number=each.number, is_again=True)
        for name in sorted(serving)
        for each in serving[name]
    )
    return target.new_plan(now, steps=steps, preconditions=())
