"""Names, marks and the table of state moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_client.errors import Place, ViewsError
from cassandra_client.names import RESERVED, quoted, table_id
from cassandra_views.cql.parse import parse_view
from cassandra_views.model.generation import MOVES, Serving, State
from cassandra_views.model.names import (
    HAND_MADE_NUMBER,
    PHYSICAL_NAME_LIMIT,
    ViewName,
    generation_number,
    nearest,
    parse_physical,
)
from cassandra_views.model.schema import Catalog, LiveView, SchemaComment, TableShape
from cassandra_views.model.times import TimeColumn, TimeKind

WORDS = st.from_regex(r"[A-Za-z0-9_]{1,48}", fullmatch=True)


@given(WORDS, st.integers(1, 9_999_999))
def test_physical_names_are_short_enough_and_read_back(view: str, number: int) -> None:
    name = ViewName(keyspace="shop", view=view)
    assert len(name.physical(number)) <= PHYSICAL_NAME_LIMIT
    assert parse_physical(name.physical(number)) == (name.stem, number)
    assert (name.stem == view) == (len(view) <= 38)
    assert name.physical(HAND_MADE_NUMBER) == view
    assert generation_number(view, name.physical(number)) == number


@given(WORDS | st.just("orders__g3"))
def test_a_hand_made_view_has_number_0_also_where_it_is_named_like_a_generation(view: str) -> None:
    assert generation_number(view, view) == HAND_MADE_NUMBER


@pytest.mark.parametrize(
    "name", ["orders", "orders__g", "orders__g0", "orders__g01", "__g1x", "orders-x__g1", "orders__gx"]
)
def test_other_names_are_no_generations(name: str) -> None:
    assert parse_physical(name) is None


def test_a_long_name_is_shortened_by_a_rule_that_stays() -> None:
    name = ViewName(keyspace="shop", view="payments_of_card_by_booking_for_the_accountants")
    assert name.physical(1) == "payments_of_card_by_booking_f_f66fc34f__g1"
    assert len(name.physical(9_999_999)) == PHYSICAL_NAME_LIMIT
    other = ViewName(keyspace="shop", view="payments_of_card_by_booking_for_the_auditors")
    assert other.stem != name.stem


def test_the_generations_of_a_long_name_are_found_by_it() -> None:
    name = ViewName(keyspace="shop", view="payments_of_card_by_booking_for_the_accountants")
    live = LiveView(
        keyspace="shop",
        name=name.physical(3),
        base="payments",
        table_id=table_id("shop", name.physical(3)),
        where_clause="",
        include_all_columns=True,
        comment="",
        shape=TableShape(keyspace="shop", name=name.physical(3), columns=()),
    )
    catalog = Catalog(views={("shop", live.name): live})
    assert catalog.generations_of(name) == (live,)
    assert catalog.find_view(name.keyspace, name.physical(3)) == live


@given(st.text(min_size=1, max_size=30).filter(lambda text: "\0" not in text) | st.sampled_from(sorted(RESERVED)))
def test_quoted_names_are_read_back_by_the_grammar(name: str) -> None:
    spelled = quoted(name)
    text = f"CREATE MATERIALIZED VIEW v AS SELECT {spelled} FROM t WHERE {spelled} IS NOT NULL PRIMARY KEY ({spelled})"
    assert parse_view(text).partition_key == (name,)


def test_ids_are_the_same_each_time_and_differ_by_name() -> None:
    assert table_id("shop", "a__g1") == table_id("shop", "a__g1")
    assert len({table_id("shop", "a__g1"), table_id("shop", "a__g2"), table_id("other", "a__g1")}) == 3


def test_nearest() -> None:
    assert nearest("ordres", ["orders", "games"]) == "; did you mean 'orders'?"
    assert nearest("zzz", ["orders"]) == ""


@given(
    st.builds(
        SchemaComment, registry=WORDS, view=WORDS, version=WORDS, start=WORDS | st.just(""), end=WORDS | st.just("")
    )
)
def test_marks_are_read_back(mark: SchemaComment) -> None:
    assert SchemaComment.parse(str(mark)) == mark


@pytest.mark.parametrize(
    "comment", ["", "cassandra-views", "made by hand", "xcassandra-views registry=a view=b version=c"]
)
def test_other_comments_are_no_marks(comment: str) -> None:
    assert SchemaComment.parse(comment) is None


def test_nothing_that_serves_is_dropped_and_dropping_is_one_way() -> None:
    assert set(MOVES) == set(State)
    assert MOVES[State.SERVING] == {State.RETIRED}
    assert MOVES[State.DROPPING] == {State.DROPPED}
    assert State.SERVING not in MOVES[State.BUILDING] | MOVES[State.FAILED]


def test_pointers_are_read_back_and_unknown_keys_are_for_newer_readers() -> None:
    time = TimeColumn(name="day", kind=TimeKind.TEXT, format="%Y-%m-%d")
    serving = Serving(name="a__g1", time=time)
    assert Serving.from_map(serving.to_map() | {"later": "x"}) == serving


def test_errors_have_four_parts_in_a_line() -> None:
    error = ViewsError("it broke.", on="shop.a", next="Mend it", place=Place(file="a.cql.j2", line=3, column=5))
    assert str(error) == "a.cql.j2:3:5: shop.a: it broke. Nothing was changed. Mend it."
    assert (
        str(ViewsError("no 'x'; did you mean 'y'?", next="Go")) == "no 'x'; did you mean 'y'? Nothing was changed. Go."
    )
    assert str(Place(file="a")) == "a"
