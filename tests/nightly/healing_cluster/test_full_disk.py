"""A node whose disk fills up: the server stops itself, and a person is called; it is not restarted or replaced."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import Cluster
from cassandra.query import SimpleStatement

from cassandra_client.driver_errors import DRIVER_ERRORS
from cassandra_embedded import EmbeddedCassandra
from cassandra_healing.model import HealingAction
from cassandra_healing.monitor import ClusterMonitor
from cassandra_healing.policy import Mode, Policy
from cassandra_healing.session import ClusterSession
from tests.servers import connect

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]

POLICY = Policy(
    mode=Mode.AUTOMATIC,
    grace_checks=5,
    grace_minutes=0.2,
    startup_minutes=0,
    gap_minutes=0.5,
    still_seconds=4,
    timeout_seconds=1,
)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[EmbeddedCassandra]:
    """Three nodes; the third keeps its data on a disk of 160 MB."""
    settings = {"commit_failure_policy": "stop", "disk_failure_policy": "stop"}
    with EmbeddedCassandra(3, address="127.0.38.1", port=0, data=tmp_path / "data", settings=settings) as running:
        running.stop_node(3)
        folder, kept = running.folder / "node3", tmp_path / "kept"
        shutil.move(folder, kept)
        folder.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=160m", "none", str(folder)]
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("this machine lets us mount no tmpfs, so there is no small disk to fill")
        try:
            shutil.copytree(kept, folder, dirs_exist_ok=True)
            running.start_node(3)
            yield running
        finally:
            if running.is_running(3):
                running.kill_node(3)
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Leave no byte free."""
    with (folder / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(b"\0" * 65536)


def test_a_full_disk_calls_a_person(small: EmbeddedCassandra) -> None:
    folder = small.folder / "node3"
    # What an operator's command would say; only the third node has a disk of its own here.
    say = f"echo running disk=$(df --output=pcent {folder} | awk 'END {{ printf \"%.2f\", $1 / 100 }}')"
    policy = POLICY.model_copy(update={"machine_command": ("sh", "-c", say)})
    with connect(small.contact_points, small.port) as cluster, cluster.connect() as session:
        monitor = ClusterMonitor(ClusterSession(session, timeout_seconds=1), policy, author="tests", is_recording=True)
        assert monitor.check().decision.act is HealingAction.WAIT
        fill(folder)
        acknowledged = write(cluster, 800)
        assert acknowledged, "two of three replicas still write"
        acts: list[HealingAction] = []
        until = time.monotonic() + 90
        while HealingAction.PAGE not in acts:
            assert time.monotonic() < until, acts
            time.sleep(1)
            report = monitor.check()
            acts.append(report.decision.act)
        # By commit_failure_policy the server stops its gossip, which its peers hear, before its grace is over.
        assert report.decision.rule == "shutdown"
        assert [node.address for node in report.decision.nodes] == [small.contact_points[2]]
        assert set(acts) == {HealingAction.WAIT, HealingAction.PAGE}
        rows = {
            row.id
            for row in session.execute(
                SimpleStatement("SELECT id FROM filled.blobs", consistency_level=ConsistencyLevel.QUORUM)
            )
        }
        assert set(acknowledged) <= rows
        monitor.close()


def write(cluster: Cluster, count: int) -> list[int]:
    """Write rows of 50 kB at QUORUM until commit logs must grow; return what was acknowledged."""
    session = cluster.connect()
    session.execute(
        "CREATE KEYSPACE filled WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 3}", timeout=60
    )
    session.execute("CREATE TABLE filled.blobs (id int PRIMARY KEY, body blob)", timeout=60)
    insert = session.prepare("INSERT INTO filled.blobs (id, body) VALUES (?, ?)")
    insert.consistency_level = ConsistencyLevel.QUORUM
    found = []
    for number in range(count):
        with suppress(*DRIVER_ERRORS):
            session.execute(insert, (number, b"\1" * 50_000), timeout=5)
            found.append(number)
    return found
