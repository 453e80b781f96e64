"""The options that choose views, the same for every command that takes several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cassandra_views.cli.completion import table_names, view_conditions, view_names, view_owners

if TYPE_CHECKING:
    from cassandra_views.model.steps import Plan
    from cassandra_views.plan.planner import Planner
    from cassandra_views.plan.selection import Selection
    from cassandra_views.plan.status import ViewStatus

NOTHING_MATCHES = "no view matches"


def selection_of(
    names: list[str] | None,
    tags: list[str] | None,
    bases: list[str] | None,
    owners: list[str] | None,
    states: list[str] | None,
    excluded: list[str] | None,
) -> Selection:
    """Return the values of the options as one value."""
    from cassandra_views.plan.selection import Selection

    return Selection(
        names=tuple(names or ()),
        tags=tuple(tags or ()),
        bases=tuple(bases or ()),
        owners=tuple(owners or ()),
        conditions=tuple(states or ()),
        excluded=tuple(excluded or ()),
    )


def find_selected(planner: Planner, selection: Selection) -> tuple[ViewStatus, ...]:
    """Return the status of each view that is meant, which may be none; errors as ``plan.selection.select``."""
    from cassandra_views.plan.selection import select

    return select(selection, planner.status(with_gone=bool(selection.names)))


def plan_nothing(planner: Planner) -> Plan:
    """Return the plan of a selection that matches no view; it says so."""
    from dataclasses import replace

    found = planner.plan(only=())
    return replace(found, notes=(NOTHING_MATCHES, *found.notes))


Bases = Annotated[
    list[str] | None,
    typer.Option(
        "--base", help="Only views on this base table; may be repeated.", metavar="TABLE", autocompletion=table_names
    ),
]
Owners = Annotated[
    list[str] | None,
    typer.Option(
        "--owner",
        help="Only views whose files name this owner; may be repeated.",
        metavar="OWNER",
        autocompletion=view_owners,
    ),
]
States = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        help="Only views in this condition, such as serving or stale; may be repeated.",
        metavar="STATE",
        autocompletion=view_conditions,
    ),
]
Excluded = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        help="Not this view: a name, or a quoted pattern such as 'top_*'; may be repeated.",
        metavar="NAME",
        autocompletion=view_names,
    ),
]
__all__ = [
    "Bases",
    "Excluded",
    "Owners",
    "States",
    "find_selected",
    "plan_nothing",
    "selection_of",
]
