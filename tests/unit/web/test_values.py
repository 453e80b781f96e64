"""Values as JSON and as texts of an address: what is written is what is read."""

from __future__ import annotations

import json
import math
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import jsonschema
import orjson
import pytest
from cassandra import cqltypes as cql
from cassandra.util import Duration
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.times import TimeColumn, TimeKind
from cassandra_views.read.json_values import (
    find_moment,
    from_text,
    nullable,
    schema_of,
    time_to_iso,
    to_json,
    unchanged,
)

TEXT = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=30)
WIDTHS = {cql.ByteType: 8, cql.ShortType: 16, cql.Int32Type: 32, cql.LongType: 64}
NAIVE = datetime(1970, 1, 1)  # noqa: DTZ001 - the driver returns times without a zone
INSTANTS = st.datetimes(NAIVE, NAIVE.replace(year=2999)).map(
    lambda each: each.replace(microsecond=each.microsecond // 1000 * 1000)
)


def scalars() -> st.SearchStrategy[tuple[Any, Any]]:
    """A type and a value as the driver returns it."""
    whole = [
        st.tuples(st.just(kind), st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)) for kind, bits in WIDTHS.items()
    ]
    return st.one_of(
        *whole,
        st.tuples(st.just(cql.UTF8Type), TEXT),
        st.tuples(st.just(cql.IntegerType), st.integers(-(10**40), 10**40)),
        st.tuples(st.just(cql.BooleanType), st.booleans()),
        st.tuples(st.just(cql.DoubleType), st.floats(allow_nan=False)),
        st.tuples(st.just(cql.DecimalType), st.decimals(allow_nan=False, allow_infinity=False, places=8)),
        st.tuples(st.just(cql.UUIDType), st.uuids()),
        st.tuples(st.just(cql.TimeUUIDType), st.just(uuid.uuid1())),
        st.tuples(st.just(cql.DateType), INSTANTS),
        st.tuples(st.just(cql.BytesType), st.binary(max_size=20)),
        st.tuples(st.just(cql.InetAddressType), st.ip_addresses().map(str)),
    )


def bound(kind: Any, value: Any) -> bytes:
    data: bytes = kind.serialize(value, 5)
    return data


@given(scalars())
def test_what_json_says_can_be_asked_for(pair: tuple[Any, Any]) -> None:
    kind, value = pair
    told = orjson.loads(orjson.dumps(to_json(kind)(value)))
    jsonschema.validate(told, schema_of(kind))
    text = told if isinstance(told, str) else json.dumps(told)
    assert bound(kind, from_text(kind, text)) == bound(kind, value)


@given(st.lists(scalars(), max_size=4))
def test_null_stays_null(pairs: list[tuple[Any, Any]]) -> None:
    for kind, _value in pairs:
        assert to_json(kind)(None) is None
        jsonschema.validate(None, nullable(schema_of(kind)))


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ((1, 2, 3 * 3_600 * 10**9), "1mo2d3h"),
        ((27, 0, 61 * 10**9 + 1_002_003), "2y3mo1m1s1ms2us3ns"),
        ((-1, 0, -500_000_000), "-1mo500ms"),
        ((0, 0, 0), ""),
    ],
)
def test_durations_as_the_server_writes_them(parts: tuple[int, int, int], text: str) -> None:
    assert to_json(cql.DurationType)(Duration(*parts)) == text


def test_collections_of_collections() -> None:
    kind = cql.FrozenType.apply_parameters(
        [cql.MapType.apply_parameters([cql.UTF8Type, cql.ListType.apply_parameters([cql.LongType])])]
    )
    value = {"a": [1, 2], "b": []}
    told = to_json(kind)(value)
    assert told == value
    jsonschema.validate(told, schema_of(kind))
    assert from_text(kind, json.dumps(told)) == value
    pairs = cql.MapType.apply_parameters([cql.Int32Type, cql.BooleanType])
    assert to_json(pairs)({1: True}) == [[1, True]]
    assert from_text(pairs, "[[1, true]]") == {1: True}
    several = cql.SetType.apply_parameters([cql.UUIDType])
    one = uuid.uuid4()
    assert to_json(several)({one}) == [str(one)]
    assert from_text(several, json.dumps([str(one)])) == {one}
    two = cql.TupleType.apply_parameters([cql.UTF8Type, cql.Int32Type])
    assert to_json(two)(("a", None)) == ["a", None]
    assert from_text(two, '["a", 7]') == ("a", 7)


