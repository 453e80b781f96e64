from __future__ import annotations

import dataclasses

import pytest

from cassandra_views.cql.drift import table_drift, view_drift
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.model.statement import OptionValue
from cassandra_views.model.table import Column, ColumnKind, TableShape

TABLE = parse_table(
    "CREATE TABLE t (p text, at text, v int, m map<text, frozen<list<int>>>, PRIMARY KEY (p, at)) "
    "WITH CLUSTERING ORDER BY (at DESC) AND gc_grace_seconds = 100"
)
BASE = TABLE.shape("ks")
VIEW = parse_view(
    "CREATE MATERIALIZED VIEW v AS SELECT p, at, v FROM t "
    "WHERE at >= :window_start AND p IN ('b', 'a') AND v IS NOT NULL PRIMARY KEY ((v), at, p) "
    "WITH CLUSTERING ORDER BY (at DESC, p ASC) AND gc_grace_seconds = 5 AND bloom_filter_fp_chance = 0.10"
)
LIVE = TableShape(
    keyspace="ks",
    name="v__g1",
    columns=(
        Column(name="v", type="int", kind=ColumnKind.PARTITION_KEY, position=0),
        Column(name="at", type="text", kind=ColumnKind.CLUSTERING, position=0, is_descending=True),
        Column(name="p", type="text", kind=ColumnKind.CLUSTERING, position=1),
    ),
    options=(("gc_grace_seconds", "5"), ("bloom_filter_fp_chance", "0.1"), ("comment", "ours")),
)
WHERE = "v IS NOT NULL AND p IN ('a', 'b') AND at >= '2026'"


def drift(live: TableShape = LIVE, where: str = WHERE, base: str = "t", everything: bool = False) -> tuple[str, ...]:
    return view_drift(
        VIEW,
        BASE,
        live,
        where_clause=where,
        include_all_columns=everything,
        base_name=base,
        window_start="'2026'",
    )


def with_columns(*columns: Column) -> TableShape:
    kept = {column.name: column for column in LIVE.columns} | {column.name: column for column in columns}
    return dataclasses.replace(LIVE, columns=tuple(kept.values()))


def test_the_same_view_shows_none() -> None:
    assert drift() == ()


def test_the_window_can_be_ignored() -> None:
    found = view_drift(
        VIEW,
        BASE,
        LIVE,
        where_clause=WHERE.replace("2026", "1999"),
        include_all_columns=False,
        base_name="t",
        ignore_window=True,
    )
    assert found == ()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (drift(base="u"), "its base is u, not t"),
        (drift(everything=True), "it selects all columns"),
        (drift(where=WHERE.replace("2026", "2025")), "its WHERE also has at >= '2025'"),
        (drift(where=WHERE.replace("2026", "2025")), "its WHERE lacks at >= '2026'"),
        (drift(where="p = 'it's'"), "its WHERE cannot be read: unexpected 's'"),
        (drift(dataclasses.replace(LIVE, columns=LIVE.columns[:2])), "column p is missing"),
        (drift(with_columns(Column(name="x", type="int", kind=ColumnKind.REGULAR))), "column x is not asked for"),
        (
            drift(with_columns(Column(name="p", type="int", kind=ColumnKind.CLUSTERING, position=1))),
            "column p is of type int, not text",
        ),
        (
            drift(with_columns(Column(name="at", type="text", kind=ColumnKind.CLUSTERING, position=0))),
            "clustering column at is ascending, not descending",
        ),
        (
            drift(with_columns(Column(name="at", type="text", kind=ColumnKind.PARTITION_KEY, position=1))),
            "the partition key is (v, at), not (v)",
        ),
        (
            drift(dataclasses.replace(LIVE, options=(("bloom_filter_fp_chance", "0.1"),))),
            "option gc_grace_seconds is not set, not 5",
        ),
    ],
)
def test_each_difference_is_told(found: tuple[str, ...], words: str) -> None:
    assert any(words in difference for difference in found), found


def test_a_table_as_its_file_says_shows_none() -> None:
    live = dataclasses.replace(BASE, options=(*BASE.options, ("comment", "other"), ("speculative_retry", "99p")))
    assert table_drift(TABLE, live) == ()


def changed(column: str, **changes: object) -> TableShape:
    columns = tuple(dataclasses.replace(one, **changes) if one.name == column else one for one in BASE.columns)
    return dataclasses.replace(BASE, columns=columns)


@pytest.mark.parametrize(
    ("live", "words"),
    [
        (changed("v", name="w"), "column v is missing"),
        (changed("v", name="w"), "column w is not in the file"),
        (changed("v", type="bigint"), "column v is of type bigint, not int"),
        (changed("v", kind=ColumnKind.STATIC), "column v is static, not regular"),
        (changed("at", kind=ColumnKind.REGULAR, position=-1), "the clustering is (), not (at)"),
        (changed("at", is_descending=False), "clustering column at is ascending, not descending"),
        (dataclasses.replace(BASE, options=(("gc_grace_seconds", "1"),)), "option gc_grace_seconds is 1, not 100"),
    ],
)
def test_each_difference_of_a_table_is_told(live: TableShape, words: str) -> None:
    assert words in table_drift(TABLE, live)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (
            "compaction = {'class': 'LeveledCompactionStrategy'}",
            (("class", "org.apache.cassandra.db.compaction.LeveledCompactionStrategy"), ("max_threshold", "32")),
        ),
        ("compression = {'enabled': false}", (("enabled", "false"),)),
        ("caching = {'keys': 'all'}", (("keys", "ALL"), ("rows_per_partition", "NONE"))),
        ("speculative_retry = '99PERCENTILE'", "99p"),
        ("crc_check_chance = 1", "1.0"),
        ("read_repair = 'none'", "NONE"),
        ("comment = 'of the file'", "another"),
    ],
)
def test_options_are_compared_as_the_server_keeps_them(written: str, kept: OptionValue) -> None:
    table = parse_table(f"CREATE TABLE t (k int PRIMARY KEY) WITH {written}")
    name = written.split()[0]
    live = dataclasses.replace(table.shape("ks"), options=((name, kept),))
    assert table_drift(table, live) == ()


def test_options_that_differ() -> None:
    table = parse_table("CREATE TABLE t (k int PRIMARY KEY) WITH compaction = {'class': 'LeveledCompactionStrategy'}")
    kept = (("class", "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy"),)
    live = dataclasses.replace(table.shape("ks"), options=(("compaction", kept),))
    assert table_drift(table, live) == (
        "option compaction is {class: org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy}, "
        "not {class: LeveledCompactionStrategy}",
    )
