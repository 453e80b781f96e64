"""What serves, written as the manager would do it, and what reading it must find."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cassandra.cluster import Session

from cassandra_views.model.generation import Serving
from cassandra_views.model.times import TimeColumn, TimeKind
from cassandra_views.read import Result, ViewReader
from cassandra_views.registry.schema import table_statements

DAY = TimeColumn(name="day", kind=TimeKind.TEXT, format="%Y-%m-%d")
START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = [f"2026-01-{number:02d}" for number in range(1, 7)]


def make_keyspace(session: Session, name: str) -> None:
    session.execute(f"DROP KEYSPACE IF EXISTS {name}")
    session.execute(f"CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}")


def make_registry(session: Session, name: str) -> None:
    session.execute(dict(table_statements(name))["views"])


@dataclass
class Place:
    """A registry and a keyspace, and the writing of what serves, as the manager would do it."""

    session: Session
    registry: str
    keyspace: str

    def run(self, query: str, *values: Any) -> Any:
        return self.session.execute(query.replace("{ks}", self.keyspace), values or None)

    def serve(self, view: str, *entries: Serving) -> None:
        self.session.execute(
            f"INSERT INTO {self.registry}.views (keyspace_name, view_name, fence, read_from) VALUES (%s, %s, 1, %s)",
            (self.keyspace, view, [entry.to_map() for entry in entries]),
        )

    def reader(self, session: Session | None = None, **options: Any) -> ViewReader:
        options = {"registry": self.registry, "keyspace": self.keyspace} | options
        return ViewReader(session or self.session, **options)


def create_top(place: Place, number: int, order: str = "total DESC, streamer ASC") -> None:
    place.run(
        f"CREATE MATERIALIZED VIEW {{ks}}.top__g{number} AS SELECT * FROM {{ks}}.base "
        "WHERE streamer IS NOT NULL AND day >= '2026-01-01' AND total IS NOT NULL "
        f"PRIMARY KEY (day, total, streamer) WITH CLUSTERING ORDER BY ({order})"
    )


def top(number: int, **bounds: datetime) -> Serving:
    return Serving(name=f"top__g{number}", time=DAY, **({"start": START} | bounds))


def pages_of(select: Callable[..., Result], limit: int, *args: Any, **columns: Any) -> list[Any]:
    """Read page after page until the end, and return all rows."""
    rows: list[Any] = []
    page = None
    while True:
        result = select(*args, limit=limit, page=page, **columns)
        rows += result.rows
        page = result.next_page
        assert len(result) == limit if page else len(result) <= limit
        if page is None:
            return rows
        assert len(rows) <= 5000


def expected_top(*days: str) -> list[tuple[str, int, str]]:
    return [
        (day, total, f"s{number:02d}")
        for day in days
        for total in range(6, -1, -1)
        for number in range(20)
        if number // 3 == total
    ]
