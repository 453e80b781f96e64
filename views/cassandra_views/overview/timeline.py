"""Generations as bars on a line of time: of what time each holds the rows, and how long each has lived. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cassandra_views.model.generation import Generation, State
from cassandra_views.model.times import floor
from cassandra_views.overview.row import ViewRow
from cassandra_views.plan.status import brief

_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86400, 2 * 86400, 7 * 86400, 28 * 86400, 91 * 86400)
)
_MOST_TICKS = 6
_YEAR = timedelta(days=365)
_LEAST_SHARE = 0.6
"""Percent of the line that the shortest bar is long: about three pixels of what a telephone shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar, in percent of its line.

    Args:
        kind: what its colour says: a state of a generation, or ``made`` while it was being built.
        text: what it says in words.
        lane: which of its line's lanes it is in; bars of one lane do not overlap.
    """

    begin: float
    length: float
    kind: str
    text: str
    lane: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The bars of one view or one generation."""

    label: str
    bars: tuple[Bar, ...]

    @property
    def lanes(self) -> int:
        """How many lanes it has."""
        return max((bar.lane for bar in self.bars), default=0) + 1

    @property
    def text(self) -> str:
        """What the bars show, for those who do not see them."""
        return "; ".join(bar.text for bar in self.bars) or "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Lines over one stretch of time, with ticks in percent of it."""

    start: datetime
    end: datetime
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]
    now: float


def windows_chart(rows: Iterable[ViewRow], now: datetime) -> Chart:
    """Return, for each view, of what time its generations hold the rows, the newest on top.

    A whole base is the whole line.
    """
    rows = tuple(rows)
    scale = _scale_of([each for row in rows for each in row.record.generations], now)
    lines = []
    for row in rows:
        newest_first = enumerate(reversed(row.record.generations))
        bars = tuple(_held(each, scale, lane) for lane, each in newest_first)
        lines.append(Line(label=str(row.status.name), bars=bars))
    return scale.chart(tuple(lines), now)


def held_chart(generations: Iterable[Generation], now: datetime) -> Chart:
    """Return, for each generation of a view, of what time it holds the rows, the newest first."""
    newest_first = tuple(generations)[::-1]
    scale = _scale_of(newest_first, now)
    return scale.chart(tuple(Line(label=each.physical, bars=(_held(each, scale),)) for each in newest_first), now)


def lives_chart(generations: Iterable[Generation], now: datetime) -> Chart | None:
    """Return how long each generation was built, waited, served and was kept, the newest first; None without any."""
    known = [each for each in generations if each.created_at][::-1]
    if not known:
        return None
    scale = _Scale(min(each.created_at for each in known if each.created_at), now)
    return scale.chart(tuple(Line(label=each.physical, bars=tuple(_life(each, scale, now))) for each in known), now)


def _scale_of(generations: Iterable[Generation], now: datetime) -> _Scale:
    bounds = [(each.window_start, each.window_end) for each in generations]
    start = min((start for start, _end in bounds if start), default=now - timedelta(days=1))
    return _Scale(start, max([now, *(end for _start, end in bounds if end)]))


def _held(each: Generation, scale: _Scale, lane: int = 0) -> Bar:
    if each.window_start is None:
        held = "the whole base"
    else:
        held = f"{brief(each.window_start)} to {brief(each.window_end) if each.window_end else 'now'}"
    return scale.bar(
        each.window_start or scale.start,
        each.window_end or scale.end,
        kind=each.state.value,
        text=f"generation {each.number} ({each.state}): {held}",
        lane=lane,
    )


def _life(each: Generation, scale: _Scale, now: datetime) -> Iterable[Bar]:
    phases = [
        (each.created_at, "made", "built"),
        (each.built_at, State.BUILT.value, "waited"),
        (each.served_at, State.SERVING.value, "served"),
        (each.retired_at, State.RETIRED.value, "kept for a rollback"),
    ]
    begun = [(moment, kind, verb) for moment, kind, verb in phases if moment]
    for (moment, kind, verb), after in zip(begun, [*begun[1:], None], strict=True):
        end = after[0] if after else now
        if end > moment:
            until = f"until {end:%m-%d %H:%M:%S}" if after else "until now"
            yield scale.bar(moment, end, kind=kind, text=f"{verb} from {moment:%m-%d %H:%M:%S} {until}")


def _tick_text(moment: datetime, step: timedelta) -> str:
    if step > timedelta(days=28):
        return f"{moment:%Y-%m-%d}"
    return f"{moment:%m-%d}" if step >= timedelta(days=1) else f"{moment:%m-%d %H:%M}"


class _Scale:
    """A stretch of time, some of it left free at its right end so that now is seen."""

    def __init__(self, start: datetime, end: datetime) -> None:
        self.start = start
        self.end = end
        self._whole = max((end - start) * 1.02, timedelta(seconds=1))

    def at(self, moment: datetime) -> float:
        return round(100 * max(0.0, min(1.0, (moment - self.start) / self._whole)), 2)

    def bar(self, begin: datetime, end: datetime, *, kind: str, text: str, lane: int = 0) -> Bar:
        length = max(self.at(end) - self.at(begin), _LEAST_SHARE)
        begins = min(self.at(begin), 100 - _LEAST_SHARE)
        return Bar(begin=begins, length=round(length, 2), kind=kind, text=text, lane=lane)

    def chart(self, lines: tuple[Line, ...], now: datetime) -> Chart:
        return Chart(start=self.start, end=self.end, lines=lines, ticks=tuple(self._ticks()), now=self.at(now))

    def _ticks(self) -> Iterable[tuple[float, str]]:
        step = next((each for each in _STEPS if self._whole / each <= _MOST_TICKS), None)
        step = step or _YEAR * math.ceil(self._whole / _YEAR / _MOST_TICKS)
        moment = floor(self.start, step) + step
        while moment < self.start + self._whole:
            yield self.at(moment), _tick_text(moment, step)
            moment += step
