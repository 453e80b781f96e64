"""Auditing a view that was made by hand against what is claimed of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cassandra_client.database import Database
from cassandra_client.decoding import RawRow
from cassandra_views.apply.full_audit import FullAudit
from cassandra_views.apply.quick_audits import PulseAudit, SampleAudit
from cassandra_views.apply.range_rows import RangeReader, read_in_threads
from cassandra_views.apply.recheck import Recheck
from cassandra_views.apply.scan import Scan
from cassandra_views.cql.parse import parse_view
from cassandra_views.model.audit_result import AuditResult, DifferenceKind, RowDifference
from cassandra_views.plan.catalog import read_catalog


def claimed(keyspace: str, table: str, where: str, key: str, columns: str = "a, b") -> str:
    base = f"{keyspace}.{table}"
    return f"CREATE MATERIALIZED VIEW {keyspace}.v AS SELECT {columns} FROM {base} WHERE {where} PRIMARY KEY ({key})"


def scan_of(session: Any, keyspace: str, table: str, view: str, cql: str) -> Scan:
    database = Database(session)
    catalog = read_catalog(database, [keyspace])
    return Scan(database, catalog.tables[keyspace, table], catalog.views[keyspace, view].shape, parse_view(cql).where)


def base_rows(scan: Scan) -> list[RawRow]:
    """Return every row of the base that belongs to the view."""

    class Rows(list[RawRow]):
        def add(self, rows: Sequence[RawRow]) -> None:
            self.extend(rows)

    return [row for part in scan.fold(scan.base, Rows) for row in part]


def examples(result: AuditResult, kind: DifferenceKind) -> list[RowDifference]:
    return [each for each in result.examples if each.kind is kind]


def audit(
    session: Any, keyspace: str, table: str, view: str, cql: str, *, recheck_seconds: float = 0.01
) -> AuditResult:
    """Audit a view that exists, as if it had been made by ``cql``."""
    scan = scan_of(session, keyspace, table, view, cql)
    return full_audit(scan, recheck_seconds=recheck_seconds).run()


def tell_nobody(text: str, share: float) -> None:
    """Ignore what an audit says while it works."""


def full_audit(
    scan: Scan,
    *,
    recheck_seconds: float = 0.01,
    max_rows: int | None = None,
    read: RangeReader = read_in_threads,
) -> FullAudit:
    return FullAudit(scan, _recheck(scan, recheck_seconds), on_progress=tell_nobody, max_rows=max_rows, read=read)


def pulse_audit(scan: Scan) -> PulseAudit:
    return PulseAudit(scan, _recheck(scan, 0.01), on_progress=tell_nobody)


def sample_audit(scan: Scan, rows: int) -> SampleAudit:
    return SampleAudit(scan, _recheck(scan, 0.01), on_progress=tell_nobody, rows=rows)


def _recheck(scan: Scan, seconds: float) -> Recheck:
    return Recheck(scan, on_progress=tell_nobody, pause_seconds=seconds)
