"""Durations, times of day, and the forms in which tables hold time."""

from __future__ import annotations

import re
import uuid
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from cassandra.util import min_uuid_from_time
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.cql.parse import parse_literal
from cassandra_views.model.times import (
    DURATION_PATTERN,
    FORMAT_PATTERN,
    LONGEST,
    TimeColumn,
    TimeKind,
    check_format,
    duration_text,
    earliest,
    floor,
    format_grain,
    instant_text,
    parse_duration,
    parse_instant,
    parse_time_of_day,
)

MOMENTS = st.integers(0, 29_000_000_000_000_000).map(
    lambda count: datetime(1971, 1, 1, tzinfo=UTC) + count * timedelta(microseconds=1)
)
FORMATS = ["%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d_%H", "%Y-%m-%d_%H-%M", "%Y%m%d%H%M%S", "d%Y/%m/%d %H:%M:%S.%f"]
COLUMNS = [TimeColumn(name="t", kind=kind) for kind in TimeKind if kind is not TimeKind.TEXT] + [
    TimeColumn(name="t", kind=TimeKind.TEXT, format=text) for text in FORMATS
]
IDS = [f"{column.kind.value}{column.format}" for column in COLUMNS]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("28 days", 28 * 86400), ("1 day 12 hours", 129600), ("90s", 90), ("5min", 300), ("5 m", 300), ("2w", 1209600),
     ("1d12h", 129600), (" 10  minutes ", 600), ("1 day 0 hours", 86400)],
)  # fmt: skip
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", " ", "5", "days", "-1 day", "1.5 hours", "0 days", "5 parsecs", "1 day,", "1 day and 2 hours", "1 month",
     "٣ days", "1 dayss", "tomorrow"],
)  # fmt: skip
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write a whole number and"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36526 days", "999999999999999999999999 weeks", f"{'9' * 400}s"])
def test_durations_over_a_century(text: str) -> None:
    with pytest.raises(ValueError, match="longer than a century"):
        parse_duration(text)


@given(st.text(alphabet="0123456789 dayshourminwek.-\n", max_size=20))
def test_the_published_pattern_is_the_parser(text: str) -> None:
    if re.match(DURATION_PATTERN, text):
        with suppress(ValueError):  # over a century
            assert parse_duration(text) > timedelta()
    else:
        with pytest.raises(ValueError, match="is not a duration"):
            parse_duration(text)


@given(st.integers(1, int(LONGEST.total_seconds())))
def test_durations_are_read_as_they_are_written(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    assert parse_duration(duration_text(span)) == span


@pytest.mark.parametrize(("text", "minutes"), [("00:00", 0), ("0:10", 10), ("23:59", 1439)])
def test_times_of_day(text: str, minutes: int) -> None:
    assert parse_time_of_day(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["24:00", "12", "12:60", "1:2", "noon", ""])
def test_what_is_no_time_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="not a time of day"):
        parse_time_of_day(text)


@given(MOMENTS)
def test_instants_are_read_as_they_are_written(moment: datetime) -> None:
    assert parse_instant(instant_text(moment)) == moment
    assert parse_instant(instant_text(moment.astimezone(timezone(timedelta(hours=5))))) == moment


@given(MOMENTS, st.integers(1, 10**7).map(lambda seconds: timedelta(seconds=seconds)))
def test_floor(moment: datetime, step: timedelta) -> None:
    assert moment - step < floor(moment, step) <= moment
    assert floor(floor(moment, step), step) == floor(moment, step)


@pytest.mark.parametrize("text", FORMATS)
def test_formats_that_sort(text: str) -> None:
    check_format(text)


@pytest.mark.parametrize(
    "text", ["", "day", "%d-%m-%Y", "%Y-%d", "%H:%M", "%Y-%m-%m", "%y-%m", "%Y-%j", "%%Y", "%Y%", "%Y-%m-%d'"]
)
def test_formats_that_do_not(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not sort as time does|holds a quote"):
        check_format(text)
    assert not re.match(FORMAT_PATTERN, text)


def test_grains_of_formats() -> None:
    assert [format_grain(text) for text in ("%Y-%m-%d", "%Y-%m-%d_%H", "%Y-%m-%d %H:%M:%S.%f")] == [
        timedelta(days=1),
        timedelta(hours=1),
        timedelta(microseconds=1),
    ]


def _order(column: TimeColumn, moment: datetime) -> object:
    """Return a literal as the server orders it: uuids of version 1 by their time."""
    literal = column.literal(moment)
    if column.kind in (TimeKind.SECONDS, TimeKind.MILLISECONDS):
        return int(literal)
    return uuid.UUID(literal).time if column.kind is TimeKind.TIMEUUID else literal


@pytest.mark.parametrize("column", COLUMNS, ids=IDS)
@given(one=MOMENTS, other=MOMENTS)
def test_literals_are_ordered_as_times_are(column: TimeColumn, one: datetime, other: datetime) -> None:
    first, second = sorted([one, other])
    assert _order(column, first) <= _order(column, second)  # type: ignore[operator]


@pytest.mark.parametrize("column", COLUMNS, ids=IDS)
@given(moment=MOMENTS)
def test_literals_parse_and_never_say_a_later_time(column: TimeColumn, moment: datetime) -> None:
    assert parse_literal(column.literal(moment)).text
    value = column.comparable(column.value(moment))
    assert not column.is_before(value, moment)
    if isinstance(value, datetime):
        assert value <= moment
    elif isinstance(value, date):
        assert value == moment.date()


@pytest.mark.parametrize("column", COLUMNS, ids=IDS)
@given(moment=MOMENTS)
def test_zones_do_not_matter(column: TimeColumn, moment: datetime) -> None:
    elsewhere = moment.astimezone(timezone(timedelta(hours=-7)))
    assert column.literal(elsewhere) == column.literal(moment)


def test_exact_literals() -> None:
    moment = datetime(2026, 11, 23, 6, 7, 8, 9999, tzinfo=UTC)
    assert {column.kind.value: column.literal(moment) for column in COLUMNS if column.kind is not TimeKind.TEXT} == {
        "timestamp": "'2026-11-23T06:07:08.009Z'",
        "date": "'2026-11-23'",
        "timeuuid": str(min_uuid_from_time(moment.timestamp())),
        "seconds": "1795414028",
        "milliseconds": "1795414028009",
    }


def test_earliest() -> None:
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    assert earliest([second, None, first]) == first
    assert earliest([None]) is None
