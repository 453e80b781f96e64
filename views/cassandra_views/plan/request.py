"""What a person asks for: which view is meant, what shall happen to it, and whether it may. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cassandra_client.errors import ViewsError
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.names import ViewName, nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a person asked for beyond "make it as the files say".

    Args:
        only: plan these views alone; None plans all.
        unless_run: views of which this run has made a generation are not refreshed again.
        drop_reason: why the views of ``drop`` are dropped.
    """

    only: frozenset[ViewName] | None = None
    refresh: frozenset[ViewName] = frozenset()
    drop: frozenset[ViewName] = frozenset()
    abort: frozenset[ViewName] = frozenset()
    is_drop_allowed: bool = False
    is_shrink_allowed: bool = False
    unless_run: str | None = None
    drop_reason: str = "a person asked for it"

    def is_for(self, view: str) -> bool:
        """Tell whether a view of that name is among those to be planned."""
        return self.only is None or any(name.view == view for name in self.only)

    def is_refresh(self, record: ViewRecord) -> bool:
        """Tell whether a view is to be built anew although nothing has changed."""
        return record.name in self.refresh and not is_made_by(record, self.unless_run)


def is_made_by(record: ViewRecord, run: str | None) -> bool:
    """Tell whether a run has made a generation of the view, whatever became of it since."""
    return run is not None and any(each.run == run for each in record.generations)


def resolve(text: str, known: Iterable[ViewName]) -> ViewName:
    """Return the view that a person means by ``view`` or ``keyspace.view``.

    Raises:
        ProjectError: no view, or more than one, has that name.
    """
    names = sorted(set(known))
    found = [name for name in names if text in (name.view, str(name))]
    if len(found) == 1:
        return found[0]
    if found:
        raise ProjectError(
            f"more than one view has this name: {', '.join(map(str, found))}",
            on=text,
            next="Name it with its keyspace",
        )
    spellings = [name.view for name in names] + [str(name) for name in names]
    raise ProjectError(
        f"there is no such view{nearest(text, spellings)}",
        on=text,
        next="'views list' shows the views that exist, 'views lint' those in files",
    )


def choose(
    names: Iterable[str], tags: Iterable[str], known: Iterable[ViewName], tagged: Mapping[ViewName, tuple[str, ...]]
) -> frozenset[ViewName]:
    """Return the views that a person means by names, and those whose files have any of some tags.

    Args:
        tagged: the tags of each view that has a file.

    Raises:
        ProjectError: a name or tag is unknown, or none is given.
    """
    known, names, tags = set(known), list(names), list(tags)
    if not names and not tags:
        raise ProjectError("no view is named", next="Name views, or a tag of their files with --tag")
    every = sorted({tag for each in tagged.values() for tag in each})
    for tag in tags:
        if tag not in every:
            raise ProjectError(
                f"there is no such tag{nearest(tag, every)}",
                on=tag,
                next=f"Known tags: {', '.join(every)}" if every else "No view file has tags: add 'tags:' to one",
            )
    by_tag = {name for name, each in tagged.items() if not set(tags).isdisjoint(each)}
    return frozenset({resolve(name, known) for name in names} | by_tag)


def refuse_without_file(record: ViewRecord, project: Project) -> None:
    """Refuse to build a view that no file describes.

    Raises:
        ProjectError: it has none, and what became of it where nothing is left.
    """
    if any(view.name == record.name for view in project.views) or any(
        each.view == record.name.view for each in project.broken
    ):
        return
    absence = record.absence()
    raise ProjectError(
        f"it has no file, so there is nothing to build{f': {absence}' if absence else ''}",
        on=str(record.name),
        next="Write its file under views/, or name another view; 'views list' shows those there are",
    )


def refuse_frozen(record: ViewRecord, now: datetime) -> None:
    """Refuse to touch a view over which a person has decided otherwise.

    Raises:
        ViewsError: the decision still stands.
    """
    if record.override and record.override.holds(now):
        raise ViewsError(
            f"it is {record.override}",
            on=str(record.name),
            next=f"End that first: 'views on {record.name.view} --reason ...'",
        )
