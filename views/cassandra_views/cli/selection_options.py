"""The options that choose views, the same for every command that takes several."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from cassandra_views.cli.context import Options, view_matters, view_names
from cassandra_views.planning.selection import Selection, select

if TYPE_CHECKING:
    from cassandra_views.manager import ViewManager
    from cassandra_views.model.steps import Plan
    from cassandra_views.planning.status import ViewStatus

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
    return Selection(
        names=tuple(names or ()),
        tags=tuple(tags or ()),
        bases=tuple(bases or ()),
        owners=tuple(owners or ()),
        conditions=tuple(states or ()),
        excluded=tuple(excluded or ()),
    )


def find_selected(manager: ViewManager, selection: Selection) -> tuple[ViewStatus, ...]:
    """Return the status of each view that is meant, which may be none; errors as ``planning.selection.select``."""
    return select(selection, manager.status(with_gone=bool(selection.names)))


def plan_nothing(manager: ViewManager) -> Plan:
    """Return the plan of a selection that matches no view; it says so."""
    found = manager.plan(only=())
    return replace(found, notes=(NOTHING_MATCHES, *found.notes))


def table_names(incomplete: str) -> list[str]:
    """Return the names of table files for shell completion; nothing where the project cannot be read."""
    from cassandra_client.errors import ViewsError
    from cassandra_views.project.frontmatter import SUFFIX

    try:
        templates = Options().settings().templates
    except ViewsError:
        return []
    names = {path.name.removesuffix(SUFFIX) for path in (templates / "tables").rglob(f"*{SUFFIX}")}
    return sorted(name for name in names if name.startswith(incomplete))


def view_conditions(incomplete: str) -> list[str]:
    """Return the conditions of views for shell completion."""
    from cassandra_views.planning.status import CONDITIONS

    return sorted(each for each in CONDITIONS if each.startswith(incomplete))


def view_owners(incomplete: str) -> list[str]:
    """Return the owners of view files for shell completion; files that cannot be read have none."""
    return sorted({matter.owner for matter in view_matters() if matter.owner and matter.owner.startswith(incomplete)})


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
    "table_names",
    "view_conditions",
    "view_owners",
]
