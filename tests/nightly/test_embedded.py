"""A node of ours that is killed and started again, where its log waits for the disk."""

from __future__ import annotations

import threading
from contextlib import suppress
from itertools import count

import pytest

from cassandra_client.driver_errors import DRIVER_ERRORS
from cassandra_embedded import EmbeddedCassandra
from tests.integration.embedded.test_server import ADDRESS, KEYSPACE
from tests.servers import connect
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]


def test_a_killed_node_keeps_what_it_acknowledged_where_its_log_waits_for_the_disk() -> None:
    with EmbeddedCassandra(1, address=ADDRESS, port=0, settings={"commitlog_sync": "batch"}) as server:
        acknowledged: list[int] = []
        with connect(server.contact_points, server.port) as cluster, cluster.connect() as session:
            session.execute(KEYSPACE)
            session.execute("CREATE TABLE k.t (a int PRIMARY KEY)")
            insert = session.prepare("INSERT INTO k.t (a) VALUES (?)")

            def write() -> None:
                with suppress(*DRIVER_ERRORS):
                    for number in count():
                        session.execute(insert, (number,))
                        acknowledged.append(number)

            writer = threading.Thread(target=write)
            writer.start()
            wait_until(lambda: len(acknowledged) >= 500, 60)
            server.kill_node(1)
            writer.join()
        server.start_node(1)
        with connect(server.contact_points, server.port) as cluster, cluster.connect() as session:
            kept = {row.a for row in session.execute("SELECT a FROM k.t")}
    assert set(acknowledged) - kept == set()
