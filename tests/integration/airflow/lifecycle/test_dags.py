"""The DAGs of a folder of view files, as Airflow sees them; no cluster is asked."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cassandra_healing.model import HealingAction
from cassandra_healing.operation_progress import steps_of
from cassandra_healing.policy import Mode
from cassandra_views.project.scaffold import scaffold
from tests.integration.airflow.airflow_process import DAGS, AirflowProcess
from tests.integration.airflow.lifecycle import acts
from tests.integration.airflow.lifecycle.shop import BY_DAY, Shop

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
EU_AND_US = """\
[env.eu]
registry = "eu_registry"
[env.us]
registry = "us_registry"
[env.us.keyspaces.shop]
name = "stall"
"""
TWO_ENVIRONMENTS = """\
from cassandra_views.airflow import view_dags
for region in ("eu", "us"):
    view_dags("../templates", globals(), conn_id=f"cassandra_{region}", env=region, dag_id_prefix=f"{region}_")
"""


@pytest.fixture
def files(tmp_path: Path) -> Shop:
    """The shop's files alone: its cluster is not there."""
    made = Shop(
        folder=tmp_path / "shop",
        session=cast(Any, SimpleNamespace()),
        contact_points=("192.0.2.1",),
        port=9042,
        keyspace="shop",
        registry="views_registry",
    )
    made.write()
    return made


def test_each_view_file_has_a_dag_and_some_are_for_all(airflow: AirflowProcess, files: Shop) -> None:
    seen = airflow.call(acts.see, files.dags)
    assert seen.errors == {}
    assert set(seen.dags) == {
        "view_orders_by_day",
        "view_orders_by_total",
        "views_reconcile",
        "views_audit",
        "views_rest",
        "views_by_hand",
    }
    by_day = seen.dags["view_orders_by_day"]
    assert by_day["tags"] == {"views", "shop", "web"}
    assert by_day["owner"] == "shop"
    assert by_day["tasks"] == ["plan", "approve", "clear", "create", "await_build", "audit", "serve", "settle"]
    assert "Orders of one day" in by_day["doc"]
    assert "CREATE MATERIALIZED VIEW" in by_day["doc"]
    assert "slides" in by_day["summary"]
    assert seen.dags["view_orders_by_total"]["schedule"] == "NullTimetable"


def test_a_views_form_is_kept_once_and_not_with_each_of_its_tasks(airflow: AirflowProcess, files: Shop) -> None:
    seen = airflow.call(acts.see, files.dags)
    for name in ("view_orders_by_day", "view_orders_by_total"):
        assert seen.dags[name]["form"] == ["action", "reason", "to"]
        assert seen.dags[name]["copies_of_the_form"] == []


def test_the_projects_own_dags_are_imported_without_an_error(airflow: AirflowProcess) -> None:
    seen = airflow.call(acts.see, DAGS)
    assert seen.errors == {}
    views = {path.name.removesuffix(".cql.j2") for path in (DAGS.parent / "cql_templates" / "views").glob("*.cql.j2")}
    assert {f"view_{name}" for name in views} <= set(seen.dags)


def test_a_broken_file_has_a_dag_that_says_so_and_the_others_stay(airflow: AirflowProcess, files: Shop) -> None:
    files.write_file("views", "orders_by_day", BY_DAY.replace("window:", "windw:"))
    seen = airflow.call(acts.see, files.dags)
    assert seen.errors == {}
    assert seen.dags["view_orders_by_day"]["tags"] == {"views", "broken"}
    assert "unknown key 'windw'" in seen.dags["view_orders_by_day"]["doc"]
    assert "plan" in seen.dags["view_orders_by_total"]["tasks"]


def test_a_wrong_setting_is_an_import_error_in_words(airflow: AirflowProcess, files: Shop) -> None:
    files.write_settings("regstry = 1")
    seen = airflow.call(acts.see, files.dags)
    (error,) = seen.errors.values()
    assert "unknown key 'env.test.regstry'" in error
    assert "did you mean 'registry'" in error.lower()


def test_a_window_slides_once_a_step_at_its_time(airflow: AirflowProcess, files: Shop) -> None:
    runs = airflow.call(acts.next_runs, files.dags, "view_orders_by_day", MIDNIGHT, MIDNIGHT + 7 * DAY)
    ends = [end for _start, end in runs]
    assert ends == [MIDNIGHT + n * DAY + timedelta(minutes=10) for n in range(7)]
    assert all(end - start == DAY for start, end in runs)


def test_no_run_is_triggered_for_the_audit_of_what_is_suspect(airflow: AirflowProcess) -> None:
    assert airflow.call(acts.works_of_suspects) == ["shop.drops", "shop.broken"]


def test_while_a_person_is_asked_about_a_hand_made_view_nothing_else_waits(airflow: AirflowProcess) -> None:
    found = airflow.call(acts.runs_beside_a_hand_made_view, str(DAGS))
    assert found["runs"] == [
        ("view_by_day", "reconcile__by_day__2026-11-23T14:00:00", {}),
        ("views_rest", "drop__by_day__g0", {"view": "shop.by_day"}),
    ]
    assert found["asks"] == [False, True]
    assert found["own"] == ["change by_day 2", "await by_day 2", "audit by_day 2", "serve by_day 2 retire 1"]
    assert found["rest"] == ["drop by_day 0"]
    assert found["questions"] == [
        "Drop the hand-made original of by_day? Applications may read it by its name.",
        "Drop the view by_day, with the hand-made view that applications may read by its name?",
        "Drop the view by_day?",
    ]


