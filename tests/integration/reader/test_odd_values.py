"""Values and names that Python has no form for: read without loss, by the reader and by ``views query``."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from cassandra.cluster import Session

from cassandra_views.cli.main import main
from cassandra_views.model.errors import BadRead
from cassandra_views.model.generation import Serving
from cassandra_views.read.time_texts import NanosecondTime
from tests.integration.reader.place import Place, pages_of
from tests.servers import Server

MICROSECONDS = 1795737600000000
"""A timestamp written in microseconds: of the year 58874."""


@pytest.fixture
def query(
    place: Place, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:
    """Run ``views query``: its exit code, and what it printed."""
    (tmp_path / "views.toml").write_text(
        f'[env.dev]\nregistry = "{place.registry}"\ncontact_points = {json.dumps(list(server.contact_points))}\n'
        f"port = {server.port}\n"
    )
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["query", *arguments])
        told = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, told.out, told.err

    return run


def test_times_that_python_has_no_value_for(
    place: Place, session: Session, keyspace: str, query: Any, caplog: pytest.LogCaptureFixture
) -> None:
    own = Place(session, place.registry, keyspace)
    own.run(
        "CREATE TABLE {ks}.odd__g1 (p int, c timestamp, t time, seen frozen<list<timestamp>>, "
        "at frozen<map<time, text>>, PRIMARY KEY (p, c, t))"
    )
    insert = session.prepare(f"INSERT INTO {keyspace}.odd__g1 (p, c, t, seen, at) VALUES (1, ?, ?, ?, ?)")
    session.execute(insert, (MICROSECONDS, NanosecondTime(10**14), [MICROSECONDS, 0], {"10:15:00": "a"}))
    for each in (0, -MICROSECONDS, 2**63 - 1):
        own.run("INSERT INTO {ks}.odd__g1 (p, c, t) VALUES (1, %s, '10:00:00')", each)
    own.serve("odd", Serving(name="odd__g1"))
    reader = own.reader()
    with caplog.at_level(logging.ERROR, "cassandra"):
        rows = reader.select("odd", p=1).rows
        assert [row.c if isinstance(row.c, int) else row.c.isoformat() for row in rows] == [
            -MICROSECONDS,
            "1970-01-01T00:00:00",
            MICROSECONDS,
            2**63 - 1,
        ]
        row = rows[2]
        assert (type(row.t), int(row.t)) == (NanosecondTime, 10**14)
        assert (row.seen[0], row.seen[1].year) == (MICROSECONDS, 1970)
        assert reader.select("odd", p=1, c=row.c, t=row.t).rows == [row]
        for limit in (1, 2, 3):
            assert pages_of(reader.select, limit, "odd", p=1) == rows
            assert pages_of(reader.select, limit, "odd", {"c IN": [each.c for each in rows]}, p=1) == rows
        code, out, _ = query(f"{keyspace}.odd", f"p = 1 AND c = {MICROSECONDS}", "--format", "json")
    assert caplog.records == []  # the driver tells an error and closes its connection where it cannot decode
    assert code == 0
    assert json.loads(out)["rows"] == [
        {
            "p": 1,
            "c": "+58874-08-29T00:00:00.000Z",
            "t": "27:46:40.000000000",
            "at": [["10:15:00.000000000", "a"]],
            "seen": ["+58874-08-29T00:00:00.000Z", "1970-01-01T00:00:00.000Z"],
        }
    ]
    code, out, _ = query(f"{keyspace}.odd", "p = 1 AND c >= '+58874-08-29' AND c < '+58874-08-30'")
    assert (code, out.count("58874-08-29T00:00:00.000Z")) == (0, 2)


def test_names_and_numbers_of_a_query_are_those_of_the_schema(
    place: Place, session: Session, keyspace: str, query: Any
) -> None:
    own = Place(session, place.registry, keyspace)
    own.run(
        'CREATE TABLE {ks}.named__g1 (price decimal, "first name" text, first_name text, "firstName" double, "class" '
        'float, "größe" int, "a[b]" boolean, PRIMARY KEY (price, "first name"))'
    )
    own.run(
        'INSERT INTO {ks}.named__g1 (price, "first name", first_name, "firstName", "class", "größe", "a[b]") '
        "VALUES (1.50, 'Ann', '[red]', NaN, -Infinity, 170, true)"
    )
    own.serve("named", Serving(name="named__g1"))
    code, out, _ = query(f"{keyspace}.named", "price = 1.50 AND \"first name\" = 'Ann'", "--format", "json")
    assert code == 0

    def no_constant(text: str) -> None:
        pytest.fail(f"{text} is no JSON")

    assert json.loads(out, parse_constant=no_constant)["rows"] == [
        {
            "price": "1.50",
            "first name": "Ann",
            "first_name": "[red]",
            "firstName": "nan",
            "class": "-inf",
            "größe": 170,
            "a[b]": True,
        }
    ]
    code, out, _ = query(f"{keyspace}.named", "price IN (1.50, 1.5, 150e-2)")
    header, row = out.splitlines()
    assert header.split() == ["price", "first", "name", "a[b]", "class", "firstName", "first_name", "größe"]
    assert row.split() == ["1.50", "Ann", "true", "-inf", "nan", "[red]", "170"]
    assert code == 0
    code, _, told = query(f"{keyspace}.named", "price = '1.50'")
    assert code == 1
    assert f"On: {keyspace}.named" in told
    assert "Next: Give a number." in told
    with pytest.raises(BadRead, match=r"'price' is decimal and is given 1\.5"):
        own.reader().select("named", price=1.5)
