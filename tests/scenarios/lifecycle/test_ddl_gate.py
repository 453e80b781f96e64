"""DDL waits for the builds that run in its keyspace.

A build that runs as long as the test wants: its row is written into the node's own table of running builds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from cassandra.cluster import Session

from cassandra_client.database import Database
from cassandra_views.apply.ddl import DdlGate
from cassandra_views.apply.reports import Notice, Report
from cassandra_views.model.errors import BuildStalled
from cassandra_views.registry.lease import Lease
from tests.scenarios.lifecycle.workshop import Workshop

CQL = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT a, b FROM {{ base('t') }} "
    "WHERE a IS NOT NULL AND b IS NOT NULL PRIMARY KEY (b, a)"
)


class Build:
    """A build of a view, as a node's own table tells it."""

    def __init__(self, session: Session, keyspace: str, view: str) -> None:
        self._session, self._key = session, (keyspace, view)

    def begin(self) -> None:
        self._session.execute(
            "INSERT INTO system.view_builds_in_progress (keyspace_name, view_name, start_token, end_token, keys_built) "
            "VALUES (%s, %s, '-9223372036854775808', '9223372036854775807', 0)",
            self._key,
        )

    def end(self) -> None:
        delete = "DELETE FROM system.view_builds_in_progress WHERE keyspace_name = %s AND view_name = %s"
        self._session.execute(delete, self._key)


@pytest.fixture
def shop(workshop: Workshop) -> Workshop:
    session, keyspace = workshop.session, workshop.keyspace
    session.execute(f"CREATE TABLE {keyspace}.t (a int, b int, PRIMARY KEY (a, b))")
    session.execute(f"INSERT INTO {keyspace}.t (a, b) VALUES (1, 2)")
    workshop.write_view("first", CQL)
    workshop.apply()
    return workshop


def await_(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def told(reports: list[Report]) -> list[str]:
    return [each.text for each in reports if isinstance(each, Notice) and "running build" in each.text]


def test_a_create_waits_for_a_running_build_and_says_so(shop: Workshop) -> None:
    build = Build(shop.session, shop.keyspace, "first__g1")
    shop.write_view("second", CQL)
    build.begin()
    try:
        run = threading.Thread(target=shop.apply)
        run.start()
        await_(lambda: bool(told(shop.reports)))
        time.sleep(1.0)
        assert "second__g1" not in shop.physical_views()
        assert shop.record("second").generations == (), "no number is taken while it waits"
    finally:
        build.end()
    run.join(60)
    assert told(shop.reports) == [f"keyspace {shop.keyspace}: waiting for the running build of first__g1"]
    assert shop.serving("second") == "second__g1"


def test_what_is_dropped_in_the_same_plan_is_not_waited_for(shop: Workshop) -> None:
    build = Build(shop.session, shop.keyspace, "first__g1")
    build.begin()
    try:
        shop.manager().drop(shop.full("first"))
    finally:
        build.end()
    assert told(shop.reports) == []
    assert shop.physical_views() == set()


def test_a_row_that_a_dropped_view_left_behind_is_no_build(shop: Workshop) -> None:
    left = Build(shop.session, shop.keyspace, "gone__g7")
    left.begin()
    try:
        shop.write_view("second", CQL)
        shop.apply()
    finally:
        left.end()
    assert told(shop.reports) == []


def test_a_build_that_never_ends_is_told_with_what_to_do(shop: Workshop) -> None:
    database = Database(shop.session)
    lease = Lease(database, shop.registry, owner="tests", ddl_timeout_seconds=15)
    gate = DdlGate(database, lease, patience_seconds=0.5)
    build = Build(shop.session, shop.keyspace, "first__g1")
    build.begin()
    try:
        with (
            pytest.raises(BuildStalled, match=r"first__g1 does not end, and a DDL now would.*or drop that view"),
            gate.held(shop.keyspace),
        ):
            pytest.fail("the lease was held while a build ran")
    finally:
        build.end()
    with gate.held(shop.keyspace):
        pass
