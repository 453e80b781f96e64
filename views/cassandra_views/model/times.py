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
_UNIT = "(?:seconds?|minutes?|hours?|days?|weeks?|min|[smhdw])"
DURATION_PATTERN = rf"^(?=.*[1-9])\s*[0-9]+\s*{_UNIT}(?:\s*[0-9]+\s*{_UNIT})*\s*$"
"""What a duration looks like, in the regular expressions of JSON Schema too."""
TIME_OF_DAY_PATTERN = r"^(?:[01]?[0-9]|2[0-3]):[0-5][0-9]$"
_PART = re.compile(rf"([0-9]+)\s*({_UNIT})")
LONGEST = timedelta(days=36525)
"""No window, step or grace is longer than a century: now less a window stays a time that servers can hold."""


def parse_duration(text: str) -> timedelta:
    """Return the time span that a text such as ``28 days`` or ``1 day 12 hours`` or ``90s`` names.

    Raises:
        ValueError: the text is no duration, is zero or over a century; the message says what one looks like.
    """
    if not re.match(DURATION_PATTERN, text):
        raise ValueError(
            f"{text!r} is not a duration: write a whole number and seconds, minutes, hours, days or weeks, such as "
            "28 days"
        )
    total = timedelta()
    for count, name in _PART.findall(text):
        unit = _UNITS[_SHORT.get(name, name.removesuffix("s"))]
        total += min(int(count[:12]), LONGEST // unit + 1) * unit
    if total > LONGEST:
        raise ValueError(f"{text!r} is longer than a century")
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
    if not re.match(TIME_OF_DAY_PATTERN, text):
        raise ValueError(f"{text!r} is not a time of day: write HH:MM, in quotes, in UTC")
    hours, _colon, minutes = text.partition(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def parse_instant(text: str) -> datetime:
    """Return the aware UTC time that an ISO 8601 text names; a text without a zone is UTC.

    Raises:
        ValueError: the text is no time.
        OverflowError: its zone moves it out of the calendar.
    """
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def instant_text(moment: datetime) -> str:
    """Return the moment as ISO 8601 in UTC, with a Z and no more digits than it needs."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def microseconds(moment: datetime) -> int:
    """Return the microseconds since 1970, as write times are counted."""
    return (moment - EPOCH) // timedelta(microseconds=1)


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

_FORMAT_PART = re.compile(r"%(.)")
_PLAIN = "[^%']*"
FORMAT_PATTERN = (
    f"^{_PLAIN}%Y(?:{_PLAIN}%m(?:{_PLAIN}%d(?:{_PLAIN}%H(?:{_PLAIN}%M(?:{_PLAIN}%S(?:{_PLAIN}%f)?)?)?)?)?)?{_PLAIN}$"
)
"""What a format looks like whose texts sort as the times do, in the regular expressions of JSON Schema too."""


def check_format(text: str) -> None:
    """Refuse a format whose texts do not sort as the times do.

    Raises:
        ValueError: says which rule the format breaks.
    """
    if "'" in text:
        raise ValueError(f"{text!r} holds a quote, which the server would keep in a form it cannot read again")
    if not re.match(FORMAT_PATTERN, text):
        raise ValueError(
            f"{text!r} does not sort as time does: use %Y %m %d %H %M %S in this order, from %Y on, each once"
        )


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
