"""Durations, and the forms in which tables hold time."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_SHORT = {"s": "second", "m": "minute", "min": "minute", "h": "hour", "d": "day", "w": "week"}
_PART = re.compile(r"\s*(\d+)\s*([A-Za-z]+)\s*")
_AT = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\Z")


def parse_duration(text: str) -> timedelta:
    """Return the time span that a text such as ``28 days`` or ``1 day 12 hours`` or ``90s`` names.

    Raises:
        ValueError: the text is no duration, or is zero; the message says what one looks like.
    """
    total, position = timedelta(), 0
    while position < len(text):
        match = _PART.match(text, position)
        unit = match[2].lower() if match else ""
        unit = _SHORT.get(unit, unit.removesuffix("s") if len(unit) > 2 else unit)
        if match is None or unit not in _UNITS:
            break
        try:
            total += int(match[1]) * _UNITS[unit]
        except OverflowError:
            raise ValueError(f"{text!r} is longer than any calendar") from None
        position = match.end()
    if position < len(text) or not text.strip() or not total:
        raise ValueError(f"{text!r} is not a duration: write a number and seconds, minutes, hours, days or weeks")
    return total


def duration_text(span: timedelta) -> str:
    """Return the span as people write it: ``28 days``, ``1 day 12 hours``."""
    seconds = int(span.total_seconds())
    if seconds <= 0:
        return "0 seconds"
    parts = []
    for name, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}{'s' if count != 1 else ''}")
    return " ".join(parts)


def parse_time_of_day(text: str) -> timedelta:
    """Return the offset from midnight UTC that ``HH:MM`` names."""
    match = _AT.match(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a time of day: write HH:MM, in quotes, in UTC")
    return timedelta(hours=int(match[1]), minutes=int(match[2]))


def parse_instant(text: str) -> datetime:
    """Return the aware UTC time that an ISO 8601 text names; a text without a zone is UTC."""
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def instant_text(moment: datetime) -> str:
    """Return the moment as ISO 8601 in UTC, with a Z and no more digits than it needs."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def floor(moment: datetime, step: timedelta) -> datetime:
    """Return the last whole multiple of ``step`` since the Unix epoch that is not after the moment."""
    return EPOCH + (moment - EPOCH) // step * step


class TimeKind(StrEnum):
    """How a column holds time."""

    TEXT = "text"
    TIMESTAMP = "timestamp"
    DATE = "date"
    TIMEUUID = "timeuuid"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"

    @property
    def cql_types(self) -> tuple[str, ...]:
        """The column types that may hold time this way."""
        integers = ("bigint", "varint", "int")
        return {
            TimeKind.TEXT: ("text", "ascii"),
            TimeKind.SECONDS: integers,
            TimeKind.MILLISECONDS: integers[:2],
        }.get(self, (self.value,))


GRAINS = {name: _UNITS[name] for name in ("second", "minute", "hour", "day", "week")}

_DIRECTIVES = "YmdHMSf"
_FORMAT_PART = re.compile(r"%(.)")


def check_format(text: str) -> None:
    """Refuse a format whose texts do not sort as the times do.

    Raises:
        ValueError: says which rule the format breaks.
    """
    used = _FORMAT_PART.findall(text)
    if not used or used != list(_DIRECTIVES[: len(used)]):
        raise ValueError(
            f"{text!r} does not sort as time does: use %Y %m %d %H %M %S in this order, from %Y on, each once"
        )
    if "'" in text:
        raise ValueError(f"{text!r} holds a quote, which the server would keep in a form it cannot read again")