def test_numbers_that_json_has_not() -> None:
    make = to_json(cql.DoubleType)
    assert [make(each) for each in (math.nan, math.inf, -math.inf, 0.5)] == ["nan", "inf", "-inf", 0.5]
    assert to_json(cql.DecimalType)(Decimal("1E-8")) == "1E-8"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (cql.Int32Type, "2147483648"),
        (cql.Int32Type, "1.0"),
        (cql.Int32Type, ""),
        (cql.Int32Type, "1_000"),
        (cql.Int32Type, "\u0661"),
        (cql.ByteType, "128"),
        (cql.BooleanType, "1"),
        (cql.DoubleType, "1_0"),
        (cql.DecimalType, "NaN"),
        (cql.DecimalType, "1E+999999999"),
        (cql.UUIDType, "x"),
        (cql.TimeUUIDType, "00000000-0000-4000-8000-000000000000"),
        (cql.DateType, "yesterday"),
        (cql.SimpleDateType, "2026-W01"),
        (cql.SimpleDateType, "2026-02-30"),
        (cql.InetAddressType, "127.0.0.1'; DROP TABLE x; --"),
        (cql.BytesType, "ff"),
        (cql.BytesType, "0xf"),
        (cql.UTF8Type, "a\0b"),
        (cql.AsciiType, "ä"),
        (cql.DurationType, "1d"),
        (cql.ListType.apply_parameters([cql.Int32Type]), "[1, "),
        (cql.ListType.apply_parameters([cql.Int32Type]), '{"a": 1}'),
        (cql.ListType.apply_parameters([cql.Int32Type]), "[null]"),
        (cql.ListType.apply_parameters([cql.Int32Type]), "[[1]]"),
        (cql.ListType.apply_parameters([cql.Int32Type]), "[" * 100_000),
        (cql.MapType.apply_parameters([cql.UTF8Type, cql.Int32Type]), "[[1]]"),
        (cql.TupleType.apply_parameters([cql.Int32Type]), "[1, 2]"),
    ],
)
def test_what_is_no_value_says_what_one_looks_like(kind: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ "):
        from_text(kind, text)


@given(INSTANTS, st.sampled_from(["%Y-%m-%d", "%Y-%m-%d_%H", "%Y-%m-%d_%H-%M", "%Y-%m-%d_%H-%M-%S"]))
def test_text_times_in_both_forms(moment: datetime, form: str) -> None:
    time = TimeColumn(name="timestamp", kind=TimeKind.TEXT, format=form)
    own = time.value(moment.replace(tzinfo=UTC))
    iso = time_to_iso(time)(own)
    assert from_text(cql.UTF8Type, own, time) == own
    assert from_text(cql.UTF8Type, iso, time) == own
    found = find_moment(time, own)
    assert found is not None
    assert timedelta() <= moment.replace(tzinfo=UTC) - found < timedelta(days=1)


@pytest.mark.parametrize(
    ("kind", "column", "own"),
    [
        (TimeKind.TIMESTAMP, cql.DateType, NAIVE.replace(year=2026, month=3, hour=10, minute=15)),
        (TimeKind.SECONDS, cql.LongType, 1772360100),
        (TimeKind.MILLISECONDS, cql.LongType, 1772360100000),
    ],
)
def test_other_times_in_both_forms(kind: TimeKind, column: Any, own: Any) -> None:
    time = TimeColumn(name="at", kind=kind)
    assert time_to_iso(time)(own) == "2026-03-01T10:15:00Z"
    assert bound(column, from_text(column, "2026-03-01T10:15:00Z", time)) == bound(column, own)
    assert bound(column, from_text(column, "2026-03-01T11:15:00+01:00", time)) == bound(column, own)


def test_dates() -> None:
    time = TimeColumn(name="day", kind=TimeKind.DATE)
    assert from_text(cql.SimpleDateType, "2026-03-01", time) == date(2026, 3, 1)
    assert from_text(cql.SimpleDateType, "2026-03-01T10:00:00Z", time) == date(2026, 3, 1)
    assert to_json(cql.SimpleDateType)(date(2026, 3, 1)) == "2026-03-01"


def test_what_needs_no_change_is_not_touched() -> None:
    assert to_json(cql.UTF8Type) is unchanged
    assert to_json(cql.LongType) is unchanged
