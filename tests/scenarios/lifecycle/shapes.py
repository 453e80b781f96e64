"""Base tables and views of many shapes, each with rows and a plain Python word of what the view holds."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cassandra.util import datetime_from_uuid1, uuid_from_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A base table with a view on it.

    Args:
        table: its name, and the text between the parentheses of CREATE TABLE.
        view: the view file's CQL.
        changed: a piece of it, and what an edit of the file makes of that piece.
        time: the front matter of the table's file; empty for a view without a window.
        row: row number ``i`` of the base, at a moment.
        when: the moment of a row of the base.
        is_in: what else a row must meet to belong to the view.
    """

    name: str
    table: tuple[str, str]
    view: str
    changed: tuple[str, str]
    row: Callable[[int, datetime], Row]
    time: str = ""
    when: Callable[[Row], datetime] = lambda row: EPOCH
    is_in: Callable[[Row], bool] = lambda row: True
    using: str = ""
    options: str = ""

    def statements(self, keyspace: str) -> list[str]:
        """Return what creates the base."""
        name, columns = self.table
        return [f'CREATE TABLE {keyspace}."{name}" ({columns}){self.options}']

    def insert(self, keyspace: str, row: Row) -> tuple[str, list[Any]]:
        columns = ", ".join(f'"{each}"' for each in row)
        marks = ", ".join("?" for _ in row)
        return f'INSERT INTO {keyspace}."{self.table[0]}" ({columns}) VALUES ({marks}){self.using}', list(row.values())


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


READINGS = Shape(
    name="readings",
    table=("readings", "sensor text, ts timestamp, value int, note text, PRIMARY KEY (sensor, ts)"),
    time="{column: ts, type: timestamp}",
    view="CREATE MATERIALIZED VIEW {{ view }} AS SELECT ts, sensor, value FROM {{ base('readings') }} "
    "WHERE {{ in_window() }} AND sensor IS NOT NULL PRIMARY KEY (ts, sensor)",
    changed=("SELECT ts, sensor, value", "SELECT ts, sensor, value, note"),
    row=lambda i, at: {"sensor": f"s{i % 5}", "ts": _naive(at), "value": i, "note": None if i % 3 else f"n{i}"},
    when=lambda row: row["ts"].replace(tzinfo=UTC),
)

BUCKETS = Shape(
    name="buckets",
    table=(
        "trips",
        "city text, day date, trip int, km double, tags set<text>, PRIMARY KEY ((city, day), trip)",
    ),
    time="{column: day, type: date}",
    view="CREATE MATERIALIZED VIEW {{ view }} AS SELECT city, day, trip, km, tags FROM {{ base('trips') }} "
    "WHERE {{ in_window() }} AND city IN ('Bern', 'Genf') AND trip > 2 PRIMARY KEY ((day), city, trip)",
    changed=("trip > 2", "trip > 3"),
    row=lambda i, at: {
        "city": ("Bern", "Genf", "Zug")[i % 3],
        "day": at.date(),
        "trip": i,
        "km": i / 2,
        "tags": {f"t{i % 4}", "all"} if i % 2 else None,
    },
    when=lambda row: datetime.combine(row["day"].date(), datetime.min.time(), UTC),
    is_in=lambda row: row["city"] != "Zug" and row["trip"] > 2,
)

POSTS = Shape(
    name="posts",
    table=(
        "posts",
        "room text, at timeuuid, topic text static, author text, body text, PRIMARY KEY (room, at)",
    ),
    time="{column: at, type: timeuuid}",
    view="CREATE MATERIALIZED VIEW {{ view }} AS SELECT author, at, room, body FROM {{ base('posts') }} "
    "WHERE {{ in_window() }} AND room IS NOT NULL AND author IS NOT NULL "
    "PRIMARY KEY ((author), at, room) WITH CLUSTERING ORDER BY (at DESC, room ASC)",
    changed=("(at DESC, room ASC)", "(at DESC, room DESC)"),
    row=lambda i, at: {
        "room": f"r{i % 2}",
        "at": uuid_from_time(at, node=i, clock_seq=i),
        "topic": f"about {i}",
        "author": None if i % 4 == 0 else f"a{i % 3}",
        "body": f"post {i}",
    },
    when=lambda row: datetime_from_uuid1(row["at"]).replace(tzinfo=UTC),
    is_in=lambda row: row["author"] is not None,
)

QUOTED = Shape(
    name="quoted",
    table=(
        "Events",
        '"Shop" int, "At" bigint, "order" uuid, "Sum %" decimal, PRIMARY KEY (("Shop", "order"), "At")',
    ),
    time='{column: "At", type: seconds}',
    view='CREATE MATERIALIZED VIEW {{ view }} AS SELECT "At", "Shop", "order", "Sum %" FROM {{ base(\'Events\') }} '
    'WHERE {{ in_window() }} AND "Shop" IS NOT NULL AND "order" IS NOT NULL PRIMARY KEY (("Shop"), "At", "order")',
    changed=('"At", "order")', '"order", "At")'),
    row=lambda i, at: {
        "Shop": i % 4,
        "At": int(at.timestamp()),
        "order": uuid.UUID(int=i),
        "Sum %": None if i % 5 else i,
    },
    when=lambda row: EPOCH + timedelta(seconds=row["At"]),
)

FROZEN = Shape(
    name="frozen",
    table=(
        "stock",
        "minute text, parts frozen<set<int>>, place frozen<map<text, int>>, amount int, unit text, "
        "PRIMARY KEY (parts, minute, place)",
    ),
    time='{column: minute, format: "%Y-%m-%d_%H-%M"}',
    view="CREATE MATERIALIZED VIEW {{ view }} AS SELECT minute, parts, place, amount, unit FROM {{ base('stock') }} "
    "WHERE {{ in_window() }} AND parts IS NOT NULL AND place IS NOT NULL AND amount IS NOT NULL "
    "PRIMARY KEY ((place), amount, minute, parts)",
    changed=("amount, minute, parts)", "amount, parts, minute)"),
    row=lambda i, at: {
        "minute": at.strftime("%Y-%m-%d_%H-%M"),
        "parts": {i, i % 7},
        "place": {"hall": i % 3},
        "amount": None if i % 5 == 0 else i,
        "unit": None if i % 6 == 0 else "kg",
    },
    when=lambda row: datetime.strptime(row["minute"], "%Y-%m-%d_%H-%M").replace(tzinfo=UTC),
    is_in=lambda row: row["amount"] is not None,
)

SESSIONS = Shape(
    name="sessions",
    table=("sessions", "who text, device text, seen timestamp, PRIMARY KEY (who, device)"),
    view="CREATE MATERIALIZED VIEW {{ view }} AS SELECT device, who, seen FROM {{ base('sessions') }} "
    "WHERE device IS NOT NULL AND who IS NOT NULL PRIMARY KEY (device, who)",
    changed=("SELECT device, who, seen", "SELECT *"),
    row=lambda i, at: {"who": f"w{i}", "device": f"d{i % 9}", "seen": _naive(at)},
    using=" USING TTL 3600",
    options=" WITH default_time_to_live = 86400",
)

ALL = (READINGS, BUCKETS, POSTS, QUOTED, FROZEN, SESSIONS)
