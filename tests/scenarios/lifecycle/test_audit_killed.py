"""A real ``views audit`` that is killed (SIGKILL) while it reads: the next one resumes, and finds what is there."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest
from cassandra.concurrent import execute_concurrent_with_args

from cassandra_views.model.audit_result import AuditMethod, AuditResult
from cassandra_views.model.generation import Audit
from tests.scenarios.lifecycle.workshop import Workshop
from tests.servers import Server
from tests.waiting import wait_until

ROWS = 4000
CQL = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT a, b FROM {{ base('t') }} "
    "WHERE a IS NOT NULL AND b IS NOT NULL PRIMARY KEY (b, a)"
)


def serve(workshop: Workshop) -> None:
    """Let a view of some rows serve."""
    session, keyspace = workshop.session, workshop.keyspace
    session.execute(f"CREATE TABLE {keyspace}.t (a int, b int, x int, y int, PRIMARY KEY (a, b))")
    insert = session.prepare(f"INSERT INTO {keyspace}.t (a, b) VALUES (?, ?)")
    execute_concurrent_with_args(session, insert, [(a, a % 50) for a in range(ROWS)], concurrency=100)
    workshop.write_view("turned", CQL)
    (workshop.folder / "views.toml").write_text(f'[env.dev]\nregistry = "{workshop.registry}"\n', encoding="utf-8")
    workshop.apply()


def start(workshop: Workshop, server: Server, *options: str) -> subprocess.Popen[str]:
    """Start ``views audit`` as a person does."""
    environ = {
        **os.environ,
        "CASSANDRA_CONTACT_POINTS": ",".join(server.contact_points),
        "CASSANDRA_PORT": str(server.port),
    }
    program = [sys.executable, "-m", "cassandra_views.cli.main", "--templates", str(workshop.folder), "audit"]
    return subprocess.Popen(
        [*program, workshop.full("turned"), *options],
        cwd=workshop.folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_one(workshop: Workshop, server: Server) -> None:
    """Kill an audit that has read some of its rows."""
    with start(workshop, server, "--rate", str(ROWS // 2)) as process:
        wait_until(lambda: process.poll() is not None or any(workshop.folder.glob(".views/cache/audits/*.json")))
        process.send_signal(signal.SIGKILL)
        output = process.communicate()[0]
    assert process.returncode == -signal.SIGKILL, output


def resume(workshop: Workshop, server: Server, code: int) -> AuditResult:
    """Run it again, see that it resumes, and return the verdict that is kept."""
    with start(workshop, server) as process:
        output = " ".join(process.communicate(timeout=120)[0].split())
    assert process.returncode == code, output
    read = re.search(r"is resumed: (\d+)% of the base \(([\d,]+) rows?\)", output)
    assert read is not None, output
    assert 0 < int(read[1]) <= 100
    assert not any(workshop.folder.glob(".views/cache/audits/*.json"))
    verdict = workshop.record("turned").generations[0].verdict
    assert verdict is not None
    return verdict


@pytest.mark.slow
def test_a_killed_audit_is_resumed_though_its_base_changed(own_registry: Workshop, server: Server) -> None:
    workshop = own_registry
    serve(workshop)
    kill_one(workshop, server)
    session, table = workshop.session, f"{workshop.keyspace}.t"
    for a in range(0, ROWS, 40):
        session.execute(f"DELETE FROM {table} WHERE a = {a}")
        session.execute(f"UPDATE {table} SET x = 1 WHERE a = {a + 1} AND b = {(a + 1) % 50}")
        session.execute(f"INSERT INTO {table} (a, b) VALUES ({a + 2}, 99)")
    found = resume(workshop, server, 0)
    assert found.is_passed
    assert workshop.record("turned").generations[0].audit is Audit.PASSED


def check_same_verdict(workshop: Workshop, server: Server) -> None:
    """An audit that differs: killed and resumed it finds what one in a single run finds."""
    serve(workshop)
    session, table = workshop.session, f"{workshop.keyspace}.t"
    for a in (7, 3007):  # rows that the server loses from their view (CASSANDRA-13826)
        where = f"WHERE a = {ROWS + a} AND b = 0"
        session.execute(f"UPDATE {table} USING TIMESTAMP 10 SET y = 1 {where}")
        session.execute(f"DELETE y FROM {table} USING TIMESTAMP 11 {where}")
        session.execute(f"UPDATE {table} USING TIMESTAMP 1 SET x = 1 {where}")
    kill_one(workshop, server)
    found = resume(workshop, server, 1)
    with start(workshop, server, "--restart") as process:
        assert process.wait(120) == 1
    alone = workshop.record("turned").generations[0].verdict
    assert found == alone
    assert (found.missing_rows, found.base_rows, found.method) == (2, ROWS + 2, AuditMethod.ROWS)
