"""What an address asks for: all of a page's state is in it, so that it can be shared and gone back to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from werkzeug.datastructures import MultiDict

from followers.levels import Level

LONGEST = 100
"""Characters of a value; no name in the data is longer."""


class NoSuchPage(Exception):
    """An address that leads nowhere; ``links`` are pairs of an address and its text."""

    def __init__(self, what: str, next: str, links: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.next = next
        self.links = tuple(links)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which streamers are asked for; an empty text is no filter. All filters hold together."""

    language: str = ""
    game: str = ""
    genre: str = ""
    console: str = ""

    @property
    def given(self) -> dict[str, str]:
        """Return the filters by their names."""
        named = {"language": self.language, "game": self.game, "genre": self.genre, "console": self.console}
        return {name: value for name, value in named.items() if value}


class PageArguments:
    """The arguments of one address.

    Raises:
        NoSuchPage: by each method that reads a value: it is longer than any name.
    """

    def __init__(self, given: MultiDict[str, str]) -> None:
        self._given = given

    def text(self, name: str) -> str:
        """Return one value, empty where there is none."""
        return checked(name, self._given.get(name, ""))

    def several(self, name: str, most: int) -> list[str]:
        """Return the values under one name, each once, and no more than ``most``."""
        found = dict.fromkeys(checked(name, value).strip() for value in self._given.getlist(name))
        return [value for value in found if value][:most]

    def choice(self, name: str, values: Sequence[str]) -> str:
        """Return a value, or the first of those that it may have."""
        found = self._given.get(name, "")
        return found if found in values else values[0]

    def level(self, levels: Sequence[Level], default: Level) -> Level:
        """Return the level, or the default where the address names none of these levels."""
        return next((each for each in levels if each.word == self._given.get("level")), default)

    def moment(self, name: str, level: Level) -> datetime | None:
        """Return the interval, or None where the address names none.

        Raises:
            NoSuchPage: there is no such interval.
        """
        given = self.text(name)
        if not given:
            return None
        found = level.find(given)
        if found is None:
            example = level.text(datetime(2026, 11, 23, 14, 5, 9, tzinfo=UTC))
            raise NoSuchPage(f"“{given}” is no {level.word}.", f"Write it like {example}.")
        return found

    def filters(self) -> Filters:
        """Return which streamers the address asks for."""
        return Filters(**{name: self.text(name) for name in ("language", "game", "genre", "console")})

    def without_empty(self) -> dict[str, list[str]] | None:
        """Return the arguments without the empty fields of a form, or None where it has none."""
        lists = dict(self._given.lists())
        filled = {name: [value for value in values if value] for name, values in lists.items()}
        return {name: values for name, values in filled.items() if values} if filled != lists else None


def checked(name: str, value: str) -> str:
    """Return a value of an address.

    Raises:
        NoSuchPage: it is longer than any name.
    """
    if len(value) > LONGEST or "\x00" in value:
        raise NoSuchPage(f"The value of “{name}” is too long.", f"It has {LONGEST} characters at most.")
    return value
