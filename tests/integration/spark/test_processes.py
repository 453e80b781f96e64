"""The command line as the scripts run it: one JSON line, exit codes, a warm server, killed processes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

from spark_jobs.levels import MINUTE
from tests.integration.spark.pipeline import Pipeline
from tests.integration.spark.test_jobs import a_few_readings
from tests.paths import ROOT

KEYS = [
    "task", "start", "end", "intervals", "rows_read", "rows_written", "streamers_missing", "expected", "seen",
    "completeness", "filled", "kept", "source", "spark", "seconds",
]  # fmt: skip
MEANS = {("ann", "08-10"): (7, None, 115, 122), ("bob", "08-10"): (None, 100, None, 100)}


def command(pipeline: Pipeline, task: str = "live_to_minute", start: str = "08:10", end: str = "08:11") -> list[str]:
    texts = [pipeline.at(each).isoformat().replace("+00:00", "Z") for each in (start, end)]
    options = ["--keyspace", pipeline.keyspace, "--registry", pipeline.registry]
    return [sys.executable, "-m", "spark_jobs", task, *texts, *options, "--now", texts[1]]


def run(line: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=200)


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_job_on_a_spark_of_its_own(plain: Pipeline, variables: dict[str, str]) -> None:
    """What listens where a warm server should be is another program, and is passed over."""
    a_few_readings(plain)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = run(command(plain), variables | {"SPARK_CONNECT": f"127.0.0.1:{listening.getsockname()[1]}"})
    found = answer(done)
    assert "is no Spark Connect server" in done.stderr
    assert list(found) == KEYS
    assert plain.rows("minute") == MEANS
    assert found["spark"] == "local[2]"
    assert found["start"] == f"{plain.start:%Y-%m-%d}T08:10:00Z"
    assert (found["intervals"], found["rows_read"], found["rows_written"]) == (1, 6, 2)
    assert found["completeness"] == round(6 / 180, 6)


def test_a_job_on_the_warm_server(plain: Pipeline, warm: dict[str, str]) -> None:
    a_few_readings(plain)
    found = answer(run(command(plain), warm))
    assert (found["spark"], found["rows_written"]) == ("connect", 2)
    assert plain.rows("minute") == MEANS
    sums = answer(run(command(plain, "aggregations", "00:00", "00:00")[:4] + _day(plain), warm))
    assert [*KEYS, "unknown"] == list(sums)


def _day(pipeline: Pipeline) -> list[str]:
    day = f"{pipeline.start:%Y-%m-%d}"
    return [f"{day}", f"{day[:8]}{int(day[8:]) + 1:02d}", "--keyspace", pipeline.keyspace, "--registry", "nowhere"]


def test_a_job_killed_before_its_rows_are_written(plain: Pipeline, warm: dict[str, str]) -> None:
    """Between the opening and the closing of its line: nothing says that the minute is done."""
    a_few_readings(plain)
    process = subprocess.Popen(
        command(plain), env=warm, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    deadline = time.monotonic() + 60
    while not plain.ledger(MINUTE) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (-signal.SIGKILL, "")
    assert plain.ledger(MINUTE)["08-10"].finished is None
    assert plain.run("minute_to_hour", plain.at("08:00")).filled == 2
    assert plain.ledger(MINUTE)["08-10"].finished is not None
    assert {key: row for key, row in plain.rows("minute").items() if key[1] == "08-10"} == MEANS
