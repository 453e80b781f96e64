"""What a job needs dies while it runs: an error in four parts, and a second run that sets all right."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra
from spark_jobs.levels import MINUTE
from tests.certificates import Authority, certificate
from tests.integration.spark.pipeline import LONG_AGO, Pipeline, make_keyspace
from tests.integration.spark.test_jobs import a_few_readings
from tests.integration.spark.test_processes import MEANS, ROOT, answer, command, run

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


@pytest.mark.timeout(600)
def test_cassandra_dies_and_comes_back_and_all_speak_tls(plain: Pipeline, warm: dict[str, str], tmp_path: Path) -> None:
    """Its certificate is one that Java does not know, and it asks for one of the client."""
    own, key = certificate("127.0.0.1")
    stranger = "".join(Authority("others").sign("client"))
    for name, text in (
        ("ca.pem", certificate("127.0.9.9")[0] + own),
        ("own.pem", own),
        ("key.pem", key),
        ("stranger.pem", stranger),
    ):
        (tmp_path / name).write_text(text)
    encryption = {
        "enabled": True,
        "optional": True,  # for the look whether it is up
        "require_client_auth": True,
        "ssl_context_factory": {
            "class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory",
            "parameters": {"private_key": key + own, "trusted_certificates": own},
        },
    }
    with EmbeddedCassandra(port=0, heap_mb=512, settings={"client_encryption_options": encryption}) as server:
        points = tuple(server.contact_points)
        environ = warm | {
            "CASSANDRA_CONTACT_POINTS": ",".join(points),
            "CASSANDRA_PORT": str(server.port),
            "CASSANDRA_TLS_CA": str(tmp_path / "ca.pem"),
            "CASSANDRA_TLS_CERT": str(tmp_path / "own.pem"),
            "CASSANDRA_TLS_KEY": str(tmp_path / "key.pem"),
        }
        with connected(points, port=server.port) as session:
            keyspace = next(iter(make_keyspace(session, "spark_dying")))
            pipeline = replace(plain, session=session, keyspace=keyspace, start=LONG_AGO)
            a_few_readings(pipeline)
            # The sessions that met the death are waited for, so long each.
            job = begin(pipeline, environ | {"SPARK_ANSWER_SECONDS": "5"})
            server.kill_node(1)
        failure(job)
        server.start_node(1)
        with connected(points, port=server.port) as session:
            pipeline = replace(pipeline, session=session)
            # A node that is killed forgets what its log had not synced, of up to ten seconds: lines and readings.
            assert [line for line in pipeline.ledger(MINUTE).values() if line.finished] == []
            a_few_readings(pipeline)
            assert answer(run(command(pipeline), environ))["rows_written"] == 2
            assert pipeline.ledger(MINUTE)["08-10"].finished is not None
            assert pipeline.rows("minute") == MEANS
            clients = list(session.execute("SELECT driver_name, ssl_enabled FROM system_views.clients"))
            assert {row.ssl_enabled for row in clients if "Java" in (row.driver_name or "")} == {True}, clients
        wrong = dict.fromkeys(("CASSANDRA_TLS_CERT", "CASSANDRA_TLS_KEY"), str(tmp_path / "stranger.pem"))
        refused = run(command(pipeline), environ | wrong)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "the node refuses our certificate" in refused.stderr
        assert "Traceback" not in refused.stderr


def test_a_program_that_is_killed_leaves_no_warm_server(variables: dict[str, str]) -> None:
    with holder(variables) as program:
        assert program.stdout is not None
        assert program.stdout.readline()
        assert javas(program)
        left = psutil.Process(program.pid).children(recursive=True)
        program.kill()
        assert psutil.wait_procs(left, timeout=30)[1] == []
