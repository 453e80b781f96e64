"""What a test of a view makes of the rows that the view shows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.errors import ProjectError
from cassandra_views.model.view_test import MismatchKind, compare_rows

KEY = ("day", "id")
VALUES = st.one_of(st.none(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
ROWS = st.dictionaries(
    st.tuples(st.sampled_from(["mon", "tue"]), st.integers(0, 3)),
    st.fixed_dictionaries({"total": VALUES, "note": VALUES}),
    max_size=6,
).map(lambda rows: [{"day": day, "id": number, **row} for (day, number), row in rows.items()])


def told(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> list[tuple[str, Any, str]]:
    return [(each.kind.value, each.key["id"], each.column) for each in compare_rows(KEY, expected, found)]


def test_each_kind_of_difference_is_told() -> None:
    expected = [{"day": "mon", "id": 1, "total": 5}, {"day": "mon", "id": 2, "total": 6}]
    found = [{"day": "mon", "id": 2, "total": 7}, {"day": "mon", "id": 3, "total": 8}]
    assert told(expected, found) == [("missing", 1, ""), ("wrong value", 2, "total"), ("extra", 3, "")]


def test_a_column_that_a_row_leaves_out_is_not_compared_and_null_is_no_value() -> None:
    shown = [{"day": "mon", "id": 1, "total": 5, "note": None}]
    assert told([{"day": "mon", "id": 1}], shown) == []
    assert told([{"day": "mon", "id": 1, "note": None}], shown) == []
    assert told([{"day": "mon", "id": 1, "total": None}], shown) == [("wrong value", 1, "total")]


def test_numbers_are_compared_by_their_value_in_keys_too() -> None:
    row = {"day": "mon", "id": Decimal("12.50"), "total": [Decimal("1.0")]}
    assert compare_rows(KEY, [{"day": "mon", "id": Decimal("12.5"), "total": [1]}], [row]) == ()


def test_two_rows_of_one_key_cannot_be_expected() -> None:
    with pytest.raises(ProjectError, match="two rows are expected under the key day=mon, id=1"):
        compare_rows(KEY, [{"day": "mon", "id": 1, "total": 1}, {"day": "mon", "id": 1, "total": 2}], [])


@given(ROWS, st.randoms())
def test_what_the_view_shows_is_what_is_expected_whatever_the_order(rows: list[dict[str, Any]], random: Any) -> None:
    found = list(rows)
    random.shuffle(found)
    assert compare_rows(KEY, rows, found) == ()


@given(ROWS, ROWS)
def test_nothing_that_differs_is_missed(expected: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    differ = compare_rows(KEY, expected, found)
    mine, others = ({(row["day"], row["id"]): row for row in rows} for rows in (expected, found))
    by_kind = {kind: {tuple(each.key.values()) for each in differ if each.kind is kind} for kind in MismatchKind}
    assert by_kind[MismatchKind.MISSING] == mine.keys() - others.keys()
    assert by_kind[MismatchKind.EXTRA] == others.keys() - mine.keys()
    assert by_kind[MismatchKind.WRONG_VALUE] == {key for key in mine.keys() & others.keys() if mine[key] != others[key]}
