"""The simulated readings: counts of streamers on platforms, as a pure function of seed, names and time.

A count is a smooth random walk: a sum of waves whose amplitude grows with the root of their period. Its integral is
known, so the mean of a day is exact and costs as little as that of a second. Real feeds lose readings: a streamer is
not on a platform at all, a platform is silent for a minute, one reading fails, another arrives seconds late.

Random numbers are a hash of whole numbers. ``random.Random`` keeps a state, so a value would depend on all that was
drawn before it; here a reading is the same in any history and in a feed, on every machine and Python version.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from followers.accounts import Account, Platform

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15

SHORTEST_SECONDS = 120.0
OCTAVES = 7
STEP = 6.0
"""Periods of 2 minutes, 12 minutes, 72 minutes ... up to 65 days, each times 0.75 to 1.25."""

LONGEST_SWING = 0.05
"""Amplitude of the slowest wave, as a share of the base."""

LARGEST_SWING = 0.1
"""No value is further from the base, as a share of it: 0.05 * sqrt(1.25) * (1 + 1/sqrt(6) + 1/6 + ...)."""

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


def mix(key: int, value: int) -> int:
    """Return a well-spread 64-bit number of both.

    Source: the finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
    """
    x = (key * _GOLDEN + value + _GOLDEN) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def key_of(seed: int, *names: str) -> int:
    """Return the key of a thing with these names, under this seed."""
    key = mix(seed, len(names))
    for name in names:
        key = mix(key, zlib.crc32(name.encode()))
    return key


def share(key: int, value: int) -> float:
    """Return a number in [0, 1)."""
    return (mix(key, value) >> 11) / (1 << 53)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """``amplitude * sin(speed * seconds + phase)``; speed in radians a second."""

    amplitude: float
    speed: float
    phase: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A count over time; times are seconds since the Unix epoch."""

    base: float
    waves: tuple[Wave, ...]

    def at(self, second: float) -> float:
        """Return the count at one moment."""
        return self.base + sum(w.amplitude * math.sin(w.speed * second + w.phase) for w in self.waves)

    def means(self, edges: Sequence[int]) -> list[float]:
        """Return the mean between each edge and the next."""
        sums = [self._swing_until(edge) for edge in edges]
        return [
            self.base + (after - before) / (end - start)
            for start, end, before, after in zip(edges, edges[1:], sums, sums[1:], strict=False)
        ]

    def _swing_until(self, second: float) -> float:
        return -sum(w.amplitude / w.speed * math.cos(w.speed * second + w.phase) for w in self.waves)


def make_curve(key: int, base: float) -> Curve:
    """Return the curve of this key, around the base."""
    waves = []
    longest = SHORTEST_SECONDS * STEP ** (OCTAVES - 1)
    for octave in range(OCTAVES):
        own = mix(key, octave)
        period = SHORTEST_SECONDS * STEP**octave * (0.75 + 0.5 * share(own, 0))
        waves.append(
            Wave(
                amplitude=base * LONGEST_SWING * math.sqrt(period / longest) * (0.5 + 0.5 * share(own, 1)),
                speed=math.tau / period,
                phase=math.tau * share(own, 2),
            )
        )
    return Curve(base=base, waves=tuple(waves))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A count of one second, and when it arrives; both in seconds since the Unix epoch."""

    platform: Platform
    streamer: str
    second: int
    count: int
    arrives: float
    is_late: bool

    @property
    def time(self) -> datetime:
        """The second that it is of."""
        return datetime.fromtimestamp(self.second, tz=UTC)


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
