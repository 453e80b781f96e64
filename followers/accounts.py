"""Who streams what: the accounts and games of the CSV files beside this module.

Reads files; knows no clock and no driver.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

DATA = Path(__file__).with_name("data")


class Platform(StrEnum):
    """Where a streamer has followers; the value is the first part of the live table's name."""

    TWITCH = "twitch"
    TWITTER = "twitter"
    YOUTUBE = "youtube"

    @property
    def live_table(self) -> str:
        """The table of this platform's readings, one a second."""
        return f"{self.value}_live"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One streamer; ``start_counts`` has no entry for a platform that the streamer is not on."""

    streamer: str
    language: str | None
    game: str | None
    start_counts: Mapping[Platform, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Game:
    """One game, with what kind it is and where it is played."""

    game: str
    genre: str | None
    console: str | None


def read_accounts(path: Path = DATA / "accounts.csv") -> tuple[Account, ...]:
    """Read the accounts in the file's order; an empty cell is a value that is not known."""
    with path.open(newline="", encoding="utf-8") as lines:
        return tuple(
            Account(
                streamer=row["streamer"],
                language=row["language"] or None,
                game=row["game"] or None,
                start_counts={each: int(row[f"{each}_count"]) for each in Platform if row[f"{each}_count"]},
            )
            for row in csv.DictReader(lines)
        )


def read_games(path: Path = DATA / "games.csv") -> tuple[Game, ...]:
    """Read the games in the file's order."""
    with path.open(newline="", encoding="utf-8") as lines:
        return tuple(
            Game(game=row["game"], genre=row["genre"] or None, console=row["console"] or None)
            for row in csv.DictReader(lines)
        )


def choose_accounts(streamers: int) -> tuple[Account, ...]:
    """Return the first accounts of the file.

    Raises:
        ValueError: fewer than one streamer is asked for, or more than the file has.
    """
    accounts = read_accounts()
    if not 1 <= streamers <= len(accounts):
        raise ValueError(f"{streamers} streamers cannot be chosen: accounts.csv has 1 to {len(accounts)}")
    return accounts[:streamers]
