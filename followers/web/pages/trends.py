"""Risers and fallers between two days or two hours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from followers.web import texts, wanted
from followers.web.board import Change, Move, moves, not_comparable, total_change
from followers.web.freshness import Freshness
from followers.web.levels import Level, level_named
from followers.web.pages.ranking import check_kept
from followers.web.reads import LOOKED_BACK, Reads
from followers.web.wanted import Arguments, NoSuchPage

LEVELS = (Level.DAY, Level.HOUR)
_BACK = {Level.DAY: (7, 1, 14, 27), Level.HOUR: (6, 1, 12, 24)}
"""How many intervals are offered to be looked back; the first where nothing is said."""

_SHOWN = 10
_BY = ("share", "followers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """A riser or a faller; ``width`` is the bar's, in percent of the longest on the page."""

    move: Move
    width: float


def trends(reads: Reads, arguments: Arguments) -> dict[str, Any]:
    """Return what the template shows.

    Raises:
        NoSuchPage: an interval is not kept, or the first is not before the second.
    """
    level = level_named(arguments.get("level"), LEVELS, Level.DAY)
    by = wanted.choice(arguments, "by", _BY)
    filters = wanted.filters(arguments)
    asked_from, asked_to = (wanted.moment(arguments, name, level) for name in ("from", "to"))
    newest = reads.newest(level, level.ranking_view)
    begin = reads.begin(level.ranking_view)
    found: dict[str, Any] = {
        "level": level,
        "levels": LEVELS,
        "by": by,
        "by_options": _BY,
        "filters": filters,
        "directory": reads.directory(),
        "newest": newest,
        "begin": begin,
        "backs": sorted(_BACK[level]),
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
            f"{texts.named(level, start)} is not before {texts.named(level, end)}.",
            f"Choose a first {level.word} that is older than the second.",
        )
    after, before = reads.boards(level, [end, start])
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
    start = end - _BACK[level][0] * level.step
    return max(start, begin) if begin is not None else start


def _movers(both: Sequence[Move], by: str) -> tuple[list[Mover], list[Mover]]:
    def size(move: Move) -> float:
        return _size(move.change, by)

    ordered = sorted(both, key=lambda move: (size(move), move.place.streamer))
    risers = [move for move in reversed(ordered) if size(move) > 0][:_SHOWN]
    fallers = [move for move in ordered if size(move) < 0][:_SHOWN]
    longest = max((abs(size(move)) for move in (*risers, *fallers)), default=1.0)

    def sized(some: Sequence[Move]) -> list[Mover]:
        return [Mover(move=move, width=round(100 * abs(size(move)) / longest, 2)) for move in some]

    return sized(risers), sized(fallers)


def _size(change: Change, by: str) -> float:
    return change.followers if by == "followers" else change.share or 0.0
