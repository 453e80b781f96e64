"""What the pages read, all of it by the key of a view that serves, and cached for a short time."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from cassandra_client.errors import ViewsError
from cassandra_views.model.errors import ViewNotFound, ViewNotReady
from cassandra_views.overview.absence import Absence
from cassandra_views.web import CassandraViews
from followers.accounts import Platform
from followers.levels import Level
from followers.web.arguments import Filters
from followers.web.rankings import PLATFORMS, FollowerCounts, Ranking, make_ranking

Value = TypeVar("Value")

LOOKED_BACK = {Level.SECOND: 300, Level.MINUTE: 120, Level.HOUR: 48, Level.DAY: 28}
"""How many intervals are looked at for the newest one; one read each until it is found."""

_MOVING_SECONDS = {Level.SECOND: 0.9, Level.MINUTE: 2.0, Level.HOUR: 2.0, Level.DAY: 2.0}
_SETTLED_SECONDS = 60.0
_DIRECTORY_SECONDS = 60.0
_COUNTED_LEVELS = (Level.DAY, Level.HOUR, Level.MINUTE)
LIVE_VIEWS = {each: f"{each.value}_live_view" for each in Platform}


class Cache(Generic[Value]):
    """Values by key, each with its own end; the longest unused goes first when there are too many.

    Args:
        most: how many values at once.
        clock: seconds that only grow.
    """

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._values: OrderedDict[Hashable, tuple[float, Value]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Value | None:
        """Return the value, or None where there is none any more."""
        with self._lock:
            found = self._values.get(key)
            if found is None or found[0] <= self._clock():
                return None
            self._values.move_to_end(key)
            return found[1]

    def put(self, key: Hashable, value: Value, *, seconds: float) -> Value:
        """Keep a value for so long, and return it."""
        with self._lock:
            self._values[key] = self._clock() + seconds, value
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Who streams what, for labels and lists; parts are empty as long as their views do not serve.

    Args:
        waiting: the views that do not serve.
        counted: who has counts of the newest day, hour or minute; None where that is not known.
    """

    language_of: Mapping[str, str]
    game_of: Mapping[str, str]
    genre_of: Mapping[str, str]
    console_of: Mapping[str, str]
    waiting: tuple[str, ...]
    counted: frozenset[str] | None = None

    @property
    def streamers(self) -> list[str]:
        """Return all streamers with a language or a game, by name."""
        return sorted({*self.language_of, *self.game_of}, key=str.casefold)

    @property
    def offered(self) -> list[str]:
        """Return the streamers that lists offer: those with counts, where that is known; by name."""
        return [each for each in self.streamers if self.has_counts(each)]

    def has_counts(self, streamer: str) -> bool:
        """Tell whether there are counts of a streamer, as far as that is known."""
        return self.counted is None or streamer in self.counted

    def options(self, name: str) -> list[str]:
        """Return the values that a filter may have: those that somebody with counts has."""
        if name == "language":
            found = {value for streamer, value in self.language_of.items() if self.has_counts(streamer)}
        else:
            games = {value for streamer, value in self.game_of.items() if self.has_counts(streamer)}
            by_game = {"genre": self.genre_of, "console": self.console_of}.get(name)
            if by_game is None:
                found = games
            elif self.game_of:
                found = {value for game, value in by_game.items() if game in games}
            else:  # who plays what is not known as long as its view does not serve
                found = set(by_game.values())
        return sorted(found, key=str.casefold)


@dataclass(slots=True)
class ReadCache:
    """What an app keeps of what it has read; shared by its threads."""

    rankings: Cache[Ranking] = field(default_factory=lambda: Cache(256))
    counts: Cache[tuple[FollowerCounts | None]] = field(default_factory=lambda: Cache(20_000))
    readings: Cache[tuple[int | None]] = field(default_factory=lambda: Cache(20_000))
    newest: Cache[tuple[datetime | None]] = field(default_factory=lambda: Cache(64))
    directory: Cache[Directory] = field(default_factory=lambda: Cache(1))
    chosen: Cache[frozenset[str]] = field(default_factory=lambda: Cache(64))
    histories: Cache[dict[str, dict[datetime, int]]] = field(default_factory=lambda: Cache(64))
    generations: dict[str, tuple[str, ...]] = field(default_factory=dict)


