"""Whether an interval must be computed again: decided by what was read for it and what is there now. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalDigest:
    """What the tables show of an interval.

    Args:
        rows: how many rows there are.
        newest: the newest write time among their counts, in microseconds since the Unix epoch; 0 for none.
    """

    rows: int = 0
    newest: int = 0

    def __add__(self, other: IntervalDigest) -> IntervalDigest:
        return IntervalDigest(rows=self.rows + other.rows, newest=max(self.newest, other.newest))

    def holds(self, written: IntervalDigest) -> bool:
        """Tell whether all of ``written`` can be in it: a view shows rows a moment after they were written."""
        return self.rows >= written.rows and self.newest >= written.newest


NOTHING = IntervalDigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """What the ledger says of an interval.

    Args:
        is_open: the rows were about to be written, and nobody said that they were.
        read: what the level below showed before it was read.
        rows_written: how many rows the interval was given, 0 while open.
        looked: the write time of its rows, when its run looked at the level below, in microseconds since 1970.
        streamers_missing: accounts without a row in it.
        seen: counts that were read.
        expected: counts there would have been without gaps.
    """

    is_open: bool
    read: IntervalDigest
    rows_written: int = 0
    looked: int = 0
    streamers_missing: int = 0
    seen: int = 0
    expected: int = 0

    @property
    def written(self) -> IntervalDigest:
        """What the interval's own rows show at least, where nobody has removed some."""
        return IntervalDigest(rows=self.rows_written, newest=self.looked) if self.rows_written else NOTHING


class IntervalState(StrEnum):
    """What is to be done about an interval."""

    STALE = "stale"
    FRESH = "fresh"
    KEPT = "kept"
    EMPTY = "empty"


def judge(below: IntervalDigest, own: int, entry: LedgerEntry | None, *, is_named: bool) -> IntervalState:
    """Tell whether an interval is to be computed.

    ``KEPT`` means that what stands is not overwritten: rows below have expired since they were read, so
    that a new mean would be of a part of them; or others have written the rows, and nobody named the interval.

    Args:
        below: what the level below shows now.
        own: rows of the interval that stand.
        entry: what the ledger says; None where it knows nothing.
        is_named: a person or the schedule asked for this very interval, not only for one that holds it.
    """
    if not below.rows:
        return IntervalState.KEPT if own else IntervalState.EMPTY
    if entry is None:
        return IntervalState.KEPT if own and not is_named else IntervalState.STALE
    if own and below.rows < entry.read.rows:
        return IntervalState.KEPT
    if entry.is_open or below != entry.read or own < entry.rows_written:
        return IntervalState.STALE
    return IntervalState.FRESH


def can_change(own: int, entry: LedgerEntry | None, *, is_expiring: bool, is_named: bool) -> bool:
    """Tell whether looking at the level below could lead to anything but keeping what stands.

    Args:
        is_expiring: rows of the level below that were written on time have begun to expire.
    """
    if is_named:
        return True
    if entry is None:
        return own == 0
    return entry.is_open or not is_expiring
