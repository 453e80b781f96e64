"""Digests of rows, the order of values, and how they are shown: none of it needs a server."""

from __future__ import annotations

import math
import struct
import subprocess
import sys
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from cassandra.cqltypes import DecimalType, DoubleType, LongType, UTF8Type, lookup_casstype
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.apply.cells import Cell
from cassandra_views.apply.digests import Digest, bucket_of, digest_of
from cassandra_views.apply.raw_values import canonical_form, order_key, shown, shown_row, ttl_form

ROWS = st.lists(st.tuples(st.binary(max_size=3), st.one_of(st.none(), st.binary(max_size=3))), unique=True)


def digest(rows: list[Any], parts: int = 1) -> Digest:
    found = Digest()
    for index in range(parts):
        part = Digest()
        for row in rows[index::parts]:
            part.add_rows([row], 1)
        found.merge(part)
    return found


@given(rows=ROWS, parts=st.integers(1, 4), data=st.data())
def test_equal_sets_have_equal_digests_in_any_order_and_parts(rows: list[Any], parts: int, data: Any) -> None:
    one, other = digest(rows), digest(data.draw(st.permutations(rows)), parts)
    assert (one.rows, one.differing(other)) == (other.rows, [])


@given(rows=ROWS.filter(len), other=st.tuples(st.binary(max_size=3), st.none()))
def test_one_row_for_another_is_found_though_their_number_is_the_same(rows: list[Any], other: Any) -> None:
    if other not in rows:
        assert digest(rows).differing(digest([*rows[:-1], other]))
    assert digest(rows).differing(digest(rows[:-1]))


def test_a_row_with_another_value_differs_in_the_bucket_of_its_key_alone() -> None:
    rows = [(b"%d" % number, b"a") for number in range(1000)]
    changed = [*rows[:-1], (rows[-1][0], b"b")]
    assert digest(rows).differing(digest(changed)) == [bucket_of(rows[-1][:1])]


def test_digests_are_the_same_in_every_process() -> None:
    code = "from cassandra_views.apply.digests import digest_of; print(digest_of((b'a', None, b'')))"
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {f"{digest_of((b'a', None, b''))}\n"}


def test_parts_that_lie_otherwise_are_another_row() -> None:
    rows: list[tuple[bytes | None, ...]] = [(b"ab", b""), (b"a", b"b"), (b"", b"ab"), (b"ab", None), (None, b"ab")]
    assert len({digest_of(row) for row in rows}) == len(rows)


def test_the_newest_write_of_a_collection_and_whether_any_element_has_a_ttl() -> None:
    single = Cell(name="a", value=0, written=1, ttl=2, is_single=True)
    multiple = Cell(name="a", value=0, written=1, ttl=2, is_single=False)
    assert single.newest_write((b"", struct.pack(">q", 7), None)) == 7
    assert single.newest_write((None, None, None)) is None
    assert multiple.newest_write((b"", struct.pack(">iiqiq", 2, 8, 5, 8, 9), None)) == 9
    assert multiple.newest_write((b"", struct.pack(">iiiq", 2, -1, 8, 9), None)) == 9  # a user type with a null field
    assert multiple.newest_write((b"", struct.pack(">ii", 1, -1), None)) is None
    assert single.is_expiring((b"", None, struct.pack(">i", 0)))
    assert multiple.is_expiring((b"", None, struct.pack(">iiii", 2, -1, 4, 100)))
    assert not multiple.is_expiring((b"", None, struct.pack(">ii", 1, -1)))
    assert single.expires((b"", None, struct.pack(">i", 30)), 1000) == 1030
    assert multiple.expires((b"", None, struct.pack(">iiiii", 2, 4, 30, 4, 100)), 1000) == 1100
    assert multiple.expires((b"", None, struct.pack(">ii", 1, -1)), 1000) is None
    assert single.expires((b"", None, struct.pack(">i", 0)), None) is None
    assert ttl_form(struct.pack(">iiii", 2, -1, 4, 100)) == b"\0\1"


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_numbers_are_ordered_as_numbers(values: list[int]) -> None:
    key = order_key("bigint")
    assert key is not None
    packed = [struct.pack(">q", value) for value in values]
    assert sorted(packed, key=key) == [struct.pack(">q", value) for value in sorted(values)]


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(0, 5))
def test_a_decimal_is_one_whatever_its_scale(value: Decimal, zeros: int) -> None:
    key = canonical_form("decimal")
    assert key is not None
    sign, digits, exponent = value.as_tuple()
    wider = Decimal((sign, (*digits, *[0] * zeros), int(exponent) - zeros))
    assert key(DecimalType.serialize(value, 4)) == key(DecimalType.serialize(wider, 4))


def test_floats_are_ordered_as_by_the_server() -> None:
    key = order_key("double")
    assert key is not None
    values = [-math.inf, -1.0, -0.0, 0.0, 1.0, math.inf, math.nan]
    packed = [struct.pack(">d", value) for value in values]
    assert sorted(reversed(packed), key=key) == packed
    assert key(struct.pack(">q", 0x7FF8000000000001)) == key(packed[-1])


def test_an_empty_value_is_below_all_others_and_text_is_its_bytes() -> None:
    key = order_key("int")
    assert key is not None
    assert key(b"") < key(struct.pack(">i", -(2**31)))
    assert canonical_form("text") is None
    assert order_key("frozen<list<int>>") is None


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        (UTF8Type, b"ann", "ann"),
        (UTF8Type, b"", "''"),
        (UTF8Type, b"a\nb", r"'a\nb'"),
        (UTF8Type, b"\xff", "text 0xff"),
        (UTF8Type, b"x" * 70_000, f"{'x' * 40}... (70,000 characters)"),
        (UTF8Type, None, "null"),
        (LongType, struct.pack(">q", 7), "7"),
        (LongType, b"", "empty bigint"),
        (LongType, b"\x01", "bigint 0x01"),
        (DoubleType, struct.pack(">d", math.nan), "NaN"),
        (lookup_casstype("DateType"), struct.pack(">q", 1795737600000), "2026-11-27T00:00:00Z"),
        (lookup_casstype("DateType"), struct.pack(">q", 1795737600000000), "timestamp 0x00066136bdc20000"),
        (lookup_casstype("TimeType"), struct.pack(">q", 10**15), "time 0x00038d7ea4c68000"),
        (lookup_casstype("BytesType"), b"\x01\x02", "0x0102"),
        (lookup_casstype("BytesType"), b"\x01" * 30, f"0x{'01' * 24}... (30 bytes)"),
        (lookup_casstype("UUIDType"), UUID(int=5).bytes, str(UUID(int=5))),
        (
            lookup_casstype("FrozenType(ListType(DoubleType))"),
            struct.pack(">iid", 1, 8, math.nan),
            "[NaN]",
        ),
    ],
)
def test_every_value_is_shown(type_: Any, value: bytes | None, text: str) -> None:
    assert shown(value, type_, 4) == text


def test_a_row_is_shown_by_its_values() -> None:
    assert shown_row((struct.pack(">q", 9), b""), (LongType, UTF8Type), 5) == "9, ''"
