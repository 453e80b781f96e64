"""Columns of a row outside its key: where value, write time and TTL stand, and what they say. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cassandra_client.decoding import RawRow
from cassandra_views.apply.raw_values import elements_of
from cassandra_views.cql.types import BadType, parse_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Where in a row a column's value, its write time and its TTL stand; None where the server does not return them.

    Args:
        is_single: it is written as a whole; else each element has a write time and a TTL of its own.
    """

    name: str
    value: int
    written: int | None
    ttl: int | None
    is_single: bool

    def newest_write(self, row: RawRow) -> int | None:
        """Return the write time of the value, or of its newest element, in microseconds since 1970."""
        times = self._parts(row, self.written)
        return max((int.from_bytes(each, "big", signed=True) for each in times if each), default=None)

    def is_expiring(self, row: RawRow) -> bool:
        """Tell whether the value, or an element of it, has a TTL."""
        return any(each is not None for each in self._parts(row, self.ttl))

    def expires(self, row: RawRow, at: int | None) -> int | None:
        """Return when the value, or the last of its elements, expires, in seconds since 1970; None where unknown.

        Args:
            at: as of when the row was read.
        """
        if at is None:
            return None
        left = [int.from_bytes(each, "big", signed=True) for each in self._parts(row, self.ttl) if each is not None]
        return at + max(left) if left else None

    def is_equal(self, row: RawRow, other: RawRow, *, with_ttl: bool = True) -> bool:
        """Tell whether two rows, in the form in which they are compared, agree in this column."""
        places = (self.value, self.written, self.ttl if with_ttl else None)
        return all(row[place] == other[place] for place in places if place is not None)

    def _parts(self, row: RawRow, place: int | None) -> tuple[bytes | None, ...]:
        found = None if place is None else row[place]
        if found is None:
            return ()
        return (found,) if self.is_single else tuple(elements_of(found))


def is_multi_cell_type(type_: str) -> bool:
    """Tell whether each element of such a value has a write time of its own, as far as this program knows the type."""
    try:
        return parse_type(type_).is_multi_cell
    except BadType:  # the server is asked, as for a collection
        return True


def is_bare(row: RawRow, cells: Iterable[Cell]) -> bool:
    """Tell whether a row holds nothing but its key."""
    return all(row[cell.value] is None for cell in cells)
