"""A ranking and what has changed in it: values and their arithmetic. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from followers.accounts import Platform

PLATFORMS = (Platform.TWITCH, Platform.TWITTER, Platform.YOUTUBE)
NAMES = {Platform.TWITCH: "Twitch", Platform.TWITTER: "Twitter", Platform.YOUTUBE: "YouTube"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowerCounts:
    """A streamer's followers in one interval, by platform; None where nothing is known of a platform."""

    total: int
    by_platform: tuple[int | None, ...]

    def on(self, platform: Platform) -> int | None:
        """Return the followers on one platform."""
        return self.by_platform[PLATFORMS.index(platform)]

    def change_since(self, before: FollowerCounts) -> Change | None:
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
class RankedStreamer:
    """A streamer's place in a ranking, from 1.

    Args:
        rank: None where the row is incomplete: a total without a platform tells no place.
        missing: the platforms that the streamer is on, and that tell nothing of this interval.
    """

    rank: int | None
    streamer: str
    counts: FollowerCounts
    missing: tuple[Platform, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """All streamers of one interval, most followed first."""

    at: datetime
    places: tuple[RankedStreamer, ...]

    @cached_property
    def by_name(self) -> dict[str, RankedStreamer]:
        """Return the places by streamer."""
        return {each.streamer: each for each in self.places}

    @cached_property
    def total(self) -> int:
        """Return the followers of all together."""
        return sum(each.counts.total for each in self.places)

    @property
    def incomplete(self) -> int:
        """Return how many rows lack a platform."""
        return sum(bool(each.missing) for each in self.places)

    def among(self, streamers: Collection[str]) -> Ranking:
        """Return the ranking of some of them; their places are counted anew."""
        return _numbered(self.at, [each for each in self.places if each.streamer in streamers])

    def checked(self, usual: Mapping[str, Collection[Platform]]) -> Ranking:
        """Return the ranking with its incomplete rows marked; places are counted among the others.

        Args:
            usual: the platforms that each streamer is on.
        """
        return _numbered(
            self.at,
            [
                replace(
                    each,
                    missing=tuple(
                        one for one in PLATFORMS if one in usual.get(each.streamer, ()) and each.counts.on(one) is None
                    ),
                )
                for each in self.places
            ],
        )


def make_ranking(at: datetime, rows: Sequence[tuple[str, FollowerCounts]]) -> Ranking:
    """Number the rows of a ranking, which are in its order."""
    return _numbered(at, [RankedStreamer(rank=None, streamer=name, counts=counts) for name, counts in rows])


def _numbered(at: datetime, places: Sequence[RankedStreamer]) -> Ranking:
    rank = 0
    found = []
    for each in places:
        rank += not each.missing
        found.append(replace(each, rank=None if each.missing else rank))
    return Ranking(at=at, places=tuple(found))


def usual_platforms(rankings: Sequence[Ranking]) -> dict[str, frozenset[Platform]]:
    """Return the platforms that each streamer is on: those that at least half of a streamer's rows know."""
    rows: dict[str, list[FollowerCounts]] = {}
    for each in rankings:
        for place in each.places:
            rows.setdefault(place.streamer, []).append(place.counts)
    return {
        name: frozenset(one for one in PLATFORMS if 2 * sum(each.on(one) is not None for each in counts) >= len(counts))
        for name, counts in rows.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What has become of a streamer between two rankings; ``climbed`` counts places, down is negative."""

    place: RankedStreamer
    before: RankedStreamer
    change: Change
    climbed: int


def moves(after: Ranking, before: Ranking | None) -> list[Move]:
    """Return what has become of everybody whose rows are complete in both rankings.

    Places climbed are those among these alone: else a row that lacks a platform would lift all that it falls behind.
    """
    if before is None:
        return []
    both = [
        (place, old)
        for place in after.places
        if (old := before.by_name.get(place.streamer)) and _are_comparable(place, old)
    ]
    compared = {place.streamer for place, _ in both}
    in_old_order = [each.streamer for each in before.places if each.streamer in compared]
    old_ranks = {streamer: rank for rank, streamer in enumerate(in_old_order, 1)}
    found = []
    for rank, (place, old) in enumerate(both, 1):
        change = place.counts.change_since(old.counts)
        if change:
            climbed = old_ranks[place.streamer] - rank
            found.append(Move(place=place, before=old, change=change, climbed=climbed))
    return found


def not_comparable(after: Ranking, before: Ranking) -> int:
    """Return how many are in both rankings, and complete in one of them at most."""
    both = [(place, before.by_name[place.streamer]) for place in after.places if place.streamer in before.by_name]
    return sum(not _are_comparable(*each) for each in both)


def _are_comparable(one: RankedStreamer, other: RankedStreamer) -> bool:
    """Tell whether both rows are complete, and of the same platforms."""
    known = [[count is not None for count in each.counts.by_platform] for each in (one, other)]
    return not one.missing and not other.missing and known[0] == known[1]


def total_change(after: Ranking, before: Ranking | None) -> Change | None:
    """Return the change of everybody whose rows are complete in both rankings."""
    both = [(find.before.counts, find.change) for find in moves(after, before)]
    old = sum(counts.total for counts, _ in both)
    if not old:
        return None
    gained = sum(change.followers for _, change in both)
    return Change(followers=gained, share=gained / old)


def comparable(history: Sequence[FollowerCounts | None], *, recent: int = 1) -> list[int | None]:
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
