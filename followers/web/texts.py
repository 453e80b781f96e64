"""Numbers as people read them. Pure."""

from __future__ import annotations

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


def counted(count: int, noun: str) -> str:
    """Return ``1 streamer`` or ``100 streamers``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
