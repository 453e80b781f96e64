"""Reading one row of a base or its view by its key, whatever the key: rows that differ are looked at again."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from cassandra import InvalidRequest
from cassandra.metadata import Murmur3Token

from cassandra_client.decoding import RawRow
from cassandra_client.errors import ClusterError
from cassandra_client.names import quoted
from cassandra_views.apply.scan import PAGE_SECONDS, Scan, is_refused, token_bytes
from cassandra_views.apply.token_ranges import FIRST_TOKEN
from cassandra_views.model.schema import TableShape

_MOST_KEY_BYTES = 65_535
"""The server writes the length of each part of a composite partition key in two bytes."""


class RowLookup:
    """Finds rows by their keys, in the form in which a scan reads them."""

    def __init__(self, scan: Scan) -> None:
        self._scan = scan

    def find_base(self, key: RawRow, at: int | None = None) -> RawRow | None:
        """Return the row of a key as the base holds it, None where it holds none that the view should have.

        Args:
            key: the base's key and the view's other key column, as the server sent them.
            at: as of when, in seconds since 1970; else now.
        """
        found = self._find(self._scan.base, key, at)
        if found is None or any(found[place] is None for place in self._scan.needed_places):
            return None
        is_its_own = self._scan.canonical(found)[: self._scan.width] == self._scan.canonical(key)[: self._scan.width]
        return found if is_its_own and (self._scan.judge is None or self._scan.judge(found)) else None

    def find_view(self, key: RawRow, at: int | None = None) -> RawRow | None:
        """Return the row of a key as the view holds it; ``at`` is that of ``find_base``."""
        return self._find(self._scan.view, key, at)

    def _find(self, shape: TableShape, row: RawRow, at: int | None) -> RawRow | None:
        """Return the row of this key: by the key, or by its token where the server takes no such key in a WHERE.

        Such are an empty value or one of more than 64 KiB where it is the whole partition key.
        """
        names = [column.name for column in shape.key_columns]
        values = [row[self._scan.columns.index(name)] for name in names]
        partition = values[: len(shape.partition_key)]
        if len(partition) > 1 and any(len(value or b"") > _MOST_KEY_BYTES for value in partition):
            return None  # no partition can have this key
        if len(partition) > 1 or 0 < len(partition[0] or b"") <= _MOST_KEY_BYTES:
            conditions = " AND ".join(f"{quoted(name)} = ?" for name in names)
            self._scan.wait_for(1)
            try:
                found = self._scan.raw.read(f"{self._scan.select_all(shape)} WHERE {conditions}", values, at=at)
                return found[0] if found else None
            except (InvalidRequest, ClusterError) as error:
                if not is_refused(error):
                    raise
        return self._find_by_token(shape, row, partition, at)

    def _find_by_token(
        self, shape: TableShape, row: RawRow, partition: Sequence[bytes | None], at: int | None
    ) -> RawRow | None:
        names = ", ".join(quoted(column.name) for column in shape.partition_key)
        query, bounds = self._scan.select_all(shape), ()  # type: tuple[str, tuple[bytes, ...]]
        if self._scan.has_murmur():
            query += f" WHERE token({names}) >= ? AND token({names}) <= ?"
            bounds = tuple(map(token_bytes, _token_of(partition)))
        places = [self._scan.columns.index(column.name) for column in shape.key_columns]
        sought = self._scan.canonical(row)
        page_rows = self._scan.page_rows
        for page in self._scan.raw.pages(query, bounds, page_rows=page_rows, timeout_seconds=PAGE_SECONDS, at=at):
            self._scan.wait_for(len(page))
            for each in page:
                found = self._scan.canonical(each)
                if all(found[place] == sought[place] for place in places):
                    return each
        return None


def _token_of(partition: Sequence[bytes | None]) -> tuple[int, int]:
    """Return the first and last token of a range that holds this partition key."""
    parts = [value or b"" for value in partition]
    # The parts of a composite key, each behind its length; a key of one column is that column.
    packed = parts[0] if len(parts) == 1 else b"".join(struct.pack(">H", len(part)) + part + b"\0" for part in parts)
    if not packed:
        # Of the empty key alone the token is the least one; a range of this one alone is the whole ring.
        return FIRST_TOKEN, FIRST_TOKEN + 1
    token = int(Murmur3Token.hash_fn(packed))
    return token, token
