"""Checks of a view file: which queries can be asked, and of which generations a plan asks them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cassandra_views.model.data_check import CheckFailure, DataCheck, find_query_fault
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import Audit, State
from cassandra_views.model.steps import AuditGeneration
from cassandra_views.plan.inputs import PlanRequest
from cassandra_views.project.cache import FileCache
from cassandra_views.project.loader import ProjectLoader
from tests.unit.plan.world import World, definition, world_of

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
CHECK = DataCheck(name="no empty customer", query="SELECT day FROM {{ view }} WHERE customer = '' ALLOW FILTERING")
FILE = """---
keyspace: shop
checks:
  - name: no total below zero
    query: SELECT day FROM {{ view }} WHERE total < 0 ALLOW FILTERING
  - {name: not here, query: "SELECT day FROM {{ view }} WHERE note = '{{ env }}' ALLOW FILTERING", timeout: 1 minute}
---
CREATE MATERIALIZED VIEW {{ view }} AS SELECT day, customer, total, note FROM {{ base('orders') }}
WHERE day IS NOT NULL AND customer IS NOT NULL PRIMARY KEY (day, customer)
"""


def audits(world: World, project: Project, **request: Any) -> list[tuple[int, bool, tuple[DataCheck, ...]]]:
    steps = world.plan(project, NOW, PlanRequest(**request)).steps
    return [(each.number, each.is_again, each.checks) for each in steps if isinstance(each, AuditGeneration)]


def test_a_generation_is_asked_the_checks_of_its_file_before_it_serves() -> None:
    view = replace(definition(), checks=(CHECK,))
    world, project = World(), Project(name="shop", views=(view,))
    assert audits(world, project) == [(1, False, (CHECK,))]
    world.apply(world.plan(project, NOW), NOW)
    assert audits(world, project) == [], "what serves is not asked again"
    assert audits(world, project, refresh=frozenset({view.name})) == [(2, False, (CHECK,))]


def test_one_that_returns_is_asked_and_one_that_serves_is_not() -> None:
    view = replace(definition(), checks=(CHECK,))
    long_ago = (NOW - timedelta(days=1)).isoformat()
    observed = {
        "records": {
            "by_day": {
                "generations": {
                    1: {"state": "retired", "retired": "1 minute", "audited": long_ago},
                    2: {"state": "serving", "version": "f1:other", "audited": long_ago},
                }
            }
        }
    }
    world = world_of(observed, {"by_day": view}, NOW)
    assert audits(world, Project(name="shop", views=(view,))) == [(1, True, (CHECK,))]
    assert (world.records[view.name].generations[0].state, Audit.PASSED) == (State.RETIRED, Audit.PASSED)


def test_a_fresh_audit_leaves_out_no_check_of_one_that_returns() -> None:
    view = replace(definition(), checks=(CHECK,))
    generations = {1: {"state": "retired", "retired": "1 minute"}, 2: {"state": "serving", "version": "f1:other"}}
    world = world_of({"records": {"by_day": {"generations": generations}}}, {"by_day": view}, NOW)
    assert audits(world, Project(name="shop", views=(replace(view, checks=()),))) == []
    assert audits(world, Project(name="shop", views=(view,))) == [(1, True, (CHECK,))]


def test_a_fresh_audit_leaves_out_no_check_of_one_that_waited_for_a_person() -> None:
    view = replace(definition(), checks=(CHECK,))
    generations = {1: {"state": "serving", "version": "f1:other"}, 2: {"state": "built", "audit": "passed"}}
    world = world_of({"records": {"by_day": {"generations": generations}}}, {"by_day": view}, NOW)
    record = world.records[view.name]
    withheld = replace(record.generations[1], compared_to=1, compared_rows=9)
    world.records[view.name] = replace(record, generations=(record.generations[0], withheld))
    approved = {"is_shrink_allowed": True}
    assert audits(world, Project(name="shop", views=(replace(view, checks=()),)), **approved) == []
    assert audits(world, Project(name="shop", views=(view,)), **approved) == [(2, False, (CHECK,))]


def test_a_change_of_checks_alone_plans_nothing() -> None:
    view = definition()
    world, project = World(), Project(name="shop", views=(view,))
    world.apply(world.plan(project, NOW), NOW)
    assert world.plan(Project(name="shop", views=(replace(view, checks=(CHECK,)),)), NOW).steps == ()


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("SELECT day FROM {{ view }} WHERE total < 0 ALLOW FILTERING", ""),
        ("select day, count(*) FROM {{ view }} GROUP BY day", ""),
        ("SELECT count(*) FROM {{ view }} GROUP BY day", ""),
        ("SELECT count(*) FROM {{ view }}", "always returns a row"),
        ("SELECT  Max (total) FROM {{ view }} WHERE total < 0", "always returns a row"),
        ("DELETE FROM {{ view }} WHERE day = '2026-01-01'", "a check is a SELECT"),
        ("", "a check is a SELECT"),
        ("SELECT day, count(*) FROM {{ view }} WHERE total < 0", "always returns a row"),
        ("SELECT CAST(count(*) AS int) FROM {{ view }}", "always returns a row"),
        ("SELECT count(*) FROM {{ view }} WHERE note = 'group by'", "always returns a row"),
        ("SELECT count(*) FROM {{ view }} -- group by", "always returns a row"),
        ("SELECT day FROM other /* {{ view }} */", "a check reads the view"),
        ("SELECT day FROM other WHERE note = 'FROM {{ view }}'", "a check reads the view"),
        ("SELECT day FROM {{ view }} WHERE note = 'a;b' ALLOW FILTERING", ""),
        ("SELECT day FROM {{ view }} WHERE note = $$it's; min($$ ALLOW FILTERING", ""),
        ('SELECT "count(", "from" FROM {{ view }}', ""),
        ("-- no total below zero\nSELECT day FROM {{ view }} /* by day; */", ""),
        ("/* DELETE */ DELETE FROM {{ view }}", "a check is a SELECT"),
        ("SELECT day FROM shop.by_day", "a check reads the view"),
        ("SELECT day FROM {{ view }}; DROP TABLE shop.orders", "a check is one statement"),
    ],
)
def test_a_query_that_cannot_be_asked_is_refused(query: str, fault: str) -> None:
    found = find_query_fault(query)
    assert fault in found
    assert bool(found) == bool(fault)


def test_a_generation_is_asked_under_its_physical_name() -> None:
    assert CHECK.cql("shop", "Seen__g2") == "SELECT day FROM shop.\"Seen__g2\" WHERE customer = '' ALLOW FILTERING"


def test_what_a_check_found_is_told_with_a_row() -> None:
    few = CheckFailure(check="a", rows=({"day": 1, "n": 2},))
    many = CheckFailure(check="b", rows=({"day": 1}, {"day": 2}, {"day": 3}), has_more=True)
    assert str(few) == "the check 'a' found 1 row, such as day=1, n=2"
    assert str(many) == "the check 'b' found more than 3 rows, such as day=1"


def test_a_long_value_is_cut() -> None:
    (told,) = [str(CheckFailure(check="a", rows=({"note": "x" * size, "n": 2},))) for size in (101,)]
    assert told == f"the check 'a' found 1 row, such as note={'x' * 100}..., n=2"
    assert "..." not in str(CheckFailure(check="a", rows=({"note": "x" * 100},)))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "views").mkdir()
    return tmp_path


def test_checks_are_templates_in_which_the_view_stays_open(root: Path) -> None:
    (root / "views" / "by_day.cql.j2").write_text(FILE, encoding="utf-8")
    (view,) = ProjectLoader(root, environment="prod").load().views
    assert view.checks == (
        DataCheck(name="no total below zero", query="SELECT day FROM {{ view }} WHERE total < 0 ALLOW FILTERING"),
        DataCheck(
            name="not here",
            query="SELECT day FROM {{ view }} WHERE note = 'prod' ALLOW FILTERING",
            timeout=timedelta(minutes=1),
        ),
    )


def test_checks_are_kept_with_what_files_said(root: Path) -> None:
    (root / "views" / "by_day.cql.j2").write_text(FILE, encoding="utf-8")
    cache = FileCache(root / "cache")
    read = ProjectLoader(root, cache=cache).load().views
    cache.save()
    assert ProjectLoader(root, cache=FileCache(root / "cache")).load().views == read


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (("FROM {{ view }} WHERE total", "FROM {{ vieww }} WHERE total"), 5, "'vieww' is undefined"),
        (("SELECT day FROM {{ view }} WHERE t", "SELECT min(day) FROM {{ view }} WHERE t"), 5, "returns a row"),
        (("name: not here", "name: no total below zero"), 6, "two checks have the name"),
        (("query: SELECT", "qeury: SELECT"), 5, "unknown key 'checks.0.qeury'"),
    ],
)
def test_a_wrong_check_is_told_with_its_line(root: Path, change: tuple[str, str], line: int, what: str) -> None:
    assert change[0] in FILE
    (root / "views" / "by_day.cql.j2").write_text(FILE.replace(*change, 1), encoding="utf-8")
    with pytest.raises(ProjectError) as raised:
        ProjectLoader(root).load()
    assert what in raised.value.what
    assert raised.value.place is not None
    assert (raised.value.place.file, raised.value.place.line) == (f"{root.name}/views/by_day.cql.j2", line)
