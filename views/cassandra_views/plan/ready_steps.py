"""What of a plan can be done now, without waiting for a build or for a keyspace in which no DDL may begin. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import (
    AdoptGeneration,
    AwaitBuild,
    CreateGeneration,
    CreateTable,
    DropGeneration,
    Plan,
    Step,
    SweepOrphan,
    find_step_view,
)

_DDL = (AdoptGeneration, CreateGeneration, CreateTable, DropGeneration, SweepOrphan)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyPart:
    """A part of a plan, and what the rest of it waits for.

    Args:
        part: the steps that can be done now, in the plan's order.
        views: the views of which steps are left.
        builds: the builds that have to end first.
        keyspaces: the keyspaces in which no DDL may begin now, in order.
    """

    part: Plan
    views: tuple[ViewName, ...] = ()
    builds: tuple[AwaitBuild, ...] = ()
    keyspaces: tuple[str, ...] = ()


def split_ready(
    plan: Plan, *, is_built: Callable[[AwaitBuild], bool], is_busy: Callable[[str, tuple[ViewName, ...]], bool]
) -> ReadyPart:
    """Return what can be done now; of each view the steps up to the first that has to wait.

    Args:
        is_built: tells whether a build has ended; asked for the first awaited one of each view that has not.
        is_busy: tells whether a DDL in a keyspace would have to wait; takes the views of the keyspace that the plan
            has DDL for, too. Asked once a keyspace, where there are such views: a base table alone waits for nothing.
    """
    with_ddl = _views_with_ddl(plan)
    busy = {keyspace: is_busy(keyspace, views) for keyspace, views in with_ddl.items()}
    ready: list[Step] = []
    held: dict[ViewName, None] = {}
    builds: list[AwaitBuild] = []
    keyspaces: dict[str, None] = {}
    for step in plan.steps:
        view = find_step_view(step)
        if view in held:
            continue
        keyspace = _keyspace(step)
        if isinstance(step, _DDL) and busy.get(keyspace):
            keyspaces[keyspace] = None
        elif isinstance(step, AwaitBuild) and not is_built(step):
            builds.append(step)
        else:
            ready.append(step)
            continue
        if view is not None:
            held[view] = None
    return ReadyPart(part=plan.part(ready), views=tuple(held), builds=tuple(builds), keyspaces=tuple(keyspaces))


def _views_with_ddl(plan: Plan) -> dict[str, tuple[ViewName, ...]]:
    found: dict[str, dict[ViewName, None]] = {}
    for step in plan.steps:
        view = find_step_view(step)
        if view is not None and isinstance(step, _DDL):
            found.setdefault(view.keyspace, {})[view] = None
    return {keyspace: tuple(views) for keyspace, views in found.items()}


def _keyspace(step: Step) -> str:
    view = find_step_view(step)
    return view.keyspace if view is not None else getattr(step, "keyspace", "")
