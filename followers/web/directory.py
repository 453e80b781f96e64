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
        waiting: the views that do not serve yet.
    """

    language_of: Mapping[str, str]
    game_of: Mapping[str, str]
    genre_of: Mapping[str, str]
    console_of: Mapping[str, str]
    waiting: tuple[str, ...]

    @property
    def streamers(self) -> list[str]:
        """Return all streamers with a language or a game, by name."""
        return sorted({*self.language_of, *self.game_of}, key=str.casefold)

    def options(self, name: str) -> list[str]:
        """Return the values that a filter may have."""
        by_name = {
            "language": self.language_of,
            "game": self.game_of,
            "genre": self.genre_of,
            "console": self.console_of,
        }
        return sorted(set(by_name[name].values()), key=str.casefold)
