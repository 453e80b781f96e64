"""Carries out the steps that make a generation: create, await its build, audit."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_views.apply.audit import Standing, compare, look_up
from cassandra_views.apply.build_wait import BuildWait
from cassandra_views.apply.ddl import Ddl, QuietLease
from cassandra_views.apply.ledger import Ledger, stale
from cassandra_views.apply.reports import Listener
from cassandra_views.model.errors import AuditFailed
from cassandra_views.model.generation import AUDIT_REASON, Audit, Generation, State
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import AdoptGeneration, AuditGeneration, AwaitBuild, CreateGeneration
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
        audit_recheck_seconds: float,
    ) -> None:
        self._database = database
        self._ddl = ddl
        self._quiet = quiet
        self._ledger = ledger
        self._clock = clock
        self._listener = listener
        self._build_wait = build_wait
        self._recheck_seconds = audit_recheck_seconds

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
                self._reserve(step, physical, f"{step.cause.value}: {step.reason}")
            self._ledger.intend(view, f"create ({step.cause.value})", number=number, detail=step.cql)
            try:
                self._ddl.create_view(held, step.cql, view.keyspace, physical, step.table_id, on)
            except ClusterError as error:
                self._ledger.fail(view, number, error.what)
                raise
        return physical

    def adopt(self, step: AdoptGeneration) -> str:
        """Write a generation that the schema holds into the registry that lost it; the schema is left as it is.

        Raises:
            StalePlan: the number was taken by another run.
        """
        physical = step.view.physical(step.number)
        self._reserve(step, physical, f"taken over: {step.reason}")
        self._ledger.tell(step.view, "take over", number=step.number, detail=step.cql)
        return physical

    def _reserve(self, step: CreateGeneration | AdoptGeneration, physical: str, reason: str) -> None:
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
            "window_declared": step.window_declared or None,
            "created_at": self._clock(),
            "run": self._ledger.registry.run,
            "cql": step.cql,
            "reason": reason,
            "base_mark": step.base_mark if isinstance(step, CreateGeneration) else "",
        }
        statics: dict[str, Any] = {"next_number": step.number + 1, "project": self._ledger.project}
        if record.dropped is not None:
            statics |= {"dropped_at": None, "dropped_by": None, "dropped_why": None}
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
        standing = self._get_standing(step.view, each)
        found = self._build_wait.wait(step.view, step.number)
        rows = {"state": State.BUILT, "built_at": self._clock(), "rows_built": found.keys or None}
        self._ledger.change(step.view, generations={step.number: rows})
        told = [f"last SUCCESS {instant_text(found.succeeded_at)}"] if found.succeeded_at else []
        without = f"without {', '.join(found.left_out)}" if found.left_out else ""
        if without:
            told.append(f"{without}, by the choice of who ran this: it could not be reached")
        told += standing.notes
        self._ledger.tell(step.view, "built", number=step.number, detail="; ".join(told))
        nodes = len(found.nodes) - len(found.left_out)
        return "; ".join(
            [f"built on {nodes} node{'s' if nodes != 1 else ''}{f', {without}' if without else ''}", *standing.notes]
        )

    def audit(self, step: AuditGeneration) -> str:
        """Compare the generation with its base, and write the verdict down.

        Raises:
            AuditFailed: it differs; it is marked failed and serves nobody.
            ClusterError: it cannot be read, or the schema holds something else.
        """
        view, number = step.view, step.number
        on = f"{view} generation {number}"
        _record, each = self._ledger.get(view, number, State.BUILT)
        standing = self._get_standing(view, each)
        verdict = compare(
            self._database,
            self._listener,
            view,
            each,
            standing,
            remains="It was not served",
            time=step.time,
            recheck_seconds=self._recheck_seconds,
        )
        rows: dict[str, object] = {
            "audit": Audit.PASSED if verdict.is_passed else Audit.FAILED,
            "audited_at": self._clock(),
            "rows_built": verdict.view_rows,
            **verdict.facts,
        }
        if verdict.is_passed:
            self._ledger.change(view, generations={number: rows})
        else:
            self._ledger.fail(view, number, f"{AUDIT_REASON}{verdict}", **rows)
        event = "audit passed" if verdict.is_passed else "audit failed"
        self._ledger.tell(view, event, number=number, detail=str(verdict))
        if not verdict.is_passed:
            raise AuditFailed(
                f"it differs from its base: {verdict}",
                on=on,
                remains=_GIVEN_UP,
                next="Run the command again: it drops this generation and builds the next. If that differs, too, "
                "repair the base table first ('nodetool repair')",
            )
        return str(verdict)

    def _get_standing(self, view: ViewName, each: Generation) -> Standing:
        """Return what the schema holds of a generation and its base.

        Raises:
            ClusterError: it holds something else than what was asked for; the generation is marked failed.
        """
        found = look_up(self._database, view, each)
        if isinstance(found, Standing):
            return found
        self._ledger.fail(view, each.number, found)
        raise ClusterError(
            found,
            on=f"{view} generation {each.number}",
            remains=_GIVEN_UP,
            next="Run the command again: it drops this generation and builds the next",
        )
