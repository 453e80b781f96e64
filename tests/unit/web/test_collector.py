"""The gauges of one view, from what the registry holds and what its file says."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from cassandra_views.apply.builds import BuildProgress, NodeBuild
from cassandra_views.model.audit_result import AuditResult
from cassandra_views.model.generation import Audit, Generation, Override, OverrideKind, State, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.overview.queries import Overview
from cassandra_views.overview.view_rows import ViewRow
from cassandra_views.plan.status import ViewStatus
from cassandra_views.web.metrics import GAUGES, _of_view

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAME = ViewName(keyspace="ks", view="v")


def generation(number: int, state: State, **facts: Any) -> Generation:
    table_id = uuid.UUID(int=number)
    return Generation(number=number, physical=f"v__g{number}", table_id=table_id, version="f1:0", state=state, **facts)


def gauges(record: ViewRecord, *, has_files: bool = True, **status: Any) -> dict[tuple[str, tuple[str, ...]], float]:
    row = ViewRow(status=ViewStatus(name=NAME, **{"condition": "serving", **status}), record=record, now=NOW)
    overview = Overview(
        at=NOW, cluster="c", registry="r", views=((row.status, record),), has_files=has_files, carried={}, bases={}
    )
    node = NodeBuild(address="a", is_built=False, is_reachable=True, share=0.25)
    found = list(_of_view(row, overview, {("ks.v", 3): BuildProgress(nodes=(node,))}))
    assert len({(name, labels) for name, labels, _value in found}) == len(found)
    for name, labels, _value in found:
        assert len(labels) == len(GAUGES[name][1])
    return {(name, labels): value for name, labels, value in found}


SERVING = generation(
    2,
    State.SERVING,
    audit=Audit.PASSED,
    audited_at=NOW - 2 * HOUR,
    created_at=NOW - 5 * HOUR,
    built_at=NOW - 4 * HOUR,
)
BUILDING = generation(3, State.BUILDING, created_at=NOW - HOUR)


def test_what_serves_and_what_is_built() -> None:
    found = gauges(ViewRecord(name=NAME, generations=(SERVING, BUILDING)), rows=7)
    assert found["serving_generation", ()] == 2
    assert found["build_seconds", ("2",)] == 3600
    assert found["build_running_seconds", ("3",)] == 3600
    assert found["build_progress_ratio", ("3",)] == 0.25
    assert found["audit_age_seconds", ()] == 7200
    assert found["rows", ()] == 7
    assert (found["generations", ("serving",)], found["generations", ("building",)]) == (1, 1)


def test_the_promise_is_that_of_the_file() -> None:
    record = ViewRecord(name=NAME, generations=(SERVING,))
    found = gauges(record, promise="broken", slide_lag_seconds=5000.0, broken_by_seconds=1400.0)
    assert found["slide_lag_seconds", ()] == 5000
    assert found["promise_broken", ()] == 1
    assert found["promise_broken_seconds", ()] == 1400
    assert "lag_promise_broken" not in {name for name, _labels in gauges(record, lag_measured_at=NOW)}
    for word, value in {"kept": 0.0, "broken": 1.0, "unknown": None, "": None}.items():
        lags = gauges(
            record, lag_measured_at=NOW, measured_lag_seconds=7.0, measured_lag_bound="exact", lag_promise=word
        )
        assert lags.get(("lag_promise_broken", ())) == value
        assert lags["lag_seconds", ("exact",)] == 7
    kept = gauges(record, promise="kept")
    assert (kept["promise_broken", ()], kept["promise_broken_seconds", ()]) == (0, 0)
    assert ("promise_broken", ()) not in gauges(record)


def test_without_files_the_registry_says_when_the_slide_was_due() -> None:
    record = ViewRecord(name=NAME, generations=(SERVING,))
    assert gauges(record, has_files=False, next_due=NOW - HOUR)["slide_lag_seconds", ()] == 3600
    assert gauges(record, has_files=False, next_due=NOW + HOUR)["slide_lag_seconds", ()] == 0
    assert gauges(record, has_files=True, next_due=NOW - HOUR)["slide_lag_seconds", ()] == 0


def test_a_view_that_serves_nothing_has_no_age() -> None:
    record = ViewRecord(name=NAME, generations=(BUILDING,), failures=3)
    found = gauges(record, condition="building")
    assert found["failed_runs", ()] == 3
    assert found["view_condition", ("building",)] == 1
    assert {"serving_generation", "audit_age_seconds", "slide_lag_seconds"}.isdisjoint(name for name, _labels in found)


def test_an_override_that_is_over_counts_no_more() -> None:
    override = Override(kind=OverrideKind.FROZEN, by="ann", reason="a sale", until=NOW - HOUR)
    assert ("override", ("frozen",)) not in gauges(ViewRecord(name=NAME, override=override))
    override = Override(kind=OverrideKind.OFF, by="ann", reason="unread", until=None)
    assert gauges(ViewRecord(name=NAME, override=override))["override", ("off",)] == 1


def test_what_an_audit_found_is_told_as_the_registry_holds_it() -> None:
    verdict = AuditResult(base_rows=2000, view_rows=800, missing_rows=1200, stale_rows=3, newer_rows=5)
    facts = {"audit": Audit.FAILED, "audited_at": NOW - HOUR, "verdict": verdict}
    found = gauges(ViewRecord(name=NAME, generations=(generation(2, State.SERVING, **facts),)))
    assert found["audit_failed", ()] == 1
    differences = {labels[0]: value for (name, labels), value in found.items() if name == "audit_differences"}
    assert differences == {"missing": 1200, "extra": 0, "stale": 3, "expiring": 0}
    assert found["audit_skipped_rows", ()] == 5
    # One that is not in the schema as it was asked for has no rows to compare.
    facts |= {"verdict": None}
    found = gauges(ViewRecord(name=NAME, generations=(generation(2, State.SERVING, **facts),)))
    assert {name for name, _labels in found} & {"audit_failed", "audit_differences"} == {"audit_failed"}
