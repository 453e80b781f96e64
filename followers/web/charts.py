"""Charts as values: where lines, ticks and marks are. Pure; templates/chart.html draws them as SVG.

Across, all is in percent of the width, and down in pixels: so a chart is as wide as there is room, and its letters
stay as large as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from followers.levels import Level
from followers.web.texts import MINUS, THIN, UNITS, percent, short, whole

TOP, BOTTOM = 26, 24
"""Pixels kept for what is told of the moment pointed at, and for the times below."""

_LETTER_WIDTH = 7
"""Pixels of a letter of 12 pixels' size, a little more than most of them have."""

_MOST_DECIMALS = 3
_EDGE = 8.0
"""Percent of the width beside each end where half a label of a time would stand out of the chart."""

SPARK_WIDTH, SPARK_HEIGHT = 88, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What a line shows: a name, its style (``s0`` ...), and a value for each time, None where there is none."""

    name: str
    style: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A point of a line, and its value in words."""

    style: str
    name: str
    y: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartLine:
    """A line: a path in thousandths of the width and pixels, and where it ends (in percent and pixels)."""

    name: str
    style: str
    path: str
    end: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisMark:
    """A label of an axis: where, in percent or pixels, and how it stands to that place."""

    at: float
    text: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time of a chart: a column to point at, and what each line is there."""

    x: float
    left: float
    width: float
    text: str
    dots: tuple[Dot, ...]

    @property
    def full(self) -> str:
        """Return all of it in words."""
        return "\n".join([self.text, *(f"{dot.name}: {dot.text}" for dot in self.dots)])


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChart:
    """A chart of lines over time.

    Args:
        gutter: pixels beside it that the labels of ``down`` take, so that they lie over no line.
    """

    name: str
    about: str
    height: int
    gutter: int
    lines: tuple[ChartLine, ...]
    across: tuple[AxisMark, ...]
    down: tuple[AxisMark, ...]
    moments: tuple[Moment, ...]


def line_chart(
    name: str,
    level: Level,
    times: Sequence[datetime],
    series: Sequence[Series],
    *,
    height: int = 240,
    marks: int = 5,
    as_change: bool = False,
) -> LineChart | None:
    """Return a chart, or None where there is nothing to draw.

    Args:
        times: of the values, the oldest first.
        marks: how many times are written below; a narrow chart has room for three.
        as_change: values are relative changes, and not followers.
    """
    known = [value for each in series for value in each.values if value is not None]
    if not known or not times:
        return None
    show = percent if as_change else _followers
    ticks = nice_ticks(min(known), max(known))
    low, high = ticks[0], ticks[-1]

    def down(value: float) -> float:
        return round(TOP + (high - value) / (high - low) * (height - TOP - BOTTOM), 1)

    def across(index: int) -> float:
        return round(100 * index / (len(times) - 1), 3) if len(times) > 1 else 50.0

    reach = 50 / (len(times) - 1) if len(times) > 1 else 50.0
    moments = []
    for index, at in enumerate(times):
        dots = tuple(
            Dot(style=each.style, name=each.name, y=down(value), text=show(value))
            for each in series
            if (value := each.values[index]) is not None
        )
        if dots:
            left, right = max(across(index) - reach, 0), min(across(index) + reach, 100)
            width = round(right - left, 3)
            moments.append(
                Moment(x=across(index), left=round(left, 3), width=width, text=level.describe(at), dots=dots)
            )
    texts = change_labels(ticks) if as_change else follower_labels(ticks)
    return LineChart(
        name=name,
        about=_about(level, times, series, show),
        height=height,
        gutter=_LETTER_WIDTH * max(map(len, texts)) + 8,
        lines=tuple(_line(each, across, down) for each in series),
        across=_times(level, times, across, marks),
        down=tuple(AxisMark(at=down(tick), text=text) for tick, text in zip(ticks, texts, strict=True)),
        moments=tuple(moments),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkline:
    """A small line beside a number, and what it says in words."""

    paths: str
    end: tuple[float, float]
    about: str


def sparkline(values: Sequence[int | None], what: str) -> Sparkline | None:
    """Return a small line, or None where there are fewer than two values.

    Args:
        what: what the values are of, such as ``14 days``.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    low, high = min(known), max(known)

    def place(index: int, value: float) -> tuple[float, float]:
        share = (high - value) / (high - low) if high > low else 0.5
        return round(3 + index * (SPARK_WIDTH - 6) / (len(values) - 1), 1), round(3 + share * (SPARK_HEIGHT - 6), 1)

    points = [place(index, value) if value is not None else None for index, value in enumerate(values)]
    end = next(point for point in reversed(points) if point)
    return Sparkline(paths=_path(points), end=end, about=f"{what}: from {short(known[0])} to {short(known[-1])}")


