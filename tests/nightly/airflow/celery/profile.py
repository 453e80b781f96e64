"""Airflow as it runs on more than one host: Postgres, Redis, the CeleryExecutor and a worker."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.airflow.airflow_process import CALL_SECONDS, LOCAL_SETTINGS, settings
from tests.integration.airflow.components import PARTS, Components, components
from tests.nightly.airflow.celery.services import find_postgres, postgres, redis


@contextmanager
def on_celery(home: Path, dags: Path, variables: Mapping[str, str]) -> Iterator[Components]:
    """Run all parts with these variables for the length of a block, in an empty folder ``home``."""
    if find_postgres() is None or shutil.which("redis-server") is None:
        pytest.skip("PostgreSQL or Redis is missing: make install-system installs them")
    (home / "config").mkdir()
    (home / "config" / "airflow_local_settings.py").write_text(LOCAL_SETTINGS)
    with postgres() as database, redis(home) as broker:
        whole = {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql://{database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
            "AIRFLOW__CELERY__WORKER_ENABLE_REMOTE_CONTROL": "True",
            **variables,
        }
        subprocess.run(
            [sys.executable, "-m", "airflow", "db", "migrate"],
            env={**settings(home, dags), **whole},
            check=True,
            capture_output=True,
            timeout=CALL_SECONDS,
        )
        with components(home, dags, whole, parts=(*PARTS, "celery")) as running:
            yield running
