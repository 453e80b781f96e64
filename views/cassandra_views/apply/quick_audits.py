"""Audits that compare less than every row: the totals of both sides, and rows drawn at random."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from cassandra_client.database import Database
from cassandra_client.decoding import RawRow
from cassandra_client.driver_errors import DRIVER_ERRORS
from cassandra_client.errors import ClusterError
from cassandra_client.names import quoted
from cassandra_views.apply.builds import server_time
from cassandra_views.apply.recheck import AuditProgress, Recheck
from cassandra_views.apply.scan import Scan
from cassandra_views.model.audit_result import AuditMethod, AuditResult
from cassandra_views.model.generation import Generation
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import TableShape
from cassandra_views.model.times import TimeColumn
from cassandra_views.plan.catalog import find_view_and_base

_PULSE_LOOKS = 5
_WORD = 2**64 - 1
_READERS = 8
_DRAWN_AT_ONCE = 200


class NoTotals(ClusterError):
    """The servers make no totals of the rows of the base that belong to the view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What the server counts and adds up of one side's rows.

    Args:
        has_nulls: rows that the view cannot hold are among them; then ``sums`` is not of the view's rows alone.
        sums: what was counted or added up, and the total, 64 bits.
    """

    rows: int
    has_nulls: bool
    sums: tuple[tuple[str, int], ...]

    def differences(self, view: Totals) -> tuple[str, ...]:
        """Return what differs between these, of the base, and the view's, in words."""
        if self.rows != view.rows:
            return (f"{self.rows:,} rows in the base, {view.rows:,} in the view",)
        if self.has_nulls:
            return ()
        return tuple(
            f"{what}: {ours:,} in the base, {theirs:,} in the view" if what.startswith("number") else what
            for (what, ours), (_what, theirs) in zip(self.sums, view.sums, strict=True)
            if ours != theirs
        )


class _RangeTotals:
    """The totals of one token range."""

    def __init__(self) -> None:
        self.values: list[int] = []

    def add(self, rows: Sequence[RawRow]) -> None:
        """Take the one row that the server makes of a range."""
        for row in rows:
            self.values = [int.from_bytes(value or b"", "big") for value in row]


def read_totals(scan: Scan, shape: TableShape) -> Totals:
    """Return totals of every row that belongs to the view, made by the server: of the base or of the view.

    Raises:
        NoTotals: it does not filter the base, so that no total of it is one of the view's rows alone.
    """
    if scan.filter is not None and shape is scan.base:
        raise NoTotals(
            "the servers do not filter the base by the view's WHERE, so they make no totals of its rows",
            next="Audit it in full, or by a sample",
        )
    single = [cell.name for cell in scan.cells if cell.is_single]
    counted = [shape.key_columns[-1].name, *scan.not_null]
    sums = {f"number of TTLs of {name}": f"count(TTL({quoted(name)}))" for name in single}
    sums |= {f"write times of {name}": f"sum(WRITETIME({quoted(name)}))" for name in single}
    # The view has no write time of its key.
    numbers = {name: _number_term(shape, name) for name in scan.not_null}
    sums |= {f"values of {name}": f"sum({term})" for name, term in numbers.items() if term}
    aggregates = [*(f"count({quoted(name)})" for name in counted), *sums.values()]
    values = [0] * len(aggregates)
    for part in scan.fold(shape, _RangeTotals, aggregates=aggregates):
        values = [(one + other) & _WORD for one, other in zip(values, part.values, strict=True)]
    counts = values[: len(counted)]
    return Totals(
        rows=min(counts),
        has_nulls=len(set(counts)) > 1,
        sums=tuple(zip(sums, values[len(counted) :], strict=True)),
    )


class _RowCount:
    """How many rows a token range holds, as the server counts them, or of which one column is counted here."""

    def __init__(self, is_counted: Callable[[bytes], bool] | None) -> None:
        self._is_counted = is_counted
        self.rows = 0

    def add(self, rows: Sequence[RawRow]) -> None:
        """Take the server's count, or rows of one column."""
        for (value,) in rows:
            if self._is_counted is None:
                self.rows += int.from_bytes(value or b"", "big")
            else:
                self.rows += value is not None and self._is_counted(value)


