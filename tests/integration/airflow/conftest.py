"""A Spark master that is an OpenSSH server with small scripts in its home, and an Airflow in a process beside."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.airflow.airflow_process import (
    DAGS,
    AirflowProcess,
    airflow_process,
    copy_home,
    make_home,
    settings,
)
from tests.integration.airflow.master import Master
from tests.sshd import ssh_server

PASSWORD = "se cret'$x"


@pytest.fixture(scope="package")
def spark_master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Master]:
    """The server, for all tests; it takes the key and the password."""
    with ssh_server(tmp_path_factory.mktemp("sshd"), password=PASSWORD) as server:
        yield Master(server)


@pytest.fixture
def master(spark_master: Master) -> Master:
    """The server with nothing recorded and scripts that end well."""
    spark_master.reset()
    return spark_master


@pytest.fixture(scope="package")
def migrated_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty database, to be copied."""
    if importlib.util.find_spec("airflow") is None:
        pytest.skip("Airflow is not installed (it takes Python before 3.14)")
    home = tmp_path_factory.mktemp("airflow") / "made"
    make_home(home)
    return home


@pytest.fixture(scope="package")
def airflow(migrated_home: Path) -> Iterator[AirflowProcess]:
    """A process that carries out runs without a scheduler."""
    home = migrated_home.with_name("process")
    copy_home(migrated_home, home)
    # Each run scans the whole folder of DAGs: so the many DAGs of views are left out.
    shutil.copytree(DAGS, home / "dags", ignore=shutil.ignore_patterns("views.py", "cluster_health.py", "__pycache__"))
    with airflow_process(settings(home, home / "dags"), home) as process:
        yield process
