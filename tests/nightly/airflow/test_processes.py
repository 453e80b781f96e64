"""The lifecycle under a real scheduler, triggerer and workers, which are killed while a view is being built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cassandra_client.driver_errors import DRIVER_ERRORS
from cassandra_embedded import EmbeddedCassandra
from tests.integration.airflow.airflow_process import copy_home
from tests.integration.airflow.components import RUN_SECONDS, START_SECONDS, Components, await_that, components
from tests.integration.airflow.lifecycle.shop import BY_DAY, Shop
from tests.joining import joining
from tests.servers import connect

pytestmark = [pytest.mark.timeout(1200), pytest.mark.slow]

VIEW = "view_orders_by_day"
CUSTOMERS = 20_000
"""Six orders each: a build of some seconds, which a node can be stopped in."""

QUICK = {
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
}
"""What was killed is noticed within the half minute after which Airflow takes a scheduler or triggerer for dead. With
ten seconds a scheduler on a machine that others wanted took itself for dead, and began its tasks again and again."""


@pytest.fixture(scope="module")
def node() -> Iterator[EmbeddedCassandra]:
    """A server that the tests may stop."""
    with EmbeddedCassandra(1, address="127.0.9.1", port=0) as running:
        yield running


@pytest.fixture(scope="module")
def shop(node: EmbeddedCassandra, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with connect(node.contact_points, node.port) as cluster, cluster.connect() as session:
        session.execute("CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        made = Shop(
            folder=tmp_path_factory.mktemp("project") / "shop",
            session=session,
            contact_points=tuple(node.contact_points),
            port=node.port,
            keyspace="shop",
            registry="views_registry",
        )
        made.write()
        made.write_file("views", "orders_by_day", BY_DAY.replace("tags:", "max_lag: 2 seconds\ntags:"))
        made.write_file("views", "orders_by_day_too", BY_DAY.replace('at: "00:10"', "slide_on: base"))
        made.fill(CUSTOMERS)
        manager = made.manager()
        manager.apply(manager.plan(["orders_by_day"]))
        yield made


@pytest.fixture(scope="module")
def airflow(shop: Shop, migrated_home: Path) -> Iterator[Components]:
    home = migrated_home.with_name("lifecycle")
    copy_home(migrated_home, home)
    with components(home, shop.dags, {**QUICK, **shop.variables}) as running:
        running.unpause(VIEW)
        yield running


@pytest.fixture(autouse=True)
def _as_new(node: EmbeddedCassandra, shop: Shop, airflow: Components) -> Iterator[None]:
    """Leave to the next test a server that answers and no run that is under way, also where a test failed."""
    yield
    if node.is_running(1):
        node.resume_node(1)
    else:
        node.start_node(1)
    await_session(shop)
    for run in airflow.get(f"dags/{VIEW}/dagRuns?state=running&state=queued")["dag_runs"]:
        airflow.request("PATCH", f"dags/{VIEW}/dagRuns/{run['dag_run_id']}", {"state": "failed"})


@pytest.fixture
def before(shop: Shop) -> int:
    """The generation that serves."""
    manager = shop.manager()
    manager.apply(manager.plan(["orders_by_day"]))
    (number,) = shop.serving("orders_by_day")
    return number


def await_session(shop: Shop) -> None:
    """Wait until the test's own session has seen that the server is back: the driver looks each second."""

    def look() -> bool:
        try:
            return bool(shop.session.execute("SELECT key FROM system.local").one())
        except DRIVER_ERRORS:
            return False

    await_that(look, START_SECONDS)


def begun_refresh(airflow: Components, shop: Shop) -> tuple[str, int]:
    """Ask for a refresh; return the run, once its build is waited for, and the generation that served before."""
    for _ in range(3):
        (before,) = shop.serving("orders_by_day")
        run_id = airflow.trigger(VIEW, conf={"action": "refresh", "reason": "a test"})
        if airflow.await_task(VIEW, run_id, "await_build", "deferred", "success")["state"] == "deferred":
            return run_id, before
        airflow.await_run(VIEW, run_id)  # its build was over before anybody looked
    raise AssertionError("the builds are too short to be waited for")


