"""What Airflow logs when it starts with our provider, our plugin and our DAGs."""

from __future__ import annotations

import pytest

from tests.integration.airflow.components import PARTS, Components

pytestmark = [pytest.mark.timeout(1200), pytest.mark.slow]  # the first test may start four processes


def test_no_process_logs_a_traceback_at_its_start(airflow: Components) -> None:
    assert {f"{part}.log" for part in PARTS} <= airflow.start_logs.keys()
    found = {name: log for name, log in airflow.start_logs.items() if "Traceback" in log}
    assert not found, "\n\n".join(f"{name}:\n{log}" for name, log in found.items())


def test_every_dag_file_is_imported(airflow: Components) -> None:
    assert airflow.get("importErrors")["import_errors"] == []
