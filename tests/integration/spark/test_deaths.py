"""What a job needs dies while it runs: an error in four parts, and a second run that sets all right."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from spark_jobs.levels import MINUTE
from tests.integration.spark.pipeline import Pipeline
from tests.integration.spark.test_jobs import a_few_readings
from tests.integration.spark.test_processes import MEANS, ROOT, command

HOLDER = """
import os, time
from spark_jobs.connect_server import warm_server
with warm_server(os.environ, warms_up=False) as address:
    print(address, flush=True)
    time.sleep(600)
"""


@contextmanager
def holder(variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A program that starts a warm server, and prints its address when that answers."""
    program = subprocess.Popen(
        [sys.executable, "-c", HOLDER], env=variables, cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate(timeout=30)


def javas(program: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the Javas below a program."""
    return [each for each in psutil.Process(program.pid).children(recursive=True) if "java" in each.name()]


def begin(pipeline: Pipeline, environ: dict[str, str]) -> subprocess.Popen[str]:
    """Start a job, and return when its line is open: what it reads and writes is still to come."""
    job = subprocess.Popen(
        command(pipeline), env=environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 150
    while not pipeline.ledger(MINUTE):
        assert job.poll() is None, job.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return job


def failure(job: subprocess.Popen[str]) -> str:
    """Return what a job says that must fail, clearly."""
    out, text = job.communicate(timeout=150)
    assert (job.returncode, out) == (1, ""), text
    assert all(part in text for part in ("Error: ", "  On: ", "  State: ", "  Next: ")), text
    assert "Traceback" not in text
    return text


def test_the_warm_server_dies(plain: Pipeline, variables: dict[str, str]) -> None:
    a_few_readings(plain)
    with holder(variables) as program:
        assert program.stdout is not None
        environ = variables | {"SPARK_CONNECT": program.stdout.readline().strip()}
        java = javas(program)[0]
        job = begin(plain, environ)
        java.kill()
        assert "Spark could not do the work" in failure(job)
        assert plain.ledger(MINUTE)["08-10"].finished is None
    assert plain.run("live_to_minute", plain.at("08:10")).rows_written == 2
    assert plain.ledger(MINUTE)["08-10"].finished is not None
    assert plain.rows("minute") == MEANS


def test_the_jobs_own_spark_dies(plain: Pipeline, variables: dict[str, str]) -> None:
    a_few_readings(plain)
    job = begin(plain, variables)
    javas(job)[0].kill()
    assert "Spark could not do the work" in failure(job)
    assert plain.ledger(MINUTE)["08-10"].finished is None
    assert plain.run("live_to_minute", plain.at("08:10")).rows_written == 2
    assert plain.rows("minute") == MEANS


def test_a_program_that_is_killed_leaves_no_warm_server(variables: dict[str, str]) -> None:
    with holder(variables) as program:
        assert program.stdout is not None
        assert program.stdout.readline()
        assert javas(program)
        left = psutil.Process(program.pid).children(recursive=True)
        program.kill()
        assert psutil.wait_procs(left, timeout=30)[1] == []
