"""A data centre that is added to a cluster whose view serves: readers of the first see no gap, and then both read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from cassandra_client.connect import connected
from cassandra_client.database import Database
from cassandra_embedded import EmbeddedCassandra
from local_cluster.nodetool import nodetool
from tests.nightly.data_centers.test_cut_off import ROWS, Reading
from tests.scenarios.cluster.marks import workshop_of
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@contextmanager
def added(cluster: EmbeddedCassandra, address: str) -> Iterator[EmbeddedCassandra]:
    """Run a node of another data centre of a cluster; it holds no rows yet, as the documentation of Cassandra says."""
    seed = yaml.safe_load((cluster.folder / "node1" / "cassandra.yaml").read_text(encoding="utf-8"))
    seeds = {"seeds": f"{seed['listen_address']}:{seed['storage_port']}"}
    settings = {
        "auto_bootstrap": False,
        "initial_token": "12345",
        "seed_provider": [{"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", "parameters": [seeds]}],
    }
    with EmbeddedCassandra(
        {"west": 1},
        address=address,
        port=cluster.port,
        heap_mb=400,
        cluster_name=cluster.cluster_name,
        settings=settings,
    ) as running:
        yield running


def replication(**replicas: int) -> str:
    centers = "".join(f", '{name}': {count}" for name, count in replicas.items())
    return f"{{'class': 'NetworkTopologyStrategy'{centers}}}"


def test_readers_see_no_gap_and_the_new_one_serves_once_it_is_rebuilt(tmp_path: Path) -> None:
    with (
        EmbeddedCassandra({"east": 2}, address="127.0.93.1", port=0, heap_mb=400) as cluster,
        connected(tuple(cluster.contact_points), port=cluster.port, local_dc="east") as east,
        workshop_of(east, tmp_path, "added", replication=replication(east=2)) as workshop,
    ):
        workshop.apply()
        before = workshop.record("seen")
        with Reading(east, workshop) as in_east, added(cluster, "127.0.93.9") as second:
            wait_until(lambda: len(Database(east).hosts()) == 3, 120)
            assert workshop.manager().find_suspects() == (), "a node that joins makes nothing suspect"
            for keyspace in (workshop.keyspace, workshop.registry):
                east.execute(f"ALTER KEYSPACE {keyspace} WITH replication = {replication(east=2, west=1)}", timeout=60)
            workshop.now += timedelta(minutes=1)
            assert [view.view for view in workshop.manager().find_suspects()] == ["seen"]
            (status,) = workshop.manager().status("seen")
            assert (status.condition, "replication changed" in status.suspect_reason) == ("suspect", True)
            assert workshop.record("seen").read_from == before.read_from
            nodetool(["rebuild", "--", "east"], jmx_port=second.jmx_port(1))

            with (
                connected(tuple(second.contact_points), port=second.port, local_dc="west") as west,
                Reading(west, workshop) as in_west,
            ):
                # Each data centre is audited by itself.
                assert workshop.manager(west).audit("seen").failures == ()
                workshop.apply()
                (status,) = workshop.manager().status("seen")
                assert status.condition == "serving"
                workshop.manager().refresh("seen")
                workshop.now += timedelta(hours=2)
                workshop.apply()
                time.sleep(0.5)
            assert workshop.physical_views() == {"seen__g2"}
        for reading in (in_east, in_west):
            assert len(reading.counts) > 10
            assert set(reading.counts) == {ROWS}
