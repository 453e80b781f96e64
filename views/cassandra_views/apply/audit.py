"""The full audit: are the rows of the window in the generation as the base has them, and no others?

Reads the rows of base and view once each, by token ranges, into digests: equal digests pass. A row of the base and its
row of the view lie in different token ranges, so digests are kept for buckets of the base's key. Where they differ
(writes never rest) the rows of those buckets are read again and compared, and each difference is looked at again, by
its key, before it counts. Rows are compared as the bytes that the server sent: keys, selected values, write times, and
whether a value has a TTL.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import zip_longest

from cassandra_client.database import Database
from cassandra_client.decoding import RawRow
from cassandra_client.driver_errors import translate_driver_errors
from cassandra_client.members import read_members
from cassandra_views.apply.builds import find_undrained, server_time
from cassandra_views.apply.digests import BUCKETS, Digest, bucket_of, digest_of
from cassandra_views.apply.reports import Listener, Progress
from cassandra_views.apply.scan import Scan, newest_write
from cassandra_views.cql.drift import view_drift
from cassandra_views.cql.options import option_differences
from cassandra_views.cql.parse import parse_view
from cassandra_views.model.audit_result import (
    AuditMethod,
    AuditResult,
    CellDifference,
    DifferenceKind,
    RowDifference,
)
from cassandra_views.model.generation import Generation
from cassandra_views.model.names import ViewName, parse_physical
from cassandra_views.model.schema import LiveView, TableShape
from cassandra_views.model.statement import Relation
from cassandra_views.model.times import TimeColumn, microseconds
from cassandra_views.plan.catalog import find_first_time, find_view_and_base, time_text

_KEPT_ROWS = 500_000
"""How many rows of differing buckets are held at a time."""
RECHECK_SECONDS = 0.5
"""The pause before a difference is looked at a second time; it doubles with each further look."""
_LOOKS = 7
"""With pauses from ``RECHECK_SECONDS`` the last look is half a minute after the first: a view write that
was not delivered from a batch waits as a hint, which no table shows until it is flushed, every ten seconds."""
_MORE_LOOKS = 30
"""How often it is looked again after that, while a node holds a batch or hint of before the first look."""
_MORE_PAUSE_SECONDS = 10.0
_CHUNK = 200
_ENOUGH = 100
"""As many differences prove one; more are not looked at again one by one."""
_WHOLE_SIDE = 10
"""Of a side that has at least so many rows, while the other has none, writes under way are no likely reason."""
_WHOLE_SIDE_LOOKS = 3
_EXAMPLES = 3
_SAMPLES = 2
"""So many keys of each token range are kept."""
_DAY = 86_400_000_000
"""In microseconds, as write times are."""
_CLOCKS_DIFFER = 1_000_000


@dataclass(frozen=True, slots=True)
class CutOff:
    """Which rows an audit leaves out: those written since it began, which one side may have and the other not yet.

    A write time of more than a day later is no moment but an application's own number; such rows are compared.

    Args:
        places: where in a row the write times stand.
        began: microseconds since 1970.
    """

    places: tuple[int, ...]
    began: int

    def settled(self, rows: Sequence[RawRow]) -> Sequence[RawRow]:
        """Return the rows that are compared."""
        for place in self.places:
            if any(self._is_newer(row[place]) for row in rows):
                return [row for row in rows if not self.is_newer(row)]
        return rows

    def is_newer(self, row: RawRow) -> bool:
        """Tell whether a row was written since."""
        return any(self._is_newer(row[place]) for place in self.places)

    def is_ahead(self, row: RawRow, now: int) -> bool:
        """Tell whether a row was written at a time that has not come."""
        return any((newest_write(row[place]) or 0) > now for place in self.places)

    def _is_newer(self, written: bytes | None) -> bool:
        moment = newest_write(written)
        return moment is not None and self.began < moment <= self.began + _DAY


class _Side:
    """One side's rows of a token range, or of all: their digest, a few keys, and how many were left out."""

    def __init__(self, scan: Scan, cut_off: CutOff) -> None:
        self._scan = scan
        self._cut_off = cut_off
        self.digest = Digest()
        self.samples: list[RawRow] = []
        self.newer_rows = 0
        self.ahead_rows = 0

    @property
    def rows(self) -> int:
        """How many rows are compared."""
        return self.digest.rows

    def add(self, rows: Sequence[RawRow]) -> None:
        """Take rows."""
        settled = self._cut_off.settled(rows)
        if len(settled) < len(rows):
            now = microseconds(datetime.now(UTC)) + _CLOCKS_DIFFER
            newer = [row for row in rows if self._cut_off.is_newer(row)]
            ahead = sum(self._cut_off.is_ahead(row, now) for row in newer)
            self.ahead_rows += ahead
            self.newer_rows += len(newer) - ahead
        self.digest.add_rows(self._scan.canonical_rows(settled), self._scan.width)
        if len(self.samples) < _SAMPLES:
            self.samples += [row[: self._scan.width] for row in settled[: _SAMPLES - len(self.samples)]]

    def merge(self, other: _Side) -> None:
        """Take what another range had."""
        self.digest.merge(other.digest)
        self.samples += other.samples
        self.newer_rows += other.newer_rows
        self.ahead_rows += other.ahead_rows


