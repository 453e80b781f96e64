"""A Spark worker of the local form that hangs in spite of a restart, watched as a service."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime, timedelta
from urllib.request import urlopen

import pytest

from cassandra_healing.model import HealingAction
from local_cluster.cluster import LocalCluster
from local_cluster.local_node import LocalNode
from local_cluster.node_status import MachineState
from tests.integration.healing.services.conftest import Watch, verdict, watch
from tests.integration.healing.services.test_spark import (
    BACK_MINUTES,
    MASTER,
    WORKER,
    decided,
    local,
    services,
)
from tests.integration.healing.signals import kill
from tests.integration.healing.terraform.conftest import lives
from tests.waiting import wait_until

__all__ = ["local", "services", "watch"]

pytestmark = [pytest.mark.slow, pytest.mark.cassandra, pytest.mark.timeout(300)]


def alive_workers(local: LocalCluster) -> set[str]:
    """Return the addresses of the workers that the master takes for alive."""
    with urlopen(f"http://{MASTER}:{local.nodes()[0].settings['web_port']}/json/", timeout=10) as page:
        return {each["host"] for each in json.load(page)["workers"] if each["state"] == "ALIVE"}


def test_a_worker_that_hangs_is_restarted_and_replaced_where_that_does_not_help(
    local: LocalCluster, services: Watch
) -> None:
    keeper = LocalNode(local.run_folder, "w1")
    kill(keeper.status().pid, signal.SIGSTOP)
    found = services.until(decided("w1", HealingAction.RESTART))
    assert any("dead to its master" in each or "does not know it" in each for each in found["w1"].decision.evidence)
    services.heal("w1")
    (restart,) = (line for line in services.journal.entries(limit=20, now=datetime.now(UTC)) if line.event == "ended")
    first = keeper.status().pid
    kill(first, signal.SIGSTOP)  # as if the machine were broken: what was started hangs again
    # A check that still finds it alive at its master would see trouble that is over, and new trouble afterwards.
    wait_until(lambda: WORKER not in alive_workers(local))
    found = services.until(decided("w1", HealingAction.REPLACE))
    assert found["w1"].decision.what == "its restart did not help"
    assert found["w1"].decision.at - restart.at >= timedelta(minutes=BACK_MINUTES), "it was given time to come back"
    services.heal("w1")
    assert not lives(first)
    assert (keeper.status().life, keeper.status().state) == (2, MachineState.RUNNING)
    services.until(lambda found: verdict(found["w1"]) == "up")
    assert LocalNode(local.run_folder, "w2").status().life == 1