def only_one_was_made(shop: Shop, before: int) -> None:
    record = shop.record("orders_by_day")
    assert shop.serving("orders_by_day") == [before + 1]
    assert record.next_number == before + 2
    assert record.failures == 0
    assert shop.physical_views() >= {f"orders_by_day__g{before + 1}"}
    assert f"orders_by_day__g{before + 2}" not in shop.physical_views()
    assert shop.manager().plan(["orders_by_day"]).steps == ()


@pytest.mark.usefixtures("before")
def test_no_worker_slot_is_held_while_a_view_is_built(airflow: Components, shop: Shop, node: EmbeddedCassandra) -> None:
    is_waiting = False
    while not is_waiting:  # a build that was over while the pool was asked for tells nothing: the next one does
        run_id, before = begun_refresh(airflow, shop)
        pool = airflow.get("pools/default_pool")
        task = airflow.get(f"dags/{VIEW}/dagRuns/{run_id}/taskInstances/await_build")
        is_waiting = task["state"] == "deferred"
        airflow.await_run(VIEW, run_id)
        only_one_was_made(shop, before)
    assert (pool["deferred_slots"], pool["running_slots"]) == (1, 0)
    log = airflow.log(VIEW, run_id, "await_build")
    assert f"generation {before + 1} is built" in log
    links = airflow.get(f"dags/{VIEW}/dagRuns/{run_id}/taskInstances/serve/links")["extra_links"]
    assert links["View"].endswith("/plugin/cassandra-views/cassandra-views/view/orders_by_day")


@pytest.mark.usefixtures("before")
def test_scheduler_and_triggerer_killed_during_a_build(
    airflow: Components, shop: Shop, node: EmbeddedCassandra
) -> None:
    run_id, before = begun_refresh(airflow, shop)
    node.pause_node(1)
    try:
        airflow.kill("triggerer")
        airflow.kill("scheduler")
        airflow.start("scheduler")
        airflow.start("triggerer")
    finally:
        node.resume_node(1)
    airflow.await_run(VIEW, run_id)
    only_one_was_made(shop, before)


@pytest.mark.usefixtures("before")
def test_a_worker_killed_while_it_creates(airflow: Components, shop: Shop) -> None:
    for _ in range(5):
        (before,) = shop.serving("orders_by_day")
        run_id = airflow.trigger(VIEW, conf={"action": "refresh", "reason": "a test"})
        airflow.await_task(VIEW, run_id, "create", "running", "success")
        kill_workers(airflow)
        airflow.await_run(VIEW, run_id)  # the next try comes half a minute after the kill was noticed
        only_one_was_made(shop, before)
        if airflow.get(f"dags/{VIEW}/dagRuns/{run_id}/taskInstances/create")["try_number"] == 2:
            return
    pytest.fail("each kill came after the end of the task")


@pytest.mark.usefixtures("before")
def test_cassandra_killed_and_started_during_a_refresh(
    airflow: Components, shop: Shop, node: EmbeddedCassandra
) -> None:
    run_id, before = begun_refresh(airflow, shop)
    node.kill_node(1)
    node.start_node(1)
    ended = airflow.await_end(VIEW, run_id)
    await_session(shop)
    if ended["state"] == "failed":
        # Killed within a tenth of a second after its build, a server holds the view for built and lacks its last rows.
        assert "MISSING" in airflow.log(VIEW, run_id, "audit")
        assert shop.serving("orders_by_day") == [before]
        airflow.await_run(VIEW, airflow.trigger(VIEW, conf={"action": "refresh", "reason": "its audit failed"}))
        before += 1
    only_one_was_made(shop, before)


