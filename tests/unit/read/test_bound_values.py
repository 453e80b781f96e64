import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from cassandra.cqltypes import BytesType, DateType, Int32Type, UTF8Type, UUIDType

from cassandra_views.model.errors import BadRead
from cassandra_views.model.times import TimeColumn, TimeKind
from cassandra_views.read.physical import KeyColumn
from cassandra_views.read.query import compile_query, time_value, values_to_bind


def values(type_: Any, key: str, value: Any, time: TimeColumn | None = None) -> Any:
    column = KeyColumn(name="k", cql="k", type=type_, is_descending=False, is_nested=False)
    view: Any = SimpleNamespace(partition=(column,), clustering=(), key=(column,), columns=("k",), protocol_version=5)
    query = compile_query(view, ((key, isinstance(value, list | set | tuple | frozenset)),), on="ks.v")
    return values_to_bind(query, [value], view, time, on="ks.v")[0]


def test_doubles_of_an_in_are_read_once_in_the_order_given() -> None:
    assert values(UTF8Type, "k", ["b", "a", "b", "c", "a"]) == ("b", "a", "c")


def test_a_set_has_the_same_order_in_every_process() -> None:
    assert values(UTF8Type, "k", {"b", "a", "ä", "c"}) == ("a", "b", "c", "ä")


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (UTF8Type, 5),
        (UTF8Type, b"x"),
        (Int32Type, "5"),
        (Int32Type, 2**31),
        (Int32Type, {}),
        (UUIDType, "no uuid"),
        (DateType, object()),
    ],
)
def test_a_value_of_another_type_is_our_error(type_: Any, value: Any) -> None:
    with pytest.raises(BadRead, match=r"'k' is .* and is given"):
        values(type_, "k IN", [value])


@pytest.mark.parametrize(
    ("type_", "key", "value", "message"),
    [
        (BytesType, "k", 5, "'k' is blob and is given 5"),
        (BytesType, "k", "text", "'k' is blob and is given 'text'"),
        (Int32Type, "k", None, "no value"),
        (Int32Type, "k", [1, None], "no value"),
        (Int32Type, "k IN", 5, "'k IN' is given 5"),
        (UTF8Type, "k IN", "text", "'k IN' is given 'text'"),
    ],
)
def test_values_that_the_driver_would_take_amiss(type_: Any, key: str, value: Any, message: str) -> None:
    with pytest.raises(BadRead, match=message):
        values(type_, key, value)


EAST = timezone(timedelta(hours=2))
HOUR = TimeColumn(name="k", kind=TimeKind.TEXT, format="%Y-%m-%d_%H")


@pytest.mark.parametrize(
    ("time", "value", "expected"),
    [
        (HOUR, "2026-01-05_07", "2026-01-05_07"),
        (HOUR, datetime(2026, 1, 5, 7, 30), "2026-01-05_07"),  # noqa: DTZ001 - naive is UTC
        (HOUR, datetime(2026, 1, 5, 1, tzinfo=EAST), "2026-01-04_23"),
        (HOUR, date(2026, 1, 5), "2026-01-05_00"),
        (TimeColumn(name="k", kind=TimeKind.DATE), datetime(2026, 1, 5, 1, tzinfo=EAST), date(2026, 1, 4)),
        (TimeColumn(name="k", kind=TimeKind.DATE), "2026-01-05", date(2026, 1, 5)),
        (TimeColumn(name="k", kind=TimeKind.TIMESTAMP), date(2026, 1, 5), datetime(2026, 1, 5, tzinfo=UTC)),
        (TimeColumn(name="k", kind=TimeKind.TIMESTAMP), "2026-01-05", datetime(2026, 1, 5, tzinfo=UTC)),
        (TimeColumn(name="k", kind=TimeKind.SECONDS), datetime(1970, 1, 1, 0, 1, tzinfo=UTC), 60),
        (TimeColumn(name="k", kind=TimeKind.MILLISECONDS), 60_000, 60_000),
    ],
)
def test_times_take_the_form_of_their_column(time: TimeColumn, value: Any, expected: Any) -> None:
    assert time_value(time, value) == expected


@pytest.mark.parametrize("value", [5, b"2026", uuid.uuid4(), 1.5, timedelta(days=1)])
def test_what_is_no_time_is_our_error(value: Any) -> None:
    with pytest.raises(BadRead, match="'k' is text and is given"):
        values(UTF8Type, "k", value, HOUR)
    with pytest.raises(BadRead, match="'k' is timestamp and is given"):
        values(DateType, "k", 10**30, TimeColumn(name="k", kind=TimeKind.TIMESTAMP))
