"""Measured inside a process of Airflow: ``python -m benchmarks.lifecycle_inside PART FOLDER``, one JSON line."""

from __future__ import annotations

import json
import logging
import statistics
import sys
import time
from pathlib import Path
from typing import Any

RUNS = 5
DAG_FILE = """\
from cassandra_views.airflow import view_dags
view_dags("../cql_templates", globals(), conn_id="bench")
"""


def parse(folder: Path) -> dict[str, Any]:
    """Import the DAG file as the DAG processor does, and as the process of one task does."""
    import os
    import runpy

    from cassandra_views.airflow import view_dags  # imported before each scan, as the DAG processor does

    assert view_dags is not None
    file = str(folder / "dags" / "views.py")

    def scan() -> tuple[float, int]:
        begun = time.perf_counter()
        found = runpy.run_path(file)
        return time.perf_counter() - begun, sum(name.startswith("dag_") for name in found)

    first, dags = scan()
    later = statistics.median(scan()[0] for _ in range(RUNS))
    os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = "view_view_0000"
    task, only = scan()
    return {"first_seconds": first, "later_seconds": later, "dags": dags, "task_seconds": task, "task_dags": only}


def reconcile(folder: Path) -> dict[str, Any]:
    """Do what the task ``look`` does: open a session, plan all views, and count what it asked the cluster."""
    from benchmarks.planning import NOW
    from cassandra_views.airflow.deployment import Deployment
    from cassandra_views.airflow.hook import ViewsHook
    from cassandra_views.airflow.maintenance_dags import find_works

    log = logging.getLogger("bench")
    deployment = Deployment(templates=str(folder / "cql_templates"), conn_id="bench", environment="dev")
    taken, asked, works = [], [], 0
    for _ in range(RUNS):
        begun = time.perf_counter()
        access = ViewsHook("bench").access()
        with access.opened() as session:
            seen = Statements(session)
            manager = deployment.manager(session, access, clock=lambda: NOW)
            works = len(find_works(manager, NOW, log))
        taken.append(time.perf_counter() - begun)
        asked.append(seen.count)
    return {"look_seconds": statistics.median(taken), "statements": max(asked), "works": works}


class Statements:
    """Counts what a session is asked, page by page left out."""

    def __init__(self, session: Any) -> None:
        self.count = 0
        own = session.execute_async

        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return own(*args, **kwargs)

        session.execute_async = counted


if __name__ == "__main__":
    parts = {"parse": parse, "reconcile": reconcile}
    print(json.dumps(parts[sys.argv[1]](Path(sys.argv[2]))))
