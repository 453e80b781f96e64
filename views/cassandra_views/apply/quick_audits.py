"""Audits that compare less than every row: the totals of both sides, and rows drawn at random."""

from __future__ import annotations

import random
import time
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
_DRAWN_AT_ONCE = 200


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
        settled: list[AuditResult] = []
        for pause in self._recheck.pauses(server_time(self._scan.database), looks=_PULSE_LOOKS):
            time.sleep(pause)
            self._on_progress("audit: totals of base", 0.1)
            base = self._scan.totals(self._scan.base)
            self._on_progress("audit: totals of view", 0.4)
            view = self._scan.totals(self._scan.view)
            result = AuditResult(
                base_rows=base.rows,
                view_rows=view.rows,
                method=AuditMethod.PULSE,
                differing_totals=base.differences(view),
                is_partial=base.has_nulls,
                coverage=coverage_of(self._scan),
            )
            if result.is_passed:
                return result
            self._on_progress("audit: totals of base, again", 0.7)
            if self._scan.totals(self._scan.base) == base:
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
            coverage=coverage_of(self._scan),
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
