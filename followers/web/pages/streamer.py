"""One streamer: what each platform counts, second by second, by minutes, hours or days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from flask import url_for

from cassandra_views.model.errors import ViewNotFound, ViewNotReady
from followers.accounts import Platform
from followers.web import wanted
from followers.web.board import NAMES, PLATFORMS, Board, Change, Counts, Place, comparable
from followers.web.charts import Chart, Series, line_chart
from followers.web.freshness import Freshness
from followers.web.levels import Level, level_named
from followers.web.reads import LOOKED_BACK, Reads
from followers.web.wanted import Arguments, NoSuchPage

LEVELS = (Level.SECOND, Level.MINUTE, Level.HOUR, Level.DAY)
LABELS = {Level.SECOND: "Live", Level.MINUTE: "Minutes", Level.HOUR: "Hours", Level.DAY: "Days"}
LENGTH = {Level.SECOND: 60, Level.MINUTE: 120, Level.HOUR: 48, Level.DAY: 28}
LIVE_SECONDS = {Level.SECOND: 2, Level.MINUTE: 15, Level.HOUR: 60, Level.DAY: 60}
RECENT = {Level.SECOND: 20, Level.MINUTE: 5, Level.HOUR: 1, Level.DAY: 1}
"""How many of the newest rows tell which platforms a streamer is on: readings are up to 20 seconds late."""

_ARRIVES = timedelta(seconds=1)
"""A reading is of a whole second and comes within the next one."""

_MATCHES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A platform's chart: its newest count, and what has become of it since the chart's begin."""

    name: str
    style: str
    newest: int | None
    change: Change | None
    chart: Chart | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a streamer stands on the newest day."""

    board: Board
    place: Place


def streamer(reads: Reads, arguments: Arguments, name: str) -> dict[str, Any]:
    """Return what the template shows.

    Raises:
        NoSuchPage: nobody has heard of this streamer.
    """
    wanted.checked("name", name)
    level = level_named(arguments.get("level"), LEVELS, Level.SECOND)
    times, curve, fresh = curves_until_now(reads, level, [name])
    counts = curve[name]
    directory = reads.directory()
    standing = _standing(reads, name)
    if not any(counts) and name not in directory.streamers and standing is None and not directory.waiting:
        near = get_close_matches(name, directory.offered, n=5, cutoff=0.5)
        raise NoSuchPage(
            f"There is no streamer “{name}”.",
            "Did you mean one of these?" if near else "Look for another one above.",
            [(url_for("pages.streamer_page", name=each), each) for each in near],
        )
    totals = comparable(counts, recent=RECENT[level])
    return {
        "streamer": name,
        "level": level,
        "levels": LEVELS,
        "labels": LABELS,
        "fresh": fresh,
        "language": directory.language_of.get(name, ""),
        "game": directory.game_of.get(name, ""),
        "standing": standing,
        "has_counts": directory.has_counts(name) or standing is not None,
        "counted": len(directory.counted or ()),
        "known": len(directory.streamers),
        "live_seconds": LIVE_SECONDS[level],
        "newest": last_known(totals),
        "change": change_over(totals),
        "chart": line_chart(
            "All platforms", level, times, [Series(name="All platforms", style="s0", values=totals)], height=250
        ),
        "shares": [_part(each, level, times, counts) for each in PLATFORMS],
        "table": [(at, each) for at, each in zip(reversed(times), reversed(counts), strict=True) if each],
    }


def find_streamer(reads: Reads, arguments: Arguments) -> str | dict[str, Any]:
    """Return the streamer of this name, or what the template shows of those whose names hold the text."""
    text = wanted.text(arguments, "name").strip()
    folded = text.casefold()
    directory = reads.directory()
    names = directory.streamers
    for each in names:
        if each.casefold() == folded:
            return each
    matching = [each for each in names if folded and folded in each.casefold()]
    matching.sort(key=lambda each: (not each.casefold().startswith(folded), each.casefold()))
    found = [each for each in matching if directory.has_counts(each)]
    if len(found) == 1 == len(matching):
        return found[0]
    return {
        "text": text,
        "found": found[:_MATCHES],
        "more": max(0, len(found) - _MATCHES),
        "without": [each for each in matching if not directory.has_counts(each)],
        "near": get_close_matches(text, directory.offered, n=5, cutoff=0.5) if text and not matching else [],
        "waiting": directory.waiting,
    }


def curves_until_now(
    reads: Reads, level: Level, streamers: Sequence[str]
) -> tuple[list[datetime], dict[str, list[Counts | None]], Freshness]:
    """Return the newest intervals, the oldest first, with what these streamers had in each."""
    if level is Level.SECOND:
        newest: datetime | None = level.last_over(reads.now) - _ARRIVES
        found = _read(reads, level, newest, streamers)
        if not any(any(curve) for curve in found[1].values()):
            newest = reads.newest_second()
            found = _read(reads, level, newest, streamers)
        else:
            ends = [at for index, at in enumerate(found[0]) if any(curve[index] for curve in found[1].values())]
            newest = ends[-1]
    else:
        newest = reads.newest(level, level.curve_view)
        found = _read(reads, level, newest, streamers)
    fresh = Freshness(level=level, newest=newest, now=reads.now, looked_back=LOOKED_BACK[level] * level.step)
    return *found, fresh


def _read(
    reads: Reads, level: Level, newest: datetime | None, streamers: Sequence[str]
) -> tuple[list[datetime], dict[str, list[Counts | None]]]:
    if newest is None:
        return [], {name: [] for name in streamers}
    times = level.back(newest, LENGTH[level])[::-1]
    curves = reads.curves(level, times, streamers)
    known = [index for index in range(len(times)) if any(curve[index] for curve in curves.values())]
    # What lies before the first row is older than the view, or than the streamer.
    first = known[0] if known else len(times)
    return times[first:], {name: curve[first:] for name, curve in curves.items()}


def change_over(values: Sequence[int | None]) -> Change | None:
    """Return the change from the first known value to the last."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    gained = known[-1] - known[0]
    return Change(followers=gained, share=gained / known[0] if known[0] else None)


def last_known(values: Sequence[int | None]) -> int | None:
    """Return the newest value there is."""
    return next((value for value in reversed(values) if value is not None), None)


def _part(platform: Platform, level: Level, times: Sequence[datetime], counts: Sequence[Counts | None]) -> Part:
    values = [each.on(platform) if each else None for each in counts]
    style = platform.value
    series = Series(name=NAMES[platform], style=style, values=values)
    return Part(
        name=NAMES[platform],
        style=style,
        newest=last_known(values),
        change=change_over(values),
        chart=line_chart(NAMES[platform], level, times, [series], height=170, marks=3),
    )


def _standing(reads: Reads, name: str) -> Standing | None:
    """Return the place on the newest day; a page of one streamer is none the worse without it."""
    try:
        newest = reads.newest(Level.DAY, Level.DAY.ranking_view)
        if newest is None:
            return None
        (board,) = reads.boards(Level.DAY, [newest])
    except (ViewNotReady, ViewNotFound):
        return None
    place = board.by_name.get(name)
    return Standing(board=board, place=place) if place else None
