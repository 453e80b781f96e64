"""The status of each view, as a value, and times and counts as people read them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from cassandra_client.errors import ViewsError, as_sentence
from cassandra_views.cql.statements import complete_project
from cassandra_views.model.audit_result import AuditResult
from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.generation import Audit, Dropped, Generation, OverrideKind, State, ViewRecord
from cassandra_views.model.lag import MeasuredLag
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import Catalog
from cassandra_views.plan.diff import window_changes
from cassandra_views.plan.safeguards import (
    find_lag,
    find_withheld,
    is_given_up,
    mark_of_base,
    repeated_failure,
    shrink_error,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewStatus:
    """One view: what serves, what is under way, what its file says beside it.

    Args:
        condition: one word for the whole: ``serving``, ``building``, ``waiting`` (the next generation is built, and a
            person is to allow that it holds far fewer rows), ``pending`` (a file, and nothing
            yet), ``stale`` (its window should have moved), ``changed`` (its file says something else),
            ``broken`` (it serves and the schema lacks it), ``differs`` (it serves and its last audit failed),
            ``suspect`` (it serves, and something happened that can make it differ),
            ``retired``, ``failed``, ``off``, ``frozen``, ``unreadable`` (its registry rows hold what this program
            does not know); where there is neither a file nor a generation
            ``dropped``, ``renamed`` or ``never made``.
        found: what the last audit of what serves counted, in words; the fields that follow are the same as data, as
            ``model.audit_result.AuditResult`` describes them; None or empty before an audit compared rows.
        rows: of the newest serving generation, at its last audit; not of now.
        waiting: what a person must decide or correct before the view continues; empty where nothing is.
        base, tags: what the file says; for a view without a file, the base that the schema names.
        dropped: what became of its last generation, where none is left.
        suspect_since, suspect_reason, suspect_by: since when and why what serves may differ from its base, and who saw
            it; None or empty where nothing happened since its last full audit.
        measured_lag_seconds, measured_lag_bound, lag_measured_at: how late it showed a write of its base when that was
            measured last, and whether that is exact; None or empty where it was not.
        lag_promise: kept, broken or unknown by that, where its file promises a lag.
        rollback_until: until when the former generation can serve again.
        failures: runs in a row that failed, counted by the scheduler of the views.
        slide_lag_seconds: how late the slide of its window is; None where none is due.
        promise: ``kept`` or ``broken``, where its file has ``max_lag`` and something serves; else empty.
        broken_by_seconds: by how much.
    """

    name: ViewName
    condition: str
    serving: tuple[str, ...] = ()
    window_start: datetime | None = None
    rows: int | None = None
    version: str = ""
    served_at: datetime | None = None
    audited_at: datetime | None = None
    audit: str = ""
    found: str = ""
    audit_base_rows: int | None = None
    audit_missing_rows: int | None = None
    audit_extra_rows: int | None = None
    audit_stale_rows: int | None = None
    audit_expiring_rows: int | None = None
    audit_skipped_rows: int | None = None
    audit_is_partial: bool = False
    audit_method: str = ""
    audit_first_time: str = ""
    suspect_since: datetime | None = None
    suspect_reason: str = ""
    suspect_by: str = ""
    measured_lag_seconds: float | None = None
    measured_lag_bound: str = ""
    lag_measured_at: datetime | None = None
    lag_promise: str = ""
    next_due: datetime | None = None
    slide_lag_seconds: float | None = None
    promise: str = ""
    broken_by_seconds: float | None = None
    rollback_until: datetime | None = None
    override: str = ""
    waiting: str = ""
    last_error: str = ""
    failures: int = 0
    failed_at: datetime | None = None
    file: str = ""
    base: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    project: str = ""
    dropped: Dropped | None = None
    generations: tuple[Generation, ...] = ()

    @property
    def is_gone(self) -> bool:
        """Tell whether there is neither a file nor a generation."""
        return self.condition in GONE


GONE = ("dropped", "renamed", "never made")
"""The conditions of views of which nothing is left."""


def view_statuses(
    project: Project,
    records: tuple[ViewRecord, ...],
    catalog: Catalog,
    now: datetime,
    *,
    named: Collection[ViewName] = (),
) -> tuple[ViewStatus, ...]:
    """Return the status of every view that has a file or a generation, by name.

    Args:
        named: views that are in it also where nothing but their registry row is left.
    """
    definitions = {view.name: view for view in complete_project(project, catalog).views}
    broken = {each.view for each in project.broken}
    with_file = {record.name for record in records if record.name in definitions or record.name.view in broken}
    if not (project.views or project.tables or project.broken):
        # Nothing is known of files: a decision over a view, or its failures, must still be shown.
        with_file |= {record.name for record in records if record.override or record.failures} - set(named)
    by_name = {
        record.name: record for record in records if record.is_live or record.name in with_file or record.name in named
    }
    return tuple(
        _status(name, definitions.get(name), by_name.get(name) or ViewRecord(name=name), catalog, now)
        if name in definitions or name in with_file or by_name[name].is_live
        else _gone(by_name[name])
        for name in sorted(definitions.keys() | by_name.keys())
    )


def _status(
    name: ViewName, definition: ViewDefinition | None, record: ViewRecord, catalog: Catalog, now: datetime
) -> ViewStatus:
    serving = record.in_state(State.SERVING)
    newest = serving[-1] if serving else None
    override = record.override if record.override and record.override.holds(now) else None
    # What a rollback could go back to: audited, and still in the schema.
    retired = [
        each.retired_at + record.grace
        for each in record.in_state(State.RETIRED)
        if each.retired_at and each.audit is Audit.PASSED and _stands(each, record, catalog)
    ]
    rollback_until = max(retired, default=None)
    lag = find_lag(definition, record, now)
    suspicion = next((each.suspicion for each in serving if each.suspicion), None)
    broken_by = lag.broken_by.total_seconds() if lag else 0.0
    has_promise = definition is not None and definition.max_lag is not None and newest is not None
    return ViewStatus(
        name=name,
        condition=_condition(definition, record, newest, catalog, now),
        serving=tuple(entry.name for entry in record.read_from),
        window_start=newest.window_start if newest else None,
        rows=newest.rows_built if newest else None,
        version=newest.version if newest else definition.version if definition else "",
        served_at=newest.served_at if newest else None,
        audited_at=newest.audited_at if newest else None,
        audit=newest.audit.value if newest and newest.audit else "",
        **_audit_fields(newest.verdict if newest else None),
        **_measured_lag(record.lag, definition.lag.promise if definition else None),
        suspect_since=suspicion.since if suspicion else None,
        suspect_reason=suspicion.reason if suspicion else "",
        suspect_by=suspicion.by if suspicion else "",
        next_due=record.next_due,
        slide_lag_seconds=lag.late.total_seconds() if lag else None,
        promise=("broken" if broken_by else "kept") if has_promise else "",
        broken_by_seconds=broken_by or None,
        rollback_until=rollback_until if rollback_until and rollback_until > now else None,
        override=str(override) if override else "",
        waiting=_waiting(definition, record, newest, catalog),
        last_error=record.last_error,
        failures=record.failures,
        failed_at=record.failed_at,
        file=definition.place.file if definition else "",
        base=definition.base if definition else _live_base(record, catalog),
        owner=definition.owner if definition else "",
        tags=definition.tags if definition else (),
        project=record.project,
        dropped=record.dropped if not record.is_live else None,
        generations=record.generations,
    )


def _measured_lag(lag: MeasuredLag | None, promise: timedelta | None) -> dict[str, Any]:
    if lag is None:
        return {}
    return {
        "measured_lag_seconds": lag.seconds,
        "measured_lag_bound": lag.bound.value if lag.seconds is not None else "",
        "lag_measured_at": lag.at,
        "lag_promise": lag.promise_text(promise),
    }


def _live_base(record: ViewRecord, catalog: Catalog) -> str:
    """Return the base table of a view that has no file; empty where nothing of it is in the schema."""
    found = (catalog.find_view(record.name.keyspace, each.physical) for each in reversed(record.generations))
    return next((live.base for live in found if live is not None), "")


def _gone(record: ViewRecord) -> ViewStatus:
    """Return the status of a view of which nothing is left but what the registry remembers."""
    return ViewStatus(
        name=record.name,
        condition=_absent_condition(record),
        override=str(record.override) if record.override else "",
        last_error=record.last_error,
        failures=record.failures,
        failed_at=record.failed_at,
        project=record.project,
        dropped=record.dropped,
    )


def _absent_condition(record: ViewRecord) -> str:
    if record.renamed_to:
        return "renamed"
    return "dropped" if record.was_made else "never made"


def _stands(each: Generation, record: ViewRecord, catalog: Catalog) -> bool:
    """Tell whether a generation is in the schema, and is the one the registry means."""
    live = catalog.find_view(record.name.keyspace, each.physical)
    return live is not None and live.table_id == each.table_id


def _audit_fields(verdict: AuditResult | None) -> dict[str, Any]:
    if verdict is None:
        return {}
    found = {"found": str(verdict), **verdict.facts, "audit_skipped_rows": verdict.skipped_rows}
    found["audit_first_time"] = verdict.first_time
    own = {each.name for each in fields(ViewStatus)}
    return {name: value for name, value in found.items() if name in own}


def _condition(
    definition: ViewDefinition | None,
    record: ViewRecord,
    newest: Generation | None,
    catalog: Catalog,
    now: datetime,
) -> str:
    if record.error is not None:
        return "unreadable"
    override = record.override if record.override and record.override.holds(now) else None
    if override and override.kind is OverrideKind.OFF:
        return "off"
    if newest is not None and not _stands(newest, record, catalog):
        return "broken"
    if override and override.kind is OverrideKind.FROZEN:
        return "frozen"
    if find_withheld(record) is not None:
        return "waiting"
    if record.in_state(State.BUILDING, State.BUILT):
        return "building"
    if newest is not None and newest.audit is Audit.FAILED:
        return "differs"
    if any(each.suspicion for each in record.in_state(State.SERVING)):
        return "suspect"
    if newest is not None and definition is not None:
        if newest.version != definition.version:
            return "changed"
        if newest.window_start != definition.window_start(now):
            if window_changes(newest, definition):
                return "changed"
            return "stale"
    if newest is not None:
        return "serving"
    if record.in_state(State.RETIRED):
        return "retired"
    is_stuck = definition is not None and is_given_up(record, definition, _base_mark(definition, catalog))
    return "failed" if record.in_state(State.FAILED) or is_stuck else "pending"


def _base_mark(definition: ViewDefinition, catalog: Catalog) -> str:
    return mark_of_base(catalog.find_table(definition.name.keyspace, definition.base))


def _waiting(definition: ViewDefinition | None, record: ViewRecord, newest: Generation | None, catalog: Catalog) -> str:
    withheld = find_withheld(record)
    error: ViewsError
    if record.error is not None:
        error = record.error
    elif withheld is not None:
        error = shrink_error(record.name, withheld, newest)
    elif definition is not None and is_given_up(record, definition, _base_mark(definition, catalog)):
        error = repeated_failure(record)
    else:
        return ""
    return f"{error.on}: {as_sentence(error.what)} {as_sentence(error.next)}"


def span_text(span: timedelta) -> str:
    """Return a span in its largest unit, for tables: ``3 d``, ``5 h``, ``2 min``, ``4 s``.

    Its sign is not shown: the texts of this module say which of two moments comes first.
    """
    seconds = abs(int(span.total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def brief(moment: datetime) -> str:
    """Return a moment without what is zero at its end."""
    return f"{moment:%Y-%m-%d}" if not moment.hour and not moment.minute else f"{moment:%Y-%m-%d %H:%M}"


def due_text(moment: datetime, now: datetime) -> str:
    """Return when something is due, or since when it is."""
    return f"in {span_text(moment - now)}" if moment > now else f"due {span_text(now - moment)}"


def next_slide_text(condition: str, due: datetime | None, now: datetime) -> str:
    """Return when a view's window moves next; a view that is frozen or off does not move."""
    return due_text(due, now) if due is not None and condition not in ("frozen", "off") else "-"


