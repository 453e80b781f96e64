"""Views as pages show them: what is said of each, and how much it needs a person. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from cassandra_views.model.errors import ProjectError, ViewNotFound
from cassandra_views.model.generation import CONDITIONS, Audit, Generation, State, ViewRecord
from cassandra_views.overview.queries import Overview
from cassandra_views.plan.selection import resolve
from cassandra_views.plan.status import ViewStatus

FILE_CONDITIONS = ("changed", "stale")
"""Those that only the view files can tell."""


class Need(IntEnum):
    """How much a view needs a person; the list begins with what does most."""

    NOW = 0
    SOON = 1
    NOTHING = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRow:
    """A view at one moment."""

    status: ViewStatus
    record: ViewRecord
    now: datetime

    @property
    def serving(self) -> tuple[Generation, ...]:
        """The generations that serve, oldest first."""
        return self.record.in_state(State.SERVING)

    @property
    def audit(self) -> Audit | None:
        """The verdict on what serves: failed where any of it is, passed where all of it is."""
        verdicts = {each.audit for each in self.serving}
        if Audit.FAILED in verdicts:
            return Audit.FAILED
        return Audit.PASSED if verdicts == {Audit.PASSED} else None

    @property
    def window(self) -> tuple[datetime | None, datetime | None]:
        """What of time is served, ``[start, end)``; None where it is open."""
        starts = [entry.start for entry in self.record.read_from]
        ends = [entry.end for entry in self.record.read_from]
        start = min((each for each in starts if each), default=None) if all(starts) else None
        return start, max((each for each in ends if each), default=None) if all(ends) else None

    @property
    def is_late(self) -> bool:
        """Tell whether its slide is due and nothing stands in its way."""
        due = self.status.next_due
        return due is not None and due < self.now and not self.status.override

    @property
    def promise(self) -> str:
        """``kept`` or ``broken``, where its file promises how late a slide may be."""
        return self.status.promise

    @property
    def need(self) -> Need:
        """How much it needs a person."""
        status = self.status
        if (
            status.condition in ("broken", "differs", "failed", "unreadable", "waiting")
            or status.failures
            or self.audit is Audit.FAILED
        ):
            return Need.NOW
        if "broken" in (self.promise, status.lag_promise):
            return Need.NOW
        is_idle = status.condition in ("serving", "building", "retired") and not status.override
        return Need.NOTHING if is_idle and not status.last_error and not self.is_late else Need.SOON

    @property
    def order(self) -> tuple[int, int, str]:
        """What rows are sorted by: need, then condition, then name."""
        place = list(CONDITIONS).index(self.status.condition) if self.status.condition in CONDITIONS else 0
        return self.need, place, str(self.status.name)

    def holds(self, words: str) -> bool:
        """Tell whether each of some words is in what the row shows."""
        status = self.status
        shown = [str(status.name), status.condition, *status.serving, status.project, status.override]
        text = " ".join([*shown, status.last_error, self.audit or "", self.promise]).lower()
        return all(word in text for word in words.lower().split())


def rows_of(overview: Overview, words: str = "") -> list[ViewRow]:
    """Return the views that hold these words, those that need a person first."""
    rows = [ViewRow(status=status, record=record, now=overview.at) for status, record in overview.views]
    return sorted((row for row in rows if row.holds(words)), key=lambda row: row.order)


def find_row(overview: Overview, name: str) -> ViewRow:
    """Return the view that a person means by a name.

    Raises:
        ViewNotFound: no view, or more than one, has that name.
    """
    try:
        found = resolve(name, [status.name for status, _record in overview.views])
    except ProjectError as error:
        raise ViewNotFound(error.what, on=error.on, next="The list of views has those that there are") from error
    status, record = overview.find(found)
    return ViewRow(status=status, record=record, now=overview.at)
