"""What tests of views need on a server: statements, names, and rows as JSON."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cassandra_client.errors import Place
from cassandra_views.apply.view_tests import parse_row, prepare_test, row_json
from cassandra_views.cql.fingerprint import fingerprint
from cassandra_views.cql.parse import parse_table, parse_view
from cassandra_views.model.definition import ViewDefinition, Window
from cassandra_views.model.names import ViewName
from cassandra_views.model.times import TimeColumn, TimeKind
from cassandra_views.model.view_test import ViewTest

TABLE = """CREATE TABLE shop.orders (customer text, day date, number int, notes list<text>, vip boolean static,
PRIMARY KEY ((customer), day)) WITH cdc = true AND CLUSTERING ORDER BY (day DESC)"""
VIEW = """CREATE MATERIALIZED VIEW shop.by_day AS SELECT day, customer, number FROM shop.orders
WHERE day >= :window_start AND customer IS NOT NULL PRIMARY KEY ((day), customer)
WITH comment = 'shown to all' AND CLUSTERING ORDER BY (customer ASC)"""
NOW = datetime(2026, 12, 1, 6, tzinfo=UTC)


def view_test(now: datetime | None = NOW, table: str = TABLE) -> ViewTest:
    view = ViewDefinition(
        name=ViewName(keyspace="shop", view="by_day"),
        base="orders",
        text=VIEW,
        version=fingerprint("shop", parse_view(VIEW)),
        place=Place(file="views/by_day.cql.j2"),
        window=Window(last=timedelta(days=28), step=timedelta(days=1)),
        time=TimeColumn(name="day", kind=TimeKind.DATE),
    )
    place = Place(file="views/by_day.test.yaml", line=2)
    return ViewTest(view=view, base=parse_table(table), key=("day", "customer"), name="a", place=place, now=now)


def test_a_test_gets_a_base_a_view_with_its_window_and_a_table_of_what_it_expects() -> None:
    found = prepare_test(view_test())
    base, expected, view = (" ".join(each.cql.split()) for each in found.fixtures)
    assert base == (
        f"CREATE TABLE views_test.{found.base.name} ( customer text, day date, number int, notes list<text>, "
        "vip boolean static, PRIMARY KEY ((customer), day) ) WITH CLUSTERING ORDER BY (day DESC)"
    )
    assert expected == (
        f"CREATE TABLE views_test.{found.expected.name} ( number_ int, customer text, day date, number int, "
        "notes list<text>, vip boolean, PRIMARY KEY ((number_)) )"
    )
    assert view == (
        f"CREATE MATERIALIZED VIEW views_test.{found.view.name} AS SELECT day, customer, number "
        f"FROM views_test.{found.base.name} WHERE day >= '2026-11-03' AND customer IS NOT NULL "
        "PRIMARY KEY ((day), customer) WITH CLUSTERING ORDER BY (customer ASC)"
    )


def test_what_a_change_leaves_as_it_is_keeps_its_name_and_is_used_again() -> None:
    found = prepare_test(view_test())
    assert prepare_test(view_test()).fixtures == found.fixtures
    assert prepare_test(view_test(table=TABLE.replace("cdc = true AND ", ""))).fixtures == found.fixtures
    later = prepare_test(view_test(NOW + timedelta(days=1)))
    assert (later.base, later.expected) == (found.base, found.expected)
    assert later.view.name != found.view.name
    same_day = prepare_test(view_test(NOW + timedelta(hours=1)))
    assert same_day.view == found.view
    changed = prepare_test(view_test(table=TABLE.replace("number int", "number bigint")))
    assert {each.name for each in changed.fixtures}.isdisjoint(each.name for each in found.fixtures)


def test_names_fit_every_server() -> None:
    assert all(len(each.name) <= 48 for each in prepare_test(view_test()).fixtures)
    assert prepare_test(view_test(), "other").base.full_name.startswith("other.base_")


def test_numbers_with_a_fraction_are_exact() -> None:
    assert parse_row('{"total": 0.10, "\\"Note\\"": "x"}') == {"total": Decimal("0.10"), "Note": "x"}


def test_a_number_of_more_digits_than_python_reads_is_exact() -> None:
    digits = "7" * 4301
    found = parse_row(f'{{"total": {digits}, "few": -12}}')
    assert (str(found["total"]), found["few"]) == (digits, -12)
    assert isinstance(found["few"], int)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters='"', codec="utf-8"), min_size=1, max_size=5),
        st.one_of(st.none(), st.text(max_size=3), st.lists(st.text(max_size=2), max_size=2)),
        max_size=4,
    )
)
def test_a_row_comes_back_as_it_was_written(values: dict[str, Any]) -> None:
    assert parse_row(row_json(values)) == values


def test_a_view_over_its_whole_base_needs_no_time() -> None:
    test = view_test(None)
    whole = replace(test.view, window=None, text=VIEW.replace(">= :window_start", "IS NOT NULL"))
    assert "day IS NOT NULL" in prepare_test(replace(test, view=whole)).view.cql
