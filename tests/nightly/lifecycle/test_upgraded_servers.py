"""A cluster that goes from Cassandra 4.1 to 5.0 node by node under views that serve: no gap, nothing suspect."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_client.database import Database
from cassandra_embedded import EmbeddedCassandra
from cassandra_embedded.versions import DEFAULT_VERSION
from cassandra_views.model.errors import PreflightError
from tests.nightly.data_centers.test_cut_off import ROWS, Reading
from tests.scenarios.cluster.marks import simple_replication, workshop_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]


def schemas(session: Session) -> list[object]:
    """Return the schema version of each node that answers."""
    answers = Database(session).ask("SELECT schema_version FROM system.local")
    return [answer.rows[0]["schema_version"] for answer in answers if answer.error is None]


def test_readers_see_no_gap_while_nodes_are_upgraded_one_by_one(tmp_path: Path) -> None:
    with (
        EmbeddedCassandra(3, "4.1.10", address="127.0.94.1", port=0) as cluster,
        connected(tuple(cluster.contact_points), port=cluster.port) as session,
        workshop_of(session, tmp_path, "upgraded", replication=simple_replication(3)) as workshop,
    ):
        workshop.apply()
        with Reading(session, workshop) as reading:
            for number in (1, 2, 3):
                cluster.stop_node(number)
                cluster.start_node(number, version=DEFAULT_VERSION)
                wait_until(lambda: len(schemas(session)) == 3, 120)
                assert workshop.manager().plan().steps == (), "an upgrade is no change of a view"
                assert workshop.manager().find_suspects() == ()
                if number < 3:
                    with pytest.raises(PreflightError, match="the nodes run different versions"):
                        workshop.manager().refresh("seen")
            wait_until(lambda: len(found := schemas(session)) == 3 and len(set(found)) == 1, 120)

        assert len(reading.counts) > 10
        assert set(reading.counts) == {ROWS}

        workshop.manager().refresh("seen")
        workshop.now += timedelta(hours=2)
        workshop.apply()
        assert workshop.manager().audit("seen").failures == ()
