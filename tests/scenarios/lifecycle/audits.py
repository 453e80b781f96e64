"""Auditing a view that was made by hand against what is claimed of it."""

from __future__ import annotations

from typing import Any

from cassandra_client.database import Database
from cassandra_views.apply.audit import KeyAudit
from cassandra_views.apply.scan import Scan
from cassandra_views.cql.parse import parse_view
from cassandra_views.model.verdict import Verdict
from cassandra_views.plan.catalog import read_catalog


def claimed(keyspace: str, table: str, where: str, key: str, columns: str = "a, b") -> str:
    base = f"{keyspace}.{table}"
    return f"CREATE MATERIALIZED VIEW {keyspace}.v AS SELECT {columns} FROM {base} WHERE {where} PRIMARY KEY ({key})"


def scan_of(session: Any, keyspace: str, table: str, view: str, cql: str) -> Scan:
    database = Database(session)
    catalog = read_catalog(database, [keyspace])
    return Scan(database, catalog.tables[keyspace, table], catalog.views[keyspace, view].shape, parse_view(cql).where)


def audit(session: Any, keyspace: str, table: str, view: str, cql: str, *, recheck_seconds: float = 0.01) -> Verdict:
    """Audit a view that exists, as if it had been made by ``cql``."""
    database = Database(session)
    catalog = read_catalog(database, [keyspace])
    base, live = catalog.tables[keyspace, table], catalog.views[keyspace, view].shape
    return KeyAudit(database, base, live, parse_view(cql).where, recheck_seconds=recheck_seconds).run()
