"""Several streamers on one chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cassandra_views.model.errors import ViewNotFound, ViewNotReady
from followers.web import wanted
from followers.web.board import PLATFORMS, Change, comparable
from followers.web.charts import Series, line_chart
from followers.web.levels import Level, level_named
from followers.web.pages.streamer import (
    LABELS,
    LEVELS,
    LIVE_SECONDS,
    RECENT,
    change_over,
    curves_until_now,
    last_known,
)
from followers.web.reads import Reads
from followers.web.wanted import Arguments

MOST = 6
SHOWS = ("change", "followers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A streamer compared: the newest counts, and the change since the chart's begin."""

    name: str
    style: str
    by_platform: tuple[int | None, ...]
    total: int | None
    change: Change | None


def compare(reads: Reads, arguments: Arguments) -> dict[str, Any]:
    """Return what the template shows."""
    names = wanted.several(arguments, "streamer", MOST)
    level = level_named(arguments.get("level"), LEVELS, Level.DAY)
    show = wanted.choice(arguments, "as", SHOWS)
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
        Row(
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


def _first(reads: Reads) -> list[str]:
    """Return the first three of the newest day, to begin with."""
    try:
        newest = reads.newest(Level.DAY, Level.DAY.ranking_view)
        boards = reads.boards(Level.DAY, [newest]) if newest else []
    except (ViewNotReady, ViewNotFound):
        return []
    return [place.streamer for board in boards for place in board.places[:3]]
