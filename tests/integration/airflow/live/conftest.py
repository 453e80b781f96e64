"""A project whose views are in all states, a wire to its cluster, and users of each role."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cassandra.cluster import Session
from playwright.sync_api import Browser

from cassandra_views.model.steps import CreateGeneration
from tests.browser import chromium
from tests.integration.airflow.airflow_process import DAGS, connection, copy_home, spark_master_variable
from tests.integration.airflow.components import Components, components
from tests.integration.airflow.lifecycle.shop import BY_DAY, BY_TOTAL, Shop
from tests.integration.airflow.master import Master
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
ROLLUP = "spark_aggregations"
"""The DAG of rollups that has a form."""


@pytest.fixture(scope="package")
def airflow(shop: Shop, spark_master: Master, migrated_home: Path) -> Iterator[Components]:
    """All of Airflow, for the tests in a browser; whoever is no user of it is sent to its login."""
    home = migrated_home.with_name("browser")
    copy_home(migrated_home, home)
    shutil.copytree(DAGS / "rollup_dags", shop.dags / "rollup_dags")
    shutil.copy(DAGS / f"{ROLLUP}.py", shop.dags)
    spark = spark_master_variable(connection(spark_master.server))
    section = {"CONN_ID": "shop_cluster", "REGISTRY": shop.registry}
    options = {f"AIRFLOW__CASSANDRA_VIEWS__{name}": value for name, value in section.items()}
    with components(home, shop.dags, {**USERS, **shop.variables, **spark, **options}, user="adam") as running:
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
    for name in ("totals_of_a_day", "never_made"):
        made.write_file("views", name, BY_DAY.replace("Orders of one day", name))
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
