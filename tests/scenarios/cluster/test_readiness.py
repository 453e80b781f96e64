"""What a CREATE had better wait for: a node that joins."""

from __future__ import annotations

from pathlib import Path

import pytest

from cassandra_client.connect import connected
from cassandra_client.database import Database
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.apply.build_wait import find_waits
from cassandra_views.model.errors import PreflightError
from tests.joining import joining
from tests.scenarios.cluster.marks import simple_replication, workshop_of
from tests.servers import QUICK_FAILURES
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


def test_a_node_that_joins_is_named(tmp_path: Path) -> None:
    # One node alone: several tell each other again of one that never joined, for minutes, before all forget it.
    with (
        EmbeddedCassandra(1, address="127.0.3.5", port=0, settings=QUICK_FAILURES) as server,
        connected(tuple(server.contact_points), port=server.port) as session,
        workshop_of(session, tmp_path, "joins", replication=simple_replication(1)) as workshop,
    ):
        database = Database(session)
        with joining(server, "127.0.3.9") as address:
            wait_until(lambda: bool(find_waits(database, workshop.keyspace)), 240)
            assert find_waits(database, workshop.keyspace) == (f"node {address} joins, leaves or moves (BOOT)",)
            with pytest.raises(PreflightError, match=f"node {address}: it joins, leaves or moves"):
                workshop.apply()
        wait_until(lambda: not find_waits(database, workshop.keyspace), 240)