def format_grain(text: str) -> timedelta:
    """Return the smallest step of time that the format can tell apart."""
    last = _FORMAT_PART.findall(text)[-1]
    spans = {"Y": 366 * 24 * 3600, "m": 31 * 24 * 3600, "d": 86400, "H": 3600, "M": 60, "S": 1}
    return timedelta(seconds=spans[last]) if last in spans else timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeColumn:
    """The column that holds a table's time: its name, form and grain.

    Args:
        format: the ``strftime`` format, where kind is TEXT.
        grain: the step between two values, as the table's file says; None where it does not.
    """

    name: str
    kind: TimeKind
    format: str = ""
    grain: timedelta | None = None

    def value(self, moment: datetime) -> Any:
        """Return the moment as the value that the column holds (rounded down to what it can hold)."""
        moment = moment.astimezone(UTC)
        match self.kind:
            case TimeKind.TEXT:
                # %Y has no leading zeros on Linux before year 1000, and those would not sort.
                return moment.strftime(self.format.replace("%Y", f"{moment.year:04d}"))
            case TimeKind.TIMESTAMP:
                return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
            case TimeKind.DATE:
                return moment.date()
            case TimeKind.TIMEUUID:
                return min_timeuuid(moment)
            case TimeKind.SECONDS:
                return (moment - EPOCH) // timedelta(seconds=1)
            case TimeKind.MILLISECONDS:
                return (moment - EPOCH) // timedelta(milliseconds=1)

    def literal(self, moment: datetime) -> str:
        """Return the moment as a CQL literal of the column's type; never a function, always UTC."""
        value = self.value(moment)
        match self.kind:
            case TimeKind.TEXT | TimeKind.DATE:
                return f"'{value}'"
            case TimeKind.TIMESTAMP:
                return f"'{value.strftime('%Y-%m-%dT%H:%M:%S')}.{value.microsecond // 1000:03d}Z'"
            case _:
                return str(value)

    def comparable(self, value: Any) -> Any:
        """Return what an application gave for this column as a value that compares with ``value(...)``.

        Raises:
            ValueError: the value is of no kind that this column can be compared with.
        """
        match self.kind, value:
            case TimeKind.TEXT, str():
                return value
            case TimeKind.TIMESTAMP, datetime():
                return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
            case TimeKind.DATE, datetime():
                return value.date()
            case TimeKind.DATE, date():
                return value
            case TimeKind.TIMEUUID, uuid.UUID():
                return value
            case ((TimeKind.SECONDS | TimeKind.MILLISECONDS), int()):
                return value
            case TimeKind.TIMESTAMP, int():
                return EPOCH + timedelta(milliseconds=value)
            case TimeKind.TIMESTAMP, str():
                return parse_instant(value)
            case TimeKind.DATE, str():
                return date.fromisoformat(value)
            case _, datetime():
                return self.value(value if value.tzinfo else value.replace(tzinfo=UTC))
            case _:
                if self.kind is TimeKind.DATE and hasattr(value, "date"):
                    return value.date()  # the driver's own Date type
                raise ValueError(f"{value!r} is no {self.kind.value} time")

    def is_before(self, value: Any, moment: datetime) -> bool:
        """Tell whether an application's value lies before the moment."""
        compared, bound = self.comparable(value), self.value(moment)
        if self.kind is TimeKind.TIMEUUID:
            return bool(compared.time < bound.time)
        return bool(compared < bound)


_UUID_EPOCH_TICKS = 0x01B21DD213814000


def min_timeuuid(moment: datetime) -> uuid.UUID:
    """Return the least version 1 uuid of the moment, in the server's order (as ``minTimeuuid`` does)."""
    ticks = _UUID_EPOCH_TICKS + (moment - EPOCH) // timedelta(microseconds=1) * 10
    low, mid, high = ticks & 0xFFFFFFFF, (ticks >> 32) & 0xFFFF, (ticks >> 48) & 0x0FFF
    return uuid.UUID(fields=(low, mid, high | 0x1000, 0x80, 0x80, 0x808080808080))


def earliest(moments: Iterable[datetime | None]) -> datetime | None:
    """Return the earliest of the moments that are known, or None."""
    known = [moment for moment in moments if moment is not None]
    return min(known) if known else None
