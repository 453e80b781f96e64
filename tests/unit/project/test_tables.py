"""Table files: what their time column can hold, and when the rules of CREATE TABLE are looked at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cassandra_views.cql.statements import table_statement
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.schema import Catalog
from cassandra_views.model.steps import CreateTable, Plan
from cassandra_views.plan.base_tables import table_findings
from cassandra_views.plan.inputs import Observed, PlanRequest, PlanTarget
from cassandra_views.plan.project_plan import make_plan
from cassandra_views.project.loader import ProjectLoader

STEPS = {"1 hour": timedelta(hours=1), "90 minutes": timedelta(minutes=90), "1 day": timedelta(days=1)}


def write(root: Path, *, time: str, type_: str, step: str = "1 day") -> Path:
    for folder, text in (
        (
            "tables/events",
            f"---\nkeyspace: shop\ntime: {{column: day, {time}}}\n---\n"
            f"CREATE TABLE {{{{ table }}}} (id int, day {type_}, PRIMARY KEY (id, day))\n",
        ),
        (
            "views/by_day",
            f"---\nkeyspace: shop\nwindow: {{last: 7 days, step: {step}}}\n---\n"
            "CREATE MATERIALIZED VIEW {{ view }} AS SELECT id, day FROM {{ base('events') }}\n"
            "WHERE id IS NOT NULL AND {{ in_window() }} PRIMARY KEY (day, id)\n",
        ),
    ):
        path = root / f"{folder}.cql.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("time", ["type: date", "type: date, grain: day", 'format: "%Y-%m-%d"'])
def test_a_column_of_days_takes_steps_of_whole_days_whether_a_grain_is_named_or_not(
    tmp_path: Path, time: str, step: str
) -> None:
    root = write(tmp_path, time=time, type_="date" if "date" in time else "text", step=step)
    if STEPS[step] % timedelta(days=1):
        with pytest.raises(ProjectError, match="no multiple of the grain of events"):
            ProjectLoader(root).load()
    else:
        (view,) = ProjectLoader(root).load().views
        assert view.time is not None
        assert view.time.grain == timedelta(days=1)


@pytest.mark.parametrize("time", ["type: date, grain: hour", 'format: "%Y-%m-%d", grain: minute'])
def test_a_grain_that_the_column_cannot_hold_is_refused(tmp_path: Path, time: str) -> None:
    root = write(tmp_path, time=time, type_="date" if "date" in time else "text")
    with pytest.raises(ProjectError, match=r"cannot tell one .* from the next: its grain is day"):
        ProjectLoader(root).load()


def test_each_slide_over_days_moves_the_literal(tmp_path: Path) -> None:
    (view,) = ProjectLoader(write(tmp_path, time="type: date", type_="date")).load().views
    assert view.time is not None
    moments = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(72)]
    starts = {view.window_start(moment) for moment in moments}
    assert len({view.time.literal(start) for start in starts if start}) == len(starts)


LEFT_BY_OLDER_SERVERS = [
    "(k int PRIMARY KEY) WITH dclocal_read_repair_chance = 0.1",
    "(k int PRIMARY KEY, v int) WITH COMPACT STORAGE",
    "(k int PRIMARY KEY, v int) WITH compaction = {'class': 'GoneCompactionStrategy'}",
]


def table_file(root: Path, text: str, *, managed: bool) -> Project:
    path = root / "tables" / "old.cql.j2"
    path.parent.mkdir(parents=True)
    head = f"---\nkeyspace: shop\nmanaged: {str(managed).lower()}\n---\n"
    path.write_text(f"{head}CREATE TABLE {{{{ table }}}} {text}\n", encoding="utf-8")
    return ProjectLoader(root).load()


@pytest.mark.parametrize("text", LEFT_BY_OLDER_SERVERS)
@pytest.mark.parametrize("managed", [True, False])
def test_rules_for_creating_are_no_matter_of_a_table_that_exists(tmp_path: Path, text: str, managed: bool) -> None:
    project = table_file(tmp_path, text, managed=managed)
    (file,) = project.tables
    statement = table_statement(file)
    assert statement is not None
    target = PlanTarget(cluster="c", registry="r", environment="dev", project="p", line="c")

    def plan(catalog: Catalog) -> Plan:
        return make_plan(project, Observed(catalog=catalog), target, PlanRequest(), datetime(2026, 3, 1, tzinfo=UTC))

    standing = Catalog(keyspaces=frozenset(["shop"]), tables={("shop", "old"): statement.shape("shop")})
    assert not any(isinstance(step, CreateTable) for step in plan(standing).steps)
    missing = Catalog(keyspaces=frozenset(["shop"]))
    assert plan(missing).steps == ()
    if managed:
        assert table_findings(file)
        (refusal,) = plan(missing).refused
        assert (refusal.view, refusal.error) == ("table old", "StatementError")
        assert "CV41" in refusal.what
    else:
        assert table_findings(file) == ()
        assert plan(missing).refused == ()
