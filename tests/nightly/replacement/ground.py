"""A real cluster of terraform/local with a view on it, under constant load, and ``views cluster heal`` beside it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cassandra.cluster import Session

from cassandra_client.connect import connect_alone
from cassandra_client.errors import ClusterError
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.journal import Journal, JournalEntry
from local_cluster.cluster import LocalCluster, to_toml
from local_cluster.local_node import LocalNode
from local_cluster.node_record import NodeFolder
from local_cluster.node_status import LocalNodeStatus
from local_cluster.tofu import get_binary
from tests.integration.healing.signals import kill
from tests.nightly.healing_cluster.ledger import Ledger
from tests.paths import ROOT
from tests.servers import connect

TERRAFORM = ROOT / "terraform" / "local"
TOKENS = ("-9223372036854775808", "-3074457345618258603", "3074457345618258602")
VIEWS = Path(sys.executable).parent / "views"

POLICY: dict[str, Any] = {
    "mode": "automatic",
    "check_seconds": 1.0,
    "timeout_seconds": 3.0,
    "still_seconds": 4.0,
    "slow_seconds": 2.9,
    "grace_checks": 3,
    "grace_minutes": 0.1,
    "startup_minutes": 0,
    "restart_minutes": 1.5,
    "settle_checks": 2,
    "flaps": 50,
    "restarts_per_day": 50,
    "replacements_per_day": 50,
    "step_failures": 2,
    "hold_seconds": 4,
}
"""Everything that waits is short; what is decided is the same."""

_TABLE = """\
---
description: What the load writes
keyspace: ledger
---
CREATE TABLE {{ table }} (id int PRIMARY KEY, kind int)
"""
_VIEW = """\
---
description: The numbers of one kind
keyspace: ledger
---
CREATE MATERIALIZED VIEW {{ view }} AS
SELECT kind, id FROM {{ base('numbers') }}
WHERE kind IS NOT NULL AND id IS NOT NULL
PRIMARY KEY ((kind), id)
"""


def free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class Ground:
    """The cluster, a project of views on it, and what is known of both.

    Attributes:
        project: the folder of views.toml.
        ledger: constant reads and writes at QUORUM.
    """

    def __init__(self, folder: Path, network: str, tell: Callable[[str], None]) -> None:
        self.addresses = {f"n{number}": f"{network}.{number}" for number in (1, 2, 3)}
        self.port = free_port(self.addresses["n1"])
        nodes = zip(self.addresses.items(), TOKENS, strict=True)
        self.local = LocalCluster(
            TERRAFORM,
            folder / "run",
            get_binary(tell),
            variables={
                "cassandra_nodes": {
                    name: {"address": where, "token": token, "jmx_port": free_port("127.0.0.1")}
                    for (name, where), token in nodes
                },
                "cassandra": {
                    "cluster_name": "heal",
                    "port": self.port,
                    "storage_port": free_port(self.addresses["n2"]),
                    "start_seconds": 240,
                },
            },
        )
        self.project = folder / "project"
        self._journal: Journal | None = None
        self.ledger: Ledger

    @contextmanager
    def running(self) -> Iterator[Ground]:
        """Start all of it; leave nothing behind."""
        points = list(self.addresses.values())
        try:
            self.local.up()
            with Ledger(points, self.port) as self.ledger, connect(points, self.port) as cluster:
                for address in points:
                    self._await_table(address)
                self._session = cluster.connect()
                self._write_project()
                self.views("apply", "--yes")
                yield self
        finally:
            self.local.down()

    def _await_table(self, address: str) -> None:
        """Wait until a node knows the table: nodes that have only just met may not agree on the schema yet."""
        query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'ledger'"
        until = time.monotonic() + 120
        while True:
            with connect_alone(address, port=self.port, timeout_seconds=20) as session:
                if session.execute(query).one() is not None:
                    return
            assert time.monotonic() < until, f"{address} does not know the table"
            time.sleep(0.5)

    @property
    def session(self) -> Session:
        return self._session

    def _write_project(self) -> None:
        for kind, name, text in (("tables", "numbers", _TABLE), ("views", "numbers_by_kind", _VIEW)):
            path = self.project / "cql_templates" / kind / f"{name}.cql.j2"
            path.parent.mkdir(parents=True)
            path.write_text(text, encoding="utf-8")
        self.configure()

    def configure(
        self, keyspace: str = "cluster_health", machines: Mapping[str, Any] | None = None, **policy: Any
    ) -> None:
        """Write views.toml; the journal is from now on that of ``keyspace``."""
        healing = {**POLICY, **self.local.healing_settings(), "keyspace": keyspace, **policy}
        over = {**healing.pop("machines"), "audit": [str(VIEWS), "audit"], **(machines or {})}
        points = ", ".join(f'"{each}"' for each in self.addresses.values())
        text = f'project = "heal"\n[env.dev]\ncontact_points = [{points}]\nport = {self.port}\n'
        for section, values in (("healing", healing), ("healing.machines", over)):
            lines = (f"{key} = {to_toml(value)}" for key, value in values.items())
            text += f"[env.dev.{section}]\n" + "\n".join(lines) + "\n"
        self.project.mkdir(exist_ok=True)
        (self.project / "views.toml").write_text(text, encoding="utf-8")
        self._journal = Journal(ClusterSession(self._session, timeout_seconds=10), keyspace, author="tests")

    def views(self, *words: str, code: int = 0) -> str:
        """Run the command in the project; return what it said."""
        done = subprocess.run(
            [str(VIEWS), *words], cwd=self.project, capture_output=True, text=True, check=False, env=self._environment
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    @contextmanager
    def healing(self, *words: str) -> Iterator[Healing]:
        """Run ``views cluster heal --watch`` beside."""
        healing = Healing(self)
        healing.start(*words)
        try:
            yield healing
        finally:
            healing.kill()

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "VIEWS_AUTHOR": "healer"}

    def status(self, name: str) -> LocalNodeStatus:
        return LocalNode(self.local.run_folder, name).status()

    def host_id(self, name: str) -> str:
        """Return the id under which the node is in the ring."""
        with connect_alone(self.addresses[name], port=self.port, timeout_seconds=20) as session:
            return str(session.execute("SELECT host_id FROM system.local").one()["host_id"])

    def events(self) -> list[tuple[str, str]]:
        """Return what the view's history says, the oldest first: events and details."""
        found = json.loads(self.views("history", "numbers_by_kind", "--format", "json"))["events"]
        return [(each["event"], each["detail"]) for each in reversed(found)]

    def lives(self, name: str) -> int:
        return self.status(name).life

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        kill(self.status(name).pid, number)

    def lose(self, name: str) -> None:
        """Let the machine be gone: its process, and all that it has written."""
        self.kill(name)
        shutil.rmtree(self.data(name))

    def repair(self, name: str) -> None:
        """Give a node what it missed while it was away.

        Its peers owe it that by hints, which they bring within half a minute. Until then a second fault is one of two
        at a time: of what was acknowledged then, the node that is lost next may hold one of two copies.
        """
        LocalNode(self.local.run_folder, name).repair()

    def data(self, name: str) -> Path:
        return NodeFolder(self.local.run_folder, name).life(self.lives(name))

    def lines(self) -> list[JournalEntry]:
        """Return the journal, the oldest line first."""
        assert self._journal is not None
        if not self._journal.exists():
            return []
        until = time.monotonic() + 60
        while True:
            try:
                return self._journal.entries(limit=1000, now=datetime.now(UTC))[::-1]
            except ClusterError:  # for a moment, where a node has just died on a busy machine
                assert time.monotonic() < until
                time.sleep(1)

    def operations(self) -> list[tuple[str, str, str]]:
        """Return act, node and outcome of each operation, in their order."""
        lines = self.lines()
        ends = {line.operation: line.outcome for line in lines if line.event == "ended"}
        names = {where: name for name, where in self.addresses.items()}
        return [(each.act, names[each.node], ends.get(each.operation, "")) for each in lines if each.event == "begun"]

    def told(self) -> str:
        """Return the journal as people read it."""
        lines = self.lines()
        return "\n".join(
            f"{(line.at - lines[0].at).total_seconds():6.1f} s {line.event} {line.rule} {line.outcome} {line.detail}"
            for line in lines
        )

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Check that in a block no request fails, and that nothing that was acknowledged is lost."""
        failed, lost = len(self.ledger.failed), len(self.ledger.lost)
        yield
        print("\n" + self.told())
        found = (self.ledger.failed[failed:], self.ledger.lost[lost:], self.ledger.read_back())
        assert found == ([], [], []), f"failed, not found meanwhile, lost: {found}"


class Healing:
    """A healer that runs; it can be killed, and another one begun."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._log = ground.project / f"heal-{uuid.uuid4().hex[:6]}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *words: str) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(VIEWS), "cluster", "heal", "--watch", *words],
                cwd=self._ground.project,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._ground._environment,
            )

    def kill(self) -> None:
        """Kill it and nothing else: what it has begun goes on alone."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_until(self, is_so: Callable[[], bool], seconds: float = 120.0) -> None:
        until = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < until, self.said()[-6000:]
            assert self._process is not None
            assert self._process.poll() is None, self.said()[-6000:]
            time.sleep(0.05)
