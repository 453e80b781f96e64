"""Digests of sets of rows: equal digests for equal sets, in whatever order the rows come. Pure.

Hashes are those of this process, and are kept nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

BUCKETS = 65_536
_SAMPLES = 2
_WORD = 2**64 - 1


def bucket_of(hashed: int) -> int:
    """Return the bucket of a row by its hash."""
    return hashed % BUCKETS


class RangeDigest:
    """The digest of one token range; holds no rows but a few samples.

    Args:
        identities: brings rows into the form in which they are compared.
    """

    __slots__ = ("_identities", "rows", "samples", "sums")

    def __init__(self, identities: Callable[[Sequence[Any]], Iterable[Hashable]]) -> None:
        self._identities = identities
        self.rows = 0
        self.sums: dict[int, int] = {}
        self.samples: list[Any] = []

    def add(self, rows: Sequence[Any]) -> None:
        """Take rows."""
        sums = self.sums
        for hashed in map(hash, self._identities(rows)):
            bucket = hashed % BUCKETS
            sums[bucket] = sums.get(bucket, 0) + hashed
        self.rows += len(rows)
        if len(self.samples) < _SAMPLES:
            self.samples += rows[: _SAMPLES - len(self.samples)]


class Digest:
    """The digest of one side: how many rows there are, and for each bucket the sum of their hashes."""

    def __init__(self) -> None:
        self.rows = 0
        self.samples: list[Any] = []
        self._sums: dict[int, int] = {}

    def add(self, part: RangeDigest) -> None:
        """Take the digest of a range."""
        self.rows += part.rows
        self.samples += part.samples
        for bucket, value in part.sums.items():
            self._sums[bucket] = (self._sums.get(bucket, 0) + value) & _WORD

    def differing(self, other: Digest) -> list[int]:
        """Return the buckets that differ."""
        ours, theirs = self._sums, other._sums
        return sorted(bucket for bucket in ours.keys() | theirs.keys() if ours.get(bucket, 0) != theirs.get(bucket, 0))
