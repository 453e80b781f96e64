"""One streamer on one platform: the true count, and the readings that arrive of it.

Real feeds lose readings: a streamer is not on a platform at all, a platform is silent for a
minute, one reading fails, another arrives seconds late. All of it follows from the seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from followers.accounts import Account, Platform
from followers.chance import key_of, mix, share
from followers.curve import Curve, make_curve

ABSENT_SHARE = 0.06
"""Streamers that a platform's feed does not have, although the file gives a count."""

SILENT_SHARE = 0.004
"""Minutes in which a platform tells nothing of a streamer."""

LOST_SHARE = 0.01
"""Readings that never arrive, beside those of silent minutes."""

LATE_SHARE = 0.03
"""Readings that arrive after their second."""

LATEST_SECONDS = 20
"""No reading is later than this, and the second that every reading may take."""

LARGEST_INT = 2**31 - 1
"""What a CQL int holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A count of one second, and when it arrives; both in seconds since the Unix epoch."""

    platform: Platform
    streamer: str
    second: int
    count: int
    arrives: float
    is_late: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """The counts of one streamer on one platform."""

    streamer: str
    platform: Platform
    key: int
    curve: Curve
    offset_seconds: float

    def means(self, edges: Sequence[int]) -> list[int]:
        """Return the mean count between each edge and the next, rounded."""
        return [whole(mean) for mean in self.curve.means(edges)]

    def is_silent(self, minute: int) -> bool:
        """Tell whether nothing arrives of this minute (counted since the Unix epoch)."""
        return share(self.key + 1, minute) < SILENT_SHARE

    def find_reading(self, second: int) -> Reading | None:
        """Return the reading of this second, or None where it never arrives."""
        drawn = share(self.key + 2, second)
        if drawn < LOST_SHARE or self.is_silent(second // 60):
            return None
        late = drawn < LOST_SHARE + LATE_SHARE
        delay = 1 + int((drawn - LOST_SHARE) / LATE_SHARE * (LATEST_SECONDS - 1)) if late else 0
        return Reading(
            platform=self.platform,
            streamer=self.streamer,
            second=second,
            count=whole(self.curve.at(second)),
            arrives=second + delay + self.offset_seconds,
            is_late=late,
        )


def whole(count: float) -> int:
    """Return the count as a CQL int can hold it."""
    return min(max(round(count), 0), LARGEST_INT)


def make_tracks(accounts: Iterable[Account], seed: int) -> tuple[Track, ...]:
    """Return the tracks of these accounts; no account is left without any.

    A track depends on the seed and on names, never on how many other accounts there are.
    """
    tracks: list[Track] = []
    for account in accounts:
        keys = {each: key_of(seed, account.streamer, each.value) for each in account.start_counts}
        present = [each for each, key in keys.items() if share(key, 0) >= ABSENT_SHARE] or list(keys)[:1]
        tracks += (
            Track(
                streamer=account.streamer,
                platform=each,
                key=keys[each],
                curve=make_curve(mix(keys[each], 1), float(account.start_counts[each])),
                offset_seconds=share(keys[each], 3),
            )
            for each in present
        )
    return tuple(tracks)
