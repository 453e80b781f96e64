"""A project of parks and their visitors whose views are in all states, on a server that asks who reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from cassandra import DriverException
from cassandra.cluster import NoHostAvailable, Session
from cassandra.query import BatchStatement, BatchType

from cassandra_embedded import EmbeddedCassandra
from cassandra_views.manager import ViewManager
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.steps import CreateGeneration
from cassandra_views.project.settings import Settings
from tests.integration.web.clock import clock

KEYSPACE, REGISTRY = "parks", "parks_registry"
READER, READER_PASSWORD = "reader", "reads-only"
STRANGER, STRANGER_PASSWORD = "stranger", "reads-nothing"
PARKS = 40
DAYS = 10
WHY = "the <script>alert(1)</script> audit of Monday"
"""Somebody's reason, which is text and nothing else."""

READER_GRANTS = (
    f"SELECT ON KEYSPACE {KEYSPACE}",
    f"SELECT ON KEYSPACE {REGISTRY}",
    "SELECT ON system.built_views",
    "SELECT ON system.view_builds_in_progress",
    "SELECT ON system.batches",
    "SELECT ON system.size_estimates",
    "SELECT ON system_distributed.view_build_status",
    "SELECT ON system_views.settings",
    "SELECT ON system_views.gossip_info",
    "SELECT ON system_views.pending_hints",
    "SELECT ON system_views.thread_pools",
    "SELECT ON system_views.coordinator_read_latency",
)
"""What docs/guides/operations-pages.md lists: to read, and nothing else."""

_TABLES = {
    "visits_live": (
        '{column: at, format: "%Y-%m-%d_%H-%M-%S", grain: second}',
        "park text, at text, visitors int, PRIMARY KEY (park, at)",
    ),
    "visits_day": (
        '{column: day, format: "%Y-%m-%d", grain: day}',
        "park text, day text, adults int, children int, total bigint, PRIMARY KEY (park, day)",
    ),
    "parks": (None, "park text PRIMARY KEY, country text, city text"),
}
_BY_DAY = (
    "SELECT * FROM {{ base('visits_day') }} WHERE {{ in_window() }} AND total IS NOT NULL AND park IS NOT NULL "
    "PRIMARY KEY ((day), total, park) WITH CLUSTERING ORDER BY (total DESC, park ASC)"
)
_OF_PARKS = "SELECT * FROM {{ base('parks') }} WHERE %s IS NOT NULL AND park IS NOT NULL PRIMARY KEY (%s, park)"
_VIEWS: dict[str, tuple[str, str]] = {
    "top_parks_by_day": (
        'description: Parks of one day, most visited first\nwindow: {last: 7 days, step: 1 day, at: "00:10"}\n'
        "max_lag: 6 hours\nowner: web\ntags: [flask]",
        _BY_DAY,
    ),
    "visits_by_second": (
        "description: All parks at one second\nwindow: {last: 6 hours, step: 1 hour}\ntags: [flask]",
        "SELECT * FROM {{ base('visits_live') }} WHERE {{ in_window() }} AND park IS NOT NULL PRIMARY KEY (at, park)",
    ),
    "parks_by_country": ("description: Parks of a country", _OF_PARKS % ("country", "country")),
    "parks_by_city": ("description: Parks of a city", _OF_PARKS % ("city", "city")),
    "days_of_all_parks": (
        "description: Parks of one day by name\nwindow: {last: 3 days, step: 1 day}",
        "SELECT * FROM {{ base('visits_day') }} WHERE {{ in_window() }} AND park IS NOT NULL PRIMARY KEY (day, park)",
    ),
    "never_made": ("description: No run of it has gone well", _OF_PARKS % ("city", "city")),
}
SERVING = ("top_parks_by_day", "visits_by_second", "parks_by_country", "parks_by_city")


