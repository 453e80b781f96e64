"""What the registry's rows hold, as values of the model and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cassandra_client.database import Row
from cassandra_views.model.audit_result import AuditMethod, AuditResult
from cassandra_views.model.errors import RegistryError, StalePlan
from cassandra_views.model.generation import (
    MOVES,
    Audit,
    Dropped,
    Generation,
    Override,
    OverrideKind,
    Serving,
    State,
    Strategy,
    ViewRecord,
)
from cassandra_views.model.lag import LagBound, MeasuredLag
from cassandra_views.model.names import ViewName
from cassandra_views.model.suspicion import Baseline, Suspicion

_CHECKED = ("state", "audit", "physical_name")
_COMPARED = {"read_from", "next_number", "override", "renamed_to", "kept_names"}
_FIELDS = {"physical_name": "physical"}

VERDICT_COLUMNS = tuple(AuditResult(base_rows=0, view_rows=0).facts)
"""What the registry keeps of a verdict, beside ``audit``, ``audited_at`` and ``rows_built``."""


def check_move(record: ViewRecord, number: int, columns: Mapping[str, Any]) -> None:
    """Refuse a state move that the one table of moves does not hold: a bug of ours, never a user's."""
    before, after = record.find(number), columns.get("state")
    if after is None or (before is None and after is State.BUILDING):
        return
    if before is None or (after is not before.state and after not in MOVES[before.state]):
        state = before.state.value if before else "nothing"
        raise StalePlan(
            f"it is {state} and cannot become {after.value}",
            on=f"{record.name} generation {number}",
            next="Plan again",
        )


def holds(
    now: ViewRecord,
    view: Mapping[str, Any],
    generations: Mapping[int, Mapping[str, Any]],
    remove: tuple[int, ...],
) -> bool:
    """Tell whether a batch of unknown outcome has been applied."""
    if "read_from" in view and now.read_from != tuple(view["read_from"]):
        return False
    if "next_number" in view and now.next_number != view["next_number"]:
        return False
    if "renamed_to" in view and now.renamed_to != (view["renamed_to"] or ""):
        return False
    if "kept_names" in view and now.kept_names != tuple(view["kept_names"] or ()):
        return False
    if "override" in view and (now.override.kind if now.override else None) != view["override"]:
        return False
    if any(now.find(number) for number in remove):
        return False
    for number, columns in generations.items():
        each = now.find(number)
        if each is None:
            return False
        if any(getattr(each, _FIELDS.get(key, key)) != value for key, value in columns.items() if key in _CHECKED):
            return False
    return bool(generations or remove or _COMPARED & set(view))


def stored(value: Any) -> Any:
    """Return a value of the model as the column holds it."""
    if isinstance(value, tuple | list):
        return [each.to_map() if isinstance(each, Serving) else each for each in value]
    if isinstance(value, State | Audit | Strategy | OverrideKind):
        return value.value
    return value


def as_stored(moment: datetime) -> datetime:
    """Return a moment as the server keeps it: in whole milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _utc(value: datetime | None) -> datetime | None:
    return value.replace(tzinfo=UTC) if value is not None else None


def record_of(name: ViewName, rows: list[Row]) -> ViewRecord:
    """Return a view's record of its partition's rows.

    Raises:
        RegistryError: a row holds what this program does not know.
    """
    if not rows:
        return ViewRecord(name=name)
    first = rows[0]
    dropped = None
    if dropped_at := _utc(first.get("dropped_at")):
        dropped = Dropped(at=dropped_at, by=first["dropped_by"] or "", reason=first["dropped_why"] or "")
    grace = first["grace_seconds"]
    try:
        override = None
        if first["override"]:
            override = Override(
                kind=OverrideKind(first["override"]),
                by=first["override_by"] or "",
                reason=first["override_why"] or "",
                until=_utc(first["override_until"]),
            )
        return ViewRecord(
            name=name,
            fence=first["fence"] or 0,
            next_number=first["next_number"] or 1,
            read_from=tuple(Serving.from_map(dict(each)) for each in first["read_from"] or ()),
            strategy=Strategy(first["strategy"] or "rebuild"),
            grace=timedelta(seconds=grace) if grace is not None else timedelta(minutes=15),
            override=override,
            next_due=_utc(first["next_due"]),
            last_error=first["last_error"] or "",
            failures=first.get("failures") or 0,  # a registry that an older program made lacks the column
            failed_at=_utc(first.get("failed_at")),
            rolled_back_from=first.get("rolled_back_from"),
            dropped=dropped,
            failed_builds=first.get("failed_builds") or 0,
            failed_version=first.get("failed_version") or "",
            failed_base=first.get("failed_base") or "",
            failed_reason=first.get("failed_reason") or "",
            project=first["project"] or "",
            lag=_lag_of(first),
            renamed_to=first.get("renamed_to") or "",
            kept_names=tuple(first.get("kept_names") or ()),
            former_names=tuple(
                (former, at.replace(tzinfo=UTC)) for former, at in dict(first.get("former_names") or {}).items()
            ),
            generations=tuple(_generation(row) for row in rows if row["number"] is not None and row["state"]),
        )
    except (ValueError, KeyError) as error:
        raise RegistryError(
            f"its registry row holds what this program does not know: {error}",
            on=str(name),
            next="Upgrade cassandra-views, or look at the row with cqlsh",
        ) from error


def find_record(name: ViewName, rows: list[Row]) -> ViewRecord:
    """Return a view's record as ``record_of`` does, or one that has nothing but the error."""
    try:
        return record_of(name, rows)
    except RegistryError as error:
        return ViewRecord(name=name, project=rows[0]["project"] or "", error=error)


