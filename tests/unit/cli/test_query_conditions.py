"""Literals of ``views query`` become what the server would make of them, for every type of a key."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from cassandra import cqltypes as cql
from cassandra.util import Date
from hypothesis import given
from hypothesis import strategies as st

from cassandra_client.names import quoted
from cassandra_views.cli.query_conditions import conditions, value_of
from cassandra_views.cql.parse import parse_term
from cassandra_views.model.errors import BadRead, StatementError
from cassandra_views.model.names import ViewName
from cassandra_views.model.times import TimeColumn, TimeKind
from cassandra_views.read import ViewColumn, ViewDescription

AN_ID = "7be10e03-c243-4055-9fc6-21efffe55b2a"
LISTED = cql.ListType.apply_parameters([cql.DecimalType])
PAIR = cql.TupleType.apply_parameters([cql.Int32Type, cql.UTF8Type])
COUNTS = cql.MapType.apply_parameters([cql.UTF8Type, cql.Int32Type])
PERSON: Any = type(
    "_person", (cql.UserType,), {"subtypes": (cql.UTF8Type, cql.SimpleDateType), "fieldnames": ("name", "born")}
)


def described(*columns: tuple[str, Any, str], time: TimeColumn | None = None) -> ViewDescription:
    return ViewDescription(
        name=ViewName(keyspace="shop", view="sales"),
        columns=tuple(
            ViewColumn(name=name, type=kind.cql_parameterized_type(), part=part, is_descending=False, driver_type=kind)
            for name, kind, part in columns
        ),
        time=time,
        window=(None, None),
        generations=("sales__g1",),
    )


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (cql.DecimalType, "19.99", Decimal("19.99")),
        (cql.DecimalType, "1.50", Decimal("1.50")),
        (cql.DecimalType, "15E-1", Decimal("1.5")),
        (cql.DecimalType, "-7", Decimal("-7")),
        (cql.DecimalType, "0." + "3" * 60, Decimal("0." + "3" * 60)),
        (cql.IntegerType, "123456789012345678901234567890", 123456789012345678901234567890),
        (cql.DoubleType, "0.1", 0.1),
        (cql.FloatType, "Infinity", float("inf")),
        (cql.DoubleType, "-Infinity", float("-inf")),
        (cql.BooleanType, "TRUE", True),
        (cql.UTF8Type, "'it''s'", "it's"),
        (cql.UTF8Type, "$$it's$$", "it's"),
        (cql.UUIDType, AN_ID.upper(), UUID(AN_ID)),
        (cql.BytesType, "0xCAFE", b"\xca\xfe"),
        (cql.BytesType, "0x", b""),
        (cql.InetAddressType, "'2001:DB8::1'", "2001:db8::1"),
        (cql.DateType, "'2026-11-23'", datetime(2026, 11, 23, tzinfo=UTC)),
        (cql.DateType, "1795737600123", datetime(2026, 11, 27, 0, 0, 0, 123000, tzinfo=UTC)),
        (cql.DateType, "1795737600000000", 1795737600000000),
        (cql.SimpleDateType, "'2026-11-23'", date(2026, 11, 23)),
        (cql.SimpleDateType, "2147483648", 2**31),
        (cql.SimpleDateType, "'12026-11-23'", Date((date(2026, 11, 23) - date(1970, 1, 1)).days + 25 * 146_097)),
        (cql.TimeType, "'10:15:00.5'", "10:15:00.500000000"),
        (cql.TimeType, "36900000000001", 36900000000001),
        (LISTED, "[1.10, 2]", [Decimal("1.10"), Decimal(2)]),
        (LISTED, "[]", []),
        (cql.SetType.apply_parameters([cql.UTF8Type]), "{'b', 'a'}", ["b", "a"]),
        (COUNTS, "{'a': 1}", {"a": 1}),
        (COUNTS, "{}", {}),
        (PAIR, "(1, 'a')", (1, "a")),
        (PAIR, "(1, null)", (1, None)),
        (PERSON, "{born: '1980-02-29', name: 'Ann'}", ("Ann", date(1980, 2, 29))),
        (PERSON, "{name: 'Ann'}", ("Ann", None)),
        (cql.FrozenType.apply_parameters([LISTED]), "[1.5]", [Decimal("1.5")]),
    ],
)
def test_a_literal_is_read_as_its_column(kind: Any, text: str, value: Any) -> None:
    found = value_of(kind, parse_term(text))
    assert kind.serialize(found, 5) == kind.serialize(value, 5)
    assert type(found) is not float or kind in (cql.FloatType, cql.DoubleType)


def test_numbers_that_are_none() -> None:
    found = value_of(cql.DoubleType, parse_term("NaN"))
    assert found != found


DAYS = ("2026-11-26", "1969-12-31", "12026-01-31")
SPELLINGS = (
    "{day}T10:15:30.250Z",
    "{day} 10:15:30.250+0000",
    "{day} 10:15:30.250000+00:00",
    "{day} 12:15:30.25+02:00",
    "{day} 12:15:30.25+0200",
    "{day}T11:15:30.250+01",
    "{day} 10:15:30.25 UTC",
    "{day} 10:15:30.25",
)


@pytest.mark.parametrize("day", DAYS)
def test_a_timestamp_in_all_spellings_of_cqlsh(day: str) -> None:
    values = {
        cql.DateType.serialize(value_of(cql.DateType, parse_term(f"'{each.format(day=day)}'")), 5) for each in SPELLINGS
    }
    assert len(values) == 1
    short = (f"'{day} 10:15+0000'", f"'{day}T10:15Z'", f"'{day} 10:15:00'")
    assert len({cql.DateType.serialize(value_of(cql.DateType, parse_term(each)), 5) for each in short}) == 1


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        (cql.UTF8Type, "5", "a text in single quotes"),
        (cql.Int32Type, "'5'", "a whole number without quotes"),
        (cql.Int32Type, "5.0", "a whole number without quotes"),
        (cql.Int32Type, "2147483648", "a whole number of 32 bits"),
        (cql.DecimalType, "'19.99'", "a number"),
        (cql.DecimalType, "NaN", "a decimal number"),
        (cql.DoubleType, "1e400", "a number"),
        (cql.UUIDType, f"'{AN_ID}'", "a UUID without quotes"),
        (cql.TimeUUIDType, AN_ID, "a UUID of version 1"),
        (cql.BooleanType, "1", "true or false"),
        (cql.BytesType, "'ff'", "hexadecimal digits"),
        (cql.DateType, "'yesterday'", "ISO 8601"),
        (cql.DateType, "'2026-02-30'", "ISO 8601"),
        (cql.DateType, "'2026-01-01 24:00:00'", "ISO 8601"),
        (cql.DateType, "9223372036854775808", "a time in single quotes"),
        (cql.SimpleDateType, "'2026-13-01'", "a date"),
        (cql.TimeType, "9223372036854775808", "a time of day"),
        (cql.TimeType, "'10:61'", "a time of day"),
        (cql.InetAddressType, "'10.1'", "an IP address"),
        (LISTED, "{1.5}", r"\[value, ...\] for list<decimal>"),
        (LISTED, "5", r"\[value, ...\] for list<decimal>"),
        (COUNTS, "['a']", "{key: value, ...}"),
        (PAIR, "(1, 'a', 2)", r"\(value, ...\)"),
        (PERSON, "{age: 1}", "{name: value, born: value}"),
        (cql.UTF8Type, "now()", "a text in single quotes"),
        (cql.Int32Type, "1 + 1", "a whole number"),
    ],
)
def test_a_literal_of_another_type_is_refused_with_an_example(kind: Any, text: str, says: str) -> None:
    with pytest.raises(BadRead, match=r"'k' is .* and is given") as caught:
        conditions(f"k = {text}", described(("k", kind, "partition")))
    assert caught.value.on == "shop.sales"
    with pytest.raises(ValueError, match=says):
        value_of(kind, parse_term(text))


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_no_decimal_loses_a_digit(value: Decimal) -> None:
    text = f"{value:f}" if abs(value.adjusted()) < 100 else str(value)
    found = value_of(cql.DecimalType, parse_term(text))
    assert cql.DecimalType.serialize(found, 5) == cql.DecimalType.serialize(Decimal(text), 5)


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=20))
def test_columns_and_texts_of_any_letters(text: str) -> None:
    view = described((text, cql.UTF8Type, "partition"))
    literal = text.replace("'", "''")
    found = conditions(f"{quoted(text)} IN ('{literal}')", view)
    escaped = text.replace('"', '""')
    assert found == {f'"{escaped}" IN': [text]}


def test_a_duration_that_is_no_key_is_left_to_the_reader() -> None:
    assert conditions("span = 1d", described(("span", cql.DurationType, ""))) == {'"span" =': None}


def test_a_windows_time_column_takes_times_as_iso_too() -> None:
    hour = TimeColumn(name="at", kind=TimeKind.TEXT, format="%Y-%m-%d_%H")
    view = described(("at", cql.UTF8Type, "partition"), time=hour)
    assert conditions("at = '2026-11-23T10:00:00Z'", view) == conditions("at = '2026-11-23_10'", view)
    seconds = described(("at", cql.LongType, "partition"), time=TimeColumn(name="at", kind=TimeKind.SECONDS))
    assert conditions("at = '1970-01-02'", seconds) == conditions("at = 86400", seconds) == {'"at" =': 86400}


@pytest.mark.parametrize(
    ("text", "says"),
    [("k = 1 AND k = 2", "given twice"), ("token(k) > 1", "cannot be read"), ("(k) = (1)", "cannot be read")],
)
def test_conditions_that_the_reader_does_not_take(text: str, says: str) -> None:
    with pytest.raises(BadRead, match=says) as caught:
        conditions(text, described(("k", cql.Int32Type, "partition")))
    assert caught.value.on == "shop.sales"


def test_what_is_no_cql_is_told_with_the_view() -> None:
    with pytest.raises(StatementError) as caught:
        conditions("k = = 1", described(("k", cql.Int32Type, "partition")))
    assert caught.value.on == "shop.sales"