def test_creating_waits_for_a_node_that_joins_and_says_so(
    airflow: Components, shop: Shop, node: EmbeddedCassandra, before: int
) -> None:
    with joining(node, "127.0.9.9") as address:
        manager = shop.manager()
        await_that(lambda: manager.find_waits(shop.record("orders_by_day").name), START_SECONDS)
        run_id = airflow.trigger(VIEW, conf={"action": "refresh", "reason": "a test"})
        airflow.await_task(VIEW, run_id, "create", "deferred")
        assert f"waits: node {address} joins, leaves or moves (BOOT)" in airflow.log(VIEW, run_id, "create")
        assert shop.serving("orders_by_day") == [before]
    airflow.await_run(VIEW, run_id)
    only_one_was_made(shop, before)


@pytest.mark.usefixtures("before")
def test_somebody_applies_by_hand_meanwhile(airflow: Components, shop: Shop) -> None:
    run_id, before = begun_refresh(airflow, shop)
    manager = shop.manager()
    manager.apply(manager.plan(["orders_by_day"]))
    assert shop.serving("orders_by_day") == [before + 1]
    airflow.await_run(VIEW, run_id)
    only_one_was_made(shop, before)


def test_two_runs_of_one_view_at_once_are_one_after_the_other(airflow: Components, shop: Shop, before: int) -> None:
    first = airflow.trigger(VIEW, conf={"action": "refresh", "reason": "a test"})
    second = airflow.trigger(VIEW, conf={"action": "converge"})
    airflow.await_run(VIEW, first)
    airflow.await_run(VIEW, second)
    only_one_was_made(shop, before)


def test_a_run_that_is_late_breaks_the_views_promise(airflow: Components, shop: Shop) -> None:
    def broken() -> int:
        return sum(each.event == "promise broken" for each in shop.manager().history("orders_by_day", limit=200))

    already = broken()
    airflow.await_run(VIEW, airflow.trigger(VIEW, conf={"action": "refresh", "reason": "longer than its max_lag"}))
    await_that(lambda: broken() > already, RUN_SECONDS)


def test_an_event_of_its_base_starts_a_views_run(airflow: Components, shop: Shop) -> None:
    dag_id, uri = "view_orders_by_day_too", f"x-cassandra://{shop.keyspace}/orders"
    airflow.unpause(dag_id)

    def asset_id() -> int | None:
        found = airflow.get(f"assets?uri_pattern={uri}")["assets"]
        return next((int(each["id"]) for each in found if each["uri"] == uri), None)

    status, answer = airflow.request("POST", "assets/events", {"asset_id": await_that(asset_id, RUN_SECONDS)})
    assert status == 200, answer
    begun = await_that(lambda: airflow.get(f"dags/{dag_id}/dagRuns?run_type=asset_triggered")["dag_runs"], RUN_SECONDS)
    airflow.await_run(dag_id, begun[0]["dag_run_id"])
    assert shop.serving("orders_by_day_too") != []


def test_reconcile_makes_what_is_missing(airflow: Components, shop: Shop) -> None:
    assert shop.serving("orders_by_total") == []
    for dag_id in ("view_orders_by_total", "views_reconcile", "views_rest"):
        airflow.unpause(dag_id)
    await_that(lambda: shop.serving("orders_by_total"), RUN_SECONDS)
    airflow.unpause("views_reconcile", paused=True)


def kill_workers(airflow: Components) -> None:
    """Kill the executor's processes that carry out a task, with the task's own.

    Not those that wait for one: such a process dies with the lock of the queue that all of them read (multiprocessing),
    and no executor of that scheduler ever reads again.
    """
    busy = [each for each in airflow.processes["scheduler"].children() if each.children()]
    family = [process for each in busy for process in (each, *each.children(recursive=True))]
    for each in family:
        each.kill()
    psutil.wait_procs(family, timeout=10)