def _generation(row: Row) -> Generation:
    return Generation(
        number=row["number"],
        physical=row["physical_name"],
        table_id=row["table_id"],
        version=row["version"] or "",
        state=State(row["state"]),
        window_start=_utc(row["window_start"]),
        window_end=_utc(row["window_end"]),
        window_declared=row.get("window_declared") or "",
        audit=Audit(row["audit"]) if row["audit"] else None,
        audited_at=_utc(row["audited_at"]),
        created_at=_utc(row["created_at"]),
        built_at=_utc(row["built_at"]),
        served_at=_utc(row["served_at"]),
        retired_at=_utc(row["retired_at"]),
        rows_built=row["rows_built"],
        verdict=_verdict_of(row),
        run=row["run"] or "",
        cql=row["cql"] or "",
        reason=row["reason"] or "",
        base_mark=row.get("base_mark") or "",
        compared_to=row.get("compared_to"),
        compared_rows=row.get("compared_rows"),
        suspicion=_suspicion_of(row),
        baseline=Baseline.from_map(dict(row.get("baseline") or {})),
    )


def _lag_of(row: Row) -> MeasuredLag | None:
    at = _utc(row.get("lag_measured_at"))
    if at is None:
        return None
    bound = LagBound(row["lag_bound"] or LagBound.EXACT.value)
    return MeasuredLag(seconds=row["lag_seconds"], bound=bound, at=at, found=row["lag_found"] or "")


def _suspicion_of(row: Row) -> Suspicion | None:
    since = _utc(row.get("suspect_since"))
    if since is None:
        return None
    return Suspicion(since=since, reason=row["suspect_reason"] or "", by=row["suspect_by"] or "")


def suspicion_columns(suspicion: Suspicion | None) -> dict[str, Any]:
    """Return the columns of a mark; None ends one."""
    return {
        "suspect_since": as_stored(suspicion.since) if suspicion else None,
        "suspect_reason": suspicion.reason if suspicion else None,
        "suspect_by": suspicion.by if suspicion else None,
    }


def override_columns(
    kind: OverrideKind | None, *, by: str, reason: str, until: datetime | None = None
) -> dict[str, Any]:
    """Return the static columns of a decision over a view's file; None ends one."""
    return {
        "override": kind,
        "override_by": by if kind else None,
        "override_why": reason if kind else None,
        "override_until": until if kind else None,
    }


def stale_plan(view: ViewName) -> StalePlan:
    """Return the error of a plan that no longer fits the registry's rows."""
    return StalePlan(
        "the plan is stale: the view's registry rows have changed since it was made",
        on=str(view),
        next="Plan again",
    )


def _verdict_of(row: Mapping[str, Any]) -> AuditResult | None:
    """Return what the last audit counted; None where none compared rows."""
    if row.get("audit_base_rows") is None:
        return None
    return AuditResult(
        base_rows=row["audit_base_rows"],
        view_rows=(row["rows_built"] or 0) if row.get("audit_view_rows") is None else row["audit_view_rows"],
        missing_rows=row["audit_missing_rows"] or 0,
        extra_rows=row["audit_extra_rows"] or 0,
        stale_rows=row.get("audit_stale_rows") or 0,
        expiring_rows=row.get("audit_expiring_rows") or 0,
        newer_rows=row.get("audit_newer_rows") or 0,
        ahead_rows=row.get("audit_ahead_rows") or 0,
        differing_totals=tuple(row.get("audit_differing_totals") or ()),
        is_partial=bool(row["audit_is_partial"]),
        method=AuditMethod.named(row["audit_method"] or ""),
        first_time=row["audit_first_time"] or "",
    )
