"""The ranking of a day, an hour or a minute, and the risers and fallers between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for

from followers.levels import Freshness, Level
from followers.web import texts
from followers.web.arguments import NoSuchPage, PageArguments
from followers.web.charts import Sparkline, sparkline
from followers.web.rankings import (
    NAMES,
    PLATFORMS,
    Change,
    FollowerCounts,
    Move,
    RankedStreamer,
    Ranking,
    comparable,
    moves,
    not_comparable,
    total_change,
    usual_platforms,
)
from followers.web.reads import LOOKED_BACK, PageReads

LEVELS = (Level.DAY, Level.HOUR, Level.MINUTE)
LIVE_SECONDS = {Level.DAY: 60, Level.HOUR: 60, Level.MINUTE: 10}
_SPARKS = {Level.DAY: 14, Level.HOUR: 24, Level.MINUTE: 30}
_SHOWN = ("25", "50", "100", "all")

_TREND_LEVELS = (Level.DAY, Level.HOUR)
_TREND_BACK = {Level.DAY: (7, 1, 14, 27), Level.HOUR: (6, 1, 12, 24)}
"""How many intervals are offered to be looked back; the first where nothing is said."""

_MOST_MOVERS = 10
_TREND_BY = ("share", "followers")


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingRow:
    """A row of the table.

    Args:
        overall: the place among all streamers, where the table shows some; None where the row is incomplete.
        is_new: the interval before has no row of the streamer.
        bars: begin and width of each platform's part of the bar, in percent of the longest.
    """

    place: RankedStreamer
    overall: int | None
    move: Move | None
    is_new: bool
    spark: Sparkline | None
    bars: tuple[tuple[float, float] | None, ...]
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Headlines:
    """What stands out of a ranking."""

    change: Change | None
    rise: Move | None
    fall: Move | None
    climb: Move | None


def read_ranking(reads: PageReads, arguments: PageArguments) -> dict[str, Any]:
    """Return what the template shows.

    Raises:
        NoSuchPage: the interval is not kept, or is no interval.
    """
    level = arguments.level(LEVELS, Level.DAY)
    asked = arguments.moment("at", level)
    filters = arguments.filters()
    newest = reads.newest(level, level.ranking_view)
    begin = reads.begin(level.ranking_view)
    at = asked or newest
    fresh = Freshness(level=level, newest=newest, now=reads.now, looked_back=LOOKED_BACK[level] * level.step)
    if asked:
        check_kept(level, asked, begin, newest)
    directory = reads.directory()
    found: dict[str, Any] = {
        "level": level,
        "levels": LEVELS,
        "asked": asked,
        "at": at,
        "fresh": fresh,
        "filters": filters,
        "directory": directory,
        "shown": arguments.choice("show", _SHOWN),
        "shown_options": _SHOWN,
        "live_seconds": None if asked else LIVE_SECONDS[level],
        "before": at - level.step if at and (begin is None or at - level.step >= begin) else None,
        "after": at + level.step if at and newest and at < newest else None,
        "begin": begin,
        "rows": [],
        "ranking": None,
    }
    if at is None:
        return found
    rankings = reads.covered_rankings(level, level.back(at, _SPARKS[level]))
    usual = usual_platforms(rankings)
    whole = rankings[0].checked(usual)
    previous = rankings[1].checked(usual) if len(rankings) > 1 and rankings[1].places else None
    chosen = reads.chosen(filters)
    ranking = whole if chosen is None else whole.among(chosen)
    known = previous if chosen is None or previous is None else previous.among(chosen)
    most = len(ranking.places) if found["shown"] == "all" else int(found["shown"])
    moved = moves(ranking, known)
    by_name = {move.place.streamer: move for move in moved}
    found["rows"] = [
        _row(place, ranking, whole, known, by_name.get(place.streamer), rankings, level)
        for place in ranking.places[:most]
    ]
    found["ranking"] = ranking
    found["whole"] = whole
    found["headlines"] = _headlines(moved, total_change(ranking, known))
    return found


def without_newest_day(reads: PageReads, values: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return what an address of the form says, with its field ``day`` as ``at``; the newest day needs no ``at``.

    The form names the day that is shown, so that no field is empty; a page of the newest day goes on moving.
    """
    found = {name: value for name, value in values.items() if name not in ("day", "at")}
    newest = reads.newest(Level.DAY, Level.DAY.ranking_view)
    day = values["day"][0]
    return found if newest and day == Level.DAY.text(newest) else {"at": [day], **found}


def check_kept(level: Level, at: datetime, begin: datetime | None, newest: datetime | None) -> None:
    """Check that an interval is one that the ranking has.

    Raises:
        NoSuchPage: it is older or newer.
    """
    if begin is not None and at < begin:
        raise NoSuchPage(
            f"{level.describe(at)} is no longer kept.",
            f"The ranking reaches back to {level.describe(begin)} UTC.",
            [(url_for("pages.ranking_page", level=level.word), f"The newest {level.word}")],
        )
    if newest is None or at > newest:
        raise NoSuchPage(
            f"{level.describe(at)} has no ranking yet.",
            f"The newest is {level.describe(newest)} UTC." if newest else "There is none so far.",
            [(url_for("pages.ranking_page", level=level.word), f"The newest {level.word}")],
        )


