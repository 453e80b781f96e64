"""What an address asks for: all of a page's state is in it, so that it can be shared and gone back to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from werkzeug.datastructures import MultiDict

from followers.web.directory import Filters
from followers.web.levels import Level

LONGEST = 100
"""Characters of a value; no name in the data is longer."""


class NoSuchPage(Exception):
    """An address that leads nowhere; ``links`` are pairs of an address and its text."""

    def __init__(self, what: str, next: str, links: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.next = next
        self.links = tuple(links)


Arguments = MultiDict[str, str]


def text(arguments: Arguments, name: str) -> str:
    """Return one value of an address, empty where there is none.

    Raises:
        NoSuchPage: it is longer than any name.
    """
    return checked(name, arguments.get(name, ""))


def several(arguments: Arguments, name: str, most: int) -> list[str]:
    """Return the values of an address under one name, each once, and no more than ``most``."""
    found = dict.fromkeys(checked(name, value).strip() for value in arguments.getlist(name))
    return [value for value in found if value][:most]


def choice(arguments: Arguments, name: str, values: Sequence[str]) -> str:
    """Return a value of an address, or the first of those that it may have."""
    found = arguments.get(name, "")
    return found if found in values else values[0]


def moment(arguments: Arguments, name: str, level: Level) -> datetime | None:
    """Return the interval that an address names, or None where it names none.

    Raises:
        NoSuchPage: there is no such interval.
    """
    given = text(arguments, name)
    if not given:
        return None
    found = level.find(given)
    if found is None:
        raise NoSuchPage(f"“{given}” is no {level.word}.", f"Write it like {_example(level)}.")
    return found


def filters(arguments: Arguments) -> Filters:
    """Return which streamers an address asks for."""
    return Filters(**{name: text(arguments, name) for name in ("language", "game", "genre", "console")})


def without_empty(arguments: Arguments) -> dict[str, list[str]] | None:
    """Return what an address would be without the empty fields of a form, or None where it has none."""
    lists: Mapping[str, list[str]] = dict(arguments.lists())
    kept = {name: [value for value in values if value] for name, values in lists.items()}
    return {name: values for name, values in kept.items() if values} if kept != lists else None


def checked(name: str, value: str) -> str:
    """Return a value of an address.

    Raises:
        NoSuchPage: it is longer than any name.
    """
    if len(value) > LONGEST or "\x00" in value:
        raise NoSuchPage(f"The value of “{name}” is too long.", f"It has {LONGEST} characters at most.")
    return value


def _example(level: Level) -> str:
    return level.text(datetime(2026, 11, 23, 14, 5, 9, tzinfo=UTC))
