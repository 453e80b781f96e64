"""Spark by terraform/local: a real master and worker; the worker is killed and replaced, simply."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_cluster.cluster import LocalCluster
from local_cluster.local_node import LocalNode
from local_cluster.node_status import MachineState
from local_cluster.tofu import get_binary
from tests.integration.healing.signals import kill
from tests.integration.healing.terraform.conftest import lives
from tests.nightly.terraform.test_local_cluster import TERRAFORM, free_port
from tests.waiting import wait_until

MASTER, WORKER = "127.0.32.1", "127.0.32.2"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalCluster]:
    variables = {
        "cassandra_nodes": {},
        "spark_master": {"spark": {"address": MASTER}},
        "spark_workers": {"w1": {"address": WORKER}},
        "spark": {"port": free_port(MASTER), "web_port": free_port(WORKER)},
    }
    cluster = LocalCluster(TERRAFORM, tmp_path, get_binary(print), variables=variables)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()
    assert [lives(pid) for pid in PIDS] == [False] * len(PIDS)


PIDS: list[int] = []


def workers(local: LocalCluster) -> list[dict[str, Any]]:
    """Return what the master's page says of its workers."""
    port = local.nodes()[0].settings["web_port"]
    with urllib.request.urlopen(f"http://{MASTER}:{port}/json/", timeout=5) as answer:
        found: list[dict[str, Any]] = json.load(answer)["workers"]
    return found


def test_a_worker_that_was_killed_is_replaced(local: LocalCluster) -> None:
    keeper = LocalNode(local.run_folder, "w1")
    wait_until(lambda: [each["host"] for each in workers(local) if each["state"] == "ALIVE"] == [WORKER])
    first = keeper.status().pid
    master = LocalNode(local.run_folder, "spark").status().pid
    PIDS.extend((first, master))
    kill(first, signal.SIGKILL)
    wait_until(lambda: keeper.status().state is MachineState.STOPPED)
    command = [str(TERRAFORM / "cluster.sh"), "replace", "w1", "--run", str(local.run_folder), "--why", "killed"]
    told = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHON": sys.executable}
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("fence=")
    found = keeper.status()
    PIDS.append(found.pid)
    assert (found.life, found.state, found.fenced, found.replaces) == (2, MachineState.RUNNING, "", "")
    alive = [each for each in workers(local) if each["state"] == "ALIVE"]
    wait_until(lambda: len([each for each in workers(local) if each["state"] == "ALIVE"]) == 1)
    assert {each["host"] for each in alive} <= {WORKER}
    assert LocalNode(local.run_folder, "spark").status().pid == master
