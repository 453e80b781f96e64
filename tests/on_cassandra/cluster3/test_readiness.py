"""What a CREATE had better wait for, asked of three nodes."""

from __future__ import annotations

import time

import pytest

from cassandra_embedded import EmbeddedCassandra
from cassandra_views.cluster.database import Database
from cassandra_views.cluster.readiness import find_waits
from cassandra_views.model.errors import PreflightError
from tests.joining import joining
from tests.on_cassandra.lifecycle.workshop import Workshop

pytestmark = pytest.mark.slow


def test_a_node_that_is_down_is_named_until_it_is_back(cluster3: EmbeddedCassandra, workshop3: Workshop) -> None:
    database = Database(workshop3.session)
    assert find_waits(database, workshop3.keyspace) == ()
    cluster3.kill_node(3)
    (wait,) = find_waits(database, workshop3.keyspace)
    assert wait == f"node {cluster3.contact_points[2]} is down"
    cluster3.start_node(3)
    deadline = time.monotonic() + 60  # the driver looks again once a second
    while find_waits(database, workshop3.keyspace):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_node_that_joins_is_named(cluster3: EmbeddedCassandra, workshop3: Workshop) -> None:
    database = Database(workshop3.session)
    with joining(cluster3, "127.0.3.9") as address:
        deadline = time.monotonic() + 120
        while not (waits := find_waits(database, workshop3.keyspace)):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert waits == (f"node {address} is changing its place in the ring (BOOT)",)
        with pytest.raises(PreflightError, match=f"node {address}: it is changing its place"):
            workshop3.apply()
    while find_waits(database, workshop3.keyspace):
        assert time.monotonic() < deadline
        time.sleep(0.2)
