"""Why nothing serves a view: it is being built, off, dropped, failed, or was never made. Reads the registry alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from cassandra_client.database import Database
from cassandra_views.model.generation import OverrideKind, State, ViewRecord
from cassandra_views.overview.lookout import Question
from cassandra_views.registry.history import Event
from cassandra_views.registry.store import Registry

_EVENTS = 20
_OVERRIDE_ENDED = "override none"


class AbsenceKind(StrEnum):
    """Why nothing serves a view."""

    NONE = "none"
    """Something serves it by now."""
    BUILDING = "building"
    OFF = "off"
    FROZEN = "frozen"
    FAILED = "failed"
    RETIRED = "retired"
    DROPPED = "dropped"
    PENDING = "pending"
    """It was switched on again, and is not made again yet."""
    NEVER_MADE = "never made"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """Why nothing serves a view.

    Args:
        by: who switched it off, froze or dropped it.
        reason: their reason; or the last error of its builds.
        until: when an override ends.
        at: when it was dropped, or failed last.
        is_first: whether it was never served before, where it is being built.
    """

    kind: AbsenceKind
    by: str = ""
    reason: str = ""
    until: datetime | None = None
    at: datetime | None = None
    is_first: bool = False


def absence_of(record: ViewRecord, events: Sequence[Event], now: datetime) -> Absence:
    """Return why nothing serves a view.

    Args:
        record: what the registry holds of it; one without generations where it holds nothing.
        events: its history, newest first.
    """
    if record.read_from:
        return Absence(kind=AbsenceKind.NONE)
    override = record.override if record.override and record.override.holds(now) else None
    if override and override.kind is OverrideKind.OFF:
        return Absence(kind=AbsenceKind.OFF, by=override.by, reason=override.reason, until=override.until)
    if record.in_state(State.BUILDING, State.BUILT):
        return Absence(kind=AbsenceKind.BUILDING, is_first=not any(event.event == "serve" for event in events))
    if override:
        return Absence(kind=AbsenceKind.FROZEN, by=override.by, reason=override.reason, until=override.until)
    if record.in_state(State.FAILED) or record.failures or record.last_error:
        return Absence(kind=AbsenceKind.FAILED, reason=record.last_error, at=record.failed_at)
    retired = next((event for event in events if event.event in ("retire", "drop")), None)
    if record.in_state(State.RETIRED):
        return _by_event(AbsenceKind.RETIRED, retired)
    if retired is None:
        return Absence(kind=AbsenceKind.DROPPED if record.generations else AbsenceKind.NEVER_MADE)
    if any(event.event == _OVERRIDE_ENDED and event.at > retired.at for event in events):
        return Absence(kind=AbsenceKind.PENDING)
    return _by_event(AbsenceKind.DROPPED, retired)


def ask_absence(view: str, keyspace: str | None = None) -> Question[Absence]:
    """Return the question why nothing serves a view.

    Args:
        view: its name, or ``keyspace.name``.
        keyspace: of a name without one, where it is known.
    """

    def ask(_database: Database, registry: Registry) -> Absence:
        if not registry.exists():
            return Absence(kind=AbsenceKind.NEVER_MADE)
        prefix, _dot, name = view.rpartition(".")
        wanted = prefix or keyspace
        found = [
            record
            for record in registry.read_all()
            if record.name.view == name and (not wanted or record.name.keyspace == wanted)
        ]
        if not found:
            return Absence(kind=AbsenceKind.NEVER_MADE)
        record = found[0]
        return absence_of(record, registry.history(record.name, limit=_EVENTS), datetime.now(UTC))

    return ask


def _by_event(kind: AbsenceKind, event: Event | None) -> Absence:
    if event is None:
        return Absence(kind=kind)
    return Absence(kind=kind, by=event.author, reason=event.detail, at=event.at)
