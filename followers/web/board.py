"""A ranking and what has changed in it: values and their arithmetic. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from followers.accounts import Platform

PLATFORMS = (Platform.TWITCH, Platform.TWITTER, Platform.YOUTUBE)
NAMES = {Platform.TWITCH: "Twitch", Platform.TWITTER: "Twitter", Platform.YOUTUBE: "YouTube"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A streamer's followers in one interval, by platform; None where nothing is known of a platform."""

    total: int
    by_platform: tuple[int | None, ...]

    def on(self, platform: Platform) -> int | None:
        """Return the followers on one platform."""
        return self.by_platform[PLATFORMS.index(platform)]

    def change_since(self, before: Counts) -> Change | None:
        """Return the change on the platforms that both know, or None where there is none.

        A platform that tells nothing for a minute would else look like a fall of all of its followers.
        """
        pairs = [
            (old, new)
            for old, new in zip(before.by_platform, self.by_platform, strict=True)
            if old is not None and new is not None
        ]
        if not pairs:
            return None
        old, new = (sum(each) for each in zip(*pairs, strict=True))
        return Change(followers=new - old, share=(new - old) / old if old else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change in followers; ``share`` is relative to before, None where there were none."""

    followers: int
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A streamer's place in a ranking, from 1."""

    rank: int
    streamer: str
    counts: Counts


@dataclass(frozen=True, kw_only=True)
class Board:
    """All streamers of one interval, most followed first."""

    at: datetime
    places: tuple[Place, ...]

    @cached_property
    def by_name(self) -> dict[str, Place]:
        """Return the places by streamer."""
        return {each.streamer: each for each in self.places}

    @cached_property
    def total(self) -> int:
        """Return the followers of all together."""
        return sum(each.counts.total for each in self.places)

    def among(self, streamers: Collection[str]) -> Board:
        """Return the ranking of some of them; their places are counted anew."""
        kept = [each for each in self.places if each.streamer in streamers]
        return board(self.at, [(each.streamer, each.counts) for each in kept])


def board(at: datetime, rows: Sequence[tuple[str, Counts]]) -> Board:
    """Number the rows of a ranking, which are in its order."""
    return Board(
        at=at,
        places=tuple(Place(rank=rank, streamer=name, counts=counts) for rank, (name, counts) in enumerate(rows, 1)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What has become of a streamer between two rankings; ``climbed`` counts places, down is negative."""

    place: Place
    before: Place
    change: Change

    @property
    def climbed(self) -> int:
        """Return how many places the streamer has gone up."""
        return self.before.rank - self.place.rank


def find_move(place: Place, before: Board | None) -> Move | None:
    """Return what has become of a streamer since a ranking, or None for one who was not in it."""
    old = before.by_name.get(place.streamer) if before else None
    change = place.counts.change_since(old.counts) if old else None
    return Move(place=place, before=old, change=change) if old and change else None


def moves(after: Board, before: Board) -> list[Move]:
    """Return what has become of everybody who is in both rankings."""
    return [move for place in after.places if (move := find_move(place, before))]


def total_change(after: Board, before: Board | None) -> Change | None:
    """Return the change of everybody who is in both rankings."""
    if before is None:
        return None
    both = [(find.before.counts, find.change) for find in moves(after, before)]
    old = sum(counts.total for counts, _ in both)
    if not old:
        return None
    gained = sum(change.followers for _, change in both)
    return Change(followers=gained, share=gained / old)


def comparable(history: Sequence[Counts | None], *, recent: int = 1) -> list[int | None]:
    """Return a streamer's totals over time on the same platforms throughout; None where one of them lacks.

    Args:
        recent: the platforms are those that most of so many of the newest rows know. One row tells where rows are
            whole; of the newest seconds and minutes some platforms have not told yet.
    """
    newest = [each for each in history if each][-recent:]
    used = [
        index
        for index in range(len(newest[0].by_platform) if newest else 0)
        if 2 * sum(each.by_platform[index] is not None for each in newest) >= len(newest)
    ]
    if newest and not used:
        return comparable(history)
    found: list[int | None] = []
    for each in history:
        known = [count for index in used if each and (count := each.by_platform[index]) is not None]
        found.append(sum(known) if used and len(known) == len(used) else None)
    return found
