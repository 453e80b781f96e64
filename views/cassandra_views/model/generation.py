"""What the registry knows of a view: its generations, what serves, what a person decided over the file."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from cassandra_client.errors import ViewsError
from cassandra_views.model.audit_result import AuditResult
from cassandra_views.model.lag import MeasuredLag
from cassandra_views.model.names import ViewName
from cassandra_views.model.suspicion import Baseline, Suspicion
from cassandra_views.model.times import TimeColumn, TimeKind, instant_text, parse_instant


class State(StrEnum):
    """The states of a generation; ``dropped`` ones have left the registry for its history."""

    BUILDING = "building"
    BUILT = "built"
    SERVING = "serving"
    RETIRED = "retired"
    FAILED = "failed"
    DROPPING = "dropping"
    DROPPED = "dropped"


MOVES: dict[State, frozenset[State]] = {
    State.BUILDING: frozenset({State.BUILT, State.FAILED}),
    State.BUILT: frozenset({State.SERVING, State.FAILED}),
    State.SERVING: frozenset({State.RETIRED}),
    State.RETIRED: frozenset({State.SERVING, State.DROPPING}),
    State.FAILED: frozenset({State.DROPPING}),
    State.DROPPING: frozenset({State.DROPPED}),
    State.DROPPED: frozenset(),
}
"""The one table of state moves: nothing that serves is dropped, and ``dropping`` is one-way."""


DROP_REASON = "drop: "
"""How the reason of a generation begins that is being dropped."""


class Audit(StrEnum):
    """What an audit said of a generation."""

    PASSED = "passed"
    FAILED = "failed"


class Strategy(StrEnum):
    """How a window slides."""

    REBUILD = "rebuild"
    """The next generation is built beside the serving one; then readers are switched."""


class OverrideKind(StrEnum):
    """What a person decided over the file."""

    FROZEN = "frozen"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """``frozen``: nothing new is created or served; ``off``: the view is retired whatever its file says."""

    kind: OverrideKind
    by: str
    reason: str
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Tell whether the decision still stands."""
        return self.until is None or now < self.until

    def __str__(self) -> str:
        until = f" until {instant_text(self.until)}" if self.until else ""
        return f"{self.kind.value}{until} by {self.by}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """When, by whom and why the last generation of a view was dropped."""

    at: datetime
    by: str
    reason: str

    def __str__(self) -> str:
        return f"dropped {instant_text(self.at.replace(microsecond=0))} by {self.by}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One entry of ``read_from``: a physical view that serves, and what of time it covers ``[start, end)``.

    Kept in the registry as a map of texts, whose keys are frozen for good: readers are upgraded on
    other days than managers. A missing bound is open; without a time column all of the base is covered.
    """

    name: str
    time: TimeColumn | None = None
    start: datetime | None = None
    end: datetime | None = None

    def to_map(self) -> dict[str, str]:
        """Return the registry's form."""
        found = {"name": self.name}
        if self.time is not None:
            found |= {"time_column": self.time.name, "time_kind": self.time.kind.value}
            if self.time.format:
                found["time_format"] = self.time.format
        if self.start is not None:
            found["start"] = instant_text(self.start)
        if self.end is not None:
            found["end"] = instant_text(self.end)
        return found

    @classmethod
    def from_map(cls, found: dict[str, str]) -> Serving:
        """Return the value of the registry's form; unknown keys are for newer readers."""
        time = None
        if "time_column" in found:
            time = TimeColumn(
                name=found["time_column"],
                kind=TimeKind(found["time_kind"]),
                format=found.get("time_format", ""),
            )
        start, end = found.get("start"), found.get("end")
        return cls(
            name=found["name"],
            time=time,
            start=parse_instant(start) if start else None,
            end=parse_instant(end) if end else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One physical materialized view; times are aware UTC, None where it has not happened.

    Args:
        window_declared: the window as its file said it (``Window.declared``), empty for a view over its whole base
            and where an older program made the generation.
        base_mark: of the base table's columns when it was made.
        compared_to: the generation beside which it holds far too few rows to be served without a person.
        compared_rows: how many rows that one held then, of the same window.
        rows_built: its rows, as the last audit counted them.
        verdict: what that audit found, without examples; None before an audit compared rows.
        suspicion: why it may differ from its base; None where nothing happened since its last full audit.
        baseline: what its rows depend on beside writes, as a run saw it last; None before the first.
    """

    number: int
    physical: str
    table_id: uuid.UUID
    version: str
    state: State
    window_start: datetime | None = None
    window_end: datetime | None = None
    window_declared: str = ""
    audit: Audit | None = None
    audited_at: datetime | None = None
    created_at: datetime | None = None
    built_at: datetime | None = None
    served_at: datetime | None = None
    retired_at: datetime | None = None
    rows_built: int | None = None
    verdict: AuditResult | None = None
    run: str = ""
    cql: str = ""
    reason: str = ""
    base_mark: str = ""
    compared_to: int | None = None
    compared_rows: int | None = None
    suspicion: Suspicion | None = None
    baseline: Baseline | None = None

    @property
    def lost_all_rows(self) -> bool:
        """Tell whether the last audit found the base's rows, and none of them in the view."""
        is_empty = self.verdict is not None and not self.verdict.view_rows and self.verdict.base_rows > 0
        return self.audit is Audit.FAILED and is_empty


AUDIT_REASON = "audit: "
"""How the reason of a generation begins that failed its audit."""

NO_FAILED_BUILDS: dict[str, object] = {
    "failed_builds": None,
    "failed_version": None,
    "failed_base": None,
    "failed_reason": None,
}
"""The registry's columns of failed builds once a generation is served."""


def reason_kind(reason: str) -> str:
    """Return what is the same in a reason whenever it recurs: without numbers, ids and times.

    Which rows an audit finds is not: two generations that differ from their base failed for one reason.
    """
    if reason.startswith(AUDIT_REASON):
        return AUDIT_REASON
    return re.sub(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d+", "#", reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRecord:
    """Everything the registry holds of one view.

    Args:
        failures: runs in a row that failed; 0 after a generation was sent readers to.
        failed_at: when the last of them failed.
        rolled_back_from: the generation that a rollback left, as long as what it went back to serves.
        dropped: what became of the last generation, where none is left.
        failed_builds: generations in a row that failed for one reason, of one version on one shape of the base table;
            0 after a generation was served. The reason of the last one, its version and the mark of its base are in
            ``failed_reason``, ``failed_version`` and ``failed_base``.
        lag: how late it showed writes when that was measured last; None where it was not.
        renamed_to: the name that the view has now, where this one is a former name: the generations are that one's,
            and only ``read_from`` is kept here. With generations, the rename was begun and not finished.
        kept_names: former names that are served like this one, each by a row of its own.
        former_names: every name that the view had, and when it was renamed from it; given up ones, too.
        error: why its rows cannot be read; all but its name and project is unknown then.
    """

    name: ViewName
    fence: int = 0
    next_number: int = 1
    read_from: tuple[Serving, ...] = ()
    strategy: Strategy = Strategy.REBUILD
    grace: timedelta = timedelta(minutes=15)
    override: Override | None = None
    next_due: datetime | None = None
    last_error: str = ""
    failures: int = 0
    failed_at: datetime | None = None
    rolled_back_from: int | None = None
    dropped: Dropped | None = None
    failed_builds: int = 0
    failed_version: str = ""
    failed_base: str = ""
    failed_reason: str = ""
    project: str = ""
    lag: MeasuredLag | None = None
    renamed_to: str = ""
    kept_names: tuple[str, ...] = ()
    former_names: tuple[tuple[str, datetime], ...] = ()
    generations: tuple[Generation, ...] = ()
    error: ViewsError | None = None

    def count_failed_build(self, each: Generation, reason: str) -> dict[str, object]:
        """Return the registry's columns that count one more generation which failed, and why."""
        is_same = (
            self.failed_builds > 0
            and (self.failed_version, self.failed_base) == (each.version, each.base_mark)
            and reason_kind(self.failed_reason) == reason_kind(reason)
        )
        return {
            "failed_builds": self.failed_builds + 1 if is_same else 1,
            "failed_version": each.version,
            "failed_base": each.base_mark,
            "failed_reason": reason,
        }

    def find(self, number: int) -> Generation | None:
        """Return the generation of this number, or None."""
        return next((each for each in self.generations if each.number == number), None)

    def physical(self, number: int) -> str:
        """Return the name of a generation's physical view: one made before a rename keeps that of the former name."""
        each = self.find(number)
        return each.physical if each is not None else self.name.physical(number)

    def renamed(self, name: ViewName, former: ViewRecord | None, at: datetime) -> ViewRecord:
        """Return the record as it is under another name of the view.

        Args:
            former: what the registry held under that name before: its numbers are not given again.
        """
        names = dict(self.former_names) | {self.name.view: at}
        kept = dict.fromkeys((*self.kept_names, self.name.view))
        return replace(
            self,
            name=name,
            fence=former.fence if former is not None else 0,
            next_number=max(self.next_number, former.next_number if former is not None else 1),
            renamed_to="",
            kept_names=tuple(each for each in kept if each != name.view),
            former_names=tuple((each, when) for each, when in names.items() if each != name.view),
        )

    def is_name_of(self, owner: ViewRecord) -> bool:
        """Tell whether this row is that of a former name of a view, and not of one that has taken the name since."""
        names = {owner.name.view, *(former for former, _at in owner.former_names)}
        return self.renamed_to in names and not self.generations

    def is_in_step(self, owner: ViewRecord) -> bool:
        """Tell whether the row of a former name says what the view's own row says."""
        return (self.read_from, self.renamed_to) == (owner.read_from, owner.name.view)

    def in_state(self, *states: State) -> tuple[Generation, ...]:
        """Return the generations in one of these states, oldest first."""
        return tuple(each for each in self.generations if each.state in states)

    @property
    def is_live(self) -> bool:
        """Tell whether anything of this view exists on the cluster, or may exist."""
        return bool(self.generations) or self.error is not None

    @property
    def was_made(self) -> bool:
        """Tell whether the view ever had a generation."""
        return self.next_number > 1 or self.dropped is not None

    def absence(self) -> str:
        """Return what became of a view of which nothing exists, as a clause; empty where something does."""
        if self.is_live:
            return ""
        if self.renamed_to:
            return f"it was renamed to {self.renamed_to}"
        if self.dropped is not None:
            return f"it was {self.dropped}"
        return "it was dropped" if self.was_made else "no generation of it was ever made"

    def revision(self) -> str:
        """Return a short mark of all that a plan depends on: it changes when a plan would be stale.

        The fence is left out: every holder of the lease raises it, also one that changes nothing.
        """
        content = [
            self.next_number,
            [entry.to_map() for entry in self.read_from],
            [
                [each.number, each.state.value, each.audit.value if each.audit else ""]
                + ([each.compared_to] if each.compared_to is not None else [])
                + ([str(each.suspicion.since), each.suspicion.reason] if each.suspicion else [])
                for each in self.generations
            ],
            str(self.override) if self.override else "",
        ]
        if self.renamed_to or self.kept_names:
            content.append([self.renamed_to, *self.kept_names])
        return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=8).hexdigest()


CONDITIONS = {
    "broken": "It serves, and the schema lacks it or holds another one.",
    "unreadable": "Its registry rows hold what this program does not know.",
    "differs": "It serves, and its last audit found that it is not what its base holds.",
    "failed": "Its last generation failed and nothing serves.",
    "suspect": "It serves, and something happened that can make it differ; the next apply audits it in full.",
    "waiting": "Its next generation is built, and holds so few rows that a person is asked before it is served.",
    "changed": "Its file says something else than what serves.",
    "stale": "Its window should have moved; readers see more of the past than was promised, and nothing less.",
    "frozen": "A person, or too many failed runs, decided that nothing new is created or served.",
    "off": "A person decided that it is not served, whatever its file says.",
    "pending": "Nothing of it exists yet.",
    "dropped": "It was dropped, and it has no file.",
    "renamed": "The view has another name now.",
    "never made": "Nothing of it was ever made, and it has no file.",
    "building": "A new generation is built; what served goes on serving.",
    "retired": "Readers were sent away; it is dropped when its grace is over.",
    "serving": "Readers are sent to it.",
}
"""Every word that a view's condition can be, and what it means; those that need a person most come first."""