def age_text(moment: datetime | None, now: datetime) -> str:
    """Return how long ago something happened, for a cell; what was written by a clock ahead of ours is to come."""
    if moment is None:
        return "-"
    return f"in {span_text(moment - now)}" if _is_ahead(moment, now) else span_text(now - moment)


def ago_text(moment: datetime | None, now: datetime) -> str:
    """Return how long ago something happened, for a sentence."""
    if moment is None:
        return "some time ago"
    text = age_text(moment, now)
    return f"{text}, by a clock that is ahead" if _is_ahead(moment, now) else f"{text} ago"


def left_text(until: datetime, now: datetime) -> str:
    """Return how much time is left until a moment."""
    return span_text(max(until - now, timedelta()))


def clock_note(moments: Iterable[datetime | None], now: datetime) -> str:
    """Return a sentence about times that are ahead of the clock; empty where none is."""
    ahead = max((moment - now for moment in moments if moment is not None and _is_ahead(moment, now)), default=None)
    if ahead is None:
        return ""
    return (
        f"Some times are up to {span_text(ahead)} ahead of this clock: a run was given another time with --now, "
        "or the clocks of the machines differ."
    )


def _is_ahead(moment: datetime, now: datetime) -> bool:
    """Tell whether what has happened was written by a clock ahead of ours; two seconds are usual between machines."""
    return moment - now >= timedelta(seconds=2)


def failures_text(count: int) -> str:
    """Return how many runs failed; the moment of the last one follows."""
    return "1 run failed" if count == 1 else f"{count} runs in a row failed, the last"
