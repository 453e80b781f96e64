"""An audit that is stopped after any of its token ranges goes on there, and finds what one in a single run finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent

from cassandra_client.database import Database
from cassandra_views.apply.audit import Auditor, SchemaMatch
from cassandra_views.apply.audit_journal import AuditJournal
from cassandra_views.apply.full_audit import FullAudit
from cassandra_views.apply.range_rows import RowsReduction, read_in_threads
from cassandra_views.apply.recheck import Recheck
from cassandra_views.apply.reports import Notice, Report
from cassandra_views.apply.scan import Scan
from cassandra_views.apply.token_ranges import WHOLE_RING, TokenRange
from cassandra_views.model.audit_request import FULL_AUDIT, AuditSettings
from cassandra_views.model.generation import Generation
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import TableShape
from cassandra_views.model.suspicion import Suspicion
from tests.scenarios.lifecycle.audits import tell_nobody
from tests.scenarios.lifecycle.test_audit_differences import Pair
from tests.scenarios.lifecycle.workshop import Workshop

RANGES = 4


class Stopped(Exception):
    """The process is killed here."""


def reader(log: list[TokenRange], stop_after: int) -> Any:
    """Return what reads the ring in a few ranges, and ends after so many of them."""

    def read(
        scan: Scan,
        shape: TableShape,
        reduction: RowsReduction,
        tell: Callable[[float, int], None],
        spans: Sequence[TokenRange] | None,
    ) -> Iterator[tuple[TokenRange, Any]]:
        parts = WHOLE_RING.split(RANGES) if spans is None else spans
        for span, found in read_in_threads(scan, shape, reduction, tell, parts):
            if len(log) >= stop_after:
                raise Stopped
            log.append(span)
            yield span, found

    return read


@pytest.fixture
def damaged(session: Session, keyspace: str) -> Pair:
    pair = Pair(session, keyspace)
    pair.make()
    for side in ("", "_v"):
        insert = session.prepare(
            f"INSERT INTO {keyspace}.{pair.name}{side} (p, c, k, a) VALUES (?, 'x', 1, ?) USING TIMESTAMP 1000"
        )
        rows = range(300) if side else range(1, 301)
        execute_concurrent(session, [(insert, (p, 7 if side and p == 50 else p)) for p in rows])
    return pair


def test_stopped_after_each_range_it_goes_on_and_finds_the_same(damaged: Pair, tmp_path: Path) -> None:
    scan = damaged.scan()
    recheck = Recheck(scan, on_progress=tell_nobody, pause_seconds=0.001)
    whole = FullAudit(scan, recheck, on_progress=tell_nobody).run()
    assert (whole.base_rows, whole.missing_rows, whole.extra_rows, whole.stale_rows) == (300, 1, 1, 1)

    path, told, runs = tmp_path / "audit.json", [], []  # type: Path, list[str], list[list[TokenRange]]

    def run() -> Any:
        runs.append([])
        journal = AuditJournal(path, ["one"], saved_seconds=0, on_resumed=told.append)
        read = reader(runs[-1], stop_after=len(runs))
        return FullAudit(scan, recheck, on_progress=tell_nobody, read=read, journal=journal).run()

    found = None
    while found is None:
        with suppress(Stopped):
            found = run()
        assert path.exists() is (found is None)
    assert len(runs) > 10
    assert len(told) == len(runs) - 1
    assert found.as_json() == whole.as_json()


def test_what_was_read_before_a_mark_is_read_again(workshop: Workshop) -> None:
    """A restore changes no write time, and may change ranges that were read before it."""
    workshop.session.execute(f"CREATE TABLE {workshop.keyspace}.small (k int PRIMARY KEY, v int)")
    workshop.session.execute(f"INSERT INTO {workshop.keyspace}.small (k, v) VALUES (1, 1)")
    workshop.write_view(
        "by_value",
        "CREATE MATERIALIZED VIEW {{ view }} AS SELECT v, k FROM {{ base('small') }} "
        "WHERE v IS NOT NULL AND k IS NOT NULL PRIMARY KEY (v, k)",
    )
    workshop.apply()
    (each,) = workshop.record("by_value").generations
    view = ViewName(keyspace=workshop.keyspace, view="by_value")
    told: list[Report] = []
    settings = AuditSettings(journal_folder=workshop.folder / "audits", journal_seconds=0.0)

    def is_resumed(generation: Generation, stop_after: int) -> bool:
        told.clear()
        auditor = Auditor(Database(workshop.session), told.append, settings, reader([], stop_after))
        match = auditor.find_in_schema(view, generation)
        assert isinstance(match, SchemaMatch)
        with suppress(Stopped):
            auditor.compare(view, generation, match, FULL_AUDIT, remains="", time=None)
        return any(isinstance(report, Notice) and "is resumed" in report.text for report in told)

    assert not is_resumed(each, stop_after=2)
    assert is_resumed(each, stop_after=1)
    mark = Suspicion(since=workshop.now, reason="restored from a snapshot", by="ann")
    assert not is_resumed(replace(each, suspicion=mark), stop_after=100)
