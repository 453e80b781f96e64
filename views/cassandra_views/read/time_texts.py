"""Times, dates and durations as texts, beyond the years that Python's calendar holds too."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any

from cassandra.util import Date, Duration, Time

from cassandra_views.model.times import EPOCH, parse_instant

_DAY = r"([+-]?[0-9]{4,9})-([0-9]{2})-([0-9]{2})"
_DATE = re.compile(rf"{_DAY}\Z", re.ASCII)
_TIMESTAMP = re.compile(
    rf"{_DAY}(?:[T ]([0-9]{{2}}):([0-9]{{2}})(?::([0-9]{{2}})(?:\.([0-9]{{1,9}}))?)?)?"
    r" ?(Z|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?\Z",
    re.ASCII,
)
_TIME = re.compile(r"(-?)([0-9]{1,7}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?\Z", re.ASCII)
_MILLISECONDS = re.compile(r"[+-]?[0-9]{1,19}\Z", re.ASCII)

_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
"""After so many years, which are so many days, the calendar begins again."""
_CYCLE_START = date(2000, 1, 1)
_EPOCH_DATE = EPOCH.date()
_DAY_MILLISECONDS = 86_400_000
_DAY_NANOSECONDS = 86_400 * 10**9


class NanosecondTime(int):
    """A ``time`` beyond its day, in nanoseconds since midnight; it can be bound as it is read."""

    @property
    def nanosecond_time(self) -> int:
        """The nanoseconds, as the driver asks for them."""
        return int(self)


def timestamp_to_text(value: datetime | int) -> str:
    """Return a ``timestamp`` in ISO 8601 with milliseconds: years of more than four digits have a sign.

    Args:
        value: as the reader returns it: without a zone it is UTC; an int counts milliseconds since 1970.
    """
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"
    days, rest = divmod(value, _DAY_MILLISECONDS)
    seconds, milliseconds = divmod(rest, 1000)
    return f"{_day_text(days)}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}Z"


def timestamp_from_text(text: str) -> datetime | int:
    """Return the time that a text names, as cqlsh and ISO 8601 write it; without a zone it is UTC.

    Returns:
        An aware time in UTC; milliseconds since 1970 where Python's calendar does not reach.

    Raises:
        ValueError: it names none.
        OverflowError: it is out of the range of a ``timestamp``.
    """
    if _MILLISECONDS.match(text):
        return _checked(int(text))
    match = _TIMESTAMP.match(text)
    if match is None:
        return parse_instant(text)
    year, month, day, *clock, fraction, zone = match.groups()
    hour, minute, second = (int(each or 0) for each in clock)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("no time of a day")
    micros, finer = divmod(int((fraction or "").ljust(9, "0")), 1000)
    if finer:
        raise ValueError("finer than a microsecond")
    span = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros) - _offset(zone)
    days = _days(int(year), int(month), int(day))
    try:
        return EPOCH + timedelta(days=days) + span
    except OverflowError:
        milliseconds, finer = divmod(span // timedelta(microseconds=1), 1000)
        if finer:
            raise
        return _checked(days * _DAY_MILLISECONDS + milliseconds)


def date_to_text(value: Any) -> str:
    """Return a ``date`` in ISO 8601: years of more than four digits have a sign."""
    return _day_text(value.days_from_epoch) if isinstance(value, Date) else str(value)


def date_from_text(text: str) -> date | Date:
    """Return the date that a text names; the driver's own type where Python's calendar does not reach.

    Raises:
        ValueError: it names none.
    """
    match = _DATE.match(text)
    if match is None:
        raise ValueError("no date")
    days = _days(*(int(each) for each in match.groups()))
    if not -(2**31) <= days < 2**31:
        raise ValueError("out of the range of a date")
    try:
        return _EPOCH_DATE + timedelta(days=days)
    except OverflowError:
        return Date(days)


def time_to_text(value: Any) -> str:
    """Return a ``time`` with nanoseconds; hours go on beyond 23."""
    nanoseconds = value.nanosecond_time
    sign, (seconds, rest) = "-" if nanoseconds < 0 else "", divmod(abs(nanoseconds), 10**9)
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:09}"


def time_from_text(text: str) -> Time | NanosecondTime:
    """Return the time of day that a text names.

    Raises:
        ValueError: it names none.
    """
    match = _TIME.match(text)
    if match is None or int(match[3]) > 59 or int(match[4] or 0) > 59:
        raise ValueError("no time of a day")
    seconds = int(match[2]) * 3600 + int(match[3]) * 60 + int(match[4] or 0)
    return time_of(int(f"{match[1]}{seconds * 10**9 + int((match[5] or '').ljust(9, '0'))}"))


def time_of(nanoseconds: int) -> Time | NanosecondTime:
    """Return the ``time`` so long after midnight.

    Raises:
        ValueError: no ``time`` holds so many.
    """
    if not -(2**63) <= nanoseconds < 2**63:
        raise ValueError("out of the range of a time")
    return Time(nanoseconds) if 0 <= nanoseconds < _DAY_NANOSECONDS else NanosecondTime(nanoseconds)


def duration_to_text(value: Duration) -> str:
    """Return a duration as the server writes it: ``1y2mo3d4h5m6s7ms8us9ns``, a minus sign before all of it."""
    parts = (
        (abs(value.months), (("y", 12), ("mo", 1))),
        (abs(value.days), (("d", 1),)),
        (
            abs(value.nanoseconds),
            (("h", 3_600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6), ("us", 1_000), ("ns", 1)),
        ),
    )
    found = "-" if min(value.months, value.days, value.nanoseconds) < 0 else ""
    for rest, units in parts:
        for unit, size in units:
            count, rest = divmod(rest, size)
            found += f"{count}{unit}" if count else ""
    return found


def _checked(milliseconds: int) -> datetime | int:
    if not -(2**63) <= milliseconds < 2**63:
        raise OverflowError("out of the range of a timestamp")
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return milliseconds


def _offset(zone: str | None) -> timedelta:
    if zone in (None, "Z", "UTC", "GMT"):
        return timedelta()
    digits = zone[1:].replace(":", "").ljust(4, "0")
    if int(digits[:2]) > 18 or int(digits[2:]) > 59:
        raise ValueError("no time zone")
    found = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -found if zone[0] == "-" else found


def _days(year: int, month: int, day: int) -> int:
    cycles, rest = divmod(year - _CYCLE_START.year, _CYCLE_YEARS)
    return (date(_CYCLE_START.year + rest, month, day) - _EPOCH_DATE).days + cycles * _CYCLE_DAYS


def _day_text(days: int) -> str:
    cycles, rest = divmod(days - (_CYCLE_START - _EPOCH_DATE).days, _CYCLE_DAYS)
    found = _CYCLE_START + timedelta(days=rest)
    year = found.year + cycles * _CYCLE_YEARS
    return f"{year:04}-{found:%m-%d}" if 0 <= year <= 9999 else f"{year:+05}-{found:%m-%d}"