def _row(
    place: RankedStreamer,
    ranking: Ranking,
    whole: Ranking,
    known: Ranking | None,
    move: Move | None,
    rankings: list[Ranking],
    level: Level,
) -> RankingRow:
    name = place.streamer
    history: list[FollowerCounts | None] = [
        other.counts if (other := each.by_name.get(name)) else None for each in reversed(rankings)
    ]
    bars: list[tuple[float, float] | None] = []
    begin = 0.0
    longest = ranking.places[0].counts.total or 1
    for count in place.counts.by_platform:
        width = 100 * (count or 0) / longest
        bars.append((round(begin, 2), round(width, 2)) if count else None)
        begin += width
    return RankingRow(
        place=place,
        overall=whole.by_name[name].rank,
        move=move,
        is_new=known is None or name not in known.by_name,
        spark=sparkline(comparable(history), texts.counted(len(rankings), level.word)),
        bars=tuple(bars),
        about=_split(place),
    )


def _split(place: RankedStreamer) -> str:
    parts = []
    for each in PLATFORMS:
        count = place.counts.on(each)
        if count is not None:
            parts.append(f"{NAMES[each]} {texts.short(count)}")
        else:
            parts.append(f"{NAMES[each]} missing" if each in place.missing else f"not on {NAMES[each]}")
    return ", ".join(parts)


def _headlines(moved: list[Move], change: Change | None) -> Headlines:
    by_share = sorted((move for move in moved if move.change.share is not None), key=lambda m: m.change.share or 0.0)
    climbed = max(moved, key=lambda move: (move.climbed, -(move.place.rank or 0)), default=None)
    return Headlines(
        change=change,
        rise=by_share[-1] if by_share and (by_share[-1].change.share or 0) > 0 else None,
        fall=by_share[0] if by_share and (by_share[0].change.share or 0) < 0 else None,
        climb=climbed if climbed and climbed.climbed > 0 else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """A riser or a faller; ``width`` is the bar's, in percent of the longest on the page."""

    move: Move
    width: float


def read_trends(reads: PageReads, arguments: PageArguments) -> dict[str, Any]:
    """Return what the template shows.

    Raises:
        NoSuchPage: an interval is not kept, or the first is not before the second.
    """
    level = arguments.level(_TREND_LEVELS, Level.DAY)
    by = arguments.choice("by", _TREND_BY)
    filters = arguments.filters()
    asked_from, asked_to = (arguments.moment(name, level) for name in ("from", "to"))
    newest = reads.newest(level, level.ranking_view)
    begin = reads.begin(level.ranking_view)
    found: dict[str, Any] = {
        "level": level,
        "levels": _TREND_LEVELS,
        "by": by,
        "by_options": _TREND_BY,
        "filters": filters,
        "directory": reads.directory(),
        "newest": newest,
        "begin": begin,
        "backs": sorted(_TREND_BACK[level]),
        "fresh": Freshness(level=level, newest=newest, now=reads.now, looked_back=LOOKED_BACK[level] * level.step),
        "risers": [],
        "fallers": [],
        "start": None,
        "end": None,
        "change": None,
        "asked": asked_from or asked_to,
    }
    if newest is None:
        return found
    end = asked_to or newest
    start = asked_from or _usual(end, level, begin)
    for each in (start, end):
        check_kept(level, each, begin, newest)
    if start >= end:
        raise NoSuchPage(
            f"{level.describe(start)} is not before {level.describe(end)}.",
            f"Choose a first {level.word} that is older than the second.",
        )
    after, before = reads.rankings(level, [end, start])
    chosen = reads.chosen(filters)
    if chosen is not None:
        after, before = after.among(chosen), before.among(chosen)
    both = moves(after, before)
    found |= {
        "start": start,
        "end": end,
        "back": (end - start) // level.step,
        "change": total_change(after, before),
        "count": len(both),
        "left_out": not_comparable(after, before),
        "is_known": bool(before.places),
    }
    found["risers"], found["fallers"] = _movers(both, by)
    return found


def _usual(end: datetime, level: Level, begin: datetime | None) -> datetime:
    """Return where to begin: a week before, or as far as the view reaches."""
    start = end - _TREND_BACK[level][0] * level.step
    return max(start, begin) if begin is not None else start


def _movers(both: Sequence[Move], by: str) -> tuple[list[Mover], list[Mover]]:
    def size(move: Move) -> float:
        return _size(move.change, by)

    ordered = sorted(both, key=lambda move: (size(move), move.place.streamer))
    risers = [move for move in reversed(ordered) if size(move) > 0][:_MOST_MOVERS]
    fallers = [move for move in ordered if size(move) < 0][:_MOST_MOVERS]
    longest = max((abs(size(move)) for move in (*risers, *fallers)), default=1.0)

    def sized(some: Sequence[Move]) -> list[Mover]:
        return [Mover(move=move, width=round(100 * abs(size(move)) / longest, 2)) for move in some]

    return sized(risers), sized(fallers)


def _size(change: Change, by: str) -> float:
    return change.followers if by == "followers" else change.share or 0.0
