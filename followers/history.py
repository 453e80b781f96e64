"""The rows of the past: what the pipeline would have stored before a given moment.

Pure: the moment is passed in, and the same seed and moment give the same rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from followers.accounts import Account, Game, Platform, choose_accounts, read_accounts, read_games
from followers.levels import ROLLED_UP, Level
from followers.readings import Track, make_tracks

Row = tuple[Any, ...]
UNKNOWN = "unknown"
"""The category of streamers and games whose metadata is missing."""

LIVE_COLUMNS = ("streamer", "timestamp", "follower_count")
UNIFIED_COLUMNS = ("streamer", "timestamp", "youtube_count", "twitter_count", "twitch_count", "total_count")
_UNIFIED_ORDER = (Platform.YOUTUBE, Platform.TWITTER, Platform.TWITCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySpan:
    """How far back each level reaches; intervals that are not over are left out."""

    days: int = 35
    hours: int = 72
    minutes: int = 360
    seconds: int = 300

    def __post_init__(self) -> None:
        for name in ("days", "hours", "minutes", "seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative")

    def intervals(self, level: Level) -> int:
        """Return how many intervals of this level are covered."""
        return {Level.DAY: self.days, Level.HOUR: self.hours, Level.MINUTE: self.minutes}[level]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRows:
    """The rows of one table, a list for each partition; ``at_most`` bounds how many there are."""

    table: str
    columns: tuple[str, ...]
    at_most: int
    partitions: Callable[[], Iterator[list[Row]]]


class SampleHistory:
    """All tables of the pipeline as they stood at ``now``."""

    def __init__(self, *, now: datetime, seed: int = 1, streamers: int = 100, span: HistorySpan | None = None) -> None:
        if now.tzinfo is None:
            raise ValueError("now must be an aware datetime")
        self.span = span or HistorySpan()
        self.accounts = choose_accounts(streamers)
        self.games = read_games()
        self._now = int(now.timestamp())
        self._tracks: dict[str, dict[Platform, Track]] = {each.streamer: {} for each in self.accounts}
        for track in make_tracks(self.accounts, seed):
            self._tracks[track.streamer][track.platform] = track

    def tables(self) -> Iterator[TableRows]:
        """Yield every table, small ones first."""
        yield _single_rows("accounts", ("streamer", "language", "game"), _account_rows)
        yield _single_rows("games", ("game", "genre", "console"), self._game_rows)
        for category, of in _categories(self.accounts, self.games).items():
            yield TableRows(
                table=f"{category}_aggregation",
                columns=("timestamp", category, "total_count"),
                at_most=self.span.days * len(set(of.values())),
                partitions=partial(self._aggregated, of),
            )
        for level in ROLLED_UP:
            yield TableRows(
                table=level.table,
                columns=UNIFIED_COLUMNS,
                at_most=self.span.intervals(level) * len(self.accounts),
                partitions=partial(self._unified, level),
            )
        for platform in Platform:
            yield TableRows(
                table=platform.live_table,
                columns=LIVE_COLUMNS,
                at_most=self.span.seconds * sum(platform in tracks for tracks in self._tracks.values()),
                partitions=partial(self._live, platform),
            )

    def _live(self, platform: Platform) -> Iterator[list[Row]]:
        seconds = range(self._now - self.span.seconds, self._now)
        texts = [_text(second, Level.SECOND) for second in seconds]
        for tracks in self._tracks.values():
            if track := tracks.get(platform):
                readings = zip(texts, map(track.find_reading, seconds), strict=True)
                # What is still under way is left to the feed, which delivers it when it is due.
                yield [
                    (each.streamer, text, each.count) for text, each in readings if each and each.arrives < self._now
                ]

    def _unified(self, level: Level) -> Iterator[list[Row]]:
        step = int(level.step.total_seconds())
        end = self._now // step * step
        edges = range(end - self.span.intervals(level) * step, end + 1, step)
        texts = [_text(edge, level) for edge in edges[:-1]]
        for streamer, tracks in self._tracks.items():
            columns = [_means(tracks.get(each), edges, level) for each in _UNIFIED_ORDER]
            rows: list[Row] = []
            for text, *counts in zip(texts, *columns, strict=True):
                known = [count for count in counts if count is not None]
                if known:
                    rows.append((streamer, text, *counts, sum(known)))
            yield rows

    def _aggregated(self, category_of: Mapping[str, str]) -> Iterator[list[Row]]:
        sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for rows in self._unified(Level.DAY):
            for streamer, text, *_, total in rows:
                sums[text][category_of[streamer]] += total
        for text, totals in sums.items():
            yield [(text, category, total) for category, total in sorted(totals.items())]

    def _game_rows(self) -> list[Row]:
        return [(each.game, each.genre, each.console) for each in self.games]


def _means(track: Track | None, edges: range, level: Level) -> list[int | None]:
    if track is None:
        return [None] * (len(edges) - 1)
    means = track.means(edges)
    if level is not Level.MINUTE:
        return list(means)
    return [None if track.is_silent(edge // 60) else mean for edge, mean in zip(edges, means, strict=False)]


def _categories(accounts: tuple[Account, ...], games: tuple[Game, ...]) -> dict[str, dict[str, str]]:
    """Return for each category which value every streamer belongs to."""
    genre = {each.game: each.genre for each in games}
    console = {each.game: each.console for each in games}
    return {
        "game": {each.streamer: each.game or UNKNOWN for each in accounts},
        "genre": {each.streamer: genre.get(each.game or "") or UNKNOWN for each in accounts},
        "console": {each.streamer: console.get(each.game or "") or UNKNOWN for each in accounts},
        "language": {each.streamer: each.language or UNKNOWN for each in accounts},
    }


def _account_rows() -> list[Row]:
    return [(each.streamer, each.language, each.game) for each in read_accounts()]


def _single_rows(table: str, columns: tuple[str, ...], rows: Callable[[], list[Row]]) -> TableRows:
    return TableRows(table=table, columns=columns, at_most=len(rows()), partitions=lambda: ([row] for row in rows()))


def _text(second: int, level: Level) -> str:
    return level.text(datetime.fromtimestamp(second, tz=UTC))
