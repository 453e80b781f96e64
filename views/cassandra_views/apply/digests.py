"""Digests of rows: equal for equal sets of rows, in whatever order they come, in every process and on every machine.

A row goes into a bucket by its key, and its whole content is added to that bucket's sum. So a row that differs between
a base and its view makes one bucket differ, in which it is then looked for.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Iterator, Sequence
from zlib import crc32

from xxhash import xxh3_64_intdigest

from cassandra_client.decoding import RawRow

BUCKETS = 65_536
_WORD = 2**64 - 1
_PLAIN_MARSHAL = 2
"""The newest version of ``marshal`` in which equal values are equal bytes."""


def bucket_of(key: Sequence[bytes | None]) -> int:
    """Return the bucket of a row by its key."""
    return crc32(b"".join(part or b"" for part in key)) % BUCKETS


def digest_of(values: RawRow) -> int:
    """Return the digest of some values, 64 bits."""
    return xxh3_64_intdigest(marshal.dumps(values, _PLAIN_MARSHAL))


class Digest:
    """The digest of some rows: how many there are, and the sum of their digests for each bucket."""

    __slots__ = ("_sums", "rows")

    def __init__(self) -> None:
        self.rows = 0
        self._sums: dict[int, int] = {}

    def add_rows(self, rows: Sequence[RawRow], key_width: int) -> None:
        """Take rows.

        Args:
            key_width: how many values of a row, from its first on, are its key.
        """
        sums = self._sums
        for row in rows:
            bucket = bucket_of(row[:key_width])
            sums[bucket] = sums.get(bucket, 0) + digest_of(row)
        self.rows += len(rows)

    def merge(self, other: Digest) -> None:
        """Take the digest of other rows."""
        self.rows += other.rows
        for bucket, value in other._sums.items():
            self._sums[bucket] = (self._sums.get(bucket, 0) + value) & _WORD

    @classmethod
    def of(cls, rows: int, sums: Iterable[tuple[int, int]]) -> Digest:
        """Return the digest that had these."""
        found = cls()
        found.rows = rows
        found._sums = dict(sums)
        return found

    def sums(self) -> Iterator[tuple[int, int]]:
        """Yield each bucket that has rows and its sum, 64 bits."""
        for bucket, value in self._sums.items():
            yield bucket, value & _WORD

    def differing(self, other: Digest) -> list[int]:
        """Return the buckets that differ."""
        ours, theirs = self._sums, other._sums
        return sorted(
            bucket for bucket in ours.keys() | theirs.keys() if (ours.get(bucket, 0) - theirs.get(bucket, 0)) & _WORD
        )
