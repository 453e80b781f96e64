"""What the rollups' benchmarks stand on: an embedded Cassandra, the pipeline's tables, and jobs as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cassandra.cluster import Session

from benchmarks.stage import Tell
from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra
from cassandra_views import ViewManager
from followers.demo.views_tour import make_tables
from followers.history import HistorySpan
from followers.load import load_history

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "127.0.22.1"
HEAP_MB = 1024
JOB_SECONDS = 900.0
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
"""The clock of all jobs; readings of seconds expire by the server's clock, days after they were written."""
_NOW = f"{NOW + timedelta(hours=1):%Y-%m-%dT%H:%MZ}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured.

    Args:
        streamers: each on three platforms.
        history: so many times the rows of the interval lie before it.
        served_streamers: those of the same measurement through the serving views.
        day_streamers: those of whom a whole day of seconds is loaded.
        days: of the backfill.
        repeats: runs of each job that is timed; their median counts.
        stream_minutes: how long streaming and batch run beside each other.
    """

    streamers: int = 400
    history: int = 100
    served_streamers: int = 50
    day_streamers: int = 20
    days: int = 30
    repeats: int = 3
    stream_minutes: int = 4


FULL = Sizes()
QUICK = Sizes(streamers=20, history=5, served_streamers=10, day_streamers=1, days=3, repeats=1, stream_minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One job's run: its line, and the seconds of its whole process."""

    line: dict[str, Any]
    seconds: float


class RollupStage:
    """A server with the pipeline's tables in one keyspace after the other."""

    def __init__(self, session: Session, server: EmbeddedCassandra, sizes: Sizes, tell: Tell) -> None:
        self.session = session
        self.sizes = sizes
        self.tell = tell
        self.version = server.version
        # Jobs keep their bytecode, as they do on a Spark master: without it each start compiles half a million lines.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.environ = {
            **kept,
            "CASSANDRA_CONTACT_POINTS": ",".join(server.contact_points),
            "CASSANDRA_PORT": str(server.port),
            "SPARK_CONNECT": "off",
        }
        self.manager = self._new_manager()

    def _new_manager(self) -> ViewManager:
        return ViewManager(self.session, templates=ROOT / "cql_templates", author="benchmarks", clock=lambda: NOW)

    def begin(self) -> None:
        """Make the keyspace ``insight`` and its tables, empty and without views."""
        self.session.execute("DROP KEYSPACE IF EXISTS views_registry", timeout=120)
        self.session.execute("DROP KEYSPACE IF EXISTS insight", timeout=120)
        self.manager = ViewManager(
            self.session, templates=ROOT / "cql_templates", author="benchmarks", clock=lambda: NOW
        )
        make_tables(self.manager)

    def load(self, span: HistorySpan, *, until: datetime = NOW, streamers: int | None = None) -> int:
        """Write sample rows of before ``until``; return how many."""
        count = streamers or self.sizes.streamers
        begun = time.monotonic()
        rows = sum(load_history(self.session, now=until, streamers=count, span=span).values())
        self.tell(f"{rows:,} rows loaded in {time.monotonic() - begun:.0f} s")
        return rows

    def serve(self, *views: str) -> None:
        """Create the views, audited and serving."""
        begun = time.monotonic()
        self.manager.apply(self.manager.plan(list(views)))
        self.tell(f"{', '.join(views)} serve after {time.monotonic() - begun:.0f} s")

    def forget(self) -> None:
        """Empty the ledger, so that a job of before is done again."""
        self.session.execute("TRUNCATE insight.rollups", timeout=60)

    def job(self, task: str, start: datetime, end: datetime, *, now: str | None = _NOW) -> Ran:
        """Run one job as its script does; ``now`` is its clock, None the machine's."""
        clock = ["--now", now] if now else []
        return self.run(["-m", "spark_jobs", task, f"{start:%Y-%m-%dT%H:%MZ}", f"{end:%Y-%m-%dT%H:%MZ}", *clock])

    def run(self, arguments: list[str]) -> Ran:
        """Run Python with these arguments; its standard output is one line of JSON.

        Raises:
            RuntimeError: it failed; with what it said.
        """
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=JOB_SECONDS,
            check=False,
        )
        seconds = time.monotonic() - begun
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()[-1500:]}")
        return Ran(line=json.loads(done.stdout), seconds=seconds)


@contextmanager
def rollup_stage(sizes: Sizes, tell: Tell) -> Iterator[RollupStage]:
    """Start the server and stop it at the end."""
    server = EmbeddedCassandra(address=ADDRESS, port=0, heap_mb=HEAP_MB, on_progress=tell)
    with server, connected(tuple(server.contact_points), port=server.port) as session:
        yield RollupStage(session, server, sizes, tell)
