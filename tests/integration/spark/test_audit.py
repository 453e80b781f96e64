"""The audit by Spark finds, row for row, what the audit of one process finds, and says how far it is."""

from __future__ import annotations

from typing import Any

from cassandra_client.database import Database
from cassandra_views.apply.full_audit import FullAudit
from cassandra_views.apply.recheck import Recheck
from cassandra_views.apply.scan import Scan
from cassandra_views.cql.parse import parse_view
from cassandra_views.model.audit_result import AuditResult
from cassandra_views.plan.catalog import read_catalog
from spark_jobs.audit_job import SparkRangeReader
from spark_jobs.settings import JobSettings
from tests.integration.spark.pipeline import Pipeline

CLAIM = """CREATE MATERIALIZED VIEW {keyspace}.v AS SELECT p, c, a, l FROM {keyspace}.{base}
    WHERE c IS NOT NULL AND p IS NOT NULL AND a > 0 PRIMARY KEY (c, p)"""


def make_damaged(pipeline: Pipeline, base: str) -> Scan:
    """A base, and a table of its view's shape with rows of every kind of damage."""
    session, keyspace = pipeline.session, pipeline.keyspace
    for name, key in ((base, "p, c"), (f"{base}_v", "c, p")):
        session.execute(f"CREATE TABLE {keyspace}.{name} (p int, c text, a int, l list<int>, PRIMARY KEY ({key}))")
        for p in range(200):
            value, ttl = p, ""
            if name.endswith("_v"):
                if p in (0, 7):  # outside the WHERE, and missing
                    continue
                value, ttl = (1000, "") if p == 50 else (p, " AND TTL 5000" if p == 60 else "")
            elif p == 99:
                continue
            session.execute(
                f"INSERT INTO {keyspace}.{name} (p, c, a, l) VALUES (%s, %s, %s, %s) USING TIMESTAMP 1000{ttl}",
                (p, f"c{p % 3}", value, [p]),
            )
    database = Database(session)
    tables = read_catalog(database, [keyspace]).tables
    where = parse_view(CLAIM.format(keyspace=keyspace, base=base)).where
    return Scan(database, tables[keyspace, base], tables[keyspace, f"{base}_v"], where)


def test_spark_finds_what_one_process_finds(plain: Pipeline, spark: Any, variables: dict[str, str]) -> None:
    scan = make_damaged(plain, "audited")
    settings = JobSettings.of(variables)

    told: list[str] = []

    def tell(text: str, share: float) -> None:
        told.append(text)

    def audit(**reader: Any) -> AuditResult:
        told.clear()
        return FullAudit(scan, Recheck(scan, on_progress=tell, pause_seconds=0.01), on_progress=tell, **reader).run()

    alone = audit()
    by_spark = audit(read=SparkRangeReader(spark, settings, ranges=4))
    slowly = audit(read=SparkRangeReader(spark, settings, rows_per_second=20_000, ranges=3))
    assert alone.counts == {"missing": 1, "extra": 1, "stale": 1, "expiring": 1}
    assert by_spark == slowly == alone
    assert {"audit: reading rows of base, 198", "audit: reading rows of view, 198"} <= set(told)
