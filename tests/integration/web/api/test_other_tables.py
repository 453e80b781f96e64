"""Tables of somebody else: a quoted keyspace, columns of all types, a long key; an app that views.toml configures."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from cassandra.util import uuid_from_time
from flask import Flask
from flask.testing import FlaskClient

from cassandra_views.manager import ViewManager
from cassandra_views.project.settings import Settings
from cassandra_views.web import CassandraViews
from tests.integration.web.api.test_document import tried
from tests.integration.web.api.test_rows import read, told
from tests.integration.web.clock import clock, today
from tests.integration.web.place import READER, READER_PASSWORD, Place

pytestmark = pytest.mark.cassandra

KEYSPACE, REGISTRY = "Harbour", "harbour_registry"
COLUMNS = (
    'tenant uuid, day date, "Ship Name" text, at timestamp, price decimal, seal blob, seq timeuuid, '
    "weights map<text, int>, by_deck map<int, text>, tags set<text>, stops list<frozen<tuple<text, int>>>, "
    "captain frozen<person>, host inet, clock time, span duration, big varint, ratio double, ok boolean, note text"
)
SHIPS = ("a/b//c", "Ünïcode ✓ 漢字 😀", "'; DROP TABLE loads; --", 'quo"ted', " blanks ", "100%25 & more=1#top", "..")
TENANT = uuid.UUID(int=7)
MATTER = "---\nkeyspace: harbour\n{window}---\nCREATE MATERIALIZED VIEW {{{{ view }}}} AS SELECT * FROM "
NOT_NULL = " AND ".join(f"{each} IS NOT NULL" for each in ('"Ship Name"', "tenant", "at", "price", "seal", "seq"))
BY_DAY = (
    MATTER.format(window="window: {last: 7 days, step: 1 day}\n")
    + f"{{{{ base('loads') }}}} WHERE {{{{ in_window() }}}} AND {NOT_NULL} "
    + 'PRIMARY KEY ((day, tenant), "Ship Name", at, price, seal, seq) WITH CLUSTERING ORDER BY '
    + '("Ship Name" DESC, at ASC, price DESC, seal ASC, seq DESC)\n'
)
BY_SHIP = (
    MATTER.format(window="")
    + f"{{{{ base('loads') }}}} WHERE day IS NOT NULL AND {NOT_NULL} "
    + 'PRIMARY KEY (("Ship Name"), day, tenant, at, price, seal, seq)\n'
)


@dataclass(slots=True)
class Harbour:
    """The project, and the rows of its table as clients get them."""

    folder: Path
    rows: list[dict[str, Any]]


@pytest.fixture(scope="module")
def harbour(reader_server: Place, tmp_path_factory: pytest.TempPathFactory) -> Harbour:
    """A project whose views.toml tells all that an app must know."""
    folder = tmp_path_factory.mktemp("harbour")
    session = reader_server.session
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f'CREATE KEYSPACE "{KEYSPACE}" WITH replication = {replication}')
    session.execute(f'CREATE TYPE "{KEYSPACE}".person (name text, born date)')
    key = '((tenant, day), "Ship Name", at, price, seal, seq)'
    session.execute(f'CREATE TABLE "{KEYSPACE}".loads ({COLUMNS}, PRIMARY KEY {key})')
    (folder / "password").write_text(READER_PASSWORD)
    (folder / "views.toml").write_text(
        f'default_env = "quay"\n[env.quay]\nregistry = "{REGISTRY}"\nusername = "{READER}"\n'
        'password_file = "password"\n'
        f"contact_points = {json.dumps(reader_server.contact_points)}\nport = {reader_server.port}\n"
        f'[env.quay.keyspaces.harbour]\nname = "{KEYSPACE}"\n'
    )
    for kind, name, text in (
        ("tables", "loads", "---\nkeyspace: harbour\ntime: {column: day, type: date, grain: day}\n---\n"),
        ("views", "loads_by_day", BY_DAY),
        ("views", "loads_by_ship", BY_SHIP),
    ):
        path = folder / "cql_templates" / kind / f"{name}.cql.j2"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    rows = [row for number, ship in enumerate(SHIPS) for row in loads(reader_server, ship, number)]
    manager = ViewManager(
        session, settings=Settings.resolve(start=folder, variables={}), author="a keeper", clock=clock
    )
    manager.apply(manager.plan())
    for keyspace in (f'"{KEYSPACE}"', REGISTRY):
        session.execute(f"GRANT SELECT ON KEYSPACE {keyspace} TO {READER}")
    return Harbour(folder=folder, rows=rows)


def loads(place: Place, ship: str, number: int) -> Iterator[dict[str, Any]]:
    """Write three loads of a ship; return them as clients are to get them."""
    insert = place.session.prepare(
        f'INSERT INTO "{KEYSPACE}".loads (tenant, day, "Ship Name", at, price, seal, seq, weights, by_deck, tags, '
        "stops, captain, host, clock, span, big, ratio, ok, note) VALUES (?, ?, ?, ?, ?, ?, ?, "
        "{'a/b': 1}, {3: 'bow'}, {'x', 'ü'}, [('Kiel', 1)], {name: 'Ann', born: '1980-02-29'}, '2001:db8::1', "
        "'10:15:00.5', 1mo2d3h, 123456789012345678901234567890, NaN, true, null)"
    )
    day = datetime.fromisoformat(f"{today()}T00:00:00Z")
    for turn in range(3):
        at = day + timedelta(hours=turn, milliseconds=number)
        price = Decimal("12345678901234567890.10") * (-1) ** turn
        seal = bytes([0, number, 255]) * turn
        seq = uuid_from_time(at)
        place.session.execute(insert, (TENANT, day.date(), ship, at, price, seal, seq))
        yield {
            "day": today(),
            "tenant": str(TENANT),
            "Ship Name": ship,
            "at": f"{at:%Y-%m-%dT%H:%M:%S}.{number:03}Z",
            "price": str(price),
            "seal": f"0x{seal.hex()}",
            "seq": str(seq),
            "weights": {"a/b": 1},
            "by_deck": [[3, "bow"]],
            "tags": ["x", "ü"],
            "stops": [["Kiel", 1]],
            "captain": {"name": "Ann", "born": "1980-02-29"},
            "host": "2001:db8::1",
            "clock": "10:15:00.500000000",
            "span": "1mo2d3h",
            "big": "123456789012345678901234567890",
            "ratio": "nan",
            "ok": True,
            "note": None,
        }


@pytest.fixture
def app(harbour: Harbour, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """An app that is told nothing but its secret, and finds the rest in views.toml."""
    monkeypatch.chdir(harbour.folder)
    found = Flask("harbour")
    found.config.update(SECRET_KEY="only of tests", TESTING=True)
    views = CassandraViews(found, clock=clock)
    yield found
    views.state.session_provider.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


DAY_ROWS, SHIP_ROWS = "/api/views/loads_by_day/rows", f"/api/views/{KEYSPACE}.loads_by_ship/rows"
KEY = ("Ship Name", "at", "price", "seal", "seq")


def in_view(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows in the order of the view by day: ships descending, then times."""
    return sorted(sorted(rows, key=lambda row: row["at"]), key=lambda row: row["Ship Name"].encode(), reverse=True)


