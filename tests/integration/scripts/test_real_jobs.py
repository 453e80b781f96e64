"""The real jobs by their scripts over SSH, with a real installation and Cassandra: cold and warm."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from cassandra.cluster import Session

from tests.integration.scripts.conftest import empty
from tests.integration.scripts.installing import install, make_checkout, use_caches_of_this_machine
from tests.integration.scripts.standalone import QUICK_JAVA
from tests.scenarios.lifecycle.workshop import Workshop
from tests.servers import Server
from tests.sshd import SshServer, ssh_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

KEYSPACE = "t_scripts"
START = "2026-03-01T10:15:00Z"
UNIFIED = (
    "streamer text, timestamp text, youtube_count int, twitter_count int, twitch_count int, total_count bigint,"
    " PRIMARY KEY (streamer, timestamp)"
)
READINGS = {"twitch": [("ann", 10), ("ann", 21)], "youtube": [("ann", 5)], "twitter": [("bob", 7)]}
# 15.5 is rounded up; a platform without a reading is a null.
ROWS = {("ann", 5, None, 16, 21), ("bob", None, 7, None, 7)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Master:
    """An installed host, and the Cassandra that its jobs are pointed at."""

    ssh: SshServer
    cassandra: Session
    server: Server
    connect: str

    def settings(self, **more: str) -> None:
        """Point the jobs at the server, and at a warm server's address that is this module's own."""
        use_caches_of_this_machine(
            self.ssh,
            **{
                "CASSANDRA_CONTACT_POINTS": ",".join(self.server.contact_points),
                "CASSANDRA_PORT": str(self.server.port),
                "SPARK_LOCAL_IP": "127.0.0.1",
                "JAVA_TOOL_OPTIONS": QUICK_JAVA,
                "SPARK_CONNECT": self.connect,
                **more,
            },
        )

    def roll_up(self, minute: int) -> subprocess.CompletedProcess[str]:
        """Write the readings of 10:MM and roll them up; each test has minutes of its own."""
        for platform, readings in READINGS.items():
            insert = f"INSERT INTO {KEYSPACE}.{platform}_live (streamer, timestamp, follower_count) VALUES (%s, %s, %s)"
            for second, (streamer, count) in enumerate(readings):
                self.cassandra.execute(insert, (streamer, f"2026-03-01_10-{minute}-{second:02}", count))
        interval = (f"2026-03-01T10:{minute}:00Z", f"2026-03-01T10:{minute + 1}:00Z")
        return self.ssh.run("bash", "spark_live_to_minute.sh", *interval, "--keyspace", KEYSPACE, timeout=250)

    def rows(self, minute: int) -> set[tuple[Any, ...]]:
        """Return the rows of 10:MM."""
        columns = "timestamp, streamer, youtube_count, twitter_count, twitch_count, total_count"
        found = self.cassandra.execute(f"SELECT {columns} FROM {KEYSPACE}.unified_minute")
        return {tuple(row[1:]) for row in found if row[0] == f"2026-03-01_10-{minute}"}

    def connect_script(self, verb: str) -> subprocess.CompletedProcess[str]:
        """Call spark_connect.sh."""
        return self.ssh.run("bash", "spark_connect.sh", verb, timeout=250)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory, session: Session, server: Server) -> Iterator[Master]:
    """A host with the real installation, and the tables with readings of one minute."""
    session.execute(f"DROP KEYSPACE IF EXISTS {KEYSPACE}")
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {replication}")
    for platform in READINGS:
        columns = "streamer text, timestamp text, follower_count int, PRIMARY KEY (streamer, timestamp)"
        session.execute(f"CREATE TABLE {KEYSPACE}.{platform}_live ({columns})")
    session.execute(f"CREATE TABLE {KEYSPACE}.unified_minute ({UNIFIED})")
    session.execute(f"CREATE TABLE {KEYSPACE}.accounts (streamer text PRIMARY KEY, language text, game text)")
    for streamer in ("ann", "bob"):
        session.execute(f"INSERT INTO {KEYSPACE}.accounts (streamer) VALUES (%s)", (streamer,))
    folder = tmp_path_factory.mktemp("master")
    with ssh_server(folder / "host") as ssh:
        running = Master(ssh=ssh, cassandra=session, server=server, connect=f"127.0.0.1:{_free_port()}")
        running.settings()
        answer = install(ssh, make_checkout(folder / "checkout"))
        assert answer.returncode == 0, answer.stderr
        yield running
        running.connect_script("stop")
        empty(ssh.home)
    session.execute(f"DROP KEYSPACE {KEYSPACE}")


@pytest.fixture(autouse=True)
def _own_settings(master: Master) -> None:
    master.settings()


def test_bad_input_and_a_missing_cassandra_have_the_codes_of_the_job(master: Master) -> None:
    unaligned = master.ssh.run("bash", "spark_minute_to_hour.sh", START, "2026-03-01T10:16:00Z", "--keyspace", KEYSPACE)
    master.settings(CASSANDRA_PORT="9")
    away = master.ssh.run("bash", "spark_live_to_minute.sh", START, "2026-03-01T10:16:00Z", "--keyspace", KEYSPACE)

    assert (unaligned.returncode, unaligned.stdout) == (2, "")
    assert (away.returncode, away.stdout) == (1, "")
    assert "  Next: " in unaligned.stderr
    assert "  Next: " in away.stderr
    assert "Traceback" not in unaligned.stderr + away.stderr


def test_warm_while_the_server_is_up_and_cold_when_it_is_not(master: Master) -> None:
    assert (master.connect_script("status").returncode, master.connect_script("stop").stdout) == (3, "not running\n")

    started = master.connect_script("start")
    assert started.returncode == 0, started.stderr
    assert started.stdout.startswith("running: process ")
    pid = int(started.stdout.split()[2].rstrip(","))
    # It asks nobody for a password, so nobody but this host may reach it.
    server = psutil.Process(pid)
    listening = [
        connection.laddr
        for process in (server, *server.children(recursive=True))
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert int(master.connect.rpartition(":")[2]) in {address.port for address in listening}
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}

    again = master.connect_script("start")
    assert (again.returncode, again.stdout) == (0, started.stdout)
    assert f"the server already runs (process {pid})" in again.stderr
    assert master.connect_script("status").stdout == started.stdout

    warm = master.roll_up(20)
    assert warm.returncode == 0, warm.stderr
    assert json.loads(warm.stdout)["spark"] == "connect"
    assert master.rows(20) == ROWS

    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([server], timeout=10)
    assert master.connect_script("status").returncode == 3
    cold = master.roll_up(21)
    assert cold.returncode == 0, cold.stderr
    report = json.loads(cold.stdout)  # one line of JSON and nothing else
    assert (report["task"], report["rows_read"], report["rows_written"]) == ("live_to_minute", 4, 2)
    assert report["spark"] == "local[*]"
    assert master.rows(21) == ROWS

    restarted = master.connect_script("start")
    master.settings(SPARK_CONNECT="127.0.0.1:9")
    elsewhere = master.connect_script("start")
    assert elsewhere.stdout == restarted.stdout  # it is where it was started
    assert "SPARK_CONNECT is now 127.0.0.1:9, where the jobs look for it" in elsewhere.stderr
    assert restarted.returncode == 0, restarted.stderr
    stopped = master.connect_script("stop")
    assert (stopped.returncode, stopped.stdout) == (0, f"stopped: process {restarted.stdout.split()[2].rstrip(',')}\n")
    assert master.connect_script("status").stdout == "not running\n"


def test_a_warm_server_that_cannot_start_says_why(master: Master) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        master.settings(SPARK_CONNECT=address)
        taken = master.connect_script("start")
    assert taken.returncode == 1
    assert f"another program answers at {address}. Nothing was started." in taken.stderr

    master.settings(JAVA_HOME="/nowhere")
    no_java = master.connect_script("start")
    assert no_java.returncode == 1
    assert "spark_connect.sh: the server ended while starting. It does not run;" in no_java.stderr
    assert "/nowhere" in no_java.stderr
    assert master.connect_script("status").returncode == 3

    master.settings(SPARK_CONNECT="off")
    off = master.connect_script("start")
    assert off.returncode == 2
    assert "SPARK_CONNECT is 'off'" in off.stderr


def test_views_audits_by_spark_and_shows_how_far_it_is(master: Master, tmp_path: Path) -> None:
    """``views audit --spark`` by the real ``ssh``, which is told of the test's server as ``~/.ssh/config`` would."""
    shop = Workshop(session=master.cassandra, keyspace=KEYSPACE, folder=tmp_path, registry=f"{KEYSPACE}_views")
    shop.write_view(
        "by_language",
        "CREATE MATERIALIZED VIEW {{ view }} AS SELECT language, streamer, game FROM {{ base('accounts') }} "
        "WHERE language IS NOT NULL AND streamer IS NOT NULL PRIMARY KEY (language, streamer)",
    )
    for number in range(50):
        values = (f"s{number}", "en", f"game {number}")
        master.cassandra.execute(
            f"INSERT INTO {KEYSPACE}.accounts (streamer, language, game) VALUES (%s, %s, %s)", values
        )
    shop.apply()
    (tmp_path / "views.toml").write_text(
        f'[env.dev]\nregistry = "{shop.registry}"\naudit = {{spark_master = "{master.ssh.target}"}}\n'
    )
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} {shlex.join(master.ssh.options)} "$@"\n')
    program.chmod(0o755)
    environ = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "CASSANDRA_CONTACT_POINTS": ",".join(master.server.contact_points),
        "CASSANDRA_PORT": str(master.server.port),
    }
    views = [sys.executable, "-m", "cassandra_views.cli.main", "--templates", str(tmp_path)]
    command = [*views, "audit", f"{KEYSPACE}.by_language", "--spark", "--format", "json"]
    try:
        done = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=250, check=False
        )
        assert done.returncode == 0, done.stderr
        (found,) = json.loads(done.stdout)["audits"]
        assert (found["view"], found["generation"], found["audit"]) == (f"{KEYSPACE}.by_language", 1, "passed")
        assert found["result"]["view_rows"] == 50
        for side in ("base", "view"):
            assert f"{KEYSPACE}.by_language generation 1: " in done.stderr
            assert f"audit: reading rows of {side}, " in done.stderr
        event = shop.manager().history(shop.full("by_language"), limit=1)[0]
        assert event.event == "audit passed"
        assert event.author.startswith("spark_jobs on ")
    finally:
        master.cassandra.execute(f"DROP MATERIALIZED VIEW {KEYSPACE}.by_language__g1")
        master.cassandra.execute(f"DROP KEYSPACE {shop.registry}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
