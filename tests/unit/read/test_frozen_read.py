"""What readers in any language rely on: a change here breaks programs that nobody upgrades with the manager."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cassandra_views.model.generation import Serving
from cassandra_views.model.times import TimeColumn, TimeKind
from cassandra_views.registry.schema import table_statements
from tests.paths import ROOT

PAGE = ROOT / "docs" / "guides" / "other-languages.md"
READERS = [
    ROOT / "views" / "cassandra_views" / "read" / "pointer.py",
    ROOT / "examples" / "readers" / "java" / "src" / "main" / "java" / "ViewReader.java",
    ROOT / "examples" / "readers" / "go" / "viewreader.go",
    ROOT / "examples" / "readers" / "node" / "view-reader.js",
]
FROZEN = {
    "keyspace_name": "text",
    "view_name": "text",
    "read_from": "list<frozen<map<text, text>>> static",
}
KEY = "PRIMARY KEY ((keyspace_name, view_name), number)"
KEYS = {"name", "start", "end", "time_column", "time_kind", "time_format"}
KINDS = {"text", "timestamp", "date", "timeuuid", "seconds", "milliseconds"}
FULL = Serving(
    name="Top__g7",
    time=TimeColumn(name="day", kind=TimeKind.TEXT, format="%Y-%m-%d"),
    start=datetime(2026, 11, 1, tzinfo=UTC),
    end=datetime(2026, 11, 2, 0, 10, tzinfo=UTC),
)


def test_columns_types_and_key_stay_as_they_are() -> None:
    cql = " ".join(dict(table_statements("views_registry"))["views"].split())
    assert re.search(r"CREATE TABLE (IF NOT EXISTS )?views_registry\.views \(", cql)
    types = dict(re.findall(r"[(,] ?(\w+) ((?:\w+|list<.*?>>>)(?: static)?)(?=,)", cql))
    assert {name: types.get(name) for name in FROZEN} == FROZEN
    assert KEY in cql


def test_keys_and_kinds_of_time_stay_as_they_are() -> None:
    assert FULL.to_map() == {
        "name": "Top__g7",
        "start": "2026-11-01T00:00:00Z",
        "end": "2026-11-02T00:10:00Z",
        "time_column": "day",
        "time_kind": "text",
        "time_format": "%Y-%m-%d",
    }
    assert set(FULL.to_map()) == KEYS
    assert Serving(name="ByDay").to_map() == {"name": "ByDay"}
    assert {kind.value for kind in TimeKind} == KINDS


def squeezed(text: str) -> str:
    """Return a text without white space, and without what joins its parts in a program."""
    return re.sub(r"[\s\"'`+]|\bf(?=\")", "", text)


@pytest.mark.parametrize("reader", READERS, ids=lambda path: path.name)
def test_every_reader_sends_the_statement_of_the_page(reader: Path) -> None:
    (statement,) = re.findall(r"^SELECT DISTINCT .*$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    select, where = statement.split("views_registry.views")
    sent = squeezed(reader.read_text(encoding="utf-8"))
    assert squeezed(select) in sent
    assert squeezed(where.replace("?", "%s" if reader.suffix == ".py" else "?")) in sent


def test_the_page_names_every_key() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert [key for key in sorted(KEYS) if f"`{key}`" not in text] == []
