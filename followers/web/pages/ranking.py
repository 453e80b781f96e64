"""The ranking of a day, an hour or a minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for

from followers.web import texts, wanted
from followers.web.board import (
    NAMES,
    PLATFORMS,
    Board,
    Change,
    Counts,
    Move,
    Place,
    comparable,
    moves,
    total_change,
    usual_platforms,
)
from followers.web.charts import Spark, spark
from followers.web.freshness import Freshness
from followers.web.levels import Level, level_named
from followers.web.reads import LOOKED_BACK, Reads
from followers.web.wanted import Arguments, NoSuchPage

LEVELS = (Level.DAY, Level.HOUR, Level.MINUTE)
LIVE_SECONDS = {Level.DAY: 60, Level.HOUR: 60, Level.MINUTE: 10}
_SPARKS = {Level.DAY: 14, Level.HOUR: 24, Level.MINUTE: 30}
_SHOWN = ("25", "50", "100", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table.

    Args:
        overall: the place among all streamers, where the table shows some; None where the row is incomplete.
        is_new: the interval before has no row of the streamer.
        bars: begin and width of each platform's part of the bar, in percent of the longest.
    """

    place: Place
    overall: int | None
    move: Move | None
    is_new: bool
    spark: Spark | None
    bars: tuple[tuple[float, float] | None, ...]
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Headlines:
    """What stands out of a ranking."""

    change: Change | None
    rise: Move | None
    fall: Move | None
    climb: Move | None


def ranking(reads: Reads, arguments: Arguments) -> dict[str, Any]:
    """Return what the template shows.

    Raises:
        NoSuchPage: the interval is not kept, or is no interval.
    """
    level = level_named(arguments.get("level"), LEVELS, Level.DAY)
    asked = wanted.moment(arguments, "at", level)
    filters = wanted.filters(arguments)
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
        "shown": wanted.choice(arguments, "show", _SHOWN),
        "shown_options": _SHOWN,
        "live_seconds": None if asked else LIVE_SECONDS[level],
        "before": at - level.step if at and (begin is None or at - level.step >= begin) else None,
        "after": at + level.step if at and newest and at < newest else None,
        "begin": begin,
        "rows": [],
        "board": None,
    }
    if at is None:
        return found
    boards = reads.covered_boards(level, level.back(at, _SPARKS[level]))
    usual = usual_platforms(boards)
    whole = boards[0].checked(usual)
    previous = boards[1].checked(usual) if len(boards) > 1 and boards[1].places else None
    chosen = reads.chosen(filters)
    board = whole if chosen is None else whole.among(chosen)
    known = previous if chosen is None or previous is None else previous.among(chosen)
    most = len(board.places) if found["shown"] == "all" else int(found["shown"])
    moved = moves(board, known)
    by_name = {move.place.streamer: move for move in moved}
    found["rows"] = [
        _row(place, board, whole, known, by_name.get(place.streamer), boards, level) for place in board.places[:most]
    ]
    found["board"] = board
    found["whole"] = whole
    found["headlines"] = _headlines(moved, total_change(board, known))
    return found


def without_newest_day(reads: Reads, values: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return what an address of the form says, with its field ``day`` as ``at``; the newest day needs no ``at``.

    The form names the day that is shown, so that no field is empty; a page of the newest day goes on moving.
    """
    found = {name: value for name, value in values.items() if name not in ("day", "at")}
    newest = reads.newest(Level.DAY, Level.DAY.ranking_view)
    day = values["day"][0]
    return found if newest and day == Level.DAY.text(newest) else {"at": [day], **found}


def check_kept(level: Level, at: datetime, begin: datetime | None, newest: datetime | None) -> None:
    """See that an interval is one that the ranking has.

    Raises:
        NoSuchPage: it is older or newer.
    """
    if begin is not None and at < begin:
        raise NoSuchPage(
            f"{texts.named(level, at)} is no longer kept.",
            f"The ranking reaches back to {texts.named(level, begin)} UTC.",
            [(url_for("pages.ranking_page", level=level.word), f"The newest {level.word}")],
        )
    if newest is None or at > newest:
        raise NoSuchPage(
            f"{texts.named(level, at)} has no ranking yet.",
            f"The newest is {texts.named(level, newest)} UTC." if newest else "There is none so far.",
            [(url_for("pages.ranking_page", level=level.word), f"The newest {level.word}")],
        )


def _row(
    place: Place,
    board: Board,
    whole: Board,
    known: Board | None,
    move: Move | None,
    boards: list[Board],
    level: Level,
) -> Row:
    name = place.streamer
    history: list[Counts | None] = [
        other.counts if (other := each.by_name.get(name)) else None for each in reversed(boards)
    ]
    bars: list[tuple[float, float] | None] = []
    begin = 0.0
    longest = board.places[0].counts.total or 1
    for count in place.counts.by_platform:
        width = 100 * (count or 0) / longest
        bars.append((round(begin, 2), round(width, 2)) if count else None)
        begin += width
    return Row(
        place=place,
        overall=whole.by_name[name].rank,
        move=move,
        is_new=known is None or name not in known.by_name,
        spark=spark(comparable(history), texts.counted(len(boards), level.word)),
        bars=tuple(bars),
        about=_split(place),
    )


def _split(place: Place) -> str:
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
