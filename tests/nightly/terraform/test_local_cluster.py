"""A real cluster of terraform/local: three nodes of Cassandra, one killed and replaced under load."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Session
from cassandra.policies import ConstantSpeculativeExecutionPolicy
from cassandra.query import SimpleStatement

from cassandra_client.connect import connect_alone
from cassandra_healing.errors import ApplyFailed
from cassandra_healing.operations.replacement import Replacement
from cassandra_healing.operations.terraform.driver import Recovery
from cassandra_healing.operations.terraform.plan import SavedPlan
from cassandra_healing.probes.readiness import find_unready_reason
from local_cluster.cluster import LocalCluster
from local_cluster.local_node import LocalNode
from local_cluster.node_record import Fence, NodeFolder, NodeNotFenced, NodeNotStarted, Purpose, ReplacementServing
from local_cluster.node_status import LocalNodeStatus, MachineState
from local_cluster.nodetool import NodetoolFailed, nodetool
from local_cluster.tofu import get_binary
from tests.integration.healing.signals import kill
from tests.integration.healing.terraform.background import in_background
from tests.integration.healing.terraform.conftest import address, applying, lives
from tests.paths import ROOT
from tests.servers import connect
from tests.waiting import wait_until

NODE_LOCAL = 11  # no name in the driver
TERRAFORM = ROOT / "terraform" / "local"
ADDRESSES = {"n1": "127.0.31.1", "n2": "127.0.31.2", "n3": "127.0.31.3"}
TOKENS = ("-9223372036854775808", "-3074457345618258603", "3074457345618258602")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    run = tmp_path_factory.mktemp("local")
    nodes = zip(ADDRESSES.items(), TOKENS, strict=True)
    variables = {
        "cassandra_nodes": {
            name: {"address": where, "token": token, "jmx_port": free_port("127.0.0.1")}
            for (name, where), token in nodes
        },
        "cassandra": {
            "cluster_name": "local test",
            "port": free_port("127.0.31.1"),
            "storage_port": free_port("127.0.31.2"),
            "start_seconds": 240,
            # Lets a test read what one node itself holds.
            "jvm_options": ["-Dcassandra.enable_nodelocal_queries=true"],
        },
    }
    cluster = LocalCluster(TERRAFORM, run, get_binary(print), variables=variables)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()
    # Nothing is left, neither processes nor data.
    assert [process for process in psutil.process_iter() if _is_of(process, run)] == []
    assert sorted(path.name for path in (run / "nodes" / "n1").iterdir()) == ["lock", "script.log"]


def _is_of(process: psutil.Process, run: Path) -> bool:
    try:
        return any(word.startswith(f"-Dcassandra.storagedir={run}") for word in process.cmdline())
    except psutil.Error:
        return False


@pytest.fixture
def session(local: LocalCluster) -> Iterator[Session]:
    with connect(list(ADDRESSES.values()), port(local)) as cluster, cluster.connect() as opened:
        opened.execute(
            "CREATE KEYSPACE IF NOT EXISTS healing WITH replication = "
            "{'class': 'NetworkTopologyStrategy', 'datacenter1': 3}"
        )
        opened.execute("CREATE TABLE IF NOT EXISTS healing.t (a int, b int, v text, PRIMARY KEY (a, b))")
        yield opened


def port(local: LocalCluster) -> int:
    return int(local.nodes()[0].settings["port"])


def status(local: LocalCluster, name: str) -> LocalNodeStatus:
    return LocalNode(local.run_folder, name).status()


def trouble(local: LocalCluster, name: str) -> str:
    return find_unready_reason(ADDRESSES[name], partial(connect_alone, port=port(local)))


def count_on(local: LocalCluster, name: str, a: int) -> int:
    """Count the rows of a partition that this node itself holds."""
    query = SimpleStatement(f"SELECT count(*) AS n FROM healing.t WHERE a = {a}", consistency_level=NODE_LOCAL)
    with connect_alone(ADDRESSES[name], port=port(local)) as alone:
        return int(alone.execute(query).one()["n"])


class Writer:
    """Writes at QUORUM all the time, and keeps a ledger of what was acknowledged."""

    def __init__(self, session: Session, a: int) -> None:
        self._session = session
        self._a = a
        self._insert = session.prepare("INSERT INTO healing.t (a, b, v) VALUES (?, ?, 'x')")
        self._insert.consistency_level = ConsistencyLevel.QUORUM
        # Another coordinator is asked where one is slow, which only statements that may be sent twice allow.
        self._insert.is_idempotent = True
        self._profile = session.execution_profile_clone_update(
            EXEC_PROFILE_DEFAULT, speculative_execution_policy=ConstantSpeculativeExecutionPolicy(0.3, 2)
        )
        self._end = threading.Event()
        self.acknowledged: list[int] = []
        self.failed: list[Exception] = []

    def __enter__(self) -> Writer:
        self._thread = threading.Thread(target=self._write)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _write(self) -> None:
        number = 0
        while not self._end.wait(0.005):
            number += 1
            try:
                self._session.execute(self._insert, (self._a, number), timeout=10, execution_profile=self._profile)
            except Exception as error:  # noqa: BLE001  # each is told by the test
                self.failed.append(error)
            else:
                self.acknowledged.append(number)

    def missing(self) -> set[int]:
        """Return what was acknowledged and is not read at QUORUM."""
        query = SimpleStatement(
            f"SELECT b FROM healing.t WHERE a = {self._a}", consistency_level=ConsistencyLevel.QUORUM
        )
        return set(self.acknowledged) - {row.b for row in self._session.execute(query)}


def test_a_node_that_was_killed_is_replaced(local: LocalCluster, session: Session) -> None:
    with connect_alone(ADDRESSES["n1"], port=port(local)) as alone:
        before = {str(row["address"]): row["host_id"] for row in alone.execute(_RING)}
    others = {name: status(local, name).pid for name in ("n1", "n2")}
    with Writer(session, 1) as writer:
        time.sleep(2)
        kill(status(local, "n3").pid, signal.SIGKILL)
        begun = time.monotonic()
        wait_until(lambda: status(local, "n3").state is MachineState.STOPPED)
        assert "does not answer" in trouble(local, "n3")
        steps = local.replacement("n3")
        steps.fence("the test has killed it")
        plan = steps.plan()
        assert plan.address == address("n3")
        steps.apply(plan)
        steps.await_ready(60)
        seconds = time.monotonic() - begun
        held = count_on(local, "n3", 1)
        steps.repair()
        repaired = time.monotonic() - begun
        time.sleep(1)
    told = f"from the kill to up and normal {seconds:.1f} s, repaired {repaired:.1f} s"
    told += f"; {len(writer.acknowledged)} writes acknowledged, {len(writer.failed)} failed; {held} rows before repair"
    print(told)
    assert writer.failed == []
    assert writer.missing() == set()
    assert seconds < 90
    assert count_on(local, "n3", 1) == len(writer.acknowledged)
    found = status(local, "n3")
    assert (found.life, found.state, found.old_lives) == (2, MachineState.RUNNING, (1,))
    assert {name: status(local, name).pid for name in ("n1", "n2")} == others
    steps.terminate()
    assert status(local, "n3").old_lives == ()
    # By the same address it takes over the host id too: hints for the old node reach it.
    with connect_alone(ADDRESSES["n1"], port=port(local)) as alone:
        assert {str(row["address"]): row["host_id"] for row in alone.execute(_RING)} == before


_RING = "SELECT address, host_id FROM system_views.gossip_info"


def test_a_fenced_node_does_not_come_back(local: LocalCluster, session: Session) -> None:
    keeper = LocalNode(local.run_folder, "n2")
    script = str(TERRAFORM / "node.sh")
    run = ["--run", str(local.run_folder)]
    # Without a fence its end is refused, and nothing happens to it.
    refused = subprocess.run([script, "stop", "n2", *run], capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "is not fenced" in refused.stderr
    pid = keeper.status().pid
    assert pid
    kill(pid, signal.SIGSTOP)  # hung: it neither answers nor ends by itself
    wait_until(lambda: keeper.status().is_paused, 10)
    assert keeper.status().state is MachineState.RUNNING
    fenced = subprocess.run(
        [script, "fence", ADDRESSES["n2"], *run, "--why", "it hangs"], capture_output=True, text=True, check=False
    )
    assert fenced.returncode == 0, fenced.stderr
    assert not lives(pid)
    started = subprocess.run([script, "start", "n2", *run], capture_output=True, text=True, check=False)
    assert started.returncode == 1
    assert "life 1 of this node is fenced" in started.stderr
    told = subprocess.run([script, "status", "n2", *run], capture_output=True, text=True, check=True).stdout
    assert told.startswith("stopped disk=")
    seconds = local.replace("n2", "it hangs")
    assert set(seconds) == {"fence", "apply", "normal", "repair", "terminate"}
    assert trouble(local, "n2") == ""


def resume(steps: Replacement, plan: SavedPlan, tries: int = 3) -> None:
    """Resume as often as the healer does: peers of a busy machine may be too slow for a node that starts."""
    for left in reversed(range(tries)):
        try:
            steps.resume_apply(plan)
        except ApplyFailed:
            if not left:
                raise
        else:
            return


def test_a_replacement_killed_while_it_joins_is_gone_on_with(local: LocalCluster, session: Session) -> None:
    insert = session.prepare("INSERT INTO healing.t (a, b, v) VALUES (3, ?, 'x')")
    insert.consistency_level = ConsistencyLevel.ALL
    for number in range(100):
        session.execute(insert, (number,))
    steps = local.replacement("n3")
    life = status(local, "n3").life
    steps.fence("the test replaces it")
    plan = steps.plan()

    def apply() -> None:
        with pytest.raises(ApplyFailed, match="cut off"):
            steps.apply(plan)

    log = NodeFolder(local.run_folder, "n3").life(life + 1) / "logs" / "system.log"
    with in_background(apply):
        wait_until(lambda: log.exists() and "JOINING: " in log.read_text(), 60)
        # Everything at once: OpenTofu, the script, and the node that joins.
        for process in applying(plan.path):
            process.kill()
        half = status(local, "n3")
        assert (half.life, half.is_up) == (life + 1, False)
        kill(half.pid, signal.SIGKILL)
    assert trouble(local, "n3") != ""
    resume(steps, plan)
    steps.await_ready(60)
    found = status(local, "n3")
    assert (found.life, found.is_up, found.replaces) == (life + 1, True, "")
    steps.repair()
    assert count_on(local, "n3", 3) == 100
    # The same plan again, after a node that is up and unfenced: its end is refused.
    assert steps.recover() is Recovery.NOTHING


def test_repair_brings_what_a_node_missed(local: LocalCluster, session: Session) -> None:
    keeper = LocalNode(local.run_folder, "n3")
    jmx = {record.name: int(record.settings["jmx_port"]) for record in local.nodes()}
    for name in ("n1", "n2"):
        nodetool(["disablehandoff"], jmx_port=jmx[name])
    kill(keeper.status().pid, signal.SIGTERM)
    wait_until(lambda: keeper.status().state is MachineState.STOPPED, 60)
    insert = session.prepare("INSERT INTO healing.t (a, b, v) VALUES (4, ?, 'x')")
    insert.consistency_level = ConsistencyLevel.QUORUM
    for number in range(50):
        session.execute(insert, (number,))
    # Started by hand, as it was: no replacement, the same life.
    script = str(TERRAFORM / "node.sh")
    run = ["--run", str(local.run_folder)]
    subprocess.run([script, "start", "n3", *run], check=True, capture_output=True)
    wait_until(lambda: trouble(local, "n3") == "", 60)
    assert count_on(local, "n3", 4) == 0
    subprocess.run([script, "repair", "n3", *run], check=True, capture_output=True)
    assert count_on(local, "n3", 4) == 50
    for name in ("n1", "n2"):
        nodetool(["enablehandoff"], jmx_port=jmx[name])


def test_what_a_kill_between_two_lines_leaves(local: LocalCluster) -> None:
    keeper = LocalNode(local.run_folder, "n3")
    folder = NodeFolder(local.run_folder, "n3")
    record = folder.find()
    assert record is not None
    pid = keeper.status().pid
    # The start was killed when the node answered, before it wrote that down and before it took the fence away.
    former = Fence(purpose=Purpose.REPLACE, life=record.life - 1, why="the test", at="")
    folder.write(replace(record, process=None, is_up=False, fence=former))
    assert keeper.status().pid == pid
    with pytest.raises(ReplacementServing, match="is up already"):
        keeper.stop()
    keeper.start(record.kind, record.address, record.settings)
    found = folder.find()
    assert found is not None
    assert (found.is_up, found.fence, keeper.status().pid) == (True, None, pid)
    with pytest.raises(NodeNotFenced):
        keeper.stop()


def test_a_port_that_is_taken_is_told(local: LocalCluster, tmp_path: Path) -> None:
    record = local.nodes()[0]
    with pytest.raises(NodeNotStarted, match="something else listens where it would"):
        LocalNode(tmp_path, "n9").start(record.kind, record.address, record.settings)


def test_nodetool_says_why_it_fails(local: LocalCluster) -> None:
    jmx = int(local.nodes()[0].settings["jmx_port"])
    assert "Bootstrap state        : COMPLETED" in nodetool(["info"], jmx_port=jmx)
    with pytest.raises(NodetoolFailed, match=r"Keyspace .nowhere. does not exist"):
        nodetool(["repair", "nowhere"], jmx_port=jmx)
    with pytest.raises(NodetoolFailed, match="Connection refused"):
        nodetool(["info"], jmx_port=free_port("127.0.0.1"))
    with pytest.raises(NodetoolFailed, match=r"did not end in 0\.2 s"):
        nodetool(["info"], jmx_port=jmx, timeout_seconds=0.2)


def test_the_command_tells_what_runs(local: LocalCluster) -> None:
    command = [str(TERRAFORM / "cluster.sh"), "status", "--run", str(local.run_folder)]
    told = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHON": sys.executable}
    )
    assert told.returncode == 0, told.stdout + told.stderr
    lines = [line.split() for line in told.stdout.splitlines()]
    assert [(line[0], line[1], line[2], line[-1]) for line in lines] == [
        (name, "cassandra", where, "up") for name, where in ADDRESSES.items()
    ]
    wrong = subprocess.run([*command[:1], "replace", "n9", *command[2:]], capture_output=True, text=True, check=False)
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("n9: there is no such node here. Nothing was changed.")
    assert json.loads((local.run_folder / "variables.json").read_text())["cassandra"]["cluster_name"] == "local test"
