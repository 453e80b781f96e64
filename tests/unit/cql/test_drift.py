from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.cql.drift import table_drift, view_drift
from cassandra_views.cql.options import OPTIONS, is_same_value, option_differences
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.model.schema import Column, ColumnKind, TableShape
from cassandra_views.model.statement import OptionValue

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
    ],
)
def test_each_difference_is_told(found: tuple[str, ...], words: str) -> None:
    assert any(words in difference for difference in found), found


def test_a_table_as_its_file_says_shows_none() -> None:
    live = dataclasses.replace(BASE, options=(*BASE.options, ("comment", "other"), ("speculative_retry", "99p")))
    assert table_drift(TABLE, live) == ()


def changed(column: str, **changes: Any) -> TableShape:
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


def test_an_option_that_somebody_altered_makes_no_view_differ() -> None:
    altered = dataclasses.replace(LIVE, options=(("gc_grace_seconds", "6"),))
    assert drift(altered) == ()
    assert option_differences(VIEW.options, altered)[:1] == ("option gc_grace_seconds is 6, not 5",)


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
        ("speculative_retry = 'NONE'", "NEVER"),
        ("speculative_retry = 'MIN(99p, 50ms)'", "MIN(99p,50ms)"),
        ("additional_write_policy = 'max(50ms,99percentile)'", "MAX(99p,50ms)"),
        ("additional_write_policy = '50.7ms'", "50ms"),
        ("speculative_retry = '99.99999p'", "100p"),
        ("speculative_retry = 'always'", "ALWAYS"),
        ("allow_auto_snapshot = TRUE", None),
        ("incremental_backups = true", None),
        ("incremental_backups = false", "false"),
        ("cdc = false", None),
        ("memtable = 'default'", None),
        ("compression = {}", (("enabled", "false"),)),
        ("compression = {'class': 'LZ4Compressor', 'min_compress_ratio': 0}", (("class", "LZ4Compressor"),)),
        ("compression = {'enabled': true}", (("chunk_length_in_kb", "16"), ("class", "LZ4Compressor"))),
        (
            "compaction = {'class': 'SizeTieredCompactionStrategy', 'enabled': 'FALSE', 'min_threshold': '04'}",
            (
                ("class", "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy"),
                ("enabled", "FALSE"),
                ("max_threshold", "32"),
                ("min_threshold", "04"),
            ),
        ),
        ("caching = {'rows_per_partition': '010'}", (("keys", "NONE"), ("rows_per_partition", "10"))),
        ("gc_grace_seconds = '0100'", "100"),
        ("bloom_filter_fp_chance = 1e-2", "0.01"),
        ("extensions = {'a': 0x01}", ()),
    ],
)
def test_options_are_compared_as_the_server_keeps_them(written: str, kept: OptionValue | None) -> None:
    table = parse_table(f"CREATE TABLE t (k int PRIMARY KEY) WITH {written}")
    name = written.split()[0]
    live = dataclasses.replace(table.shape("ks"), options=((name, kept),) if kept is not None else ())
    assert table_drift(table, live) == ()


@pytest.mark.parametrize(
    ("written", "kept", "words"),
    [
        ("speculative_retry = 'MIN(99p,50ms)'", "MAX(99p,50ms)", "MAX(99p,50ms), not MIN"),
        ("speculative_retry = '50ms'", "50p", "50p, not 50ms"),
        ("allow_auto_snapshot = false", None, "allow_auto_snapshot is not set"),
        ("cdc = true", None, "cdc_enabled: false"),
        ("memtable = 'trie'", None, "memtable is not set"),
        ("compression = {'enabled': false}", (("class", "LZ4Compressor"),), "compression is {class"),
        ("caching = {'keys': 'ALL'}", (("keys", "NONE"),), "caching is {keys: NONE}, not {keys: ALL}"),
    ],
)
def test_options_that_servers_have_otherwise_are_told(written: str, kept: OptionValue | None, words: str) -> None:
    table = parse_table(f"CREATE TABLE t (k int PRIMARY KEY) WITH {written}")
    live = dataclasses.replace(table.shape("ks"), options=((written.split()[0], kept),) if kept is not None else ())
    (difference,) = table_drift(table, live)
    assert words in difference


THRESHOLDS = st.tuples(
    st.decimals(0, 100, places=3).map(lambda p: (f"{p}p", f"{p}percentile", f"{p}PERCENTILE")),
    st.integers(0, 10**6).map(lambda ms: (f"{ms}ms", f"{ms}.0MS", f"{ms}.9ms")),
)


@given(THRESHOLDS, st.sampled_from(("MIN", "max")), st.randoms(use_true_random=False))
def test_a_policy_is_the_same_however_it_is_spelled(
    pair: tuple[tuple[str, ...], ...], function: str, chance: random.Random
) -> None:
    def spelled() -> str:
        parts = [chance.choice(each) for each in pair]
        chance.shuffle(parts)
        return (
            f"{chance.choice((function.upper(), function.lower()))}({parts[0]}{chance.choice((',', ', '))}{parts[1]})"
        )

    for name in ("speculative_retry", "additional_write_policy"):
        assert is_same_value(name, spelled(), spelled())
        assert is_same_value(name, chance.choice(pair[0]), pair[0][0])
        assert not is_same_value(name, spelled(), pair[0][0])


@given(st.text(max_size=12), st.one_of(st.none(), st.text(max_size=12)), st.sampled_from(sorted(OPTIONS)))
def test_values_that_nobody_knows_are_compared_without_an_error(wanted: str, kept: str | None, name: str) -> None:
    assert is_same_value(name, wanted, wanted)
    is_same_value(name, wanted, kept)


def test_options_that_differ() -> None:
    table = parse_table("CREATE TABLE t (k int PRIMARY KEY) WITH compaction = {'class': 'LeveledCompactionStrategy'}")
    kept = (("class", "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy"),)
    live = dataclasses.replace(table.shape("ks"), options=(("compaction", kept),))
    assert table_drift(table, live) == (
        "option compaction is {class: org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy}, "
        "not {class: LeveledCompactionStrategy}",
    )
