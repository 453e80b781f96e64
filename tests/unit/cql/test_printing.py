from __future__ import annotations

import pytest

from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.cql.printing import table_cql, view_cql
from cassandra_views.model.errors import StatementError
from tests.unit.cql.test_parse import TOP


def test_a_generation_with_its_bounds_and_options() -> None:
    text = view_cql(
        parse_view(TOP.replace("ASC);", "ASC) AND comment = 'mine' AND gc_grace_seconds = 100")),
        keyspace="insight",
        physical="top__g7",
        window_start="'2026-01-01'",
        window_end="'2026-02-01'",
        options=(("comment", "it's ours"), ("id", "123e4567-e89b-12d3-a456-426614174000")),
    )
    assert text == (
        "CREATE MATERIALIZED VIEW insight.top__g7 AS\n"
        "SELECT timestamp, streamer, total_count\n"
        "FROM insight.unified_day\n"
        "WHERE timestamp >= '2026-01-01' AND timestamp < '2026-02-01' "
        "AND streamer IS NOT NULL AND total_count IS NOT NULL\n"
        "PRIMARY KEY ((timestamp), total_count, streamer)\n"
        "WITH CLUSTERING ORDER BY (total_count DESC, streamer ASC)\n"
        "    AND gc_grace_seconds = 100\n"
        "    AND comment = 'it''s ours'\n"
        "    AND id = 123e4567-e89b-12d3-a456-426614174000"
    )


@pytest.mark.parametrize(
    ("start", "end", "where"),
    [
        ("1", None, "timestamp >= 1"),
        (None, "2", "timestamp < 2"),
        (None, None, "timestamp IS NOT NULL"),
    ],
)
def test_a_bound_that_is_none_is_left_out(start: str | None, end: str | None, where: str) -> None:
    text = view_cql(parse_view(TOP), keyspace="k", physical="p", window_start=start, window_end=end)
    assert f"\nWHERE {where} AND streamer IS NOT NULL AND total_count IS NOT NULL\n" in text


@pytest.mark.parametrize("bound", ["now()", "1 + 1", "'it''s'", "''", "1 AND x = 2", "'a' --"])
def test_a_bound_is_a_harmless_literal(bound: str) -> None:
    statement = parse_view(TOP)
    if bound == "'a' --":
        text = view_cql(statement, keyspace="k", physical="p", window_start=bound, window_end=None)
        assert "timestamp >= 'a' AND" in text
        return
    with pytest.raises(StatementError):
        view_cql(statement, keyspace="k", physical="p", window_start=bound, window_end=None)


def test_names_are_quoted_where_they_must_be() -> None:
    statement = parse_view(
        'CREATE MATERIALIZED VIEW v AS SELECT "A", "q""q", "table" FROM "B" WHERE "A" = 1 PRIMARY KEY ("A", "table")'
    )
    text = view_cql(statement, keyspace="K", physical="v__g1", window_start=None, window_end=None)
    assert text == (
        'CREATE MATERIALIZED VIEW "K".v__g1 AS\nSELECT "A", "q""q", "table"\nFROM "K"."B"\n'
        'WHERE "A" = 1\nPRIMARY KEY (("A"), "table")'
    )


def test_a_table_under_another_name() -> None:
    table = parse_table("create table t (a varchar primary key, b frozen<map<int,list<int>>> static)")
    assert table_cql(table, keyspace="k", name="Other") == (
        'CREATE TABLE k."Other" (\n    a text,\n    b frozen<map<int, frozen<list<int>>>> static,\n'
        "    PRIMARY KEY ((a))\n)"
    )
