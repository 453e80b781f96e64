"""What a running server does: data that is kept, and an end that comes with its owner's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from cassandra import Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Cluster, NoHostAvailable

from cassandra_embedded import (
    AlreadyRunning,
    BadOption,
    EmbeddedCassandra,
    drop_data,
    find_ended,
    find_running,
    stop_running,
)
from tests.servers import connect

ADDRESS = "127.0.6.1"
KEYSPACE = "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"


def gone_within(pids: list[int], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.slow
@pytest.mark.cassandra
def test_a_detached_server_outlives_its_program_and_keeps_its_data(tmp_path: Path) -> None:
    start = (
        "import sys, pathlib; from cassandra_embedded import EmbeddedCassandra as E; "
        f"E(address='{ADDRESS}', port=0, data=pathlib.Path(sys.argv[1]), detached=True).start()"
    )
    for wanted in ([], ["k"]):
        subprocess.run([sys.executable, "-c", start, str(tmp_path)], check=True, timeout=120)
        running = find_running(tmp_path)
        assert running is not None
        assert (running.contact_points, running.nodes, running.version) == ((ADDRESS,), 1, "5.0.9")
        try:
            with pytest.raises(AlreadyRunning, match=f"on {ADDRESS}:{running.port}"):
                EmbeddedCassandra(address=ADDRESS, port=0, data=tmp_path).start()
            with pytest.raises(AlreadyRunning, match="not removed"):
                drop_data(tmp_path)
            with connect(list(running.contact_points), running.port) as cluster, cluster.connect() as session:
                own = session.execute("SELECT keyspace_name FROM system_schema.keyspaces")
                assert [row[0] for row in own if not row[0].startswith("system")] == wanted
                if not wanted:
                    session.execute(KEYSPACE)
            if wanted:
                os.kill(running.pids[0], signal.SIGKILL)
                assert gone_within(list(running.pids), 5)
                ended = find_ended(tmp_path)
                assert ended is not None
                assert ended.addresses == (f"{ADDRESS}:{running.port}",)
                assert ended.last_lines
                assert ended.last_lines in ended.log.read_text()
            else:
                assert find_ended(tmp_path) is None
        finally:
            assert stop_running(tmp_path) == (not wanted)
        assert gone_within(list(running.pids), 5)
        assert find_running(tmp_path) is None
        assert not stop_running(tmp_path)
    drop_data(tmp_path)
    assert not tmp_path.exists()


@pytest.mark.slow
@pytest.mark.cassandra
def test_passwords_and_an_end_with_the_owner(tmp_path: Path) -> None:
    program = f"""
import time
from cassandra_embedded import EmbeddedCassandra
settings = {{"authenticator": "PasswordAuthenticator", "authorizer": {{"class_name": "CassandraAuthorizer"}}}}
with EmbeddedCassandra(address="{ADDRESS}", port=0, settings=settings) as server:
    print(server.folder, flush=True)
    time.sleep(600)
"""
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    try:
        assert owner.stdout is not None
        folder = Path(owner.stdout.readline().strip())
        running = find_running(folder)
        assert running is not None
        assert not running.detached

        def log_in(user: str, password: str) -> Cluster:
            return Cluster(
                list(running.contact_points),
                port=running.port,
                auth_provider=PlainTextAuthProvider(user, password),
                protocol_version=5,
            )

        with log_in("cassandra", "cassandra") as cluster, cluster.connect() as session:
            session.execute("CREATE ROLE guest WITH PASSWORD = 'guest' AND LOGIN = true")
        with log_in("guest", "guest") as cluster, cluster.connect() as session:
            with pytest.raises(Unauthorized):
                session.execute(KEYSPACE)
        with (
            log_in("guest", "wrong") as cluster,
            pytest.raises(NoHostAvailable, match="AuthenticationFailed"),
        ):
            cluster.connect()
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()
    assert gone_within(list(running.pids), 5)
    until = time.monotonic() + 5
    while folder.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not folder.exists()


def test_a_folder_of_others_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("x")
    with pytest.raises(BadOption, match="holds no data of an embedded Cassandra"):
        drop_data(tmp_path)
    assert (tmp_path / "precious.txt").exists()
