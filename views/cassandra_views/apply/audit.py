"""The audit of keys: are the rows of the window in the generation, and no others?

Reads the keys of base and view once each, by token ranges, into digests: equal digests pass. Where they differ (writes
never rest) the keys of the buckets that differ are read again and compared, and each difference is looked at again,
by its key, before it counts. Rows are compared as the bytes that the server sent. Values outside the keys are not
compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from cassandra_client.database import Database
from cassandra_client.driver_errors import explained
from cassandra_client.members import read_members
from cassandra_client.raw_rows import RawRow
from cassandra_views.apply.builds import find_undrained, server_time
from cassandra_views.apply.reports import Listener, Progress
from cassandra_views.apply.scan import Identity, Scan
from cassandra_views.apply.token_ranges import BUCKETS, KeyDigest, RangeDigest, bucket_of
from cassandra_views.cql.drift import view_drift
from cassandra_views.cql.option_values import option_differences
from cassandra_views.cql.parse import parse_view
from cassandra_views.model.catalog import LiveView
from cassandra_views.model.generation import Generation
from cassandra_views.model.names import ViewName, parse_physical
from cassandra_views.model.relation import Relation
from cassandra_views.model.table import TableShape
from cassandra_views.model.times import TimeColumn
from cassandra_views.model.verdict import Method, Verdict
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


class _Kept:
    """The rows of one token range that fall into some buckets, by their identity."""

    def __init__(self, scan: Scan, buckets: frozenset[int]) -> None:
        self._scan = scan
        self._buckets = buckets
        self.rows: dict[Identity, RawRow] = {}

    def add(self, rows: Sequence[RawRow]) -> None:
        for identity, row in zip(self._scan.identities(rows), rows, strict=True):
            if bucket_of(hash(identity)) in self._buckets:
                self.rows[identity] = row


class KeyAudit:
    """Compares one generation with its base table.

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

    def run(self) -> Verdict:
        """Compare; reads only.

        Raises:
            ClusterError: base or view cannot be read.
        """
        name = parse_physical(self._scan.view.name)
        view_name = name[0] if name else "NAME"
        with explained("the audit cannot read", on=self._on, remains=self._remains, view=view_name):
            self._scan.prepare()
            base = self._digest(self._scan.base, "base", 0.0)
            view = self._digest(self._scan.view, "view", 0.3)
            differing = base.differing(view)
            if not differing and base.rows == view.rows:
                return Verdict(base_rows=base.rows, view_rows=view.rows)
            return self._whole_side(base, view) or self._compare(base, view, differing)

    def _digest(self, shape: TableShape, label: str, from_share: float) -> KeyDigest:
        found = KeyDigest()

        def tell(share: float, rows: int) -> None:
            self._on_progress(f"audit: reading keys of {label}, {rows:,}", from_share + 0.3 * share)

        for part in self._scan.fold(shape, lambda: RangeDigest(self._scan.identities), tell):
            found.add(part)
        return found

    def _whole_side(self, base: KeyDigest, view: KeyDigest) -> Verdict | None:
        """Return the verdict where one side has rows and the other none at all, after a few quick looks at some."""
        if min(base.rows, view.rows) or max(base.rows, view.rows) < _WHOLE_SIDE:
            return None
        is_view_empty = not view.rows
        samples = (base.samples if is_view_empty else view.samples)[:_CHUNK]
        differs = self._is_missing if is_view_empty else self._is_extra
        left, _done = self._look_again([(row, differs) for row in samples], is_quick=True)
        if len(left) < len(samples):
            return None
        shown = tuple(self._scan.shown(row) for row, _differs in left[:_EXAMPLES])
        return Verdict(
            base_rows=base.rows,
            view_rows=view.rows,
            missing_rows=base.rows,
            extra_rows=view.rows,
            missing=shown if is_view_empty else (),
            extra=() if is_view_empty else shown,
            method=Method.KEYS,
        )

    def _compare(self, base: KeyDigest, view: KeyDigest, differing: Sequence[int]) -> Verdict:
        """Compare the keys of the buckets that differ, some at a time, and look again at what differs."""
        at_a_time = max(1, _KEPT_ROWS * BUCKETS // max(BUCKETS, base.rows + view.rows))
        starts = range(0, len(differing), at_a_time)
        missing: list[RawRow] = []
        extra: list[RawRow] = []
        is_partial = False
        for start in starts:
            only_base, only_view = self._difference(frozenset(differing[start : start + at_a_time]))
            self._on_progress("audit: looking again at what differs", 0.9)
            asked = [
                *_mixed([(row, self._is_missing) for row in only_base], [(row, self._is_extra) for row in only_view])
            ]
            left, is_done = self._look_again(asked)
            missing += [row for row, differs in left if differs == self._is_missing]
            extra += [row for row, differs in left if differs == self._is_extra]
            is_partial = not is_done or (max(len(missing), len(extra)) >= _ENOUGH and start != starts[-1])
            if is_partial:
                break
        return Verdict(
            base_rows=base.rows,
            view_rows=view.rows,
            missing_rows=len(missing),
            extra_rows=len(extra),
            missing=tuple(map(self._scan.shown, missing[:_EXAMPLES])),
            extra=tuple(map(self._scan.shown, extra[:_EXAMPLES])),
            method=Method.KEYS,
            is_partial=is_partial,
        )

    def _difference(self, buckets: frozenset[int]) -> tuple[list[RawRow], list[RawRow]]:
        """Return the rows of these buckets that only the base, and that only the view has."""
        found: dict[Identity, RawRow] = {}
        for label, shape, from_share in (("base", self._scan.base, 0.6), ("view", self._scan.view, 0.75)):

            def tell(share: float, rows: int, label: str = label, from_share: float = from_share) -> None:
                self._on_progress(f"audit: comparing keys of {label}, {rows:,}", from_share + 0.15 * share)

            only_view: list[RawRow] = []
            for part in self._scan.fold(shape, lambda: _Kept(self._scan, buckets), tell):
                if shape is self._scan.base:
                    found |= part.rows
                else:
                    only_view += [row for identity, row in part.rows.items() if found.pop(identity, None) is None]
        return list(found.values()), only_view

    def _look_again(
        self, rows: Sequence[tuple[RawRow, Callable[[RawRow], bool]]], *, is_quick: bool = False
    ) -> tuple[list[tuple[RawRow, Callable[[RawRow], bool]]], bool]:
        """Return the rows that differ at each of several looks, and whether all were looked at.

        A write under way is no difference.
        """
        still: list[tuple[RawRow, Callable[[RawRow], bool]]] = []
        began = server_time(self._database)
        with ThreadPoolExecutor(max_workers=8, thread_name_prefix="audit") as pool:
            for start in range(0, len(rows), _CHUNK):
                left = list(rows[start : start + _CHUNK])
                for pause in self._pauses(began, is_quick=is_quick):
                    self._on_progress("audit: looking again at what differs", 0.9)
                    time.sleep(pause)
                    found = pool.map(lambda each: each[1](each[0]), left)
                    left = [each for each, is_so in zip(left, found, strict=True) if is_so]
                    if not left:
                        break
                still += left
                if len(still) >= _ENOUGH and start + _CHUNK < len(rows):
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

    def _is_missing(self, row: RawRow) -> bool:
        """Tell whether the base has the row before and after the view has it not."""
        if not self._is_in_base(row) or self._scan.is_in_view(row):
            return False
        return self._is_in_base(row)

    def _is_extra(self, row: RawRow) -> bool:
        """Tell whether the view has the row before and after the base has it not."""
        if not self._scan.is_in_view(row) or self._is_in_base(row):
            return False
        return self._scan.is_in_view(row)

    def _is_in_base(self, row: RawRow) -> bool:
        found = self._scan.find_base(row)
        return found is not None and self._scan.identity(found) == self._scan.identity(row)


def _mixed(one: Sequence[Any], other: Sequence[Any]) -> Iterable[Any]:
    """Yield the members of both in turns, so that the first of each are looked at first."""
    for index in range(max(len(one), len(other))):
        yield from one[index : index + 1]
        yield from other[index : index + 1]


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
    ) -> Verdict:
        """Compare the rows of a generation with its base.

        Args:
            remains: what an error says of the generation's state.
            time: the base's time column, where the generation has a window: for a window without rows the verdict
                says what time the base's first row has.

        Raises:
            ClusterError: base or view cannot be read.
        """
        verdict = KeyAudit(
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


__all__ = ["Auditor", "KeyAudit", "SchemaMatch"]
