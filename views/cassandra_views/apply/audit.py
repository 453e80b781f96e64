"""Auditing a generation: is it in the schema as it was asked for, and does it hold what its base does? Reads only."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import assert_never

from cassandra_client.database import Database
from cassandra_client.driver_errors import translate_driver_errors
from cassandra_client.errors import ClusterError
from cassandra_views.apply.audit_journal import AuditJournal
from cassandra_views.apply.full_audit import FullAudit, TooManyRows
from cassandra_views.apply.quick_audits import NoTotals, PulseAudit, PulseUndecided, SampleAudit, read_totals
from cassandra_views.apply.range_rows import RangeReader, read_in_threads
from cassandra_views.apply.recheck import Recheck
from cassandra_views.apply.reports import AuditDone, Listener, Notice, Progress
from cassandra_views.apply.scan import Scan
from cassandra_views.cql.drift import view_drift
from cassandra_views.cql.options import option_differences
from cassandra_views.cql.parse import parse_view
from cassandra_views.model.audit_request import AuditKind, AuditRequest, AuditSettings
from cassandra_views.model.audit_result import AuditResult
from cassandra_views.model.generation import Generation
from cassandra_views.model.lag import MeasuredLag
from cassandra_views.model.names import ViewName
from cassandra_views.model.schema import LiveView, TableShape
from cassandra_views.model.times import TimeColumn
from cassandra_views.plan.catalog import find_first_time, find_view_and_base, read_keyspace, time_text


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
        read: reads the token ranges of full audits.
    """

    def __init__(
        self,
        database: Database,
        listener: Listener,
        settings: AuditSettings,
        read: RangeReader = read_in_threads,
    ) -> None:
        self._read = read
        self._database = database
        self._listener = listener
        self._settings = settings

    def find_in_schema(self, view: ViewName, each: Generation) -> SchemaMatch | str:
        """Return what the schema holds of a generation, or why that is not what was asked for: a name proves nothing.

        Raises:
            ClusterError: the schema cannot be read.
        """
        found = find_view_and_base(self._database, view.keyspace, each.physical)
        if found is None:
            return "it is no longer in the schema"
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
        self,
        view: ViewName,
        each: Generation,
        match: SchemaMatch,
        request: AuditRequest,
        *,
        remains: str,
        time: TimeColumn | None,
        lag: MeasuredLag | None = None,
    ) -> AuditResult:
        """Compare the rows of a generation with its base.

        Args:
            remains: what an error says of the generation's state.
            time: the base's time column, where the generation has a window: for a window without rows the verdict
                says what time the base's first row has.
            lag: the view's, as it was last measured: what differs is looked at again after as long.

        Raises:
            ClusterError: base or view cannot be read, or totals tell nothing.
        """
        on = f"{view} generation {each.number}"
        with translate_driver_errors("the audit cannot read", on=on, remains=remains, view=view.view):
            try:
                verdict = self._run(view, each, match, request, lag.late_seconds if lag else 0.0)
            except ClusterError as error:
                raise ClusterError(error.what, on=on, remains=remains, next=error.next) from error
            verdict = replace(verdict, uncompared_centers=self._other_centers(view.keyspace))
        self._listener(AuditDone(view=view, number=each.number, result=verdict))
        if time is None or verdict.base_rows or not verdict.is_passed:
            return verdict
        first = find_first_time(self._database, view.keyspace, match.base.name, time)
        return verdict if first is None else replace(verdict, first_time=time_text(time, first))

    def _other_centers(self, keyspace: str) -> tuple[str, ...]:
        """Return the data centres that hold replicas of their own and were not compared."""
        own = self._database.local_dc
        if not (own and self._database.has_several_centers()):
            return ()
        nodes = Counter(str(host.datacenter) for host in self._database.hosts())
        factors = read_keyspace(self._database, keyspace).factors(nodes)
        return tuple(sorted(name for name, count in factors.items() if count and name not in ("", own)))

    def _run(
        self, view: ViewName, each: Generation, match: SchemaMatch, request: AuditRequest, lag_seconds: float
    ) -> AuditResult:
        settings = self._settings
        scan = Scan(
            self._database,
            match.base,
            match.live.shape,
            parse_view(each.cql).where,
            rows_per_second=request.rows_per_second or settings.rows_per_second,
        )

        furthest = 0.0

        def tell(text: str, share: float) -> None:
            nonlocal furthest
            furthest = max(furthest, share)
            self._listener(Progress(view=view, number=each.number, text=text, share=furthest))

        journal = self._find_journal(view, each, match, scan, request)
        recheck = Recheck(scan, on_progress=tell, pause_seconds=settings.recheck_seconds, lag_seconds=lag_seconds)
        sample_rows = request.sample_rows or settings.sample_rows
        sample = SampleAudit(scan, recheck, on_progress=tell, rows=sample_rows)
        match request.kind:
            case AuditKind.FULL:
                return FullAudit(scan, recheck, on_progress=tell, read=self._read, journal=journal).run()
            case AuditKind.PULSE:
                return PulseAudit(scan, recheck, on_progress=tell).run()
            case AuditKind.SAMPLE:
                return sample.run()
            case AuditKind.BY_SIZE:
                with suppress(TooManyRows):
                    return FullAudit(
                        scan, recheck, on_progress=tell, max_rows=settings.full_rows, read=self._read
                    ).run()
                try:
                    pulse = PulseAudit(scan, recheck, on_progress=tell).run()
                except (PulseUndecided, NoTotals):
                    # A base that is written to all the time has no totals, and one that is filtered here has none.
                    return replace(sample.run(), total_rows=read_totals(scan, scan.view).rows)
                return replace(sample.run(), total_rows=pulse.view_rows) if pulse.is_passed else pulse
            case _:
                assert_never(request.kind)

    def _find_journal(
        self, view: ViewName, each: Generation, match: SchemaMatch, scan: Scan, request: AuditRequest
    ) -> AuditJournal | None:
        """Return what a full audit of this generation keeps and resumes; None where nothing is kept."""
        folder = self._settings.journal_folder
        if folder is None or request.kind is not AuditKind.FULL:
            return None
        scan.prepare()
        described = [view, each.number, match.live.table_id, each.cql, match.base, match.live.shape, scan.cells]
        described += [scan.has_moments, each.suspicion, each.baseline]
        return AuditJournal(
            folder / f"{match.live.table_id}.json",
            [*described, scan.coverage()],
            is_restart=request.is_restart,
            saved_seconds=self._settings.journal_seconds,
            on_resumed=lambda text: self._listener(Notice(text=f"{view} generation {each.number}: {text}")),
        )


__all__ = ["Auditor", "SchemaMatch"]
