"""Carries out the steps that make a generation: create, await its build, audit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cassandra_views.cluster.catalog import read_catalog
from cassandra_views.cluster.database import Database
from cassandra_views.cluster.ddl import Ddl
from cassandra_views.cql.drift import view_drift
from cassandra_views.cql.parse import parse_view
from cassandra_views.lifecycle.audit import Audit as AuditRun
from cassandra_views.lifecycle.ledger import Ledger, stale
from cassandra_views.lifecycle.quiet import QuietLease
from cassandra_views.lifecycle.reports import Listener, Progress
from cassandra_views.lifecycle.waiting import BuildWait
from cassandra_views.model.catalog import LiveView
from cassandra_views.model.errors import AuditFailed, ClusterError
from cassandra_views.model.generation import Audit, Generation, State
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import AuditGeneration, AwaitBuild, CreateGeneration
from cassandra_views.model.table import TableShape
from cassandra_views.model.times import instant_text

_GIVEN_UP = "It is marked failed and serves nobody; what served before still serves"


class BuildSteps:
    """One method a step; each returns what came of it, in words."""

    def __init__(
        self,
        database: Database,
        ddl: Ddl,
        quiet: QuietLease,
        ledger: Ledger,
        *,
        clock: Callable[[], datetime],
        listener: Listener,
        build_wait: BuildWait,
    ) -> None:
        self._database = database
        self._ddl = ddl
        self._quiet = quiet
        self._ledger = ledger
        self._clock = clock
        self._listener = listener
        self._build_wait = build_wait

    def create(self, step: CreateGeneration) -> str:
        """Reserve the number, write what is intended, then create the physical view.

        Raises:
            StalePlan: the number was taken by another run.
            ClusterError: the view could not be created; the generation is marked failed.
        """
        view, number = step.view, step.number
        physical, on = view.physical(number), f"{view} generation {number}"
        with self._quiet.held(view.keyspace) as held:
            self._quiet.ignore(view.keyspace, physical)
            if step.resumes:
                self._ledger.get(view, number, State.BUILDING)
            else:
                self._reserve(step, physical)
            self._ledger.intend(view, f"create ({step.cause.value})", number=number, detail=step.cql)
            try:
                self._ddl.create_view(held, step.cql, view.keyspace, physical, step.table_id, on)
            except ClusterError as error:
                self._ledger.fail(view, number, error.what)
                raise
        return physical

    def _reserve(self, step: CreateGeneration, physical: str) -> None:
        record = self._ledger.take(step.view)
        if step.number < record.next_number:
            raise stale(step.view)
        row = {
            "physical_name": physical,
            "table_id": step.table_id,
            "version": step.version,
            "state": State.BUILDING,
            "window_start": step.window_start,
            "window_end": step.window_end,
            "created_at": self._clock(),
            "run": self._ledger.registry.run,
            "cql": step.cql,
            "reason": f"{step.cause.value}: {step.reason}",
        }
        statics = {"next_number": step.number + 1, "project": self._ledger.project}
        self._ledger.change(step.view, statics=statics, generations={step.number: row})

    def await_build(self, step: AwaitBuild) -> str:
        """Wait until the generation is built on every member, then write that down.

        Raises:
            BuildStalled: it makes no progress; the generation stays ``building``.
            ClusterError: the schema holds something else; the generation is marked failed.
        """
        _record, each = self._ledger.get(step.view, step.number, State.BUILDING)
        # Before the wait, since what is not as asked for need not be waited for; a run may have been
        # killed between the CREATE and this look.
        self._get_as_asked(step.view, each)
        found = self._build_wait.wait(step.view, step.number)
        rows = {"state": State.BUILT, "built_at": self._clock(), "rows_built": found.keys or None}
        self._ledger.change(step.view, generations={step.number: rows})
        succeeded = f"last SUCCESS {instant_text(found.succeeded_at)}" if found.succeeded_at else ""
        self._ledger.tell(step.view, "built", number=step.number, detail=succeeded)
        nodes = len(found.nodes)
        return f"built on {nodes} node{'s' if nodes != 1 else ''}"

    def audit(self, step: AuditGeneration) -> str:
        """Compare the generation with its base, and write the verdict down.

        Raises:
            AuditFailed: it differs; it is marked failed and serves nobody.
            ClusterError: it cannot be read, or the schema holds something else.
        """
        view, number = step.view, step.number
        on = f"{view} generation {number}"
        _record, each = self._ledger.get(view, number, State.BUILT)
        live, base = self._get_as_asked(view, each)
        verdict = AuditRun(
            self._database,
            base,
            live.shape,
            parse_view(each.cql).where,
            on_progress=lambda text, share: self._listener(Progress(view=view, number=number, text=text, share=share)),
        ).run()
        rows: dict[str, object] = {
            "audit": Audit.PASSED if verdict.is_passed else Audit.FAILED,
            "audited_at": self._clock(),
            "rows_built": verdict.view_rows,
        }
        if not verdict.is_passed:
            rows |= {"state": State.FAILED, "reason": f"audit: {verdict}"}
        self._ledger.change(view, generations={number: rows})
        event = "audit passed" if verdict.is_passed else "audit failed"
        self._ledger.tell(view, event, number=number, detail=str(verdict))
        if not verdict.is_passed:
            raise AuditFailed(
                f"it differs from its base: {verdict}",
                on=on,
                remains=_GIVEN_UP,
                next="Repair the base table ('nodetool repair'), then run apply: it drops this generation and "
                "builds the next",
            )
        return str(verdict)

    def _get_as_asked(self, view: ViewName, each: Generation) -> tuple[LiveView, TableShape]:
        """Return what the schema holds of a generation and its base: a name that exists proves nothing.

        Raises:
            ClusterError: it holds something else than what was asked for; the generation is marked failed.
        """
        catalog = read_catalog(self._database, [view.keyspace])
        live = catalog.find_view(view, each.number)
        base = catalog.find_table(view.keyspace, live.base) if live else None
        if live is None or base is None:
            reason = "it is gone from the schema"
        elif live.table_id != each.table_id:
            reason = "it was dropped and created again by somebody else"
        else:
            differences = view_drift(
                parse_view(each.cql),
                base,
                live.shape,
                where_clause=live.where_clause,
                include_all_columns=live.include_all_columns,
                base_name=live.base,
            )
            if not differences:
                return live, base
            reason = f"the server made something else of it: {'; '.join(differences)}"
        self._ledger.fail(view, each.number, reason)
        raise ClusterError(
            reason,
            on=f"{view} generation {each.number}",
            remains=_GIVEN_UP,
            next="Run the command again: it drops this generation and builds the next",
        )
