"""Watching three nodes costs little: under 1 % of one core, and at most 20 queries a second."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from cassandra_embedded import EmbeddedCassandra
from tests.paths import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.cassandra]


def test_watching_three_nodes(sick_cluster: EmbeddedCassandra) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.nightly.healing_cluster.cost",
            str(sick_cluster.port),
            "health_cost",
            *sick_cluster.contact_points,
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=120,
        check=True,
    )
    found = json.loads(done.stdout)
    print(f"\nwatching: {found}")
    assert found["queries_per_look"] / found["check_seconds"] <= 20
    assert found["cpu_seconds_per_look"] / found["check_seconds"] < 0.01
    assert found["longest_look_seconds"] < found["check_seconds"]
