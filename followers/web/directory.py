"""Who streams what, and which streamers are wanted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which streamers are wanted; an empty text is no wish. All wishes are to be met."""

    language: str = ""
    game: str = ""
    genre: str = ""
    console: str = ""

    @property
    def given(self) -> dict[str, str]:
        """Return the wishes by their names."""
        named = {"language": self.language, "game": self.game, "genre": self.genre, "console": self.console}
        return {name: value for name, value in named.items() if value}


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
