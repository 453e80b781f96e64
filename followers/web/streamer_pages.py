"""One streamer, and several on one chart: counts second by second, by minutes, hours or days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from flask import url_for

from cassandra_views.model.errors import ViewNotFound, ViewNotReady
from followers.accounts import Platform
from followers.levels import Freshness, Level
from followers.web.arguments import NoSuchPage, PageArguments, checked
from followers.web.charts import LineChart, Series, line_chart
from followers.web.rankings import NAMES, PLATFORMS, Change, FollowerCounts, RankedStreamer, Ranking, comparable
from followers.web.reads import LOOKED_BACK, PageReads

LEVELS = (Level.SECOND, Level.MINUTE, Level.HOUR, Level.DAY)
LABELS = {Level.SECOND: "Live", Level.MINUTE: "Minutes", Level.HOUR: "Hours", Level.DAY: "Days"}
LENGTH = {Level.SECOND: 60, Level.MINUTE: 120, Level.HOUR: 48, Level.DAY: 28}
LIVE_SECONDS = {Level.SECOND: 2, Level.MINUTE: 15, Level.HOUR: 60, Level.DAY: 60}
RECENT = {Level.SECOND: 20, Level.MINUTE: 5, Level.HOUR: 1, Level.DAY: 1}
"""How many of the newest rows tell which platforms a streamer is on: readings are up to 20 seconds late."""

_ARRIVES = timedelta(seconds=1)
"""A reading is of a whole second and comes within the next one."""

_MATCHES = 30

MOST = 6
SHOWS = ("change", "followers")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformChart:
    """A platform's chart: its newest count, and what has become of it since the chart's begin."""

    name: str
    style: str
    newest: int | None
    change: Change | None
    chart: LineChart | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayStanding:
    """Where a streamer stands on the newest day."""

    ranking: Ranking
    place: RankedStreamer


def read_streamer(reads: PageReads, arguments: PageArguments, name: str) -> dict[str, Any]:
    """Return what the template shows.

    Raises:
        NoSuchPage: nobody has heard of this streamer.
    """
    checked("name", name)
    level = arguments.level(LEVELS, Level.SECOND)
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
        "shares": [_platform_chart(each, level, times, counts) for each in PLATFORMS],
        "table": [(at, each) for at, each in zip(reversed(times), reversed(counts), strict=True) if each],
    }


def find_streamer(reads: PageReads, arguments: PageArguments) -> str | dict[str, Any]:
    """Return the streamer of this name, or what the template shows of those whose names hold the text."""
    text = arguments.text("name").strip()
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
    reads: PageReads, level: Level, streamers: Sequence[str]
) -> tuple[list[datetime], dict[str, list[FollowerCounts | None]], Freshness]:
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
    reads: PageReads, level: Level, newest: datetime | None, streamers: Sequence[str]
) -> tuple[list[datetime], dict[str, list[FollowerCounts | None]]]:
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


def _platform_chart(
    platform: Platform, level: Level, times: Sequence[datetime], counts: Sequence[FollowerCounts | None]
) -> PlatformChart:
    values = [each.on(platform) if each else None for each in counts]
    style = platform.value
    series = Series(name=NAMES[platform], style=style, values=values)
    return PlatformChart(
        name=NAMES[platform],
        style=style,
        newest=last_known(values),
        change=change_over(values),
        chart=line_chart(NAMES[platform], level, times, [series], height=170, marks=3),
    )


def _standing(reads: PageReads, name: str) -> DayStanding | None:
    """Return the place on the newest day; a page of one streamer is none the worse without it."""
    try:
        newest = reads.newest(Level.DAY, Level.DAY.ranking_view)
        if newest is None:
            return None
        (ranking,) = reads.rankings(Level.DAY, [newest])
    except (ViewNotReady, ViewNotFound):
        return None
    place = ranking.by_name.get(name)
    return DayStanding(ranking=ranking, place=place) if place else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedStreamer:
    """A streamer compared: the newest counts, and the change since the chart's begin."""

    name: str
    style: str
    by_platform: tuple[int | None, ...]
    total: int | None
    change: Change | None


def read_comparison(reads: PageReads, arguments: PageArguments) -> dict[str, Any]:
    """Return what the template shows."""
    names = arguments.several("streamer", MOST)
    level = arguments.level(LEVELS, Level.DAY)
    show = arguments.choice("as", SHOWS)
    directory = reads.directory()
    found: dict[str, Any] = {
        "streamers": names,
        "most": MOST,
        "level": level,
        "levels": LEVELS,
        "labels": LABELS,
        "show": show,
        "shows": SHOWS,
        "directory": directory,
        "chart": None,
        "rows": [],
        "table": [],
        "fresh": None,
        "live_seconds": LIVE_SECONDS[level] if names else None,
        "first": _first(reads) if not names else [],
    }
    if not names:
        return found
    times, curves, found["fresh"] = curves_until_now(reads, level, names)
    totals = {name: comparable(curve, recent=RECENT[level]) for name, curve in curves.items()}
    series = [
        Series(name=name, style=f"s{number}", values=as_shown(values, show))
        for number, (name, values) in enumerate(totals.items(), 1)
    ]
    found["chart"] = line_chart(
        "Followers on all platforms", level, times, series, height=320, as_change=show == "change"
    )
    found["rows"] = [
        ComparedStreamer(
            name=name,
            style=f"s{number}",
            by_platform=tuple(
                last_known([each.on(platform) if each else None for each in curve]) for platform in PLATFORMS
            ),
            total=last_known(totals[name]),
            change=change_over(totals[name]),
        )
        for number, (name, curve) in enumerate(curves.items(), 1)
    ]
    found["table"] = [(at, [totals[name][index] for name in names]) for index, at in enumerate(times)][::-1]
    return found


def as_shown(values: Sequence[int | None], show: str) -> list[float | None]:
    """Return followers as they are, or as their change since the first known value."""
    first = next((value for value in values if value), None)
    if show == "followers":
        return list(values)
    return [value / first - 1 if value is not None and first else None for value in values]


def _first(reads: PageReads) -> list[str]:
    """Return the first three of the newest day, to begin with."""
    try:
        newest = reads.newest(Level.DAY, Level.DAY.ranking_view)
        rankings = reads.rankings(Level.DAY, [newest]) if newest else []
    except (ViewNotReady, ViewNotFound):
        return []
    return [place.streamer for ranking in rankings for place in ranking.places[:3]]
