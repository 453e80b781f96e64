"""What takes all views of a project away, for a team that leaves. Pure.

The views that people made are released, unless a person named them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from cassandra_views.model.definition import Project
from cassandra_views.model.errors import RegistryError
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.names import HAND_MADE_NUMBER, ViewName, parse_physical
from cassandra_views.model.schema import LiveView
from cassandra_views.model.steps import (
    DropGeneration,
    DropRegistry,
    Plan,
    ReleaseGeneration,
    Step,
    SweepOrphan,
    physical_of,
)
from cassandra_views.plan.inputs import Observed

_RELEASED = "it is left to the people who made it"
_ORPHAN = "it carries our comment and the registry does not know it"


def choose_leaving(project: Project, observed: Observed) -> frozenset[ViewName]:
    """Return the views of this project of which anything exists."""
    return frozenset(each.name for each in observed.records if each.is_live and _is_of(project, each))


def complete_leaving(
    plan: Plan, project: Project, observed: Observed, originals: frozenset[ViewName], registry: str
) -> Plan:
    """Return a plan that drops views, completed by what its drops leave open.

    Views that people made are dropped where ``originals`` names them, else released; physical views that carry this
    registry's comment and are in no row are dropped.
    """
    steps: list[Step] = list(plan.steps)
    for drop in plan.withheld:
        if drop.view in originals:
            steps.append(drop)
        else:
            steps.append(ReleaseGeneration(view=drop.view, number=drop.number, reason=_RELEASED))
    known = {step.view for step in plan.withheld}
    notes = [
        f"{view} has no hand-made view that is managed: --hand-made does nothing for it"
        for view in sorted(originals - known)
    ]
    orphans = _sweeps(steps, project, observed, registry)
    if observed.has_registry:
        steps += orphans
    else:
        notes += [
            f"{each.view.keyspace}.{each.view.physical(each.number)} says that it is of this registry, which does not "
            "exist: drop it by DROP MATERIALIZED VIEW"
            for each in orphans
        ]
    for record in sorted(observed.records, key=lambda each: each.name):
        if record.is_live and not _is_of(project, record):
            notes.append(f"{record.name} belongs to the project '{record.project}', and stays")
    if not steps:
        notes.append(f"nothing of a view of the project '{project.name}' is left")
    return replace(plan, steps=tuple(steps), withheld=(), notes=(*plan.notes, *notes))


def with_registry_drop(
    plan: Plan, observed: Observed, drop: DropRegistry | None, marked: Iterable[tuple[str, str]]
) -> Plan:
    """Return a plan that drops the registry after the views.

    Args:
        drop: the step; None where nothing is left of the registry.
        marked: keyspace and name of all physical views that carry its comment.

    Raises:
        RegistryError: views would be left that it manages.
    """
    drops = [each for each in plan.steps if isinstance(each, DropGeneration | SweepOrphan)]
    dropped = {(each.view, each.number) for each in drops}
    released = {(each.view, each.number) for each in plan.steps if isinstance(each, ReleaseGeneration)}
    gone = {(each.view.keyspace, physical_of(each)) for each in drops}
    rows = {
        (record.name.keyspace, each.physical)
        for record in observed.records
        for each in record.generations
        if (record.name, each.number) not in dropped | released
    }
    rows |= {(each.name.keyspace, each.name.view) for each in observed.records if each.error is not None}
    refuse_left(plan.registry, rows | (set(marked) - gone))
    return replace(plan, steps=(*plan.steps, drop)) if drop is not None else plan


def refuse_left(registry: str, left: Iterable[tuple[str, str]]) -> None:
    """Refuse to drop a registry that manages views.

    Args:
        left: keyspace and name of each physical view.

    Raises:
        RegistryError: there is one.
    """
    names = [f"{keyspace}.{name}" for keyspace, name in sorted(set(left))]
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise RegistryError(
            f"the registry still manages {', '.join(names[:5])}{more}",
            on=f"registry {registry}",
            remains="The registry is as it was",
            next="Drop them first, in the project that they belong to, with 'views drop'; one that is in no row of the "
            "registry by DROP MATERIALIZED VIEW",
        )


def _is_of(project: Project, record: ViewRecord) -> bool:
    """Tell whether a view is this project's; an unnamed one speaks for the keyspaces of its files alone."""
    return record.project == project.name and (project.is_named or record.name.keyspace in project.keyspaces)


def _sweeps(steps: Iterable[Step], project: Project, observed: Observed, registry: str) -> list[SweepOrphan]:
    """Return the drops of physical views that this registry made, that no row knows and no step drops yet."""
    records = {each.name: each for each in observed.records}
    # Under any name: a generation of a renamed view says its former one.
    known = {(record.name.keyspace, each.physical) for record in observed.records for each in record.generations}
    swept = {(step.view, step.number) for step in steps if isinstance(step, SweepOrphan)}
    found = []
    for live in observed.catalog.views.values():
        view = _view_of(live, registry)
        if view is None or live.keyspace not in project.keyspaces or (live.keyspace, live.name) in known:
            continue
        number = (parse_physical(live.name) or ("", HAND_MADE_NUMBER))[1]
        record = records.get(view)
        is_foreign = record is not None and record.is_live and not _is_of(project, record)
        if view.physical(number) == live.name and not (is_foreign or (view, number) in swept):
            found.append(SweepOrphan(view=view, number=number, reason=_ORPHAN))
    return sorted(found, key=lambda each: (each.view, each.number))


def _view_of(live: LiveView, registry: str) -> ViewName | None:
    """Return the view whose generation a physical view says that it is; None where it is not of this registry."""
    mark = live.mark()
    if mark is None or mark.registry != registry:
        return None
    return ViewName(keyspace=live.keyspace, view=mark.view.removeprefix(f"{live.keyspace}."))


__all__ = ["choose_leaving", "complete_leaving", "refuse_left", "with_registry_drop"]
