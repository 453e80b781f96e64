"""Which views a command is for: by name, tag, base table, owner, condition and exclusion; and whether it may. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from cassandra_client.errors import ViewsError
from cassandra_views.model.conditions import CONDITIONS
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.names import ViewName, nearest
from cassandra_views.plan.status import ViewStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The views that a person means.

    ``names`` and ``tags`` add up, and without any every view is meant. ``bases``, ``owners`` and ``conditions`` each
    narrow that, and ``excluded`` takes views away: names, or patterns such as ``top_*``.
    """

    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()

    @property
    def is_everything(self) -> bool:
        """Tell whether nothing at all is given."""
        return self == Selection()

    @property
    def is_narrowed(self) -> bool:
        """Tell whether more is given than names and tags."""
        return bool(self.bases or self.owners or self.conditions or self.excluded)


def select(selection: Selection, statuses: Sequence[ViewStatus]) -> tuple[ViewStatus, ...]:
    """Return the statuses of the views that are meant, which may be none.

    Raises:
        ProjectError: a name, tag, base, owner, condition or exclusion fits no view at all: it is a typing error.
    """
    meant = {each.name for each in statuses if not each.is_gone}
    if selection.names or selection.tags:
        tagged = {each.name: each.tags for each in statuses if each.file}
        meant = set(choose(selection.names, selection.tags, [each.name for each in statuses], tagged))
    bases = {each.name: _spellings(each) for each in statuses if each.base}
    _refuse_unknown("base table", selection.bases, {text for each in bases.values() for text in each})
    _refuse_unknown("owner", selection.owners, {each.owner for each in statuses if each.owner})
    _refuse_unknown("state", selection.conditions, CONDITIONS)
    excluded = {name for pattern in selection.excluded for name in _matching(pattern, [each.name for each in statuses])}
    return tuple(
        each
        for each in statuses
        if each.name in meant
        and each.name not in excluded
        and (not selection.bases or not bases.get(each.name, set()).isdisjoint(selection.bases))
        and (not selection.owners or each.owner in selection.owners)
        and (not selection.conditions or each.condition in selection.conditions)
    )


def _spellings(status: ViewStatus) -> set[str]:
    return {status.base, f"{status.name.keyspace}.{status.base}"}


def _refuse_unknown(noun: str, given: Iterable[str], known: Iterable[str]) -> None:
    every = sorted(set(known))
    for each in given:
        if each not in every:
            raise ProjectError(
                f"there is no such {noun}{nearest(each, every)}",
                on=each,
                next=f"Known: {', '.join(every)}" if every else f"No view file names its {noun}",
            )


def _matching(pattern: str, names: Sequence[ViewName]) -> list[ViewName]:
    found = [name for name in names if fnmatchcase(name.view, pattern) or fnmatchcase(str(name), pattern)]
    if not found:
        raise ProjectError(
            f"there is no view to exclude{nearest(pattern, [name.view for name in names])}",
            on=pattern,
            next="Give --exclude a name, or a quoted pattern such as 'top_*'; 'views list' shows the views",
        )
    return found


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
