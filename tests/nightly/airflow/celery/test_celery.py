"""The profile for more than one host: Postgres, Redis, the CeleryExecutor and a real worker."""

from __future__ import annotations

import re

import pytest
from cassandra import InvalidRequest

from tests.integration.airflow.components import RUN_SECONDS, Components, await_that
from tests.integration.airflow.lifecycle.shop import Shop
from tests.integration.airflow.master import Master

pytestmark = [pytest.mark.timeout(1200), pytest.mark.slow]


def test_a_celery_worker_carries_out_a_views_run(airflow: Components, shop: Shop) -> None:
    airflow.unpause("view_orders_by_day")
    run_id = airflow.trigger("view_orders_by_day", conf={"action": "converge"})
    airflow.await_run("view_orders_by_day", run_id)
    assert shop.serving("orders_by_day") == [1]
    worker = (airflow.home / "celery.log").read_text(errors="replace")
    assert re.search(r"Task execute_workload\[.*\] succeeded", worker)


def test_reconcile_has_the_rest_made(airflow: Components, shop: Shop) -> None:
    for dag_id in ("view_orders_by_total", "views_reconcile"):
        airflow.unpause(dag_id)
    await_that(lambda: shop.serving("orders_by_total"), RUN_SECONDS)
    airflow.unpause("views_reconcile", paused=True)


def test_a_rollup_is_started_over_ssh(airflow: Components, spark_master: Master) -> None:
    airflow.unpause("spark_live_to_minute")
    run_id = airflow.trigger("spark_live_to_minute")
    airflow.await_run("spark_live_to_minute", run_id)
    airflow.unpause("spark_live_to_minute", paused=True)
    assert any(call.startswith("spark_live_to_minute.sh ") for call in spark_master.calls())


def test_the_triggerer_watches_without_a_run_and_a_person_is_asked(airflow: Components, shop: Shop) -> None:
    dag, mark = "cluster_services", shop.folder / "feed-works"

    def runs() -> list[str]:
        return [each["dag_run_id"] for each in airflow.get(f"dags/{dag}/dagRuns")["dag_runs"]]

    def looks() -> int:
        try:
            return int(shop.session.execute(f"SELECT count(*) FROM {shop.keyspace}_health.checks").one()[0])
        except InvalidRequest:  # no such table yet; the server's own list has it a little before it can be read
            return 0

    airflow.unpause(dag)
    await_that(lambda: looks() > 5, 240)
    assert runs() == [], "nobody works while all is well"
    mark.unlink()
    run_id = await_that(runs, 120)[0]
    airflow.await_task(dag, run_id, "decide", "success")
    path = f"dags/{dag}/dagRuns/{run_id}/taskInstances/heal/0/hitlDetails"
    await_that(lambda: airflow.request("GET", path)[0] == 200, 120)
    assert not mark.exists(), "nothing is done unasked"
    status, told = airflow.request("PATCH", path, {"chosen_options": ["Do it"], "params_input": {}})
    assert status == 200, told
    airflow.await_run(dag, run_id)
    assert mark.exists()
    airflow.unpause(dag, paused=True)
