"""One Airflow for all tests of this folder: its four processes, users of each role, DAGs of views and of rollups."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cassandra.cluster import Session
from playwright.sync_api import Browser

from cassandra_views.model.steps import CreateGeneration
from tests.browser import chromium
from tests.integration.airflow.airflow_process import DAGS, connection, make_home, spark_master_variable
from tests.integration.airflow.components import START_SECONDS, Components, await_that, components
from tests.integration.airflow.lifecycle.shop import BY_DAY, BY_TOTAL, Shop
from tests.integration.airflow.master import Master
from tests.integration.airflow.services import on_postgres, postgres
from tests.servers import Server
from tests.wire import Wire

KEYSPACE = "t_page"
USERS = {
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "vera:viewer,uli:user,olga:op,adam:admin,nora:",
}
"""One of each role; nora has none."""

WHY = "the <script>alert(1)</script> audit of Monday"
"""Somebody's reason, which is text and nothing else."""

CUSTOMERS = 300
GUIDE = DAGS.parent / "docs" / "guides" / "airflow-rollups.md"
# Tasks of ours in DAGs that run only when asked to, one with a limit that a test can wait for.
UNSCHEDULED = """\
from dataclasses import replace
from datetime import timedelta
from airflow.sdk import DAG
from rollup_dags.interval import MINUTE
from rollup_dags.rollups import LIVE_TO_MINUTE, RollupTask

for name, job in (("minute", LIVE_TO_MINUTE), ("short_limit", replace(LIVE_TO_MINUTE, limit=timedelta(seconds=15)))):
    with DAG(name, schedule=None):
        task = RollupTask(job=job, run_unit=MINUTE)
        task.poll_interval = 2
"""


LOOKS_SELDOM = "LOOK_SECONDS = 10\n"


def example_of_the_guide() -> str:
    """Return the DAG that waits for an event, for the minute instead of the day."""
    found = re.search(r"^```python\n(from airflow.*?)^```", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1].replace("unified_day", "unified_minute")


@pytest.fixture(scope="package")
def airflow(shop: Shop, spark_master: Master, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Components]:
    """All of Airflow; people who are not logged in are sent to its login.

    On PostgreSQL: on SQLite the API server may wait for a write of its own until the time of the database is up.
    """
    home = tmp_path_factory.mktemp("airflow") / "live"
    shutil.copytree(DAGS / "rollup_dags", shop.dags / "rollup_dags", ignore=shutil.ignore_patterns("__pycache__"))
    # A worker here reports the end of a task within a second, so a job can be polled sooner.
    rollups = shop.dags / "rollup_dags" / "rollups.py"
    text = rollups.read_text()
    assert LOOKS_SELDOM in text
    rollups.write_text(text.replace(LOOKS_SELDOM, "LOOK_SECONDS = 4\n"))
    for file in DAGS.glob("spark_*.py"):
        shutil.copy(file, shop.dags)
    (shop.dags / "unscheduled.py").write_text(UNSCHEDULED)
    (shop.dags / "report.py").write_text(example_of_the_guide())
    spark = spark_master_variable(connection(spark_master.server))
    page = {
        "AIRFLOW__CASSANDRA_VIEWS__CONN_ID": "shop_cluster",
        "AIRFLOW__CASSANDRA_VIEWS__REGISTRY": shop.registry,
        # No file changes here: a scan of all each half a minute would take the time of the tests.
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    }
    with postgres() as database:
        variables = {**USERS, **shop.variables, **spark, **page, **on_postgres(database)}
        make_home(home, variables)
        with components(home, shop.dags, variables, user="adam") as running:
            for dag in ("view_orders_by_day", "spark_live_to_minute", "minute", "report"):
                await_that(lambda dag=dag: running.request("GET", f"dags/{dag}")[0] == 200, START_SECONDS)
            running.start_logs.update({file.name: file.read_text() for file in home.rglob("*.log")})
            yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="package")
def wire(server: Server) -> Iterator[Wire]:
    """What Airflow reaches the server by."""
    made = Wire(server.contact_points[0], server.port)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _mended(wire: Wire) -> Iterator[None]:
    yield
    wire.mend()


@pytest.fixture(scope="package")
def shop(server: Server, session: Session, wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One view that serves, one frozen, one being built, one that could never be made, one that nobody reads."""
    made = Shop(
        folder=tmp_path_factory.mktemp("page") / "shop",
        session=session,
        contact_points=("127.0.0.1",),
        port=wire.port,
        keyspace=KEYSPACE,
        registry=f"{KEYSPACE}_reg",
    )
    session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")
    made.drop_registry()
    session.execute(
        f"CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
    )
    made.write()
    # No slide comes while the tests run.
    slide = datetime.now(UTC) + timedelta(hours=6)
    by_day = BY_DAY.replace('at: "00:10"', f'at: "{slide:%H:%M}"')
    made.write_file("views", "orders_by_day", by_day)
    for name in ("totals_of_a_day", "never_made"):
        made.write_file("views", name, by_day.replace("Orders of one day", name))
    made.write_file("views", "unread", BY_TOTAL)
    made.fill(CUSTOMERS)
    manager = made.manager()
    manager.apply(manager.plan(["orders_by_day", "orders_by_total", "unread"]))
    manager.override("orders_by_total", "frozen", reason=WHY)
    for _ in range(2):
        manager.note_failed_run("never_made", "shop.never_made: the server refused its CREATE. Correct the file.")
    plan = manager.plan(["totals_of_a_day"])
    manager.carry_out(plan.part([step for step in plan.steps if isinstance(step, CreateGeneration)]))
    yield made
    session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")
    made.drop_registry()