def test_rows_of_every_type_come_as_the_reference_says(client: FlaskClient, harbour: Harbour) -> None:
    partition = {"day": today(), "tenant": TENANT}
    assert read(client, DAY_ROWS, **partition)["rows"] == in_view(harbour.rows)
    iso = read(client, DAY_ROWS, **partition, times="iso", limit=1)["rows"][0]
    assert iso["day"] == f"{today()}T00:00:00Z"
    assert client.get(DAY_ROWS, query_string=partition).headers["Cache-Control"] == "no-cache"  # the day goes on
    assert read(client, DAY_ROWS, day=f"{today()}T23:59:59Z", tenant=str(TENANT).upper(), limit=1)["rows"]


def test_every_row_is_found_by_the_key_that_it_shows(client: FlaskClient, harbour: Harbour) -> None:
    for row in harbour.rows:
        for path in (DAY_ROWS, SHIP_ROWS):
            assert read(client, path, **{name: row[name] for name in ("day", "tenant", *KEY)})["rows"] == [row]


def test_pages_and_ranges_of_such_keys(client: FlaskClient, harbour: Harbour) -> None:
    partition = {"day": today(), "tenant": TENANT}
    rows, page = [], {}
    while True:
        answer = read(client, DAY_ROWS, **partition, limit=2, **page)
        rows += answer["rows"]
        if not answer["next_page"]:
            break
        page = {"page": answer["next_page"]}
    assert rows == in_view(harbour.rows)
    ship = SHIPS[1]
    found = read(client, DAY_ROWS, **partition, **{"Ship Name": ship, "at.gte": f"{today()}T01:00:00Z"})
    assert [row["Ship Name"] for row in found["rows"]] == [ship] * 2
    found = read(client, SHIP_ROWS, **{"Ship Name.in": [SHIPS[0], SHIPS[3]], "limit": 10})
    assert [row["Ship Name"] for row in found["rows"]] == [SHIPS[0]] * 3 + [SHIPS[3]] * 3


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("day", "2026-02-30", "ISO 8601"),
        ("tenant", "7", "a UUID"),
        ("Ship Name.gt", "a\0", "zero byte"),
        ("at", "noon", "ISO 8601"),
        ("price", "NaN", "a decimal number"),
        ("price", "1e99999", "a decimal number"),
        ("seal", "00ff", "0x"),
        ("seq", "7be10e03-c243-4055-9fc6-21efffe55b2a", "a UUID of version 1"),
        ("note", "x", "only the key can be asked for"),
        ("ship name", "x", "Ship Name"),
    ],
)
def test_values_of_another_type_are_told(client: FlaskClient, name: str, text: str, says: str) -> None:
    values = {"day": today(), "tenant": str(TENANT), name: text}
    found = client.get(DAY_ROWS, query_string=values)
    assert says in told(found, 400)["detail"]


def test_its_pages_and_its_description(client: FlaskClient) -> None:
    described = client.get(f"/api/views/{KEYSPACE}.loads_by_day").get_json()
    assert [(each["name"], each["key"], each["order"]) for each in described["columns"]][:4] == [
        ("day", "partition", None),
        ("tenant", "partition", None),
        ("Ship Name", "clustering", "desc"),
        ("at", "clustering", "asc"),
    ]
    assert described["time"] == {"column": "day", "kind": "date", "format": None, "grain": "1 day"}
    for path in ("/views/", f"/views/view/{KEYSPACE}.loads_by_day", "/views/timeline", "/views/plan", "/api/"):
        assert client.get(path).status_code == 200, path
    assert client.get("/readyz").get_json()["views"][f"{KEYSPACE}.loads_by_ship"]["condition"] == "serving"


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_every_answer_is_as_the_document_says(app: Flask, mode: schemathesis.GenerationMode) -> None:
    seen, paths = tried(app, mode)
    assert {f"/api/views/{KEYSPACE}.loads_by_day/rows", f"/api/views/{KEYSPACE}.loads_by_ship/rows"} <= paths
    assert seen[200 if mode is schemathesis.GenerationMode.POSITIVE else 400]