@dataclass(slots=True, kw_only=True)
class Place:
    """The server, its project, and what an app needs to read it.

    Args:
        session: of a superuser.
        server: its only node may be killed by a test that starts it again.
        folder: where views.toml and the files are.
    """

    session: Session
    server: EmbeddedCassandra
    folder: Path
    keyspace: str = KEYSPACE
    registry: str = REGISTRY
    username: str = READER

    @property
    def contact_points(self) -> tuple[str, ...]:
        return tuple(self.server.contact_points)

    @property
    def port(self) -> int:
        return self.server.port

    @property
    def templates(self) -> Path:
        return self.folder / "templates"

    @property
    def password_file(self) -> Path:
        return self.folder / "reader-password"

    @property
    def config(self) -> dict[str, Any]:
        """What an app's configuration says to read this place as the reader."""
        return {
            "SECRET_KEY": "only of tests",
            "VIEWS_CONTACT_POINTS": self.contact_points,
            "VIEWS_PORT": self.port,
            "VIEWS_REGISTRY": self.registry,
            "VIEWS_USERNAME": self.username,
            "VIEWS_PASSWORD_FILE": self.password_file,
            "VIEWS_TEMPLATES": self.templates,
        }

    def manager(self, **options: Any) -> ViewManager:
        """Return a manager with all rights."""
        settings = Settings.resolve(start=self.templates, templates=self.templates, variables={})
        return ViewManager(self.session, settings=settings, **{"author": "a keeper", "clock": clock, **options})

    def restart(self) -> None:
        """Start the server that was killed, and wait until the superuser's session has found it again."""
        self.server.start_node(1)
        until = monotonic() + 60
        while True:
            try:
                self.session.execute("SELECT key FROM system.local")
                return
            except (DriverException, NoHostAvailable):
                if monotonic() > until:
                    raise
                sleep(0.2)

    def record(self, view: str) -> ViewRecord:
        return self.manager().record(view)

    def write_view(self, name: str, matter: str, select: str) -> None:
        text = f"---\nkeyspace: parks\n{matter}\n---\nCREATE MATERIALIZED VIEW {{{{ view }}}} AS {select}\n"
        self._write("views", name, text)

    @contextmanager
    def more_view(self, name: str, matter: str, select: str, **options: Any) -> Iterator[ViewManager]:
        """Make one more view for a while; gives a manager with these options."""
        self.write_view(name, matter, select)
        try:
            manager = self.manager(**options)
            manager.apply(manager.plan([name]))
            yield manager
        finally:
            (self.templates / "views" / f"{name}.cql.j2").unlink()
            self.manager().drop(name)

    def write_files(self) -> None:
        """Write views.toml, the password, and the files of tables and views."""
        self.folder.mkdir(parents=True)
        (self.folder / "views.toml").write_text(
            f'project = "parks"\ntemplates = "templates"\ndefault_env = "test"\n'
            f'[env.test]\nregistry = "{self.registry}"\nreader_cache_seconds = 1.0\n'
            f'[env.test.keyspaces.parks]\nname = "{self.keyspace}"\n'
            "replication = { class = 'SimpleStrategy', replication_factor = 1 }\n"
        )
        self.password_file.write_text(f"{READER_PASSWORD}\n")
        for name, (time, columns) in _TABLES.items():
            matter = f"keyspace: parks\nmanaged: true\n{f'time: {time}' if time else ''}"
            self._write("tables", name, f"---\n{matter}\n---\nCREATE TABLE {{{{ table }}}} ({columns})\n")
        for name, (matter, select) in _VIEWS.items():
            self.write_view(name, matter, select)

    def fill(self) -> None:
        """Write days, the seconds of the last two minutes, and the parks themselves."""
        now = clock()
        self._insert(
            "visits_day (park, day, adults, children, total)",
            [
                (f"park{park:02}", f"{now - timedelta(days=back):%Y-%m-%d}", park * 10, back, park * 10 + back)
                for park in range(PARKS)
                for back in range(DAYS)
            ],
        )
        self._insert(
            "visits_live (park, at, visitors)",
            [
                (f"park{park:02}", f"{now - timedelta(seconds=back):%Y-%m-%d_%H-%M-%S}", park + back)
                for park in range(PARKS)
                for back in range(120)
            ],
        )
        self._insert(
            "parks (park, country, city)", [(f"park{n:02}", f"country{n % 4}", f"city{n % 8}") for n in range(PARKS)]
        )

    def make(self) -> None:
        """Make what the tests look at: views that serve, one frozen, one being built, one that could never be made."""
        self.write_files()
        replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
        self.session.execute(f"CREATE KEYSPACE {self.keyspace} WITH replication = {replication}")
        for name, (_time, columns) in _TABLES.items():
            self.session.execute(f"CREATE TABLE {self.keyspace}.{name} ({columns})")
        self.fill()
        manager = self.manager()
        manager.apply(manager.plan(SERVING))
        manager.refresh(["top_parks_by_day"])
        manager.override("parks_by_city", "frozen", reason=WHY)
        for _ in range(2):
            manager.note_failed_run("never_made", "parks.never_made: the server refused its CREATE. Correct the file.")
        plan = manager.plan(["days_of_all_parks"])
        manager.carry_out(plan.part([step for step in plan.steps if isinstance(step, CreateGeneration)]))
        self._make_roles()

    def _make_roles(self) -> None:
        for role, password in ((READER, READER_PASSWORD), (STRANGER, STRANGER_PASSWORD)):
            self.session.execute(f"CREATE ROLE IF NOT EXISTS {role} WITH PASSWORD = '{password}' AND LOGIN = true")
        for grant in READER_GRANTS:
            self.session.execute(f"GRANT {grant} TO {READER}")

    def _insert(self, into: str, rows: list[tuple[Any, ...]]) -> None:
        marks = ", ".join("?" for _ in rows[0])
        insert = self.session.prepare(f"INSERT INTO {self.keyspace}.{into} VALUES ({marks})")
        pending = []
        for begin in range(0, len(rows), 100):
            batch = BatchStatement(BatchType.UNLOGGED)
            for row in rows[begin : begin + 100]:
                batch.add(insert, row)
            pending.append(self.session.execute_async(batch))
        for each in pending:
            each.result()

    def _write(self, kind: str, name: str, text: str) -> None:
        path = self.templates / kind / f"{name}.cql.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
