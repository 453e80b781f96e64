"""The real jobs by their scripts on a Spark cluster of a master and a worker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.scripts.standalone import standalone
from tests.integration.scripts.test_real_jobs import ROWS, Master, _own_settings, master

__all__ = ["_own_settings", "master"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_on_a_standalone_cluster(master: Master, tmp_path: Path) -> None:
    with standalone(tmp_path) as cluster:
        master.settings(SPARK_MASTER=cluster.url)

        answer = master.roll_up(30)

        assert answer.returncode == 0, answer.stderr
        assert json.loads(answer.stdout)["spark"] == cluster.url
        assert master.rows(30) == ROWS
        assert "Registered app spark_jobs" in cluster.master_log.read_text()
        assert "Launching executor" in cluster.master_log.read_text()

    away = master.roll_up(31)
    assert (away.returncode, away.stdout) == (1, "")
    assert "the Spark master does not answer" in away.stderr
    assert master.rows(31) == set()
