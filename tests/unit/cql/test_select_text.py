"""What a SELECT asks for, as its text says it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.cql.select_text import is_select, parse_select
from cassandra_views.model.errors import StatementError


@pytest.mark.parametrize("text", ["SELECT", "SELECT 1", "SELECT * FROM a, b", "SELECT * FROM a.b.c WHERE x = 1"])
def test_what_is_no_select_is_refused(text: str) -> None:
    with pytest.raises(StatementError):
        parse_select(text)


def test_a_select_is_told_from_a_name() -> None:
    assert is_select("select * from t")
    assert is_select("  SELECT\nx FROM t;")
    assert not is_select("select_by_day")
    assert not is_select("")
    assert not is_select("select")
    assert not is_select("orders_by_day")


def test_parts_of_a_select_are_read_whatever_their_case_and_markers() -> None:
    found = parse_select(
        'select count(*), "Day", max(total) as m from "Shop"."Orders" where "Day" in (?, :other) and total >= :least '
        "order by total desc, customer per partition limit 2 limit 5 allow filtering;"
    )
    assert (found.keyspace, found.table, found.columns) == ("Shop", "Orders", ("Day", "total"))
    assert [(each.columns, each.operator.value) for each in found.where] == [(("Day",), "IN"), (("total",), ">=")]
    assert (found.order, found.allows_filtering) == ((("total", True), ("customer", False)), True)


def test_words_that_may_be_names_begin_a_clause_only_where_they_do() -> None:
    found = parse_select("SELECT per FROM t WHERE per = 1 AND group = 2 PER PARTITION LIMIT 2")
    assert [each.columns for each in found.where] == [("per",), ("group",)]
    grouped = parse_select("SELECT * FROM t WHERE a = 1 GROUP BY a, floor(c, 1h) ORDER BY b")
    assert (grouped.group, grouped.order) == ((("a", False), ("c", True)), (("b", False),))


WORDS = "SELECT * FROM t WHERE a = ? AND ( ) , . : ; ORDER BY b DESC LIMIT 'x' \" { IN PER PARTITION".split()  # noqa: SIM905


@given(st.lists(st.sampled_from(WORDS)))
def test_any_words_are_a_select_or_are_refused(words: list[str]) -> None:
    with suppress(StatementError):
        parse_select(" ".join(words))


MARKERS = ["?", ":name", ":Name", "%s", "%(name)s"]


@pytest.mark.parametrize("marker", MARKERS)
def test_values_may_be_any_kind_of_marker(marker: str) -> None:
    found = parse_select(
        f"SELECT * FROM t WHERE a = {marker} AND b IN {marker} AND c IN ({marker}, {marker}) AND (d, e) IN {marker} "
        f"AND m[{marker}] = {marker} AND f = {{'k': {marker}}} AND g CONTAINS {marker} AND token(a) > {marker} "
        f"AND (d, e) > ({marker}, 5) LIMIT {marker}"
    )
    assert [len(each.values) for each in found.where] == [1, 2, 2, 2, 1, 1, 1, 1, 1]
    assert (found.limit, found.has_marked_limit) == (None, True)


def test_a_colon_inside_of_a_map_is_no_marker_and_a_remainder_is_none() -> None:
    found = parse_select("SELECT * FROM t WHERE a = {street: 'x', no: 5} AND b = 7 % 5 AND c = {'k':5}")
    assert [str(each.columns[0]) for each in found.where] == ["a", "b", "c"]
    assert parse_select("SELECT a FROM t WHERE b = 1 LIMIT 5").limit == 5
    assert parse_select("SELECT a FROM t WHERE b = 1 PER PARTITION LIMIT 5").limit is None


COLUMNS_OF = {
    "*": (),
    "count(*)": (),
    "count(1)": (),
    "a, b AS c": ("a", "b"),
    "addr.city, home.street.name": ("addr", "home"),
    "ks.f(day, 5)": ("day",),
    "(text)day": ("day",),
    "CAST(total AS double)": ("total",),
    "writetime(a), ttl(b)": ("a", "b"),
    "m['k'], l[1]": ("m", "l"),
    "token(a, b)": ("a", "b"),
    "max(total) + 5, -b": ("total", "b"),
    "JSON a": ("a",),
    "DISTINCT a": ("a",),
    'DISTINCT "Big"': ("Big",),
    "distinct, json": ("distinct", "json"),
}


@pytest.mark.parametrize("selection", COLUMNS_OF)
def test_columns_are_told_from_types_functions_keyspaces_and_fields(selection: str) -> None:
    found = parse_select(f"SELECT {selection} FROM t")
    assert found.columns == COLUMNS_OF[selection]
    assert found.selects_all is (selection == "*")
    assert found.is_distinct is selection.startswith("DISTINCT")
