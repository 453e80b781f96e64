"""What the driver would round, cut or misread is refused; all else is bound as it is."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from ipaddress import ip_address
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra import cqltypes as cql
from cassandra.util import Date, SortedSet, Time
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.errors import BadRead
from cassandra_views.read.physical import KeyColumn
from cassandra_views.read.query import values_to_bind
from cassandra_views.read.time_texts import NanosecondTime

DECIMALS = cql.ListType.apply_parameters([cql.DecimalType])
TAGS = cql.SetType.apply_parameters([cql.UTF8Type])
WORDS = cql.ListType.apply_parameters([cql.UTF8Type])
COUNTS = cql.MapType.apply_parameters([cql.UTF8Type, cql.Int32Type])
PAIR = cql.TupleType.apply_parameters([cql.Int32Type, cql.UTF8Type])
PERSON: Any = type(
    "_person",
    (cql.UserType,),
    {
        "subtypes": (cql.UTF8Type, cql.DecimalType),
        "fieldnames": ("name", "worth"),
        "mapped_class": None,
        "tuple_type": None,
        "typename": "person",
    },
)
Person = namedtuple("Person", ("name", "worth"))
NAIVE = datetime(2026, 1, 5, 10)  # noqa: DTZ001 - without a zone it is UTC
EAST = timezone(timedelta(hours=2))


def bound(kind: Any, value: Any, op: str = "=") -> bytes:
    nested = bool(getattr(kind, "subtypes", ()))
    column = KeyColumn(name="k", cql="k", type=kind, is_descending=False, is_nested=nested)
    view: Any = SimpleNamespace(partition=(), clustering=(column,), key=(column,), columns=("k",), protocol_version=5)
    term = SimpleNamespace(column=column, op=op, index=0)
    query: Any = SimpleNamespace(terms=(term,))
    found = values_to_bind(query, [value], view, None, on="ks.v")[0]
    data: bytes = kind.serialize(found, 5)
    return data


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (cql.DecimalType, 19.99),
        (cql.DecimalType, 2.0),
        (cql.DecimalType, True),
        (cql.DecimalType, Decimal("NaN")),
        (cql.DecimalType, "many"),
        (cql.Int32Type, True),
        (cql.Int32Type, 1.0),
        (cql.Int32Type, Decimal(1)),
        (cql.LongType, False),
        (cql.LongType, 1.5),
        (cql.IntegerType, 0.0),
        (cql.IntegerType, True),
        (cql.BooleanType, 1),
        (cql.BooleanType, "true"),
        (cql.DoubleType, True),
        (cql.DoubleType, 2**53 + 1),
        (cql.DoubleType, Decimal("0.1")),
        (cql.DoubleType, Fraction(1, 3)),
        (cql.FloatType, 2**24 + 1),
        (cql.UTF8Type, b"bytes"),
        (cql.DateType, NAIVE.replace(microsecond=123456)),
        (cql.DateType, True),
        (cql.DateType, 1.5),
        (cql.DateType, "2026-01-05"),
        (cql.DateType, 2**63),
        (cql.SimpleDateType, NAIVE),
        (cql.SimpleDateType, datetime(2026, 1, 5, tzinfo=EAST)),
        (cql.SimpleDateType, True),
        (cql.SimpleDateType, "2026-02-30"),
        (cql.TimeType, time(10, tzinfo=UTC)),
        (cql.TimeType, "10:00:00.1234567891"),
        (cql.TimeType, True),
        (cql.InetAddressType, "10.1"),
        (cql.InetAddressType, "fe80::1%eth0"),
        (cql.InetAddressType, 5),
        (cql.BytesType, 3),
        (cql.BytesType, [1, 2]),
        (cql.UUIDType, "e53186d8-d95c-4598-85a9-d0dd8d98ab81"),
        (DECIMALS, [Decimal("1.5"), 1.5]),
        (DECIMALS, {Decimal("1.5"): 1}),
        (WORDS, "abc"),
        (WORDS, {"a": 1}),
        (WORDS, ["a", None]),
        (TAGS, {"a": 1}),
        (COUNTS, ["a"]),
        (COUNTS, {"a": True}),
        (COUNTS, {"a": None}),
        (PAIR, (True, "a")),
        (PAIR, (1, "a", 2)),
        (PAIR, "1a"),
        (PERSON, {"name": "Ann", "wealth": 1}),
        (PERSON, {"name": "Ann", "worth": 1.5}),
        (PERSON, object()),
    ],
)
def test_what_the_driver_would_misread_is_refused(kind: Any, value: Any) -> None:
    with pytest.raises(BadRead, match=r"'k' is .* and is given") as caught:
        bound(kind, value)
    assert caught.value.on == "ks.v"


def test_the_error_says_what_to_give_instead() -> None:
    with pytest.raises(BadRead) as caught:
        bound(cql.DecimalType, 19.99)
    assert caught.value.next == "Give a decimal.Decimal, such as Decimal('19.99'): a float is not exact"


@pytest.mark.parametrize(
    ("kind", "value", "same"),
    [
        (cql.DecimalType, 5, Decimal(5)),
        (cql.DecimalType, "19.990", Decimal("19.990")),
        (cql.DoubleType, 3, 3.0),
        (cql.FloatType, 0.1, 0.1),
        (cql.FloatType, float("inf"), float("inf")),
        (cql.DateType, NAIVE, NAIVE.replace(tzinfo=UTC)),
        (cql.DateType, datetime(2026, 1, 5, 12, tzinfo=EAST), NAIVE),
        (cql.DateType, date(2026, 1, 5), datetime(2026, 1, 5, tzinfo=UTC)),
        (cql.DateType, 1795737600000000, 1795737600000000),
        (cql.SimpleDateType, datetime(2026, 1, 5, 2, tzinfo=EAST), date(2026, 1, 5)),
        (cql.SimpleDateType, "2026-01-05", date(2026, 1, 5)),
        (cql.SimpleDateType, Date(10**7), Date(10**7)),
        (cql.TimeType, "10:15", time(10, 15)),
        (cql.TimeType, time(10, 15, 0, 5), Time(36900000005000)),
        (cql.TimeType, 10**15, NanosecondTime(10**15)),
        (cql.InetAddressType, ip_address("10.0.0.1"), "10.0.0.1"),
        (cql.BytesType, bytearray(b"ab"), b"ab"),
        (TAGS, ["b", "a", "b"], ["b", "a"]),
        (TAGS, SortedSet({"a"}), {"a"}),
        (COUNTS, {"a": 1}, {"a": 1}),
        (PERSON, Person("Ann", Decimal("1.5")), ("Ann", Decimal("1.5"))),
        (PERSON, {"worth": Decimal("1.5"), "name": "Ann"}, ("Ann", Decimal("1.5"))),
        (PERSON, SimpleNamespace(name="Ann", worth=None), ("Ann", None)),
    ],
)
def test_what_can_be_bound_exactly_is(kind: Any, value: Any, same: Any) -> None:
    assert bound(kind, value) == kind.serialize(same, 5)


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.integers(-3, 3))  # noqa: DTZ001
def test_a_range_between_milliseconds_holds_the_rows_that_it_would(asked: datetime, apart: int) -> None:
    """The rows that a bound keeps are those that it keeps by its exact value."""
    row = asked.replace(microsecond=asked.microsecond // 1000 * 1000) + timedelta(milliseconds=apart)
    compare: dict[str, Callable[[Any, Any], bool]] = {
        "<": lambda left, right: left < right,
        "<=": lambda left, right: left <= right,
        ">": lambda left, right: left > right,
        ">=": lambda left, right: left >= right,
    }
    for op, holds in compare.items():
        milliseconds = int.from_bytes(bound(cql.DateType, asked, op), "big", signed=True)
        kept = holds(int.from_bytes(cql.DateType.serialize(row, 5), "big", signed=True), milliseconds)
        assert kept == holds(row, asked)


@given(st.floats() | st.integers() | st.booleans())
def test_no_number_but_an_exact_one_becomes_a_decimal(value: Any) -> None:
    try:
        data = bound(cql.DecimalType, value)
    except BadRead:
        assert isinstance(value, float | bool)
    else:
        assert cql.DecimalType.deserialize(data, 5) == value
