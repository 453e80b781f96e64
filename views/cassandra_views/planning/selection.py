"""Which views a command is for: by name, tag, base table, owner, condition and exclusion. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import CONDITIONS
from cassandra_views.model.names import ViewName, nearest
from cassandra_views.planning.request import choose
from cassandra_views.planning.status import ViewStatus


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


__all__ = ["Selection", "select"]
