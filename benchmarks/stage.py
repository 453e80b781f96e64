"""What the benchmarks stand on: an embedded Cassandra, base tables with rows, views that serve."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cassandra.cluster import Session
from rich.markup import escape

from benchmarks.data import KEYSPACE, create_table, load_rows, served_minutes
from cassandra_client.connect import connected
from cassandra_client.errors import ClusterError
from cassandra_embedded import EmbeddedCassandra
from cassandra_views import ViewManager
from cassandra_views.apply.reports import Report
from cassandra_views.model.generation import Generation, State

TEMPLATES = Path(__file__).resolve().parent / "project" / "cql_templates"
ADDRESS = "127.0.21.1"
HEAP_MB = 512
BASE, VIEW = "readings", "by_minute"
DROP_ATTEMPTS = 3
"""A machine that others keep busy may leave a server without an answer for a minute."""
SMALL_BASE, SMALL_VIEW = "few_readings", "few_by_minute"

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured.

    Args:
        streamers: of the large base; each has ``minutes`` rows.
        rounds: pairs of a refresh and a hand-made build.
        quiet_seconds: how long the server is left alone before each of them.
        warm_seconds: load before anything is measured.
        per_second: reads, and as many writes.
        small_builds: quiet builds of the small view.
        pairs: reads by the library, each between two by the bare driver.
    """

    streamers: int = 60
    minutes: int = 6000
    rounds: int = 3
    quiet_seconds: float = 10.0
    warm_seconds: float = 15.0
    per_second: float = 200.0
    small_builds: int = 5
    pairs: int = 4000


FULL = Sizes()
QUICK = Sizes(streamers=20, minutes=1500, rounds=1, quiet_seconds=2.0, warm_seconds=2.0, small_builds=2, pairs=300)


class Stage:
    """A server with the benchmarks' tables and views; what happens on it is told to ``reports``."""

    def __init__(self, session: Session, server: EmbeddedCassandra, sizes: Sizes, tell: Tell) -> None:
        self.session = session
        self.address = server.contact_points[0]
        self.port = server.port
        self.version = server.version
        self.sizes = sizes
        self.tell = tell
        self.base_rows = 0
        self.times: tuple[str, ...] = ()
        #: Seconds from the last SUCCESS to built, of each refresh under load.
        self.built_after: list[float] = []
        self.reports: list[tuple[float, Report]] = []
        self.manager = ViewManager(session, templates=TEMPLATES, author="benchmarks", listener=self._listen)

    def _listen(self, report: Report) -> None:
        self.reports.append((time.monotonic(), report))

    def set_up(self) -> None:
        """Create keyspace, tables, rows and the first generation of each view."""
        for table in (BASE, SMALL_BASE):
            create_table(self.session, table)
        now = datetime.now(UTC)
        sizes = self.sizes
        told = 0.0

        def progress(rows: int) -> None:
            nonlocal told
            if time.monotonic() - told > 2:
                told = time.monotonic()
                self.tell(f"loading: {rows:,} of {sizes.streamers * sizes.minutes:,} rows")

        self.base_rows = load_rows(
            self.session,
            BASE,
            streamers=sizes.streamers,
            minutes=sizes.minutes,
            now=now,
            on_progress=progress,
        )
        load_rows(self.session, SMALL_BASE, streamers=10, minutes=500, now=now)
        self.times = served_minutes(now, minutes=sizes.minutes)
        self.tell("creating the views")
        self.manager.apply()
        self.settle()

    def settle(self, *, limit_seconds: float = 30.0) -> None:
        """Wait until the server compacts and builds nothing."""
        until = time.monotonic() + limit_seconds
        while time.monotonic() < until and self.session.execute("SELECT task_id FROM system_views.sstable_tasks").one():
            time.sleep(0.3)

    def drop_retired(self, view: str) -> None:
        """Wait for the grace of what a refresh has replaced, and have it dropped.

        Raises:
            ClusterError: the server did not answer for several minutes.
        """
        failures = 0
        while any(each.state is State.RETIRED or each.state is State.DROPPING for each in self._generations(view)):
            try:
                plan = self.manager.plan([view])
                if plan.has_changes:
                    self.manager.apply(plan)
                else:
                    time.sleep(0.5)
            except ClusterError as error:
                failures += 1
                if failures == DROP_ATTEMPTS:
                    raise
                self.tell(f"[yellow]again: {escape(str(error))}[/yellow]")

    def _generations(self, view: str) -> tuple[Generation, ...]:
        return self.manager.record(view).generations

    def serving(self, view: str) -> str:
        """Return the physical name that serves, with its keyspace."""
        return f"{KEYSPACE}.{self.manager.record(view).read_from[0].name}"


@contextmanager
def stage(sizes: Sizes, tell: Tell) -> Iterator[Stage]:
    """Start a server on an address of its own, and set everything up; nothing of it stays."""
    with EmbeddedCassandra(address=ADDRESS, port=0, heap_mb=HEAP_MB, on_progress=tell) as server:
        with connected(tuple(server.contact_points), port=server.port) as session:
            found = Stage(session, server, sizes, tell)
            found.set_up()
            yield found
