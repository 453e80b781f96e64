"""Numbers, times and spans as people read them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from followers.web.levels import Level

MINUS = "\N{MINUS SIGN}"
THIN = "\N{NARROW NO-BREAK SPACE}"
UNITS = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K"))


def whole(count: int | None) -> str:
    """Return a count with all of its digits: ``87,183,001``."""
    return "\N{EN DASH}" if count is None else f"{count:,}".replace("-", MINUS)


def short(count: float) -> str:
    """Return a count in four digits at most: ``87.18 M``."""
    size = abs(count)
    for unit, letter in UNITS:
        # What would be rounded to 1000 of a unit is 1 of the next.
        if size >= unit * 0.9995:
            value = size / unit
            digits = 2 if value < 99.995 else 1
            return f"{MINUS if count < 0 else ''}{value:.{digits}f}{THIN}{letter}"
    return f"{MINUS if count < 0 else ''}{size:.0f}"


def signed(count: float) -> str:
    """Return a difference with its sign: ``+1.20 M``."""
    text = short(abs(count))
    return text if text == "0" else f"{'+' if count > 0 else MINUS}{text}"


def percent(share: float | None, digits: int = 2) -> str:
    """Return a relative change with its sign; 0.012 is ``+1.20 %``."""
    if share is None:
        return "\N{EN DASH}"
    text = f"{abs(share) * 100:.{digits}f}"
    sign = "" if float(text) == 0 else "+" if share > 0 else MINUS
    return f"{sign}{text}{THIN}%"


def part(share: float) -> str:
    """Return a part of a whole: 0.123 is ``12.3 %``."""
    return f"{share * 100:.1f}{THIN}%"


def named(level: Level, at: datetime) -> str:
    """Return an interval in words: ``Monday 23 November 2026``, ``23 Nov 2026, 14:00 to 15:00``."""
    match level:
        case Level.DAY:
            return f"{at:%A} {at.day} {at:%B %Y}"
        case Level.HOUR:
            return f"{at.day} {at:%b %Y, %H:%M} to {at + level.step:%H:%M}"
        case Level.MINUTE:
            return f"{at.day} {at:%b %Y, %H:%M}"
        case Level.SECOND:
            return f"{at.day} {at:%b %Y, %H:%M:%S}"


def brief(level: Level, at: datetime) -> str:
    """Return an interval as an axis has room for it."""
    match level:
        case Level.DAY:
            return f"{at.day} {at:%b}"
        case Level.HOUR | Level.MINUTE:
            return f"{at:%H:%M}"
        case Level.SECOND:
            return f"{at:%H:%M:%S}"


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units: ``2 days 3 hours``."""
    seconds = max(0, int(length.total_seconds()))
    parts = []
    for unit, word in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, seconds = divmod(seconds, unit)
        if count:
            parts.append(f"{count} {word}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "0 seconds"


def counted(count: int, noun: str) -> str:
    """Return ``1 streamer`` or ``100 streamers``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