class PageReads:
    """The reads of one page; errors are those of ``CassandraViews.select``.

    Args:
        store: what was read before, by this page or others.
        clock: tells the aware time.
    """

    def __init__(self, views: CassandraViews, store: ReadCache, clock: Callable[[], datetime]) -> None:
        self._views = views
        self._store = store
        self.now = clock()
        self._used: dict[str, None] = {}
        self._last_view = ""

    @property
    def sources(self) -> list[str]:
        """Return the physical views that answered so far."""
        return sorted({name for view in self._used for name in self._store.generations.get(view, ())})

    def find_absence(self, error: ViewsError) -> Absence:
        """Return why nothing serves the view whose read failed; errors as ``CassandraViews.find_absence``."""
        is_named = isinstance(error, ViewNotReady) and error.on
        return self._views.find_absence(error.on if is_named else self._last_view)

    def begin(self, view: str) -> datetime | None:
        """Return the oldest time that a view serves; None where it serves all."""
        self._last_view = view
        return self._views.of_app.reader.describe(view).window[0]

    def newest(self, level: Level, view: str) -> datetime | None:
        """Return the newest interval that a view has rows of; None where the last ones are empty."""
        self._used[view] = None
        kept = self._store.newest.find(view)
        if kept is None:
            texts = self._covered(level, view, level.back(level.last_over(self.now), LOOKED_BACK[level]))
            rows = self._select(view, {"timestamp": texts}, limit=1) if texts else []
            found = level.find(rows[0].timestamp) if rows else None
            kept = self._store.newest.put(view, (found,), seconds=_MOVING_SECONDS[level])
        return kept[0]

    def newest_second(self) -> datetime | None:
        """Return the newest second of which any platform has readings."""
        found = [self.newest(Level.SECOND, view) for view in LIVE_VIEWS.values()]
        return max((each for each in found if each), default=None)

    def rankings(self, level: Level, times: Sequence[datetime]) -> list[Ranking]:
        """Return the rankings of these intervals in their order, empty where there are no rows.

        A ranking is read whole: it holds a row a streamer, and there are some hundreds.

        Raises:
            NotCovered: one of the intervals is older than the view.
        """
        view = level.ranking_view
        self._used[view] = None
        found = {at: self._store.rankings.find((level, at)) for at in times}
        missing = [at for at, kept in found.items() if kept is None]
        if missing:
            rows: dict[str, list[tuple[str, FollowerCounts]]] = {level.text(at): [] for at in missing}
            for row in self._select(view, {"timestamp": list(rows)}):
                rows[row.timestamp].append((row.streamer, _counts(row)))
            for at in missing:
                made = make_ranking(at, rows[level.text(at)])
                seconds = self._kept_seconds(level, at) if made.places else _MOVING_SECONDS[level]
                found[at] = self._store.rankings.put((level, at), made, seconds=seconds)
        return [each for at in times if (each := found[at]) is not None]

    def covered_rankings(self, level: Level, times: Sequence[datetime]) -> list[Ranking]:
        """Return the rankings of those of the intervals that the view still has."""
        begin = self.begin(level.ranking_view)
        return self.rankings(level, [at for at in times if begin is None or at >= begin])

    def curves(
        self, level: Level, times: Sequence[datetime], streamers: Sequence[str]
    ) -> dict[str, list[FollowerCounts | None]]:
        """Return what each streamer had in each interval; None where there is no row, or the view is younger.

        An interval is one partition, of which the streamers' rows alone are read.
        """
        if level is Level.SECOND:
            return self._live(times, streamers)
        view = level.curve_view
        self._used[view] = None
        found = {(at, name): self._store.counts.find((level, at, name)) for at in times for name in streamers}
        texts = self._covered(level, view, [at for at in times if any(found[at, name] is None for name in streamers)])
        if texts:
            rows = {
                (row.timestamp, row.streamer): _counts(row)
                for row in self._select(view, {"timestamp": texts, "streamer": list(streamers)})
            }
            for at in times:
                if level.text(at) in set(texts):
                    for name in streamers:
                        counts = rows.get((level.text(at), name))
                        seconds = self._kept_seconds(level, at)
                        found[at, name] = self._store.counts.put((level, at, name), (counts,), seconds=seconds)
        return {name: [kept[0] if (kept := found[at, name]) else None for at in times] for name in streamers}

    def _live(self, times: Sequence[datetime], streamers: Sequence[str]) -> dict[str, list[FollowerCounts | None]]:
        readings = {platform: self._readings(platform, times, streamers) for platform in PLATFORMS}
        curves: dict[str, list[FollowerCounts | None]] = {}
        for name in streamers:
            curve = curves[name] = []
            for at in times:
                by_platform = tuple(readings[each][at, name] for each in PLATFORMS)
                known = [count for count in by_platform if count is not None]
                curve.append(FollowerCounts(total=sum(known), by_platform=by_platform) if known else None)
        return curves

    def _readings(
        self, platform: Platform, times: Sequence[datetime], streamers: Sequence[str]
    ) -> dict[tuple[datetime, str], int | None]:
        level, view = Level.SECOND, LIVE_VIEWS[platform]
        self._used[view] = None
        kept = {(at, name): self._store.readings.find((view, at, name)) for at in times for name in streamers}
        missing = [at for at in times if any(kept[at, name] is None for name in streamers)]
        if missing:
            asked = {"timestamp": [level.text(at) for at in missing], "streamer": list(streamers)}
            rows = {(row.timestamp, row.streamer): row.follower_count for row in self._select(view, asked)}
            for at in missing:
                for name in streamers:
                    count = rows.get((level.text(at), name))
                    # A reading never changes; one that is missing may still be on its way.
                    seconds = self._kept_seconds(level, at) if count is None else _SETTLED_SECONDS
                    kept[at, name] = self._store.readings.put((view, at, name), (count,), seconds=seconds)
        return {key: value[0] if value else None for key, value in kept.items()}

    def directory(self) -> Directory:
        """Return who streams what, and of whom there are counts: small views, read whole, and kept for a minute."""
        kept = self._store.directory.find("")
        if kept is not None:
            self._used |= dict.fromkeys((*self._whole_views(), *(level.ranking_view for level in _COUNTED_LEVELS)))
            return kept
        rows = {view: self._find_whole(view) for view in self._whole_views()}
        waiting = tuple(view for view, found in rows.items() if found is None)
        counted = self._counted()
        found = Directory(
            language_of={row.streamer: row.language for row in rows["accounts_by_language"] or ()},
            game_of={row.streamer: row.game for row in rows["accounts_by_game"] or ()},
            genre_of={row.game: row.genre for row in rows["games_by_genre"] or ()},
            console_of={row.game: row.console for row in rows["games_by_console"] or ()},
            waiting=waiting,
            counted=counted,
        )
        return self._store.directory.put("", found, seconds=_DIRECTORY_SECONDS if not waiting else 2.0)

    def _counted(self) -> frozenset[str] | None:
        """Return who has counts of the newest day, hour or minute; None as long as nothing serves any of these."""
        found: list[frozenset[str]] = []
        for level in _COUNTED_LEVELS:
            try:
                newest = self.newest(level, level.ranking_view)
                rankings = self.rankings(level, [newest]) if newest else []
            except (ViewNotReady, ViewNotFound):
                continue
            found += [frozenset(ranking.by_name) for ranking in rankings]
        return frozenset().union(*found) if found else None

    def chosen(self, filters: Filters) -> frozenset[str] | None:
        """Return the streamers that meet all wishes, or None where there is no wish."""
        sets = []
        if filters.language:
            sets.append(self._names("accounts_by_language", "language", filters.language, "streamer"))
        games = [
            self._names(f"games_by_{name}", name, value, "game")
            for name, value in (("genre", filters.genre), ("console", filters.console))
            if value
        ]
        if filters.game:
            games.append(frozenset({filters.game}))
        if games:
            wanted = frozenset.intersection(*games)
            sets.append(
                frozenset().union(*(self._names("accounts_by_game", "game", each, "streamer") for each in wanted))
            )
        return frozenset.intersection(*sets) if sets else None

    def histories(self, category: str, names: Sequence[str], since: datetime) -> dict[str, dict[datetime, int]]:
        """Return the followers of each value of a category day by day.

        Args:
            category: ``game`` or ``language``.
        """
        view = f"{category}_history"
        self._used[view] = None
        key = (view, tuple(names), since)
        kept = self._store.histories.find(key)
        if kept is None:
            kept = {name: {} for name in names}
            wanted = {category: list(names), "timestamp >=": Level.DAY.text(since)}
            for row in self._select(view, wanted) if names else ():
                at = Level.DAY.find(row.timestamp)
                if at is not None:
                    kept[getattr(row, category)][at] = row.total_count
            self._store.histories.put(key, kept, seconds=10.0)
        return kept

    def _whole_views(self) -> tuple[str, ...]:
        return "accounts_by_language", "accounts_by_game", "games_by_genre", "games_by_console"

    def _find_whole(self, view: str) -> list[Any] | None:
        try:
            return self._select(view, {})
        except (ViewNotReady, ViewNotFound):
            return None

    def _names(self, view: str, column: str, value: str, wanted: str) -> frozenset[str]:
        kept = self._store.chosen.find((view, value))
        self._used[view] = None
        if kept is None:
            found = frozenset(getattr(row, wanted) for row in self._select(view, {column: value}))
            kept = self._store.chosen.put((view, value), found, seconds=5.0)
        return kept

    def _covered(self, level: Level, view: str, times: Iterable[datetime]) -> list[str]:
        begin = self.begin(view)
        return [level.text(at) for at in times if begin is None or at >= begin]

    def _select(self, view: str, where: Mapping[str, Any], limit: int | None = None) -> list[Any]:
        self._used[view] = None
        self._last_view = view
        found = self._views.select(view, where, limit=limit)
        if found.generations:
            self._store.generations[view] = found.generations
        return found.rows

    def _kept_seconds(self, level: Level, at: datetime) -> float:
        """Return how long an interval is kept: late readings and jobs still change the newest ones."""
        settled = level.last_promised(self.now - timedelta(seconds=10))
        return _SETTLED_SECONDS if at < settled else _MOVING_SECONDS[level]


def _counts(row: Any) -> FollowerCounts:
    return FollowerCounts(
        total=row.total_count, by_platform=tuple(getattr(row, f"{each.value}_count") for each in PLATFORMS)
    )
