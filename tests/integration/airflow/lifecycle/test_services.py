"""``cluster_services`` carried out whole by Airflow: a service beside a real Cassandra that does not work."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cassandra_healing.alerts import Alert
from tests.integration.airflow.airflow_process import AirflowProcess
from tests.integration.airflow.lifecycle import acts, calls
from tests.integration.airflow.lifecycle.acts import Ran
from tests.integration.airflow.lifecycle.shop import Shop

Run = Callable[..., Ran]

DAG_FILE = """\
# Airflow DAG
from cassandra_views.airflow import health_dags

health_dags("../templates", globals(), conn_id="shop_cluster")
"""


@pytest.fixture
def watched(shop: Shop) -> Iterator[Shop]:
    """The shop with a DAG file that watches it."""
    (shop.dags / "cluster_health.py").write_text(DAG_FILE)
    yield shop
    shop.session.execute(f"DROP KEYSPACE IF EXISTS {shop.keyspace}_health", timeout=60)


def feed(shop: Shop, mark: Path, restart: tuple[str, ...], mode: str = "automatic") -> None:
    """Watch a feed that works where a file is, and is restarted by a command."""
    shop.write_settings(
        f'[env.test.healing]\nkeyspace = "{shop.keyspace}_health"\ncheck_seconds = 1\n'
        '[env.test.healing.services.feed]\nkind = "probe"\n'
        f'mode = "{mode}"\nprobe_command = ["test", "-e", "{mark}"]\nrestart_command = {json.dumps(restart)}\n'
        "grace_checks = 1\ngrace_minutes = 0\n"
    )


def test_a_service_is_restarted(watched: Shop, run: Run, tmp_path: Path) -> None:
    mark = tmp_path / "works"
    feed(watched, mark, ("touch", str(mark)))
    ran = run("cluster_services")
    assert ran.state == "success", ran.log
    assert ran.returned["decide"] == ["feed"]
    assert (ran.tasks["heal"], ran.tasks["page"]) == ("success", "skipped")
    assert mark.exists()
    again = run("cluster_services")
    assert (again.state, again.tasks["decide"]) == ("success", "skipped")
    nodes = run("cluster_health")
    assert nodes.state == "success", nodes.log
    assert {task for task, state in nodes.tasks.items() if state == "success"} == {"decide"}, "one node that is well"


def test_a_restart_that_fails_is_a_page_of_the_next_run(watched: Shop, run: Run, tmp_path: Path) -> None:
    feed(watched, tmp_path / "works", ("sh", "-c", "echo no such unit; exit 5"))
    ran = run("cluster_services")
    assert (ran.state, ran.tasks["heal"]) == ("failed", "failed")
    assert "no such unit" in ran.log
    ran = run("cluster_services")
    assert (ran.state, ran.tasks["page"], ran.tasks["heal"]) == ("failed", "failed", "skipped")
    assert "its restart did not help, and it has no replace_command" in ran.log


def test_a_dry_run_only_tells(watched: Shop, run: Run, tmp_path: Path) -> None:
    mark = tmp_path / "works"
    feed(watched, mark, ("touch", str(mark)), mode="dry-run")
    ran = run("cluster_services")
    assert (ran.state, ran.tasks["decide"]) == ("success", "skipped")
    assert "feed: restart (restart): it has been down" in ran.log
    assert not mark.exists()


@pytest.mark.parametrize(("choice", "is_done"), [("Do it", True), ("Do not", False)])
def test_a_person_is_asked(
    watched: Shop, airflow: AirflowProcess, run: Run, tmp_path: Path, choice: str, is_done: bool
) -> None:
    mark = tmp_path / "works"
    feed(watched, mark, ("touch", str(mark)), mode="approve")
    ran, question = airflow.call(
        acts.carry_out_answered, watched.dags, "cluster_services", watched.variables, "heal", 0, choice
    )
    assert question.startswith("feed: it has been down")
    assert "- probe: bad (exit code 1)" in question
    assert ran.state == "success", ran.log
    assert mark.exists() is is_done
    assert ran.tasks["heal"] == ("success" if is_done else "skipped")
    if not is_done:
        again = run("cluster_services")
        assert again.tasks["decide"] == "skipped", "it is not asked again in this outage"
        assert "a person refused a restart" in again.log


def test_the_trigger_fires_once_for_what_stands_and_keeps_what_it_sees(
    watched: Shop, airflow: AirflowProcess, run: Run, tmp_path: Path
) -> None:
    mark = tmp_path / "works"
    feed(watched, mark, ("touch", str(mark)), mode="approve")
    variables = watched.variables
    (event,) = airflow.call(acts.events_of_health, watched.folder / "templates", "shop_cluster", variables, 7.0)
    (told,) = event["found"]
    assert told.startswith("restart feed: it has been down")
    checks = watched.session.execute(f"SELECT at FROM {watched.keyspace}_health.checks").all()
    assert len(checks) >= 3
    assert not mark.exists(), "it only looks"
    mark.touch()
    assert airflow.call(acts.events_of_health, watched.folder / "templates", "shop_cluster", variables, 3.0) == []


@pytest.mark.parametrize(
    ("alerts", "is_away", "told"),
    [
        (
            (Alert(text="page n1: cut off.", is_page=True),),
            True,
            ("page n1: cut off. no node answered.", "TaskRefused"),
        ),
        ((Alert(text="page n1: cut off.", is_page=True),), False, ("page n1: cut off.", "")),
        ((Alert(text="restart n1: it is down"),), True, ("no node answered.", "AirflowException")),
    ],
)
def test_a_run_calls_a_person_though_it_cannot_see_what_the_triggerer_saw(
    airflow: AirflowProcess, alerts: tuple[Alert, ...], is_away: bool, told: tuple[str, str]
) -> None:
    assert airflow.call(calls.text_of_failure, alerts, is_away=is_away) == told
