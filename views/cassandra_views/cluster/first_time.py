"""The time of a base table's first row, as its table's file reads it: a wrong unit or form shows in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from cassandra_client.database import Database
from cassandra_client.decoding import RawRows
from cassandra_client.driver_errors import translate_driver_errors
from cassandra_client.names import quoted
from cassandra_views.model.times import EPOCH, TimeColumn, TimeKind, instant_text

_UUID_EPOCH = datetime(1582, 10, 15, tzinfo=UTC)
_NEVER_BEFORE = datetime(1971, 1, 1, tzinfo=UTC)
"""Seconds that are read as milliseconds lie in January 1970."""
_NEVER_AFTER = timedelta(days=3652)
"""Milliseconds that are read as seconds lie tens of thousands of years ahead."""


def find_first_time(database: Database, keyspace: str, table: str, time: TimeColumn) -> bytes | None:
    """Return the time column of some first row of a table, as the server sends it; None where there is no row.

    One read of one row.

    Raises:
        ClusterError: the table cannot be read.
    """
    query = f"SELECT {quoted(time.name)} FROM {quoted(keyspace)}.{quoted(table)} LIMIT 1"
    with translate_driver_errors("the base's first row cannot be read", on=f"{keyspace}.{table}"):
        rows = RawRows(database).read(query)
    return rows[0][0] if rows else None


def read_time(time: TimeColumn, value: bytes) -> datetime | None:
    """Return the moment of a value, as the table's file reads it; None where it is none that a calendar has."""
    number = int.from_bytes(value, "big", signed=True)
    try:
        match time.kind:
            case TimeKind.TEXT:
                return datetime.strptime(value.decode(), time.format).replace(tzinfo=UTC)
            case TimeKind.TIMESTAMP | TimeKind.MILLISECONDS:
                return EPOCH + timedelta(milliseconds=number)
            case TimeKind.SECONDS:
                return EPOCH + timedelta(seconds=number)
            case TimeKind.DATE:
                return EPOCH + timedelta(days=int.from_bytes(value, "big") - 2**31)
            case TimeKind.TIMEUUID:
                return _UUID_EPOCH + timedelta(microseconds=UUID(bytes=value).time // 10)
    except (ValueError, OverflowError):
        return None


def time_text(time: TimeColumn, value: bytes) -> str:
    """Return the moment of a value for people, or why it has none."""
    moment = read_time(time, value)
    if moment is not None:
        return instant_text(moment)
    if time.kind is TimeKind.TEXT:
        return f"no time: {value.decode(errors='replace')!r} is not of the form {time.format}"
    number = int.from_bytes(value, "big", signed=True)
    return f"no time: {number:,} as {time.kind.value} is in no year from 1 to 9999"


def is_doubtful(time: TimeColumn, value: bytes, now: datetime) -> bool:
    """Tell whether a table's file can hardly mean what its rows hold: another form, or another unit."""
    moment = read_time(time, value)
    return moment is None or moment < _NEVER_BEFORE or moment > now + _NEVER_AFTER
