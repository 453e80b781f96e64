"""``views test`` on a real server: what passes, what differs, what the server refuses, and what a second run makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cassandra.cluster import Session

from cassandra_views.apply.view_tests import ViewTestRunner
from cassandra_views.project.loader import ProjectLoader
from cassandra_views.project.view_tests import ProjectTests, load_tests

TABLE = """---
keyspace: shop
time: {column: at, type: timestamp}
---
CREATE TABLE {{ table }} (customer text, at timestamp, "State" text, total decimal, tags set<text>,
PRIMARY KEY ((customer), at)) WITH cdc = true
"""
VIEW = """---
keyspace: shop
window: {last: 28 days, step: 1 day}
---
CREATE MATERIALIZED VIEW {{ view }} AS SELECT "State", at, customer, total, tags FROM {{ base('orders') }}
WHERE {{ in_window() }} AND "State" IS NOT NULL AND customer IS NOT NULL PRIMARY KEY (("State"), at, customer)
"""
TESTS = """tests:
  - name: a row moves with its state, and goes with its value
    now: 2026-12-01T06:00:00Z
    rows:
      - {customer: ada, at: 2026-11-30 06:00:00+0100, State: new, total: 12.50, tags: [b, a]}
      - {customer: ada, at: 2026-11-30 06:00:00+0100, State: paid}
      - {customer: bob, at: 2026-11-30, State: new}
      - {customer: bob, at: 2026-11-30, State: null}
      - {customer: too early, at: 2026-10-01, State: new}
    expect:
      - {State: paid, at: 2026-11-30T05:00:00Z, customer: ada, total: 12.5, tags: [a, b]}
  - name: the window moves with the time, and no test sees the rows of another
    now: 2027-02-01
    rows:
      - {customer: ada, at: 2026-11-30 06:00:00+0100, State: new}
    expect: []
  - name: all that differs is told
    now: 2026-12-01T06:00:00Z
    rows:
      - {customer: cyd, at: 2026-11-30, State: new, total: 1}
      - {customer: dan, at: 2026-11-30, State: new}
    expect:
      - {State: new, at: 2026-11-30, customer: cyd, total: 2, tags: []}
      - {State: new, at: 2026-11-30, customer: eve}
  - name: a value of the wrong type is refused
    now: 2026-12-01T06:00:00Z
    rows:
      - {customer: ada, at: soon, State: new}
    expect: []
"""


def load(root: Path) -> ProjectTests:
    for folder, name, text in (("tables", "orders.cql.j2", TABLE), ("views", "by_state.cql.j2", VIEW)):
        (root / folder).mkdir()
        (root / folder / name).write_text(text, encoding="utf-8")
    (root / "views" / "by_state.test.yaml").write_text(TESTS, encoding="utf-8")
    found = load_tests(root, ProjectLoader(root).load())
    assert found.errors == ()
    return found


def test_tests_of_a_view_run_on_a_real_server(session: Session, keyspace: str, tmp_path: Path) -> None:
    def fixtures() -> set[Any]:
        tables = session.execute("SELECT id FROM system_schema.tables WHERE keyspace_name = %s", (keyspace,))
        views = session.execute("SELECT id FROM system_schema.views WHERE keyspace_name = %s", (keyspace,))
        return {row[0] for rows in (tables, views) for row in rows}

    runner, tests = ViewTestRunner(session, keyspace), load(tmp_path).tests
    results = runner.run(tests)
    assert [each.word for each in results] == ["passed", "passed", "failed", "error"], results
    told = [(each.kind.value, each.key["customer"], each.column) for each in results[2].mismatches]
    assert told == [("wrong value", "cyd", "total"), ("missing", "eve", ""), ("extra", "dan", "")]
    error = results[3].error
    assert error is not None
    assert "the server refuses the row" in error.what
    assert str(error.place) == f"{tmp_path.name}/views/by_state.test.yaml:28"

    # A second run creates nothing; what no test needs any more is dropped.
    before = fixtures()
    assert [each.word for each in runner.run(tests[:1], kept=tests)] == ["passed"]
    assert fixtures() == before
    assert [each.word for each in runner.run(tests[:1])] == ["passed"]
    assert len(before - fixtures()) == 1, "the view of the other window"
    assert fixtures() < before
