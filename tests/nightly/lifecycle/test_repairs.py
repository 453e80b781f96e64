"""What the servers keep of repairs is read as they mean it: three nodes, repaired in every way by nodetool."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cassandra_client.connect import connected
from cassandra_client.database import Database
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.plan.catalog import find_base, read_repairs
from cassandra_views.plan.repairs import repair_warning
from local_cluster.nodetool import nodetool

pytestmark = [pytest.mark.slow, pytest.mark.cassandra, pytest.mark.timeout(600)]

EVERYTHING, NOTHING = "", "of it,"


def test_each_repair_counts_for_the_ranges_and_replicas_that_it_compared() -> None:
    with (
        EmbeddedCassandra(nodes=3, address="127.0.42.1", port=0, heap_mb=384) as server,
        connected(tuple(server.contact_points), port=server.port) as session,
    ):
        replication = "{'class': 'NetworkTopologyStrategy', 'datacenter1': 3}"
        session.execute(f"CREATE KEYSPACE shop WITH replication = {replication}")
        session.execute('CREATE TABLE shop."Orders" (p int PRIMARY KEY, n int)')
        session.execute('INSERT INTO shop."Orders" (p, n) VALUES (1, 1)')
        database = Database(session)
        base = find_base(database, "shop", "Orders")
        assert base is not None

        def repair(node: int, *options: str) -> str:
            nodetool(["repair", *options, "shop", "Orders"], jmx_port=server.jmx_port(node), timeout_seconds=120)
            return warning()

        def warning() -> str:
            since = datetime.now(UTC) - timedelta(days=1)
            return repair_warning(base[1], read_repairs(database, "shop", "Orders", since), 3)

        def forget() -> None:
            session.execute("TRUNCATE system_distributed.repair_history")

        assert NOTHING in warning()
        assert "of 67 % of its token ring, such as (" in repair(1, "-full", "-pr")
        assert "of 33 % of its token ring, such as (" in repair(2, "-full", "-pr")
        assert repair(3, "-full", "-pr") == EVERYTHING
        forget()
        hosts = [word for each in server.contact_points[:2] for word in ("-hosts", each)]
        assert "of it; 1 repair of some of its replicas alone did not count," in repair(1, "-full", *hosts)
        # All ranges have the same replicas, so one session repairs them, and its row keeps the last of them.
        assert repair(1, "-full") == EVERYTHING
        forget()
        assert repair(2) == EVERYTHING, "an incremental repair"