@pytest.mark.parametrize(
    ("window", "first", "step"),
    [
        ("{last: 2 days, step: 6 hours}", MIDNIGHT, timedelta(hours=6)),
        ("{last: 1 hour, step: 5 minutes}", MIDNIGHT, timedelta(minutes=5)),
        ("{last: 2 days, step: 7 hours}", None, timedelta(hours=7)),
    ],
)
def test_any_step_has_its_schedule(
    airflow: AirflowProcess, files: Shop, window: str, first: datetime | None, step: timedelta
) -> None:
    text = BY_DAY.replace('{last: 7 days, step: 1 day, at: "00:10"}', window).replace("'orders'", "'clicks'")
    files.write_file("views", "orders_by_day", text)
    files.write_file(
        "tables",
        "clicks",
        "---\nkeyspace: shop\nmanaged: true\ntime: {column: day, type: timestamp}\n---\n"
        "CREATE TABLE {{ table }} (customer text, day timestamp, total int, PRIMARY KEY (customer, day))\n",
    )
    runs = airflow.call(acts.next_runs, files.dags, "view_orders_by_day", MIDNIGHT, MIDNIGHT + DAY)
    ends = [end for _start, end in runs]
    assert len(ends) >= DAY // step
    assert {later - earlier for earlier, later in pairwise(ends)} == {step}
    if first is not None:
        assert ends[0] == first


def test_a_project_of_views_init_has_its_dags(airflow: AirflowProcess, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    scaffold(folder)
    seen = airflow.call(acts.see, folder / "dags")
    assert seen.errors == {}
    assert {"view_orders_by_day", "views_reconcile"} <= set(seen.dags)


def test_two_environments_in_one_file_share_nothing(airflow: AirflowProcess, files: Shop) -> None:
    settings = files.folder / "views.toml"
    settings.write_text(f"{settings.read_text()}\n{EU_AND_US}")
    (files.dags / "shop_views.py").write_text(TWO_ENVIRONMENTS)
    seen = airflow.call(acts.see, files.dags)
    assert seen.errors == {}
    assert len(seen.dags) == 2 * 6
    assert all(name.startswith(("eu_view", "us_view")) for name in seen.dags)
    eu, us = (seen.dags[f"{region}_view_orders_by_day"] for region in ("eu", "us"))
    assert eu["assets"] == {"x-cassandra://eu_shop/orders_by_day"}
    assert us["assets"] == {"x-cassandra://us_stall/orders_by_day"}
    assert (eu["tags"], us["tags"]) == ({"views", "shop", "web"}, {"views", "stall", "web"})


def test_with_a_spark_master_very_large_views_are_audited_there(airflow: AirflowProcess, files: Shop) -> None:
    assert "audit_by_spark" not in airflow.call(acts.see, files.dags).dags["views_audit"]["upstream"]
    (files.dags / "shop_views.py").write_text(
        "from cassandra_views.airflow import view_dags\n"
        'view_dags("../templates", globals(), conn_id="shop_cluster", spark_conn_id="spark_master")\n'
    )
    seen = airflow.call(acts.see, files.dags)
    assert seen.errors == {}
    assert set(seen.dags["views_audit"]["upstream"]["audit_by_spark"]) == {"serving_large"}
    assert seen.dags["views_audit"]["upstream"]["serving_large"] == ["serving"], "one look chooses for both"
    assert seen.dags["views_audit"]["upstream"]["lag"] == ["promising"], (
        "lags are measured whatever is audited, and how"
    )


def test_a_slide_can_wait_for_its_base(airflow: AirflowProcess, files: Shop) -> None:
    files.write_file("views", "orders_by_day", BY_DAY.replace('at: "00:10"', "slide_on: base"))
    seen = airflow.call(acts.see, files.dags)
    assert seen.dags["view_orders_by_day"]["schedule"] == "AssetOrTimeSchedule"


def test_a_promise_has_a_deadline(airflow: AirflowProcess, files: Shop) -> None:
    assert airflow.call(acts.see, files.dags).dags["view_orders_by_day"]["deadlines"] == 0
    files.write_file("views", "orders_by_day", BY_DAY.replace("tags:", "max_lag: 20 minutes\ntags:"))
    seen = airflow.call(acts.see, files.dags)
    assert seen.errors == {}
    assert seen.dags["view_orders_by_day"]["deadlines"] == 1


@pytest.mark.parametrize("act", [HealingAction.RESTART, HealingAction.REPLACE])
@pytest.mark.parametrize("mode", [Mode.APPROVE, Mode.AUTOMATIC])
def test_each_step_waits_for_the_one_before_it(
    airflow: AirflowProcess, files: Shop, act: HealingAction, mode: Mode
) -> None:
    call = 'health_dags("../templates", globals(), conn_id="shop_cluster")'
    (files.dags / "health.py").write_text(f"# Airflow DAG\nfrom cassandra_views.airflow import health_dags\n\n{call}\n")
    seen = airflow.call(acts.see, files.dags)
    assert seen.errors == {}
    assert "cluster_services" not in seen.dags, "no services are set"
    upstream = seen.dags["cluster_health"]["upstream"]
    # Those that an operation does not need are skipped at once, so nothing may wait for them alone.
    for before, step in pairwise(steps_of(act, mode)):
        assert before in upstream[step]