class _Kept:
    """The rows of one token range that fall into some buckets: each one's key as it was sent, and its digest."""

    def __init__(self, scan: Scan, cut_off: CutOff, buckets: frozenset[int]) -> None:
        self._scan = scan
        self._cut_off = cut_off
        self._buckets = buckets
        self.rows: dict[RawRow, tuple[RawRow, int]] = {}

    def add(self, rows: Sequence[RawRow]) -> None:
        """Take rows."""
        width = self._scan.width
        settled = self._cut_off.settled(rows)
        for row, canonical in zip(settled, self._scan.canonical_rows(settled), strict=True):
            key = canonical[:width]
            if bucket_of(key) in self._buckets:
                self.rows[key] = (row[:width], digest_of(canonical))


class FullAudit:
    """Compares every row of one generation with its base table: keys, values, write times, and what has a TTL.

    Args:
        relations: the view's WHERE with its window's bounds put in.
        on: what an error says that was audited; else the physical view.
        remains: what an error says of the view's state.
        recheck_seconds: the pause before the second look at a difference; it doubles with each.
    """

    def __init__(
        self,
        database: Database,
        base: TableShape,
        view: TableShape,
        relations: Sequence[Relation],
        *,
        on_progress: Callable[[str, float], None] = lambda text, share: None,
        on: str = "",
        remains: str = "It was not served",
        recheck_seconds: float = RECHECK_SECONDS,
    ) -> None:
        self._database = database
        self._scan = Scan(database, base, view, relations)
        self._on_progress = on_progress
        self._on = on or str(view)
        self._remains = remains
        self._recheck_seconds = recheck_seconds

    def run(self) -> AuditResult:
        """Compare; reads only.

        Raises:
            ClusterError: base or view cannot be read.
        """
        name = parse_physical(self._scan.view.name)
        view_name = name[0] if name else "NAME"
        with translate_driver_errors("the audit cannot read", on=self._on, remains=self._remains, view=view_name):
            self._scan.prepare()
            cut_off = CutOff(self._scan.written_places, microseconds(server_time(self._database)))
            base = self._read_side(self._scan.base, "base", cut_off, 0.0)
            view = self._read_side(self._scan.view, "view", cut_off, 0.3)
            result = AuditResult(
                base_rows=base.rows,
                view_rows=view.rows,
                newer_rows=view.newer_rows,
                ahead_rows=view.ahead_rows,
                coverage=self._coverage(),
            )
            differing = base.digest.differing(view.digest)
            if not differing:
                return result
            return self._whole_side(result, base, view) or self._compare(result, cut_off, differing)

    def _coverage(self) -> str:
        """Return at which consistency, and where the cluster has one data centre alone, in which, rows are read."""
        centres = {str(host.datacenter) for host in self._database.hosts()}
        return f"LOCAL_QUORUM in {centres.pop()}" if len(centres) == 1 else "LOCAL_QUORUM"

    def _read_side(self, shape: TableShape, label: str, cut_off: CutOff, from_share: float) -> _Side:
        found = _Side(self._scan, cut_off)

        def tell(share: float, rows: int) -> None:
            self._on_progress(f"audit: reading rows of {label}, {rows:,}", from_share + 0.3 * share)

        for part in self._scan.fold(shape, lambda: _Side(self._scan, cut_off), tell):
            found.merge(part)
        return found

    def _whole_side(self, result: AuditResult, base: _Side, view: _Side) -> AuditResult | None:
        """Return the verdict where one side has rows and the other none at all, after a few quick looks at some."""
        if min(base.rows, view.rows) or max(base.rows, view.rows) < _WHOLE_SIDE:
            return None
        is_view_empty = not view.rows
        samples = (base.samples if is_view_empty else view.samples)[:_CHUNK]
        left, _done = self._look_again(samples, is_quick=True)
        kind = DifferenceKind.MISSING if is_view_empty else DifferenceKind.EXTRA
        if len(left) < len(samples) or any(each.kind is not kind for each in left):
            return None
        return replace(
            result,
            missing_rows=base.rows,
            extra_rows=view.rows,
            examples=tuple(left[:_EXAMPLES]),
            method=AuditMethod.ROWS,
        )

    def _compare(self, result: AuditResult, cut_off: CutOff, differing: Sequence[int]) -> AuditResult:
        """Compare the rows of the buckets that differ, some at a time, and look again at what differs."""
        at_a_time = max(1, _KEPT_ROWS * BUCKETS // max(BUCKETS, result.base_rows + result.view_rows))
        starts = range(0, len(differing), at_a_time)
        found: list[RowDifference] = []
        settled = 0
        is_partial = False
        for start in starts:
            keys = self._differing_keys(cut_off, frozenset(differing[start : start + at_a_time]))
            left, is_done = self._look_again(keys)
            found += left
            settled += len(keys) - len(left) if is_done else 0
            is_partial = not is_done or (_is_enough(found) and start != starts[-1])
            if is_partial:
                break
        counts = Counter(each.kind for each in found)
        return replace(
            result,
            missing_rows=counts[DifferenceKind.MISSING],
            extra_rows=counts[DifferenceKind.EXTRA],
            stale_rows=counts[DifferenceKind.STALE],
            expiring_rows=counts[DifferenceKind.EXPIRING],
            examples=tuple(
                each for kind in DifferenceKind for each in [one for one in found if one.kind is kind][:_EXAMPLES]
            ),
            settled_rows=settled,
            method=AuditMethod.ROWS,
            is_partial=is_partial,
        )

    def _differing_keys(self, cut_off: CutOff, buckets: frozenset[int]) -> list[RawRow]:
        """Return the keys of these buckets whose rows differ, in turns those that one side, the other, and both have.

        So the first of each are looked at first.
        """
        found: dict[RawRow, tuple[RawRow, int]] = {}
        for label, shape, from_share in (("base", self._scan.base, 0.6), ("view", self._scan.view, 0.75)):

            def tell(share: float, rows: int, label: str = label, from_share: float = from_share) -> None:
                self._on_progress(f"audit: comparing rows of {label}, {rows:,}", from_share + 0.15 * share)

            only_view: list[RawRow] = []
            on_both: list[RawRow] = []
            for part in self._scan.fold(shape, lambda: _Kept(self._scan, cut_off, buckets), tell):
                if shape is self._scan.base:
                    found |= part.rows
                    continue
                for key, (sent, digest) in part.rows.items():
                    other = found.pop(key, None)
                    if other is None:
                        only_view.append(sent)
                    elif other[1] != digest:
                        on_both.append(sent)
        only_base = [sent for sent, _digest in found.values()]
        return [key for turn in zip_longest(only_base, only_view, on_both) for key in turn if key is not None]

    def _look_again(self, keys: Sequence[RawRow], *, is_quick: bool = False) -> tuple[list[RowDifference], bool]:
        """Return the rows that differ at each of several looks, and whether all were looked at.

        A write under way is no difference.
        """
        still: list[RowDifference] = []
        began = server_time(self._database)
        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="audit") as pool:
            for start in range(0, len(keys), _CHUNK):
                left = list(keys[start : start + _CHUNK])
                differences: list[RowDifference] = []
                for pause in self._pauses(began, is_quick=is_quick):
                    self._on_progress("audit: looking again at what differs", 0.9)
                    time.sleep(pause)
                    looks = [(key, found) for key, found in zip(left, pool.map(self._look, left), strict=True) if found]
                    left = [key for key, _found in looks]
                    differences = [found for _key, found in looks]
                    if not left:
                        break
                still += differences
                if _is_enough(still) and start + _CHUNK < len(keys):
                    return still, False
        return still, True

    def _pauses(self, began: datetime, *, is_quick: bool) -> Iterator[float]:
        """Yield the seconds to wait before each look: as long as writes of before ``began`` can be under way."""
        yield 0.0
        for look in range((_WHOLE_SIDE_LOOKS if is_quick else _LOOKS) - 1):
            yield self._recheck_seconds * 2**look
        for _ in range(_MORE_LOOKS):
            if not find_undrained(self._database, read_members(self._database), began):
                return
            self._on_progress("audit: waiting for view writes that a node still holds", 0.95)
            yield _MORE_PAUSE_SECONDS

    def _look(self, key: RawRow) -> RowDifference | None:
        """Return how the row of a key differs now; None where it does not, or the base's row changes meanwhile."""
        base = self._scan.find_base(key)
        view = self._scan.find_view(key)
        cells: list[CellDifference] = []
        if base is None and view is None:
            return None
        if base is not None and view is not None:
            cells = self._scan.cell_differences(base, view)
            if not cells:
                return None
        again = self._scan.find_base(key)
        if (again and self._scan.canonical(again)) != (base and self._scan.canonical(base)):
            return None
        if base is None or view is None:
            kind = DifferenceKind.EXTRA if base is None else DifferenceKind.MISSING
        else:
            is_life_alone = all(cell.is_value_equal for cell in cells)
            kind = DifferenceKind.EXPIRING if is_life_alone else DifferenceKind.STALE
        return RowDifference(kind=kind, key=self._scan.shown_key(key), cells=tuple(cells))