def find_row_count(
    database: Database, view: ViewName, each: Generation, time: TimeColumn | None, start: datetime | None
) -> int | None:
    """Return how many rows a generation holds from ``start`` on; None where they cannot be counted. Reads only.

    Args:
        time: the base's time column; its values are compared here, since a server takes no condition on a partition
            key beside a token range.
    """
    with suppress(ClusterError, ValueError, *DRIVER_ERRORS):
        found = find_view_and_base(database, view.keyspace, each.physical)
        if found is None:
            return None
        shape, base = found[0].shape, found[1]
        scan = Scan(database, base, shape, ())
        if start is None or each.window_start == start:
            return sum(part.rows for part in scan.fold(shape, lambda: _RowCount(None), aggregates=["count(*)"]))
        if time is None or shape.find_column(time.name) is None:
            return None
        column, type_, version = time, scan.type_of(time.name), scan.protocol_version

        def is_counted(value: bytes) -> bool:
            return not column.is_before(type_.from_binary(value, version), start)

        terms = [quoted(time.name)]
        return sum(part.rows for part in scan.fold(shape, lambda: _RowCount(is_counted), aggregates=terms))
    return None


def _number_term(shape: TableShape, name: str) -> str:
    """Return what makes a bigint of a column, empty where nothing does."""
    column = shape.find_column(name)
    match column.type if column else "":
        case "tinyint" | "smallint" | "int" | "bigint":
            return f"CAST({quoted(name)} AS bigint)"
        case "timestamp" | "date":
            return f"toUnixTimestamp({quoted(name)})"
        case _:
            return ""


class PulseUndecided(ClusterError):
    """The base was written to while its totals were made, each time."""


class PulseAudit:
    """Compares totals that the server makes of both sides: how many rows and TTLs, and sums of write times.

    It finds that they differ, not which rows; equal totals are no proof that all values are equal.
    """

    def __init__(self, scan: Scan, recheck: Recheck, *, on_progress: AuditProgress) -> None:
        self._scan = scan
        self._recheck = recheck
        self._on_progress = on_progress

    def run(self) -> AuditResult:
        """Compare; reads only.

        Raises:
            PulseUndecided: the base was written to all the time.
            ClusterError: base or view cannot be read.
        """
        self._scan.prepare()
        settled: list[AuditResult] = []
        for pause in self._recheck.pauses(server_time(self._scan.database), looks=_PULSE_LOOKS):
            time.sleep(pause)
            self._on_progress("audit: totals of base", 0.1)
            base = read_totals(self._scan, self._scan.base)
            self._on_progress("audit: totals of view", 0.4)
            view = read_totals(self._scan, self._scan.view)
            result = AuditResult(
                base_rows=base.rows,
                view_rows=view.rows,
                method=AuditMethod.PULSE,
                differing_totals=base.differences(view),
                is_partial=base.has_nulls,
                coverage=self._scan.coverage(),
            )
            if result.is_passed:
                return result
            self._on_progress("audit: totals of base, again", 0.7)
            if read_totals(self._scan, self._scan.base) == base:
                settled.append(result)
        if len(settled) > 1 and settled[-1].differing_totals == settled[-2].differing_totals:
            return settled[-1]
        raise PulseUndecided(
            "its base was written to while totals were made, so a pulse cannot decide",
            next="Audit it in full, or by a sample: both compare row by row",
        )


class SampleAudit:
    """Compares rows drawn at random from both sides: a token, and of the first rows of the partition after it one.

    Args:
        rows: how many are drawn from each side; one may be drawn twice.
    """

    def __init__(self, scan: Scan, recheck: Recheck, *, on_progress: AuditProgress, rows: int) -> None:
        self._scan = scan
        self._recheck = recheck
        self._on_progress = on_progress
        self._rows = rows
        self._random = random.SystemRandom()

    def run(self) -> AuditResult:
        """Compare; reads only.

        Raises:
            ClusterError: base or view cannot be read.
        """
        self._scan.prepare()
        base = self._draw(self._scan.base, "base", 0.0)
        view = self._draw(self._scan.view, "view", 0.3)
        self._on_progress("audit: comparing the rows that were drawn", 0.6)
        checked = self._recheck.run(list(dict.fromkeys([*base, *view])))
        result = AuditResult(
            base_rows=len(base),
            view_rows=len(view),
            newer_rows=checked.undecided_rows,
            method=AuditMethod.SAMPLE,
            is_partial=not checked.is_done or any([*base.values(), *view.values()]),
            coverage=self._scan.coverage(),
        )
        return result.with_differences(checked.found)

    def _draw(self, shape: TableShape, label: str, from_share: float) -> dict[RawRow, bool]:
        """Return the keys of rows, and of each whether its partition was not drawn from as a whole."""
        found: dict[RawRow, bool] = {}
        with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="audit") as pool:
            for start in range(0, self._rows, _DRAWN_AT_ONCE):
                share = from_share + 0.3 * start / self._rows
                self._on_progress(f"audit: drawing rows of {label}, {start:,}", share)
                count = min(_DRAWN_AT_ONCE, self._rows - start)
                for row in pool.map(lambda _: self._scan.draw(shape, self._random), range(count)):
                    if row is None:  # it has none
                        return found
                    found[row.key] = row.is_cut
        return found
