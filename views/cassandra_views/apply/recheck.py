"""Looking again at rows that differ: a write under way is no difference."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from cassandra_client.decoding import RawRow
from cassandra_client.members import read_members
from cassandra_views.apply.builds import find_undrained, server_time
from cassandra_views.apply.cells import is_bare
from cassandra_views.apply.row_lookup import RowLookup
from cassandra_views.apply.scan import Scan
from cassandra_views.model.audit_request import recheck_pauses
from cassandra_views.model.audit_result import CellDifference, DifferenceKind, RowDifference

QUICK_LOOKS = 3
_MORE_LOOKS = 30
"""How often it is looked again after that, while a node holds a batch or hint of before the first look."""
_MORE_PAUSE_SECONDS = 10.0
_FIRST_CHUNK, _CHUNK = 200, 2000
"""So many rows are looked at together: few at first, which are enough where much differs."""
_ENOUGH = 100
"""As many differences prove one; more are not looked at again one by one."""
LAST_MOMENT = 2**31 - 2
"""In 2038, the last moment that every server can read as of: a row that is there then has no TTL."""

AuditProgress = Callable[[str, float], None]
"""Is told what an audit does, and how far it is, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckResult:
    """What came of looking again.

    Args:
        undecided_rows: rows of the base that changed at every look.
        is_done: all were looked at.
    """

    found: tuple[RowDifference, ...]
    undecided_rows: int = 0
    is_done: bool = True


class _Changing:
    """The row of the base changes while it is compared."""


class Recheck:
    """Looks again, by their keys, at rows that differ.

    Args:
        pause_seconds, lag_seconds: what the pauses follow (``recheck_pauses``).
    """

    def __init__(
        self, scan: Scan, *, on_progress: AuditProgress, pause_seconds: float, lag_seconds: float = 0.0
    ) -> None:
        self._scan = scan
        self.rows = RowLookup(scan)
        self._on_progress = on_progress
        self._pauses = recheck_pauses(pause_seconds, lag_seconds)
        self._more_looks = _MORE_LOOKS

    def run(self, keys: Sequence[RawRow], *, looks: int | None = None, is_of_ends: bool = False) -> RecheckResult:
        """Return the rows that differ at each of several looks.

        Args:
            looks: at so many at most, where it is given.
            is_of_ends: not the rows are compared, but whether they ever expire.
        """
        still: list[RowDifference] = []
        undecided = 0
        began, started = server_time(self._scan.database), time.monotonic()
        compare = self._look_at_end if is_of_ends else self._look
        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="audit") as pool:
            end = 0
            while end < len(keys):
                start, end = end, end + (_CHUNK if end else _FIRST_CHUNK)
                left: list[tuple[RawRow, _Found]] = [(key, None) for key in keys[start:end]]
                for pause in self.pauses(began, looks=looks):
                    after = f" after {pause:.1f} s" if pause >= 1 else ""
                    self._on_progress(f"audit: looking again at what differs{after}", 0.9)
                    time.sleep(pause)
                    asked = [key for key, _found in left]
                    # Seconds that are left are the same on both sides only as of the same moment.
                    now = int(began.timestamp() + time.monotonic() - started) if self._scan.has_moments else None
                    looked = pool.map(lambda key, now=now: compare(key, now), asked)
                    left = [(key, found) for key, found in zip(asked, looked, strict=True) if found]
                    if not left:
                        break
                still += [found for _key, found in left if isinstance(found, RowDifference)]
                undecided += sum(isinstance(found, _Changing) for _key, found in left)
                if is_enough(still) and end < len(keys):
                    return RecheckResult(found=tuple(still), undecided_rows=undecided, is_done=False)
        return RecheckResult(found=tuple(still), undecided_rows=undecided)

    def pauses(self, began: datetime, *, looks: int | None = None) -> Iterator[float]:
        """Yield the seconds to wait before each look: as long as writes of before ``began`` can be under way.

        A node that does not answer, or holds batches or hints, is waited for once in an audit.
        """
        yield 0.0
        yield from self._pauses if looks is None else self._pauses[: looks - 1]
        while looks is None and self._more_looks:
            if not find_undrained(self._scan.database, read_members(self._scan.database), began):
                return
            self._more_looks -= 1
            self._on_progress("audit: waiting for view writes that a node still holds", 0.9)
            yield _MORE_PAUSE_SECONDS

    def _look(self, key: RawRow, now: int | None) -> _Found:
        """Return how the row of a key differs now; None where it does not."""
        base = self.rows.find_base(key, now)
        view = self.rows.find_view(key, now)
        cells: list[CellDifference] = []
        if base is None and view is None:
            return None
        if base is not None and view is not None:
            cells = self._scan.cell_differences(base, view, at=now)
            if not cells:
                return None
        again = self.rows.find_base(key, now)
        if (again and self._scan.canonical(again)) != (base and self._scan.canonical(base)):
            return _Changing()
        if base is None or view is None:
            kind = DifferenceKind.EXTRA if base is None else DifferenceKind.MISSING
        else:
            is_ttl_alone = all(cell.is_value_equal for cell in cells)
            kind = DifferenceKind.EXPIRING if is_ttl_alone else DifferenceKind.STALE
        return RowDifference(kind=kind, key=self._scan.shown_key(key), cells=tuple(cells))

    def _look_at_end(self, key: RawRow, now: int | None) -> _Found:
        """Tell whether a row that both sides have now, as nothing but its key, expires on one of them alone."""

        def is_key_alone(find: Callable[[RawRow, int | None], RawRow | None]) -> bool:
            row = find(key, now)
            return row is not None and is_bare(row, self._scan.cells)

        def is_lasting(find: Callable[[RawRow, int | None], RawRow | None]) -> bool:
            return find(key, LAST_MOMENT) is not None

        base, view = is_lasting(self.rows.find_base), is_lasting(self.rows.find_view)
        if base == view or not (is_key_alone(self.rows.find_base) and is_key_alone(self.rows.find_view)):
            return None
        if is_lasting(self.rows.find_base) != base:
            return _Changing()
        lives = ["lasting" if each else "expiring" for each in (base, view)]
        cell = CellDifference(
            column="the row itself",
            base=lives[0],
            view=lives[1],
            is_base_expiring=not base,
            is_view_expiring=not view,
            is_value_equal=True,
        )
        return RowDifference(kind=DifferenceKind.EXPIRING, key=self._scan.shown_key(key), cells=(cell,))


_Found = RowDifference | _Changing | None


def is_enough(found: Sequence[RowDifference]) -> bool:
    """Tell whether so many rows differ in one way that more prove nothing more."""
    return max(Counter(each.kind for each in found).values(), default=0) >= _ENOUGH
