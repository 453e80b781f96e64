"""What the demo starts over its views: pages, and behind them a Spark master over SSH, a warm Spark and Airflow."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import urllib.error
from collections.abc import Mapping
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_cache_path

from cassandra_embedded import EmbeddedCassandra
from followers.demo.airflow import DIRECT, Airflow
from followers.demo.environment import ADDRESS, DATA, ROOT, DemoError, console, find_port, timed_step
from followers.demo.process_group import ProcessGroup
from followers.demo.spark_master import find_sshd, install_sshd, make_home, open_master
from spark_jobs.session import answers

GROUP = "pages"
USUAL_PORT = 5000
START_SECONDS = 60.0
_THREADS = 8

SPARK = "Spark"
_SPARK_SECONDS = 180.0
_EXTRAS = ("embedded", "web", "spark", "airflow")
_MODULES = ("airflow", "asyncssh", "paramiko", "pyspark", "grpc", "pandas")


def open_pages(processes: ProcessGroup, server: EmbeddedCassandra, airflow_url: str = "") -> str:
    """Start the pages, and return their address when the first one opens.

    Args:
        airflow_url: where the buttons of the operations pages lead; without it there are none.

    Raises:
        DemoError: their process ended, or took too long.
    """
    port = find_port(USUAL_PORT)
    argv = [
        "--bind",
        f"{ADDRESS}:{port}",
        "--workers",
        "1",
        "--threads",
        str(_THREADS),
        "followers.web.app:create_app()",
    ]
    environment = {
        **os.environ,
        "VIEWS_CONTACT_POINTS": ",".join(server.contact_points),
        "VIEWS_PORT": str(server.port),
        **({"VIEWS_AIRFLOW_URL": airflow_url} if airflow_url else {}),
    }
    member = processes.start("pages", [sys.executable, "-m", "gunicorn", *argv], group=GROUP, env=environment, cwd=ROOT)
    url = f"http://{ADDRESS}:{port}"
    processes.await_that(lambda: _opens(url), seconds=START_SECONDS, what="The first page")
    processes.supervise(member, lambda: _opens(url, has_answer_only=True), seconds=START_SECONDS)
    return url


def _opens(url: str, *, has_answer_only: bool = False) -> bool:
    try:
        with DIRECT.open(url, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return has_answer_only  # it runs, and says what it lacks
    except OSError:
        return False


def bring_up(
    stack: ExitStack, processes: ProcessGroup, server: EmbeddedCassandra, airflow_url: str, *, may_install: bool = True
) -> Airflow:
    """Bring it all up; ``stack`` ends what is not of the group.

    Args:
        may_install: OpenSSH is installed by the system's package manager where it is missing and we are root.

    Raises:
        DemoError: a part is missing or ended at its start.
    """
    with timed_step("packages"):
        _install(processes)
    spark = DATA / "spark"
    environment = {
        **os.environ,
        "CASSANDRA_CONTACT_POINTS": ",".join(server.contact_points),
        "CASSANDRA_PORT": str(server.port),
        # What Spark and Python put into a temporary folder stays below the checkout too.
        "TMPDIR": str(spark / "tmp"),
    }
    with timed_step("the Spark master") as said:
        if may_install:
            install_sshd(processes)
        (spark / "tmp").mkdir(parents=True)
        master = open_master(processes, spark / "ssh", spark / "home", environment, sshd=find_sshd())
        by = "a stand-in for sshd" if master.without_sshd else "sshd"
        said.append(f"{by} on 127.0.0.1:{master.port}, the scripts in {(spark / 'home').relative_to(ROOT)}")
    if master.without_sshd:
        console.print(
            f"  [yellow]note[/yellow] {master.without_sshd}. An SSH server of the demo runs the same scripts instead"
        )
    airflow = Airflow(
        processes,
        DATA / "airflow",
        airflow_url,
        {
            "spark_master": master.connection,
            "cassandra_insight": json.dumps(
                {"conn_type": "cassandra", "host": ",".join(server.contact_points), "port": server.port}
            ),
        },
    )
    database = airflow.prepare()  # in the meantime
    with timed_step("a warm Spark"):
        processes.run("spark-jars", [sys.executable, "-m", "spark_jobs.jars"], env=os.environ, cwd=ROOT)
        connect = _start_spark(processes, spark / "warm", environment)
        make_home(spark / "home", _script_settings(environment, connect))
    with timed_step("Airflow's database"):
        processes.finish(database)
    stack.callback(airflow.stop)
    with timed_step("Airflow's four processes") as said:
        airflow.start()
        said.append(airflow.url)
    return airflow


def _start_spark(processes: ProcessGroup, folder: Path, environment: Mapping[str, str]) -> str:
    """Start the warm Spark server and return its address, once it answers."""
    folder.mkdir()  # Spark leaves a folder `artifacts` where it runs
    address = f"{ADDRESS}:{find_port()}"
    path = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH", "")]))
    member = processes.start(
        "warm-spark",
        [sys.executable, "-m", "spark_jobs.connect_server", address],
        group=SPARK,
        env={**environment, "PYTHONPATH": path},
        cwd=folder,
    )

    def is_ready() -> bool:
        return answers(address, name="SPARK_CONNECT")

    processes.await_that(is_ready, seconds=_SPARK_SECONDS, what="The warm Spark")
    processes.supervise(member, is_ready, seconds=_SPARK_SECONDS)
    return address


def _script_settings(environment: Mapping[str, str], connect: str) -> dict[str, str]:
    passed = ("CASSANDRA_CONTACT_POINTS", "CASSANDRA_PORT", "TMPDIR")
    return {
        **{name: environment[name] for name in passed},
        "SPARK_CONNECT": connect,
        "XDG_CACHE_HOME": str(user_cache_path()),
    }


def _install(processes: ProcessGroup) -> None:
    """Add the packages of Airflow and Spark to the environment of this checkout; quick where they are there."""
    if sys.prefix == str(ROOT / ".venv"):
        uv = subprocess.run(["sh", str(ROOT / "scripts" / "uv.sh")], capture_output=True, text=True, check=False)
        if uv.returncode == 0:
            extras = [word for extra in _EXTRAS for word in ("--extra", extra)]
            processes.run(
                "packages",
                [uv.stdout.strip(), "sync", "--frozen", "--inexact", "--no-dev", *extras],
                env=os.environ,
                cwd=ROOT,
            )
    importlib.invalidate_caches()
    if missing := [each for each in _MODULES if find_spec(each) is None]:
        raise DemoError(
            f"{', '.join(missing)} is not installed",
            on=sys.prefix,
            remains="Everything was stopped",
            next="Run 'make install', or the small demo: make demo ARGS=--no-airflow",
        )
