"""Audits that compare less than every row: the totals of both sides, and rows drawn at random."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from cassandra_client.decoding import RawRow
from cassandra_client.errors import ClusterError
from cassandra_views.apply.builds import server_time
from cassandra_views.apply.full_audit import coverage_of
from cassandra_views.apply.recheck import AuditProgress, Recheck
from cassandra_views.apply.scan import Scan
from cassandra_views.model.audit_result import AuditMethod, AuditResult
from cassandra_views.model.schema import TableShape

_PULSE_LOOKS = 5
_READERS = 8


class PulseUndecided(ClusterError):
    """The base was written to while its totals were made, each time."""


class PulseAudit:
    """Compares totals that the server makes of both sides: how many rows, values and TTLs; sums of write times.

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
        is_settled = False
        for pause in self._recheck.pauses(server_time(self._scan.database), looks=_PULSE_LOOKS):
            time.sleep(pause)
            self._on_progress("audit: totals of base", 0.1)
            base = self._scan.totals(self._scan.base)
            self._on_progress("audit: totals of view", 0.4)
            view = self._scan.totals(self._scan.view)
            differences = base.differences(view)
            result = AuditResult(
                base_rows=base.rows,
                view_rows=view.rows,
                method=AuditMethod.PULSE,
                differing_totals=differences,
                coverage=coverage_of(self._scan.database),
            )
            if not differences:
                return result
            self._on_progress("audit: totals of base, again", 0.7)
            is_settled = self._scan.totals(self._scan.base) == base
        if is_settled:
            return result
        raise PulseUndecided(
            "its base was written to each time that totals were made, so they tell nothing",
            next="Audit it in full, or by a sample: both compare row by row",
        )


class SampleAudit:
    """Compares rows drawn at random from both sides: a token, and of the partition after it one row.

    Of a partition of many rows one of the first hundred is drawn.

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
        base = list(self._draw(self._scan.base, "base", 0.0))
        view = list(self._draw(self._scan.view, "view", 0.3))
        self._on_progress("audit: comparing the rows that were drawn", 0.6)
        found, is_done = self._recheck.run(list(dict.fromkeys([*base, *view])))
        result = AuditResult(
            base_rows=len(base),
            view_rows=len(view),
            method=AuditMethod.SAMPLE,
            is_partial=not is_done,
            coverage=coverage_of(self._scan.database),
        )
        return result.with_differences(found)

    def _draw(self, shape: TableShape, label: str, from_share: float) -> Iterator[RawRow]:
        """Yield the keys of rows, in the order in which they were drawn."""
        with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="audit") as pool:
            futures = [pool.submit(self._scan.draw, shape, self._random) for _ in range(self._rows)]
            for number, future in enumerate(futures):
                if number % 100 == 0:
                    share = from_share + 0.3 * number / self._rows
                    self._on_progress(f"audit: drawing rows of {label}, {number:,}", share)
                row = future.result()
                if row is None:  # it has none
                    for each in futures:
                        each.cancel()
                    return
                yield row