def _is_enough(found: Sequence[RowDifference]) -> bool:
    """Tell whether so many rows differ in one way that more prove nothing more."""
    return max(Counter(each.kind for each in found).values(), default=0) >= _ENOUGH


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaMatch:
    """A generation that the schema holds just as it was asked for, with its base.

    Args:
        notes: options that the server has otherwise than they were asked for, in words.
    """

    live: LiveView
    base: TableShape
    notes: tuple[str, ...] = ()


class Auditor:
    """Compares generations with the schema and with their bases; reads only.

    Args:
        listener: is told how far an audit is.
        recheck_seconds: the pause before a difference is looked at again; it doubles with each further look.
    """

    def __init__(self, database: Database, listener: Listener, *, recheck_seconds: float = RECHECK_SECONDS) -> None:
        self._database = database
        self._listener = listener
        self._recheck_seconds = recheck_seconds

    def find_in_schema(self, view: ViewName, each: Generation) -> SchemaMatch | str:
        """Return what the schema holds of a generation, or why that is not what was asked for: a name proves nothing.

        Raises:
            ClusterError: the schema cannot be read.
        """
        found = find_view_and_base(self._database, view.keyspace, each.physical)
        if found is None:
            return "it is gone from the schema"
        live, base = found
        if live.table_id != each.table_id:
            return "it was dropped and created again by somebody else"
        statement = parse_view(each.cql)
        differences = view_drift(
            statement,
            base,
            live.shape,
            where_clause=live.where_clause,
            include_all_columns=live.include_all_columns,
            base_name=live.base,
        )
        if differences:
            return f"the server made something else of it: {'; '.join(differences)}"
        return SchemaMatch(live=live, base=base, notes=option_differences(statement.options, live.shape))

    def compare(
        self, view: ViewName, each: Generation, match: SchemaMatch, *, remains: str, time: TimeColumn | None
    ) -> AuditResult:
        """Compare the rows of a generation with its base.

        Args:
            remains: what an error says of the generation's state.
            time: the base's time column, where the generation has a window: for a window without rows the verdict
                says what time the base's first row has.

        Raises:
            ClusterError: base or view cannot be read.
        """
        verdict = FullAudit(
            self._database,
            match.base,
            match.live.shape,
            parse_view(each.cql).where,
            on_progress=lambda text, share: self._listener(
                Progress(view=view, number=each.number, text=text, share=share)
            ),
            on=f"{view} generation {each.number}",
            remains=remains,
            recheck_seconds=self._recheck_seconds,
        ).run()
        if time is None or verdict.base_rows or not verdict.is_passed:
            return verdict
        first = find_first_time(self._database, view.keyspace, match.base.name, time)
        return verdict if first is None else replace(verdict, first_time=time_text(time, first))


__all__ = ["Auditor", "FullAudit", "SchemaMatch"]
