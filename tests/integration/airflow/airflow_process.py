"""A process with Airflow in it, and the settings that all of Airflow's processes in the tests have in common."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

import psutil

from tests.integration.airflow import inside
from tests.paths import ROOT
from tests.sshd import SshServer

P = ParamSpec("P")
R = TypeVar("R")

DAGS = ROOT / "dags"
CALL_SECONDS = 480
# As docs/guides/airflow-rollups.md gives it.
LOCAL_SETTINGS = """\
import logging

for name in ("asyncssh", "paramiko"):
    logging.getLogger(name).setLevel(logging.WARNING)
"""


class AirflowProcess:
    """Calls functions of ``inside`` in a process where Airflow is imported once."""

    def __init__(self, executor: ProcessPoolExecutor, home: Path) -> None:
        self._executor = executor
        self._process = psutil.Process(executor.submit(os.getpid).result(timeout=CALL_SECONDS))
        self.home = home

    def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function of ``inside`` there and return what it returns."""
        try:
            return self._executor.submit(function, *args, **kwargs).result(timeout=CALL_SECONDS)
        except TimeoutError:
            self._process.kill()  # the executor would wait for it at its end
            raise


def settings(home: Path, dags: Path = DAGS) -> dict[str, str]:
    """Return the whole environment of an Airflow that lives in ``home`` alone."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW"))},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        # A file whose scan takes long on a busy machine is not gone.
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "240",
        "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
        "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "900",
        "AIRFLOW__CORE__FERNET_KEY": "c29tZSAzMiBieXRlcyBmb3IgdGhlIHRlc3RzIG9ubHk=",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API_AUTH__JWT_SECRET": "for the tests only: all components must have the same one",
        # A write that meets another one waits for it: on a busy machine longer than SQLite's five seconds.
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=120",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        # As the guide says. On a busy machine the API server answers a task's start later than after five seconds.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "120",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        # Nobody's keys and known hosts but those of the connection.
        "HOME": str(home),
        inside.LOG: str(home / "process.log"),
    }


def make_home(home: Path, variables: Mapping[str, str] | None = None) -> None:
    """Make the folder of an Airflow, with an empty database: in it, or where the variables name another."""
    (home / "config").mkdir(parents=True)
    (home / "config" / "airflow_local_settings.py").write_text(LOCAL_SETTINGS)
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env={**settings(home), **(variables or {})},
        check=True,
        capture_output=True,
        timeout=CALL_SECONDS,
    )


def copy_home(made: Path, home: Path) -> None:
    """Make another such folder: much quicker than a second migration."""
    (home / "config").mkdir(parents=True)
    for name in ("airflow.db", "config/airflow_local_settings.py"):
        shutil.copy(made / name, home / name)


def spark_master_variable(connection: Mapping[str, object]) -> dict[str, str]:
    """Return the variable by which Airflow knows the connection ``spark_master``."""
    return {"AIRFLOW_CONN_SPARK_MASTER": json.dumps(connection)}


def connection(server: SshServer, **changes: object) -> dict[str, object]:
    """Return the connection ``spark_master`` as the guide shows it: by key, host key checked."""
    by_key: dict[str, object] = {
        "conn_type": "ssh",
        "host": server.address,
        "port": server.port,
        "login": server.user,
        "extra": json.dumps({"key_file": str(server.key_file), "host_key": server.host_key}),
    }
    return {**by_key, **changes}


@contextmanager
def airflow_process(environment: Mapping[str, str], home: Path) -> Iterator[AirflowProcess]:
    """Run one process with these settings; this process' own environment stays as it is."""
    executor = ProcessPoolExecutor(
        max_workers=1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=inside.prepare,
        initargs=(dict(environment),),
    )
    with executor:
        yield AirflowProcess(executor, home)
