"""Sets and maps in any order, at any depth, are the same bytes; other values are the driver's own."""

from __future__ import annotations

from typing import Any

import pytest
from cassandra.cqltypes import lookup_casstype
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.read.driver_values import canonical_bytes

VERSION = 5
SET = lookup_casstype("FrozenType(SetType(UTF8Type))")
MAP = lookup_casstype("FrozenType(MapType(FrozenType(SetType(UTF8Type)), FrozenType(ListType(Int32Type))))")
TUPLE = lookup_casstype("FrozenType(TupleType(UTF8Type, FrozenType(SetType(Int32Type))))")


@given(st.lists(st.text(max_size=3), unique=True), st.randoms())
def test_a_set_is_the_same_in_any_order(values: list[str], chance: Any) -> None:
    shuffled = values.copy()
    chance.shuffle(shuffled)
    found = canonical_bytes(SET, shuffled, VERSION)
    assert found == canonical_bytes(SET, values, VERSION) == canonical_bytes(SET, set(values), VERSION)
    assert set(SET.from_binary(found, VERSION)) == set(values)


@given(st.dictionaries(st.frozensets(st.text(max_size=2), max_size=3), st.lists(st.integers(0, 9), max_size=3)))
def test_so_is_a_map_with_sets_in_it(values: dict[frozenset[str], list[int]]) -> None:
    backwards = dict(reversed(values.items()))
    found = canonical_bytes(MAP, backwards, VERSION)
    assert found == canonical_bytes(MAP, values, VERSION)
    assert {frozenset(key): list(each) for key, each in MAP.from_binary(found, VERSION).items()} == values


def test_and_a_set_in_a_tuple_and_what_is_read_back() -> None:
    one, other = canonical_bytes(TUPLE, ("a", [3, 1, 2]), VERSION), canonical_bytes(TUPLE, ("a", {2, 3, 1}), VERSION)
    assert one == other == canonical_bytes(TUPLE, TUPLE.from_binary(one, VERSION), VERSION)


def test_a_list_keeps_its_order() -> None:
    kind = lookup_casstype("FrozenType(ListType(Int32Type))")
    assert canonical_bytes(kind, [2, 1], VERSION) != canonical_bytes(kind, [1, 2], VERSION)


@pytest.mark.parametrize("value", ["ab", b"ab", 5, {"a": 1}.values])
def test_what_is_no_set_is_refused(value: Any) -> None:
    with pytest.raises((TypeError, AttributeError)):
        canonical_bytes(SET, value, VERSION)
