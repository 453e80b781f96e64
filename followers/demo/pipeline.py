"""What is brought up behind the views: packages, a Spark master over SSH, a warm Spark, Airflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from cassandra_embedded import EmbeddedCassandra
from followers.demo.airflow import Airflow, require
from followers.demo.family import Family
from followers.demo.master import install_sshd, make_home, open_master
from followers.demo.place import ADDRESS, DATA, ROOT, find_port
from followers.demo.screen import console, part
from spark_jobs.session import answers

SPARK = "Spark"
_SPARK_SECONDS = 180.0
_EXTRAS = ("embedded", "web", "spark", "airflow")
_MODULES = ("airflow", "asyncssh", "paramiko", "pyspark", "grpc", "pandas")


def bring_up(
    stack: ExitStack, family: Family, server: EmbeddedCassandra, airflow_url: str, *, may_install: bool = True
) -> Airflow:
    """Bring it all up; ``stack`` ends what is not the family's.

    Args:
        may_install: OpenSSH is installed by the system's package manager where it is missing and we are root.

    Raises:
        DemoError: a part is missing or ended at its start.
    """
    with part("packages"):
        _install(family)
    spark = DATA / "spark"
    environment = {
        **os.environ,
        "CASSANDRA_CONTACT_POINTS": ",".join(server.contact_points),
        "CASSANDRA_PORT": str(server.port),
        # What Spark and Python put into a temporary folder stays below the checkout too.
        "TMPDIR": str(spark / "tmp"),
    }
    with part("the Spark master") as said:
        if may_install:
            install_sshd(family)
        (spark / "tmp").mkdir(parents=True)
        master = open_master(family, spark / "ssh", spark / "home", environment)
        by = "a stand-in for sshd" if master.without_sshd else "sshd"
        said.append(f"{by} on 127.0.0.1:{master.port}, the scripts in {(spark / 'home').relative_to(ROOT)}")
    if master.without_sshd:
        console.print(
            f"  [yellow]note[/yellow] {master.without_sshd}. An SSH server of the demo runs the same scripts instead"
        )
    airflow = Airflow(
        family,
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
    with part("a warm Spark"):
        family.run("spark-jars", [sys.executable, "-m", "spark_jobs.jars"], env=os.environ, cwd=ROOT)
        connect = _start_spark(family, spark / "warm", environment)
        make_home(spark / "home", _script_settings(environment, connect))
    with part("Airflow's database"):
        family.finish(database)
    stack.callback(airflow.stop)
    with part("Airflow's four processes") as said:
        airflow.start()
        said.append(airflow.url)
    return airflow


def _start_spark(family: Family, folder: Path, environment: Mapping[str, str]) -> str:
    """Start the warm Spark server and return its address, once it answers."""
    folder.mkdir()  # Spark leaves a folder `artifacts` where it runs
    address = f"{ADDRESS}:{find_port()}"
    path = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH", "")]))
    member = family.start(
        "warm-spark",
        [sys.executable, "-m", "spark_jobs.connect_server", address],
        group=SPARK,
        env={**environment, "PYTHONPATH": path},
        cwd=folder,
    )

    def is_ready() -> bool:
        return answers(address, name="SPARK_CONNECT")

    family.await_that(is_ready, seconds=_SPARK_SECONDS, what="The warm Spark")
    family.supervise(member, is_ready, seconds=_SPARK_SECONDS)
    return address


def _script_settings(environment: Mapping[str, str], connect: str) -> dict[str, str]:
    passed = ("CASSANDRA_CONTACT_POINTS", "CASSANDRA_PORT", "TMPDIR")
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return {**{name: environment[name] for name in passed}, "SPARK_CONNECT": connect, "XDG_CACHE_HOME": caches}


def _install(family: Family) -> None:
    """Add the packages of Airflow and Spark to the environment of this checkout; quick where they are there."""
    if sys.prefix == str(ROOT / ".venv"):
        uv = subprocess.run(["sh", str(ROOT / "scripts" / "uv.sh")], capture_output=True, text=True, check=False)
        if uv.returncode == 0:
            extras = [word for extra in _EXTRAS for word in ("--extra", extra)]
            family.run(
                "packages",
                [uv.stdout.strip(), "sync", "--frozen", "--inexact", "--no-dev", *extras],
                env=os.environ,
                cwd=ROOT,
            )
    require(_MODULES)
