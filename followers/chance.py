"""Numbers that look random and are a pure function of whole numbers.

``random.Random`` keeps a state, so a value would depend on all that was drawn before it. Here the
reading of one streamer in one second is the same in a history of five minutes, in one of five days
and in a feed, on every machine and Python version.
"""

from __future__ import annotations

import zlib

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


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
