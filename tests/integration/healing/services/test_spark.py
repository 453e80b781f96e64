"""Services on a real Spark of the local form: a worker is killed, and the master hangs."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cassandra_healing.decision import Rule
from cassandra_healing.model import HealingAction
from cassandra_healing.monitor import TargetReport
from local_cluster.cluster import LocalCluster
from local_cluster.local_node import LocalNode
from local_cluster.node_status import MachineState
from local_cluster.tofu import get_binary
from tests.integration.healing.services.conftest import QUICK, Watch, verdict
from tests.integration.healing.signals import kill
from tests.integration.healing.terraform.conftest import lives
from tests.nightly.terraform.test_local_cluster import TERRAFORM, free_port
from tests.waiting import wait_until

MASTER, WORKER, OTHER = "127.0.36.1", "127.0.36.2", "127.0.36.3"
BACK_MINUTES = 0.1
pytestmark = [pytest.mark.slow, pytest.mark.cassandra, pytest.mark.timeout(300)]

Reports = dict[str, TargetReport]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    variables = {
        "cassandra_nodes": {},
        "spark_master": {"spark": {"address": MASTER}},
        "spark_workers": {"w1": {"address": WORKER}, "w2": {"address": OTHER}},
        # A master that forgets a worker after 4 s instead of a minute: workers tell four times as often.
        "spark": {"port": free_port(MASTER), "web_port": free_port(WORKER), "conf": {"spark.worker.timeout": "4"}},
    }
    run = tmp_path_factory.mktemp("spark")
    cluster = LocalCluster(TERRAFORM, run, get_binary(print), variables=variables)
    try:
        cluster.up()
        yield cluster
        pids = [LocalNode(run, each.name).status().pid for each in cluster.nodes()]
    finally:
        cluster.down()
    assert [lives(pid) for pid in pids if pid] == [False] * sum(pid > 0 for pid in pids)


@pytest.fixture
def services(local: LocalCluster, watch: Callable[[dict[str, Any]], Watch]) -> Watch:
    run, port = str(local.run_folder), local.nodes()[0].settings["web_port"]
    node, cluster = str(TERRAFORM / "node.sh"), str(TERRAFORM / "cluster.sh")
    shared = {
        **QUICK,
        "back_minutes": BACK_MINUTES,
        "page": f"http://{MASTER}:{port}",
        "machine_command": [node, "status", "{name}", "--run", run],
        "restart_command": ["sh", str(_restart_script(local.run_folder, node)), "{name}"],
        "replace_command": [cluster, "replace", "{name}", "--run", run, "--why", "{why}"],
    }
    made = watch(
        {
            "spark": {**shared, "kind": "spark-master"},
            "w1": {**shared, "kind": "spark-worker", "address": f"{WORKER}:{port}"},
            "w2": {**shared, "kind": "spark-worker", "address": f"{OTHER}:{port}"},
        }
    )
    made.until(lambda found: all(verdict(each) == "up" for each in found.values()))
    return made


def _restart_script(run: Path, node: str) -> Path:
    """Write what a service manager would do: end the process, also one that hangs, and start it."""
    script = run / "restart.sh"
    script.write_text(
        f'pid=$({node} status "$1" --json --run {run} | sed -n \'s/.*"pid": \\([0-9]*\\).*/\\1/p\')\n'
        'if [ "$pid" != 0 ]; then kill -KILL "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.1; done; fi\n'
        f'{node} start "$1" --run {run}\n'
    )
    return script


def decided(name: str, act: HealingAction) -> Callable[[Reports], bool]:
    return lambda found: found[name].decision.act is act


def _events(services: Watch) -> list[tuple[str, str, str, str]]:
    lines = services.journal.entries(limit=20, now=datetime.now(UTC))
    return [(line.event, line.act, line.node, line.outcome) for line in reversed(lines)]


def test_a_worker_that_was_killed_is_restarted(local: LocalCluster, services: Watch) -> None:
    keeper = LocalNode(local.run_folder, "w1")
    kill(keeper.status().pid, signal.SIGKILL)
    found = services.until(decided("w1", HealingAction.RESTART))
    assert found["w1"].is_new_decision
    assert any(each.startswith("machine: bad (stopped") for each in found["w1"].decision.evidence)
    assert any(each.startswith("tcp: bad") for each in found["w1"].decision.evidence)
    assert {each.decision.act for name, each in found.items() if name != "w1"} == {HealingAction.WAIT}
    services.heal("w1")
    assert keeper.status().state is MachineState.RUNNING
    services.until(lambda found: verdict(found["w1"]) == "up")
    assert keeper.status().life == 1, "restarted, not replaced"
    assert _events(services) == [
        ("decided", "restart", "w1", ""),
        ("begun", "restart", "w1", ""),
        ("step", "restart", "w1", ""),
        ("step", "restart", "w1", "done"),
        ("ended", "restart", "w1", "done"),
    ]


def test_while_the_master_is_away_nothing_is_done_to_its_workers(local: LocalCluster, services: Watch) -> None:
    master = LocalNode(local.run_folder, "spark")
    workers = {name: LocalNode(local.run_folder, name).status().pid for name in ("w1", "w2")}
    kill(master.status().pid, signal.SIGSTOP)
    found = services.until(decided("spark", HealingAction.RESTART))
    for name in workers:
        assert found[name].decision.act is HealingAction.WAIT
        assert found[name].decision.rule is Rule.NEEDS
    kill(master.status().pid, signal.SIGCONT)
    found = services.until(lambda found: all(verdict(each) == "up" for each in found.values()))
    assert {name: LocalNode(local.run_folder, name).status().pid for name in workers} == workers
    assert [each for each in _events(services) if each[0] == "begun"] == []
    wait_until(lambda: all(lives(pid) for pid in workers.values()))
