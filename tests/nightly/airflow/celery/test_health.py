"""``cluster_health`` on three nodes under load: a hung one restarted, a lost one replaced where a person allows it."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest
from cassandra import InvalidRequest, ReadFailure

from local_cluster.node_status import MachineState
from tests.integration.airflow.components import Components, await_that
from tests.integration.airflow.lifecycle.shop import Shop
from tests.nightly.replacement.ground import Ground

pytestmark = [pytest.mark.timeout(1200), pytest.mark.slow]

PREFIX = "heal_"
DAG = f"{PREFIX}cluster_health"
VIEW_DAG = f"{PREFIX}view_numbers_by_kind"
DAG_FILE = """\
# Airflow DAG
from cassandra_views.airflow import health_dags, view_dags

of = {{"conn_id": "heal_cluster", "dag_id_prefix": "{prefix}"}}
health_dags("{templates}", globals(), **of)
view_dags("{templates}", globals(), **of)
"""


@pytest.fixture(scope="module")
def ground(three_nodes: Ground, airflow: Components, shop: Shop) -> Iterator[Ground]:
    """The nodes, running, and their DAG file."""
    with three_nodes.running() as running:
        running.configure("airflow_health")
        text = DAG_FILE.format(prefix=PREFIX, templates=running.project / "cql_templates")
        (shop.dags / "heal.py").write_text(text)
        yield running
        (shop.dags / "heal.py").unlink()


@pytest.fixture(autouse=True)
def _checked(ground: Ground) -> Iterator[None]:
    """After each test no request has failed, and nothing is lost."""
    with ground.checked():
        yield


def runs(airflow: Components) -> list[str]:
    return [each["dag_run_id"] for each in airflow.get(f"dags/{DAG}/dagRuns")["dag_runs"]]


def states(airflow: Components, run_id: str) -> dict[str, str]:
    found = airflow.get(f"dags/{DAG}/dagRuns/{run_id}/taskInstances")["task_instances"]
    return {each["task_id"]: each["state"] for each in found}


def checks(ground: Ground, keyspace: str) -> int:
    try:
        return int(ground.session.execute(f"SELECT count(*) FROM {keyspace}.checks").one()[0])
    except (InvalidRequest, ReadFailure):  # the table is not there, or not on each node yet
        return 0


def watched(airflow: Components, ground: Ground, keyspace: str) -> None:
    """Wait until the triggerer has looked some times at each node."""
    airflow.unpause(DAG)
    await_that(lambda: checks(ground, keyspace) >= 5 * len(ground.addresses), 240)


def test_a_node_that_hangs_is_restarted_by_a_run(airflow: Components, ground: Ground) -> None:
    watched(airflow, ground, "airflow_health")
    assert runs(airflow) == [], "nobody works while all is well"
    life, pid = ground.lives("n2"), ground.status("n2").pid
    ground.kill("n2", signal.SIGSTOP)
    run_id = await_that(lambda: runs(airflow), 240)[0]
    airflow.await_run(DAG, run_id)
    assert ground.operations() == [("restart", "n2", "done")]
    after = ground.status("n2")
    assert (after.life, after.pid != pid, after.is_paused) == (life, True, False)
    found = states(airflow, run_id)
    assert [task for task, state in found.items() if state == "success"] == ["decide", "restart", "normal", "close"]
    assert set(found.values()) == {"success", "skipped"}
    airflow.unpause(DAG, paused=True)
    ground.repair("n2")


def test_a_lost_machine_is_replaced_by_a_run_that_a_person_allows(airflow: Components, ground: Ground) -> None:
    ground.configure("airflow_lost", mode="approve")
    watched(airflow, ground, "airflow_lost")
    others = {name: ground.status(name).pid for name in ("n2", "n3")}
    life, before = ground.lives("n1"), set(runs(airflow))
    ground.lose("n1")
    run_id = await_that(lambda: set(runs(airflow)) - before, 240).pop()

    # A view that is to be made meanwhile waits, and says for what.
    airflow.unpause(VIEW_DAG)
    view_run = airflow.trigger(VIEW_DAG, conf={"action": "refresh"})
    airflow.await_task(VIEW_DAG, view_run, "create", "deferred")
    gone = f"waits: node {ground.addresses['n1']}"
    await_that(lambda: gone in airflow.log(VIEW_DAG, view_run, "create"), 120)

    path = f"dags/{DAG}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
    await_that(lambda: airflow.request("GET", path)[0] == 200, 240)
    assert ground.lives("n1") == life, "nothing is done unasked"
    status, told = airflow.request("PATCH", path, {"chosen_options": ["Do it"], "params_input": {}})
    assert status == 200, told

    # The worker is killed while the plan is applied; another one goes on with it.
    await_that(lambda: ("apply", "") in [(line.rule, line.outcome) for line in ground.lines()], 240)
    airflow.kill("celery")
    airflow.start("celery")
    airflow.await_run(DAG, run_id, seconds=600)
    assert ground.operations() == [("replace", "n1", "done")]
    found = ground.status("n1")
    assert (found.life, found.state, found.old_lives) == (life + 1, MachineState.RUNNING, ())
    assert {name: ground.status(name).pid for name in others} == others
    audit = [(line.outcome, line.detail) for line in ground.lines() if line.rule == "audit" and line.outcome]
    assert audit == [("done", "what the cluster serves is as it should be")]

    airflow.await_run(VIEW_DAG, view_run, seconds=600)
    told = json.loads(ground.views("status", "--format", "json"))
    assert [view["serving"] for view in told["views"]] == [["numbers_by_kind__g2"]]
    assert "differs" not in ground.views("audit")
    airflow.unpause(DAG, paused=True)