def nice_ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Return round numbers, evenly apart, from at most ``low`` to at least ``high``."""
    if high - low < 1e-12 + abs(low) * 1e-12:  # as good as one value
        gap = abs(low) * 0.01 or 1.0
        low, high = low - gap, high + gap
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 2.5, 5, 10) if each * power >= rough * 0.999)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step)))
    return [round(number * step, digits) for number in range(first, last + 1)]


def _line(series: Series, across: Callable[[int], float], down: Callable[[float], float]) -> ChartLine:
    points = [
        (across(index) * 10, down(value)) if value is not None else None for index, value in enumerate(series.values)
    ]
    last = next((point for point in reversed(points) if point), None)
    return ChartLine(
        name=series.name,
        style=series.style,
        path=_path(points),
        end=(last[0] / 10, last[1]) if last else None,
    )


def _path(points: Sequence[tuple[float, float] | None]) -> str:
    parts = []
    is_down = False
    for index, point in enumerate(points):
        if point is None:
            is_down = False
            continue
        parts.append(f"{'L' if is_down else 'M'}{point[0]:g} {point[1]:g}")
        is_alone = not is_down and (index + 1 == len(points) or points[index + 1] is None)
        if is_alone:  # round ends make a dot of it
            parts.append("h0")
        is_down = True
    return "".join(parts)


def _times(level: Level, times: Sequence[datetime], across: Callable[[int], float], marks: int) -> tuple[AxisMark, ...]:
    """Return labels of times, evenly apart, the newest among them."""
    last = len(times) - 1
    step = max(1, math.ceil(last / max(1, marks - 1)))
    return tuple(
        AxisMark(at=across(index), text=level.axis_label(times[index]), anchor=_anchor(across(index)))
        for index in range(last % step, last + 1, step)
    )


def _anchor(at: float) -> str:
    return "start" if at < _EDGE else "end" if at > 100 - _EDGE else "middle"


def follower_labels(ticks: Sequence[float]) -> list[str]:
    """Return the labels of an axis of followers: all in one unit and with as many decimals as the ticks need."""
    largest = max(map(abs, ticks))
    size, letter = next(((size, letter) for size, letter in UNITS if largest >= size), (1, ""))
    digits = _decimals(ticks, size)
    if digits > _MOST_DECIMALS:  # too close together for a unit
        size, letter = 1, ""
        digits = _decimals(ticks, 1)
    unit = f"{THIN}{letter}" if letter else ""
    return [f"{_signed(each / size, digits, '')}{unit}" if each else "0" for each in ticks]


def change_labels(ticks: Sequence[float]) -> list[str]:
    """Return the labels of an axis of changes, all with as many decimals as the ticks need: ``+0.25 %``."""
    digits = _decimals(ticks, 0.01)
    return [f"{_signed(each * 100, digits, '+')}{THIN}%" if each else f"0{THIN}%" for each in ticks]


def _decimals(ticks: Sequence[float], unit: float) -> int:
    """Return how many decimals tell the ticks exactly in this unit."""
    step = ticks[1] - ticks[0]
    exact = (digits for digits in range(9) if all(_is_exact(each, unit, digits, step) for each in ticks))
    return next(exact, 9)


def _is_exact(value: float, unit: float, digits: int, step: float) -> bool:
    return abs(round(value / unit, digits) * unit - value) < step * 1e-3


def _signed(value: float, digits: int, plus: str) -> str:
    return f"{MINUS if value < 0 else plus}{abs(value):,.{digits}f}"


def _about(level: Level, times: Sequence[datetime], series: Sequence[Series], show: Callable[[float], str]) -> str:
    parts = []
    for each in series:
        known = [value for value in each.values if value is not None]
        if known:
            parts.append(
                f"{each.name} from {show(known[0])} to {show(known[-1])}, "
                f"lowest {show(min(known))}, highest {show(max(known))}"
            )
    return f"{level.describe(times[0])} to {level.describe(times[-1])} UTC. {'; '.join(parts)}."


def _followers(value: float) -> str:
    return whole(round(value))
