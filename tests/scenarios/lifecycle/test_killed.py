"""A real ``views apply`` that is killed (SIGKILL) while a view is built: the next run finishes its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from cassandra.concurrent import execute_concurrent_with_args

from cassandra_views.model.generation import State
from tests.scenarios.lifecycle.workshop import Workshop
from tests.servers import Server

CQL = (
    "CREATE MATERIALIZED VIEW {{ view }} AS SELECT a, b FROM {{ base('t') }} "
    "WHERE a IS NOT NULL AND b IS NOT NULL PRIMARY KEY (b, a)"
)


def is_building(workshop: Workshop) -> bool:
    """Tell whether the run has made its view and given back the lease, and awaits the build."""
    if "turned__g1" not in workshop.physical_views():
        return False
    row = workshop.session.execute(f"SELECT owner, released FROM {workshop.registry}.lease").one()
    return row is not None and row.owner is None and row.released == 1


@pytest.mark.slow
def test_a_killed_apply_is_finished_by_the_next(own_registry: Workshop, server: Server) -> None:
    workshop = own_registry
    session, keyspace = workshop.session, workshop.keyspace
    session.execute(f"CREATE TABLE {keyspace}.t (a int, b int, PRIMARY KEY (a, b))")
    insert = session.prepare(f"INSERT INTO {keyspace}.t (a, b) VALUES (?, ?)")
    execute_concurrent_with_args(session, insert, [(a, a % 50) for a in range(15_000)], concurrency=200)
    workshop.write_view("turned", CQL)
    (workshop.folder / "views.toml").write_text(f'[env.dev]\nregistry = "{workshop.registry}"\n', encoding="utf-8")
    environ = {
        **os.environ,
        "CASSANDRA_CONTACT_POINTS": ",".join(server.contact_points),
        "CASSANDRA_PORT": str(server.port),
    }
    command = [sys.executable, "-m", "cassandra_views.cli.main", "--templates", str(workshop.folder), "apply", "--yes"]
    with subprocess.Popen(
        command, cwd=workshop.folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while process.poll() is None:
            if is_building(workshop):
                process.send_signal(signal.SIGKILL)
                break
        output = process.communicate()[0]
    assert process.returncode == -signal.SIGKILL, output
    (left,) = workshop.record("turned").generations
    assert left.state is State.BUILDING
    workshop.apply()
    assert workshop.serving("turned") == "turned__g1"
    assert workshop.physical_views() == {"turned__g1"}
    assert workshop.record("turned").generations[0].rows_built == 15_000
