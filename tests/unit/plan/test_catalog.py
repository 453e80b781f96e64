"""The time of a row as a table's file reads it: a wrong unit or form is seen."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.times import EPOCH, TimeColumn, TimeKind
from cassandra_views.plan.catalog import is_doubtful, read_time, time_text

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())


def column(kind: TimeKind, format: str = "") -> TimeColumn:
    return TimeColumn(name="at", kind=kind, format=format)


def big(value: int) -> bytes:
    return struct.pack(">q", value)


@pytest.mark.parametrize(
    ("time", "value", "text", "is_wrong"),
    [
        (column(TimeKind.SECONDS), big(SECONDS), "2026-11-27T12:00:00Z", False),
        (column(TimeKind.MILLISECONDS), big(SECONDS * 1000), "2026-11-27T12:00:00Z", False),
        (column(TimeKind.MILLISECONDS), big(SECONDS), "1970-01-21T18:49:40.800000Z", True),
        (column(TimeKind.SECONDS), big(SECONDS * 1000), "no time: 1,795,780,800,000 as seconds", True),
        (column(TimeKind.TIMESTAMP), big(SECONDS * 1_000_000), "no time: 1,795,780,800,000,000 as timestamp", True),
        (column(TimeKind.DATE), struct.pack(">I", 2**31 + 20_784), "2026-11-27T00:00:00Z", False),
        (column(TimeKind.DATE), struct.pack(">I", 1), "no time: 1 as date", True),
        (column(TimeKind.TEXT, "%Y-%m-%d"), b"2026-11-27", "2026-11-27T00:00:00Z", False),
        (column(TimeKind.TEXT, "%Y-%m-%d"), b"27.11.2026", "no time: '27.11.2026' is not of the form %Y-%m-%d", True),
        (column(TimeKind.TEXT, "%Y-%m-%d"), b"", "no time: '' is not of the form %Y-%m-%d", True),
    ],
)
def test_a_time_is_read_as_the_file_says(time: TimeColumn, value: bytes, text: str, is_wrong: bool) -> None:
    assert time_text(time, value).startswith(text)
    assert is_doubtful(time, value, NOW) is is_wrong


@given(st.integers(0, 2_000_000_000), st.sampled_from([TimeKind.SECONDS, TimeKind.TIMESTAMP, TimeKind.TIMEUUID]))
def test_what_is_written_is_read(seconds: int, kind: TimeKind) -> None:
    moment = EPOCH + timedelta(seconds=seconds)
    value: Any = column(kind).value(moment)
    if kind is TimeKind.TIMEUUID:
        raw = value.bytes
    else:
        raw = big(value if kind is TimeKind.SECONDS else int(value.timestamp()) * 1000)
    assert read_time(column(kind), raw) == moment
