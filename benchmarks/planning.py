"""Planning many views whose files have not changed: beside the reading of the catalog that no plan can do without.

Views are made by their own CREATE statements and their registry rows written as an apply would leave them,
since a thousand builds would measure the server. `python -m benchmarks.planning` prints the figures.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_client.database import Database
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.manager import ViewManager
from cassandra_views.model.steps import CreateGeneration, Plan, ServeGeneration
from cassandra_views.plan.catalog import read_catalog
from cassandra_views.registry.schema import SCHEMA_NUMBER, table_statements
from cassandra_views.registry.store import Registry

REGISTRY = "bench_plan_registry"
KEYSPACE = "bench_plan_{}"
TABLES_IN_KEYSPACE = 6
VIEWS_ON_TABLE = 17
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUNS = 5
STATICS = ("fence", "next_number", "read_from", "strategy", "grace_seconds", "next_due", "project")
FACTS = (
    "physical_name",
    "table_id",
    "version",
    "window_start",
    "state",
    "audit",
    "created_at",
    "served_at",
    "cql",
    "reason",
)
COLUMNS = ("keyspace_name", "view_name", "number", *STATICS, *FACTS)

TABLE = """\
---
keyspace: {keyspace}
managed: true
time: {{column: day, type: date, grain: day}}
---
CREATE TABLE {{{{ table }}}} (
    customer text, day date, order_id timeuuid, total decimal, note text, channel text,
    PRIMARY KEY ((customer), day, order_id)
)
"""
VIEW = """\
---
description: View {number} for the measure of planning
keyspace: {keyspace}
window: {{last: 28 days, step: 1 day, at: "00:10"}}
---
CREATE MATERIALIZED VIEW {{{{ view }}}} AS
SELECT customer, day, order_id, total, note, channel
FROM {{{{ base('{table}') }}}}
WHERE {{{{ in_window() }}}} AND order_id IS NOT NULL AND customer >= 'c{number:04d}'
PRIMARY KEY ((day), customer, order_id)
"""


def write_project(folder: Path, views: int) -> None:
    """Write a project of that many views, at most 17 on a table and 6 tables in a keyspace."""
    templates = folder / "cql_templates"
    (templates / "tables").mkdir(parents=True)
    (templates / "views").mkdir()
    config = [f'project = "bench"\n\n[env.dev]\nregistry = "{REGISTRY}"']
    for number in range(views):
        table = number // VIEWS_ON_TABLE
        keyspace = KEYSPACE.format(table // TABLES_IN_KEYSPACE)
        if number % VIEWS_ON_TABLE == 0:
            text = TABLE.format(keyspace=keyspace)
            (templates / "tables" / f"orders_{table}.cql.j2").write_text(text, encoding="utf-8")
            if table % TABLES_IN_KEYSPACE == 0:
                config.append(
                    f"[env.dev.keyspaces.{keyspace}]\nreplication = {{ class = 'SimpleStrategy', "
                    "replication_factor = 1 }"
                )
        text = VIEW.format(number=number, keyspace=keyspace, table=f"orders_{table}")
        (templates / "views" / f"view_{number:04d}.cql.j2").write_text(text, encoding="utf-8")
    (folder / "views.toml").write_text("\n".join(config) + "\n", encoding="utf-8")


@contextmanager
def _server() -> Iterator[tuple[list[str], int]]:
    given = os.environ.get("CASSANDRA_CONTACT_POINTS")
    if given:
        yield given.split(","), int(os.environ.get("CASSANDRA_PORT", "9042"))
        return
    with EmbeddedCassandra(address="127.0.12.1", port=0, heap_mb=1024) as server:
        yield server.contact_points, server.port


def create(session: Session, plan: Plan, budget_seconds: float) -> int:
    """Make what the plan says by its statements alone; return how many views came to be in the time."""
    begun = time.monotonic()
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE IF NOT EXISTS {REGISTRY} WITH replication = {replication}")
    for _table, cql in table_statements(REGISTRY):
        session.execute(cql)
    session.execute(f"INSERT INTO {REGISTRY}.about (name, value) VALUES ('schema', '{SCHEMA_NUMBER}') IF NOT EXISTS")
    insert = session.prepare(
        f"INSERT INTO {REGISTRY}.views ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
    )
    serves = {step.view: step for step in plan.steps if isinstance(step, ServeGeneration)}
    made = 0
    for step in plan.steps:
        if isinstance(step, CreateGeneration):
            if time.monotonic() - begun > budget_seconds:
                break
            session.execute(step.cql, timeout=60)
            session.execute(insert, _row(step, serves[step.view]))
            made += 1
        elif cql := getattr(step, "cql", ""):
            session.execute(cql, timeout=60)
    return made


def _row(step: CreateGeneration, serve: ServeGeneration) -> list[Any]:
    physical = step.view.physical(step.number)
    read_from = [entry.to_map() for entry in serve.read_from]
    statics = [1, step.number + 1, read_from, serve.strategy.value, serve.grace_seconds, serve.next_due, "bench"]
    facts = [
        physical,
        step.table_id,
        step.version,
        step.window_start,
        "serving",
        "passed",
        NOW,
        NOW,
        step.cql,
        step.reason,
    ]
    return [step.view.keyspace, step.view.view, step.number, *statics, *facts]


def _median(work: Callable[[], Any], runs: int = RUNS) -> float:
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return round(statistics.median(taken), 3)


def measure(session: Session, folder: Path, points: list[str], port: int) -> dict[str, Any]:
    """Return the seconds of each part, medians; the first plan has no cache of parsed files to use."""

    def plan() -> Plan:
        return ViewManager(session, templates=folder / "cql_templates", clock=lambda: NOW).plan()

    database = Database(session)
    registry = Registry(database, REGISTRY, run="bench", author="bench")
    found = plan()
    keyspaces = {view.keyspace for view in found.views} | {name.keyspace for name in _names(registry)}
    begun = time.perf_counter()
    plan()
    figures: dict[str, Any] = {"steps": len(found.steps), "second_plan_seconds": round(time.perf_counter() - begun, 3)}
    figures["plan_seconds"] = _median(plan)
    figures["catalog_read_seconds"] = _median(lambda: read_catalog(database, keyspaces))
    figures["registry_read_seconds"] = _median(registry.read_all)
    environment = {**os.environ, "CASSANDRA_CONTACT_POINTS": ",".join(points), "CASSANDRA_PORT": str(port)}
    command = [sys.executable, "-m", "cassandra_views.cli.main", "--now", NOW.isoformat(), "plan"]
    figures["command_seconds"] = _median(
        lambda: subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True), 3
    )
    return figures


def _names(registry: Registry) -> list[Any]:
    return [record.name for record in registry.read_all()]


def clean(session: Session, plan: Plan) -> None:
    """Drop what was made."""
    for keyspace in sorted({view.keyspace for view in plan.views} | {REGISTRY}):
        session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}", timeout=120)


Measure = Callable[[Session, Path, list[str], int], dict[str, Any]]


def run(*, views: int = 1000, create_seconds: float = 75.0, measure: Measure = measure) -> dict[str, Any]:
    """Set up, measure, clean up.

    Args:
        create_seconds: no more views are made after this time; the answer names how many there were.
        measure: takes the figures, on a cluster where nothing is left to do.
    """
    with _server() as (points, port), connected(tuple(points), port=port) as session, _folder() as folder:
        write_project(folder, views)
        begun = time.perf_counter()
        plan = ViewManager(session, templates=folder / "cql_templates", clock=lambda: NOW).plan()
        first = round(time.perf_counter() - begun, 3)
        try:
            begun = time.perf_counter()
            made = create(session, plan, create_seconds)
            created = round(time.perf_counter() - begun, 1)
            for number in range(made, views):
                (folder / "cql_templates" / "views" / f"view_{number:04d}.cql.j2").unlink()
            figures = measure(session, folder, points, port)
        finally:
            clean(session, plan)
    return {"views": made, "create_seconds": created, "first_plan_seconds": first, **figures}


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="views-bench-") as folder:
        yield Path(folder)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
