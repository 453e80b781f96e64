"""Coordinators that die or hang under a DDL, and nodes that are away while a view is built."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from cassandra.cluster import ResponseFuture, Session

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError, ConfigurationError
from cassandra_client.members import read_members
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.apply.build_wait import BuildWait, find_waits
from cassandra_views.apply.builds import find_undrained, server_time
from cassandra_views.apply.preflight import check_cluster
from cassandra_views.apply.reports import Notice, Progress, Report, StepBegun
from cassandra_views.model.errors import AuditFailed, BuildStalled, PreflightError
from cassandra_views.model.generation import State
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import AwaitBuild
from cassandra_views.registry.lease import LeaseTimes
from tests.scenarios.lifecycle.workshop import Workshop
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


class HookedSession:
    """Passes everything to a session; tells when a CREATE MATERIALIZED VIEW is sent, and keeps what came of it.

    ``then`` is called before each later statement that is not for one node alone.
    """

    def __init__(self, session: Session, before: Callable[[str], None], after: Callable[[str], None]) -> None:
        self._session = session
        self._before, self._after = before, after
        self.then: Callable[[], None] = lambda: None
        self.sent: list[ResponseFuture] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def execute(self, statement: Any, *args: Any, **options: Any) -> Any:
        if self.sent:
            self.then()
        return self._session.execute(statement, *args, **options)

    def execute_async(self, statement: Any, *args: Any, **options: Any) -> ResponseFuture:
        text = getattr(statement, "query_string", "")
        is_create = text.startswith("CREATE MATERIALIZED")
        address = str(options["host"].endpoint.address) if is_create else ""
        if is_create:
            self._before(address)
        future = self._session.execute_async(statement, *args, **options)
        if is_create:
            self.sent.append(future)
            self._after(address)
        return future


def number_of(cluster3: EmbeddedCassandra, address: str) -> int:
    return cluster3.contact_points.index(address) + 1


def check_sent_once(session: HookedSession) -> None:
    assert len(session.sent) == 1
    assert len(session.sent[0].attempted_hosts) == 1


def check_converged(workshop: Workshop) -> None:
    workshop.apply()
    assert {each.physical for each in workshop.record("seen").generations} == workshop.physical_views()
    assert len(workshop.rows(workshop.serving("seen"))) == 12


def kill_for_a_second(cluster3: EmbeddedCassandra, number: int) -> threading.Timer:
    """Kill a node, and start it again: the run waits for it, or gives the generation up, and needs it again."""
    cluster3.kill_node(number)
    starting = threading.Timer(1.0, cluster3.start_node, [number])
    starting.start()
    return starting


def test_a_coordinator_killed_under_a_create_is_settled_by_the_others(
    cluster3: EmbeddedCassandra, workshop3: Workshop
) -> None:
    """It is killed when another node has the view, before it has answered."""
    database = Database(workshop3.session)
    starting: list[threading.Timer] = []

    def kill_late(address: str) -> None:
        (other, *_) = (host for host in database.hosts() if host.address != address)
        query = "SELECT view_name FROM system_schema.views WHERE keyspace_name = %s AND view_name = 'seen__g1'"
        wait_until(lambda: bool(database.ask(query, [other], values=(workshop3.keyspace,))[0].rows))
        starting.append(kill_for_a_second(cluster3, number_of(cluster3, address)))

    workshop3.lease_times = LeaseTimes(cooldown_seconds=2.0)
    hooked = HookedSession(workshop3.session, lambda _: None, kill_late)
    workshop3.manager(hooked).apply()
    assert workshop3.serving("seen") == "seen__g1"
    check_sent_once(hooked)
    starting[0].join()
    check_converged(workshop3)


def test_a_create_that_arrives_late_does_no_harm(cluster3: EmbeddedCassandra, workshop3: Workshop) -> None:
    workshop3.lease_times = LeaseTimes(cooldown_seconds=2.0)
    paused: list[int] = []

    def pause(address: str) -> None:
        paused.append(number_of(cluster3, address))
        cluster3.pause_node(paused[0])

    hooked = HookedSession(workshop3.session, pause, lambda _: None)
    # By then the run has made up its mind; what it writes need not wait for the node.
    hooked.then = lambda: cluster3.resume_node(paused[0])
    manager = workshop3.manager(hooked, ddl_timeout_seconds=2.0)
    with pytest.raises(ClusterError, match=r"could not be created: no answer in time\. No node has it"):
        manager.apply()
    cluster3.resume_node(paused[0])
    check_sent_once(hooked)
    (failed,) = workshop3.record("seen").generations
    assert failed.state is State.FAILED
    time.sleep(1.0)  # the statement that hung is carried out now, if ever
    check_converged(workshop3)
    assert workshop3.serving("seen") != failed.physical, "a name is never used again"
    time.sleep(1.0)
    check_converged(workshop3)
    assert workshop3.physical_views() == {workshop3.serving("seen")}


def test_a_node_that_is_away_is_waited_for_and_named_and_so_is_one_without_views(
    cluster3: EmbeddedCassandra, workshop3: Workshop
) -> None:
    """Node 3 dies when its build is awaited, and comes back with views disabled; then as it was."""
    address = cluster3.contact_points[2]
    database = Database(workshop3.session)
    first = database.hosts()[0]
    view = ViewName(keyspace=workshop3.keyspace, view="seen")
    waited: list[str] = []
    told: list[Report] = []

    def come_back() -> None:
        cluster3.start_node(3, settings={"materialized_views_enabled": False})

    def watch(report: Report) -> None:
        if isinstance(report, StepBegun) and isinstance(report.step, AwaitBuild):
            cluster3.kill_node(3)
        elif isinstance(report, Progress) and address in report.text:
            waited.append(report.text)
            if len(waited) > 1:
                return
            query = f"SELECT state, read_from FROM {workshop3.registry}.views"
            assert tuple(workshop3.session.execute(query, host=first, timeout=30).one()) == ("building", None)
            wait = BuildWait(database, told.append, stall_seconds=2.0, notice_seconds=0.5)
            with pytest.raises(BuildStalled, match=rf"waits for .*{address} \(.*cannot be.*'views abort seen'"):
                wait.wait(view, 1, view.physical(1))
            assert any(isinstance(each, Notice) and address in each.text for each in told)
            threading.Thread(target=come_back).start()

    class Reports(list[Report]):
        def append(self, report: Report) -> None:
            super().append(report)
            watch(report)

    workshop3.reports = Reports()
    workshop3.manager().apply()
    assert waited
    assert len(workshop3.rows(workshop3.serving("seen"))) == 12
    workshop3.reports = []
    await_up(database, address)
    with pytest.raises(PreflightError, match=rf"node {address}: materialized views are disabled on it.*every node"):
        workshop3.manager().refresh("seen")
    assert workshop3.physical_views() == {"seen__g1"}
    cluster3.kill_node(3)
    cluster3.start_node(3)
    await_up(database, address)
    check_cluster(database)


def test_serving_without_a_member_is_a_choice_that_the_history_keeps(
    cluster3: EmbeddedCassandra, workshop3: Workshop
) -> None:
    address = cluster3.contact_points[2]
    database = Database(workshop3.session)
    manager = workshop3.manager()
    plan = manager.plan()
    assert find_waits(database, workshop3.keyspace) == ()
    with pytest.raises(ConfigurationError, match=r"10\.9\.9\.9 is no member of the ring.*members are 127"):
        manager.apply(plan, without=("10.9.9.9",))
    assert workshop3.physical_views() == set()
    cluster3.kill_node(3)
    try:
        assert find_waits(database, workshop3.keyspace) == (f"node {address} is down",)
        manager.apply(plan, without=(address,))
        assert workshop3.serving("seen") == "seen__g1"
        told = [each.detail for each in manager.history(workshop3.full("seen")) if each.event == "built"]
        assert len(told) == 1
        assert f"without {address}, by the choice of who ran this" in told[0]
    finally:
        cluster3.start_node(3)
    await_up(database, address)
    wait_until(lambda: not find_waits(database, workshop3.keyspace), 60)  # the driver looks again once a second
    # It builds its own part when it is back; nothing has to be done for that.
    view = ViewName(keyspace=workshop3.keyspace, view="seen")
    BuildWait(database, lambda _: None).wait(view, 1, view.physical(1))
    workshop3.apply()


def test_nodes_that_disagree_on_the_schema_are_named(cluster3: EmbeddedCassandra, workshop3: Workshop) -> None:
    database = Database(workshop3.session)
    host = database.hosts()[2]
    await_up(database, cluster3.contact_points[2])
    version = database.ask("SELECT schema_version FROM system.local", [host])[0].rows[0]["schema_version"]
    update = "UPDATE system.local SET schema_version = %s WHERE key = 'local'"
    assert not database.ask(update, [host], values=(uuid.uuid4(),))[0].error
    try:
        with pytest.raises(PreflightError, match=r"the nodes disagree on the schema \(.*describecluster"):
            check_cluster(database, agreement_seconds=0.5)
    finally:
        database.ask(update, [host], values=(version,))
    check_cluster(database)


def test_view_writes_of_the_build_are_waited_for_and_later_ones_are_not(
    cluster3: EmbeddedCassandra, workshop3: Workshop
) -> None:
    """With one replica most writes of a view go to another node, by that node's batches.

    Writes begin when every node knows the view: one that arrives while a node learns of it can be lost to the
    view for good (docs/guides/operator.md, "An audit failed"). A row of the build itself can be,
    too, where a node is slow to set the view up: then the audit says so, the row never comes, and the next is built.
    """
    keyspace = f"{workshop3.keyspace}_few"
    session = workshop3.session
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}", timeout=60)
    session.execute(f"CREATE TABLE {keyspace}.t (a int, b int, PRIMARY KEY (a, b))", timeout=60)
    insert = session.prepare(f"INSERT INTO {keyspace}.t (a, b) VALUES (?, ?)")
    for a in range(500):
        session.execute(insert, (a, 0))
    stop = threading.Event()

    def write() -> None:
        a = 0
        while not stop.wait(0.004):
            a += 1
            session.execute(insert, (a % 700, a))

    writer = threading.Thread(target=write)

    class Reports(list[Report]):
        def append(self, report: Report) -> None:
            super().append(report)
            if isinstance(report, StepBegun) and isinstance(report.step, AwaitBuild):
                writer.start()

    workshop = Workshop(
        session=session, keyspace=keyspace, folder=workshop3.folder / "few", registry=workshop3.registry
    )
    workshop.write_view(
        "turned",
        "CREATE MATERIALIZED VIEW {{ view }} AS SELECT a, b FROM {{ base('t') }} "
        "WHERE a IS NOT NULL AND b IS NOT NULL PRIMARY KEY (b, a)",
    )
    workshop.reports = Reports()
    try:
        lost = has_lost_rows(workshop)
    finally:
        stop.set()
        if writer.ident is not None:
            writer.join()
    for number in range(1, 5):
        if not lost:
            break
        await_drained(Database(session))
        keys = [{(row["a"], row["b"]) for row in workshop.rows(name)} for name in ("t", f"turned__g{number}")]
        assert keys[0] - keys[1], "the missing rows were late, and the build was called built too early"
        workshop.reports = []
        lost = has_lost_rows(workshop)
    assert len(workshop.rows(workshop.serving("turned"))) == len(workshop.rows("t"))
    session.execute(f"DROP KEYSPACE {keyspace}", timeout=60)


def has_lost_rows(workshop: Workshop) -> bool:
    """Apply, and tell whether the audit found rows that the server lost."""
    try:
        workshop.apply()
    except AuditFailed:
        return True
    return False


def await_drained(database: Database) -> None:
    """Wait until no node holds a batch or a hint; one that is not flushed yet is shown after ten seconds."""
    for _ in range(2):
        cutoff = server_time(database)
        while find_undrained(database, read_members(database), cutoff):
            time.sleep(0.5)
        time.sleep(11)


def await_up(database: Database, address: str) -> None:
    """Wait until the driver has a connection to the node again."""
    for _ in range(300):
        answers = database.ask("SELECT key FROM system.local")
        if len(answers) == 3 and not any(answer.error for answer in answers):
            return
        time.sleep(0.1)
    pytest.fail(f"{address} does not come back")
