"""Operators in a DAG of one's own: the example of the guide, waits in the triggerer, and failures."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.integration.airflow.airflow_process import DAGS, AirflowProcess
from tests.integration.airflow.lifecycle import calls
from tests.integration.airflow.lifecycle.acts import Ran
from tests.integration.airflow.lifecycle.shop import BY_TOTAL, Shop
from tests.paths import ROOT
from tests.unit.docs.test_docs import blocks

Run = Callable[..., Ran]
GUIDE = ROOT / "docs" / "guides" / "airflow-views.md"
ALL = """\
from airflow.sdk import DAG
from cassandra_views.airflow import ApplyViewsOperator, AuditViewsOperator

PROJECT = {"templates": "../templates", "cassandra_conn_id": "shop_cluster"}

with DAG("apply_all", schedule=None):
    ApplyViewsOperator(task_id="apply", deferrable=True, **PROJECT)
    ApplyViewsOperator(task_id="none", views=[], **PROJECT)

with DAG("audit_all", schedule=None):
    AuditViewsOperator(task_id="audit", **PROJECT)
"""


def write_example(shop: Shop, *, deferrable: bool) -> None:
    """Write the guide's DAG, on this shop's cluster, names and files."""
    (text,) = [each for each in blocks(GUIDE, "python") if "ApplyViewsOperator" in each]
    for old, new in (
        ("../cql_templates", "../templates"),
        ("cassandra_shop", "shop_cluster"),
        ("shop.orders_by_day", f"{shop.keyspace}.orders_by_day"),
        ("views_registry", shop.registry),
        ("deferrable=True", f"deferrable={deferrable}"),
        ("poke_interval=60", "poke_interval=1"),
    ):
        assert old in text
        text = text.replace(old, new)
    (shop.dags / "orders_views.py").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("deferrable", [True, False])
def test_the_example_of_the_guide_applies_waits_and_audits(shop: Shop, run: Run, deferrable: bool) -> None:
    shop.fill(20)
    write_example(shop, deferrable=deferrable)
    ran = run("orders_views")
    assert ran.state == "success", ran.log
    view = f"{shop.keyspace}.orders_by_day"
    assert ran.returned["apply"]["served"] == [view]
    assert shop.serving("orders_by_day") == [1]
    assert shop.physical_views() == {"orders_by_day__g1"}
    ((uri, extra),) = ran.events
    assert uri == f"x-cassandra://{shop.keyspace}/orders_by_day"
    assert (extra["generation"], extra["rows"], extra["audit"]) == (1, 20 * 6, "passed")
    assert [(each["view"], each["audit"]) for each in ran.returned["audit"]] == [(view, "passed")]
    again = run("orders_views")
    assert (again.state, again.returned["apply"], again.events) == ("success", {"steps": 0, "served": []}, [])


def test_a_view_that_fails_is_told_without_a_traceback_and_holds_up_no_other(shop: Shop, run: Run) -> None:
    shop.fill(3)
    shop.write_file("views", "orders_by_total", BY_TOTAL.replace("total", "totel"))
    (shop.dags / "own.py").write_text(ALL)
    ran = run("apply_all")
    assert (ran.state, ran.tasks) == ("failed", {"apply": "failed", "none": "skipped"})
    assert shop.serving("orders_by_day") == [1]
    assert "totel" in ran.log
    assert "Traceback" not in ran.log
    audited = run("audit_all")
    assert [each["view"] for each in audited.returned["audit"]] == [f"{shop.keyspace}.orders_by_day"]


def test_it_waits_for_builds_in_the_triggerer_and_fails_of_the_one_that_stands_still(airflow: AirflowProcess) -> None:
    found = airflow.call(calls.apply_with_waits, str(DAGS))
    assert len(found["done"][0]) == 2, "both are created before the first wait"
    assert found["waits"] == [
        (
            "BuildTrigger",
            {"conn_id": "cassandra_default", "keyspace": "shop", "view": view, "number": 1, "physical": ""},
            f"shop.{view}",
        )
        for view in ("by_day", "other")
    ]
    assert found["served"] == ["shop.by_day"]
    assert (found["error"], found["class"]) == ("its build stands still", "TaskFailed")
    assert found["fields"] == ["templates", "views", "tags", "env", "cassandra_conn_id"]
    assert found["retries"], "what is refused is not tried again"


def test_the_guide_lists_each_parameter() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    section = text[text.index("## In a DAG of your own") : text.index("## Waiting for a view")]
    named = set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE))
    source = (ROOT / "views/cassandra_views/airflow/operators.py").read_text(encoding="utf-8")
    documented = {name for each in re.findall(r":param ([\w, ]+):", source) for name in each.split(", ")}
    assert named == documented
