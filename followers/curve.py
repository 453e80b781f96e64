"""A smooth random walk as a function of time, with means that need no samples.

A sum of waves whose amplitude grows with the root of their period has the spectrum of a random
walk. Its integral is known, so the mean of a day is exact and costs as little as that of a second,
and the mean of the minutes of an hour is the mean of that hour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from followers.chance import mix, share

SHORTEST_SECONDS = 120.0
OCTAVES = 7
STEP = 6.0
"""Periods of 2 minutes, 12 minutes, 72 minutes ... up to 65 days, each times 0.75 to 1.25."""

LONGEST_SWING = 0.05
"""Amplitude of the slowest wave, as a share of the base."""

LARGEST_SWING = 0.1
"""No value is further from the base, as a share of it: 0.05 * sqrt(1.25) * (1 + 1/sqrt(6) + 1/6 + ...)."""


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
