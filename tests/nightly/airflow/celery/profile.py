"""Airflow as it runs on more than one host: Postgres, Redis, the CeleryExecutor and a worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.integration.airflow.airflow_process import make_home
from tests.integration.airflow.components import PARTS, Components, components
from tests.integration.airflow.services import on_postgres, postgres, redis


@contextmanager
def on_celery(home: Path, dags: Path, variables: Mapping[str, str]) -> Iterator[Components]:
    """Run all parts with these variables for the length of a block, in an empty folder ``home``."""
    with postgres() as database, redis(home) as broker:
        whole = {
            **on_postgres(database),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+postgresql://{database}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
            "AIRFLOW__CELERY__WORKER_ENABLE_REMOTE_CONTROL": "True",
            **variables,
        }
        make_home(home, whole)
        with components(home, dags, whole, parts=(*PARTS, "celery")) as running:
            yield running
