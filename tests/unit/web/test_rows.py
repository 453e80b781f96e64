"""What an address may ask, and what it is told otherwise."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from cassandra import cqltypes as cql
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from cassandra_views.model.errors import BadRead
from cassandra_views.model.names import ViewName
from cassandra_views.model.times import TimeColumn, TimeKind
from cassandra_views.read import ViewColumn, ViewDescription
from cassandra_views.web.api.rows import RowsRequest, read_request


def column(name: str, kind: Any, part: str = "") -> ViewColumn:
    return ViewColumn(name=name, type=kind.typename, part=part, is_descending=False, driver_type=kind)


VIEW = ViewDescription(
    name=ViewName(keyspace="shop", view="orders"),
    columns=(
        column("day", cql.UTF8Type, "partition"),
        column("limit", cql.Int32Type, "partition"),
        column("total", cql.LongType, "clustering"),
        column('we"ird.in', cql.UTF8Type, "clustering"),
        column("note", cql.UTF8Type),
    ),
    time=TimeColumn(name="day", kind=TimeKind.TEXT, format="%Y-%m-%d"),
    window=(None, None),
    generations=("orders__g1",),
)


def read(*pairs: tuple[str, str]) -> RowsRequest:
    return read_request(MultiDict(pairs), VIEW, default_limit=100, largest_limit=1000)


KEY = (("day", "2026-03-01"), ("limit.eq", "7"))


def test_a_key_alone() -> None:
    found = read(*KEY)
    assert found.where == {'"day" =': "2026-03-01", '"limit" =': 7}
    assert (found.limit, found.page, found.reverse, found.has_iso_times) == (100, None, False, False)


def test_the_order_of_an_address_makes_no_other_read() -> None:
    pairs = (*KEY, ("total.gte", "1"), ("total.lt", "9"))
    assert {tuple(read(*each).where.items()) for each in permutations(pairs)} == {tuple(read(*pairs).where.items())}


def test_everything() -> None:
    found = read(
        ("day.in", "2026-03-01T09:00:00Z"),
        ("day.in", "2026-03-02"),
        ("limit.eq", "7"),
        ("total.gte", "-3"),
        ("total.lt", "9"),
        ('we"ird.in.eq', "x"),
        ("limit", "1000"),
        ("page", "abc"),
        ("order", "reverse"),
        ("times", "iso"),
    )
    assert found.where == {
        '"day" IN': ["2026-03-01", "2026-03-02"],
        '"limit" =': 7,
        '"total" >=': -3,
        '"total" <': 9,
        '"we""ird.in" =': "x",
    }
    assert (found.limit, found.page, found.reverse, found.has_iso_times) == (1000, "abc", True, True)


@pytest.mark.parametrize(
    ("pairs", "text"),
    [
        ((), "'day' is missing"),
        ((("day", "2026-03-01"),), "'limit' is missing"),
        ((*KEY, ("note", "x")), "not part of the view's key"),
        ((*KEY, ("totl", "1")), "no parameter 'totl'"),
        ((*KEY, ("total", "x")), "'total' is bigint and is given 'x'"),
        ((*KEY, ("total", "1"), ("total", "2")), "'total' is given 2 times"),
        ((*KEY, ("limit", "0")), "the limit is '0'"),
        ((*KEY, ("limit", "1001")), "the limit is '1001'"),
        ((*KEY, ("limit", "\u0661")), "the limit is"),
        ((*KEY, ("limit", "9" * 5000)), "the limit is"),
        ((*KEY, ("order", "down")), "'order' is 'down'"),
        ((*KEY, ("times", "")), "'times' is ''"),
        ((("day", "tomorrow"), ("limit.eq", "7")), "'day' is text"),
        ((("day", "x" * 5000), ("limit.eq", "7")), "has 5000 letters"),
        (
            tuple(("day.in", f"20{n:02d}-01-01") for n in range(26)) + tuple(("limit.in", str(n)) for n in range(4)),
            "104",
        ),
    ],
)
def test_what_is_wrong_is_told(pairs: tuple[tuple[str, str], ...], text: str) -> None:
    with pytest.raises(BadRead) as raised:
        read(*pairs)
    assert text in str(raised.value)
    assert raised.value.next
    assert len(str(raised.value)) < 600


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), max_size=6))
def test_anything_else_is_told_and_not_let_through(pairs: list[tuple[str, str]]) -> None:
    try:
        found = read(*KEY, *pairs)
    except BadRead:
        return
    assert set(found.where) >= {'"day" =', '"limit" ='}
