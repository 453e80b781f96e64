"""Carries out a plan's steps, one ``match`` over the closed union.

Intent is written before work and closed after it: a process killed at any point leaves a registry
from which the next run goes on. A failure of one view does not stop the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import assert_never

from cassandra_views.cluster.catalog import read_catalog
from cassandra_views.cluster.database import Database, explained
from cassandra_views.cluster.ddl import Ddl
from cassandra_views.cluster.registry import Registry
from cassandra_views.cluster.registry_schema import SCHEMA_NUMBER, table_statements
from cassandra_views.cql.drift import view_drift
from cassandra_views.cql.parse import parse_view
from cassandra_views.lifecycle.audit import Audit as AuditRun
from cassandra_views.lifecycle.reports import Listener, Progress, StepBegun, StepDone, silent
from cassandra_views.lifecycle.waiting import BuildWait, await_quiet
from cassandra_views.model.errors import AuditFailed, ClusterError, StalePlan, ViewsError
from cassandra_views.model.generation import Audit, Serving, State, ViewRecord
from cassandra_views.model.names import ViewName, quoted
from cassandra_views.model.steps import (
    AuditGeneration,
    AwaitBuild,
    CreateGeneration,
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    DropGeneration,
    FailGeneration,
    Plan,
    RetireView,
    ServeGeneration,
    Step,
    SweepOrphan,
)
from cassandra_views.model.times import instant_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a plan.

    Args:
        failures: the error of each view that failed; its later steps were left out.
    """

    done: int
    failures: tuple[tuple[ViewName, ViewsError], ...] = ()
    seconds: float = 0.0


class Runner:
    """Runs plans against one cluster and registry.

    Args:
        clock: aware UTC; written into the registry.
        build_wait: how builds are awaited.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        ddl: Ddl,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        listener: Listener = silent,
        build_wait: BuildWait | None = None,
    ) -> None:
        self._database = database
        self._registry = registry
        self._ddl = ddl
        self._clock = clock
        self._listener = listener
        self._build_wait = build_wait or BuildWait(database, listener)
        self._records: dict[ViewName, ViewRecord] = {}
        self._revisions: dict[ViewName, str] = {}
        self._mine: dict[str, set[str]] = {}
        self._project = ""

    def run(self, plan: Plan) -> Outcome:
        """Carry the plan out.

        Raises:
            StalePlan: what it was made from is no longer so; nothing was begun.
            ViewsError: the registry or a base table could not be made; nothing that follows was begun.
        """
        begun = time.monotonic()
        self._project = plan.project
        self._records.clear()
        self._revisions = {each.view: each.revision for each in plan.preconditions}
        self._refuse_stale(plan)
        for step in plan.steps:
            if isinstance(step, DropGeneration):
                # A build that is dropped anyway is nothing to wait for.
                self._mine.setdefault(step.view.keyspace, set()).add(step.view.physical(step.number))
        failures: dict[ViewName, ViewsError] = {}
        done = 0
        for index, step in enumerate(plan.steps, start=1):
            view = _view(step)
            if view is not None and view in failures:
                continue
            started = time.monotonic()
            self._listener(StepBegun(index=index, count=len(plan.steps), step=step))
            text, failed = "", False
            try:
                text = self._carry_out(step)
                done += 1
            except ViewsError as error:
                if view is None:
                    raise
                failures[view] = error
                text, failed = error.what, True
                self._note_failure(view, step, error)
            finally:
                seconds = time.monotonic() - started
            self._listener(
                StepDone(
                    index=index,
                    count=len(plan.steps),
                    step=step,
                    seconds=seconds,
                    text=text,
                    is_failed=failed,
                )
            )
        return Outcome(done=done, failures=tuple(failures.items()), seconds=time.monotonic() - begun)

    def _refuse_stale(self, plan: Plan) -> None:
        if not self._revisions or any(isinstance(step, CreateRegistry) for step in plan.steps):
            return
        records = {record.name: record for record in self._registry.read_all()}
        for view, revision in self._revisions.items():
            if records.get(view, ViewRecord(name=view)).revision() != revision:
                raise _stale(view)

    def _note_failure(self, view: ViewName, step: Step, error: ViewsError) -> None:
        """Leave the reason where operators look; a registry that cannot be written must not hide the error."""
        with suppress(ViewsError):
            self._registry.record_event(view, "error", number=getattr(step, "number", None), detail=str(error))
            record = self._records.get(view)
            if record is not None:
                self._records[view] = self._registry.change(record, view={"last_error": str(error)})

    def _carry_out(self, step: Step) -> str:
        match step:
            case CreateRegistry():
                return self._create_registry(step)
            case CreateKeyspace():
                return self._create_keyspace(step)
            case CreateTable():
                return self._create_table(step)
            case CreateGeneration():
                return self._create(step)
            case AwaitBuild():
                return self._await_build(step)
            case AuditGeneration():
                return self._audit(step)
            case ServeGeneration():
                return self._serve(step)
            case RetireView():
                return self._retire(step)
            case FailGeneration():
                return self._fail(step)
            case DropGeneration():
                return self._drop(step)
            case SweepOrphan():
                return self._sweep(step)
            case _:
                assert_never(step)

    # -- the registry and base tables ---------------------------------------------------------------

    def _create_registry(self, step: CreateRegistry) -> str:
        """Make the registry: its tables carry ids, so that two rivals make one."""
        keyspace = f"CREATE KEYSPACE IF NOT EXISTS {quoted(step.keyspace)} WITH replication = {step.replication}"
        self._ddl.send_idempotent(keyspace, on=f"keyspace {step.keyspace}")
        for table, cql in table_statements(step.keyspace):
            self._ddl.send_idempotent(cql, on=f"table {step.keyspace}.{table}")
        query = f"INSERT INTO {quoted(step.keyspace)}.about (name, value) VALUES (?, ?) IF NOT EXISTS"
        with explained("the registry could not be written", on=step.keyspace, remains="Its tables exist"):
            self._database.conditional([(query, ("schema", str(SCHEMA_NUMBER)))])
        return "made"

    def _create_keyspace(self, step: CreateKeyspace) -> str:
        with self._ddl.lease.held() as held:
            query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?"
            exists = lambda: bool(self._database.rows(query, (step.keyspace,)))  # noqa: E731
            self._ddl.create_other(held, step.cql, f"keyspace {step.keyspace}", exists)
        return "made"

    def _create_table(self, step: CreateTable) -> str:
        self._await_quiet(step.keyspace)
        with self._ddl.lease.held() as held:
            query = "SELECT id FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?"
            exists = lambda: bool(self._database.rows(query, (step.keyspace, step.table)))  # noqa: E731
            self._ddl.create_other(held, step.cql, f"table {step.keyspace}.{step.table}", exists)
        return "made"

    # -- generations --------------------------------------------------------------------------------

    def _create(self, step: CreateGeneration) -> str:
        view, number = step.view, step.number
        physical, on = view.physical(number), f"{view} generation {number}"
        self._await_quiet(view.keyspace)
        self._mine.setdefault(view.keyspace, set()).add(physical)
        with self._ddl.lease.held() as held:
            record = self._take(view)
            if not step.resumes:
                if number < record.next_number:
                    raise _stale(view)
                row = {
                    "physical_name": physical,
                    "table_id": step.table_id,
                    "version": step.version,
                    "state": State.BUILDING,
                    "window_start": step.window_start,
                    "window_end": step.window_end,
                    "created_at": self._clock(),
                    "run": self._registry.run,
                    "cql": step.cql,
                    "reason": f"{step.cause.value}: {step.reason}",
                }
                statics = {"next_number": number + 1, "project": self._project}
                self._put(view, self._registry.change(record, view=statics, generations={number: row}))
            self._registry.record_event(view, f"create ({step.cause.value})", number=number, detail=step.cql)
            try:
                self._ddl.create_view(held, step.cql, view.keyspace, physical, step.table_id, on)
            except ClusterError as error:
                self._fail_now(view, number, error.what)
                raise
        self._refuse_drift(step, on)
        return physical

    def _refuse_drift(self, step: CreateGeneration, on: str) -> None:
        """Look whether the schema holds what was asked for: a name that exists proves nothing."""
        catalog = read_catalog(self._database, [step.view.keyspace])
        live = catalog.find_view(step.view, step.number)
        base = catalog.find_table(step.view.keyspace, step.base)
        if live is None or base is None:
            raise ClusterError("it was created and is gone again", on=on, next="Run the command again")
        differences = view_drift(
            parse_view(step.cql),
            base,
            live.shape,
            where_clause=live.where_clause,
            include_all_columns=live.include_all_columns,
            base_name=live.base,
        )
        if differences:
            reason = f"the server made something else of it: {'; '.join(differences)}"
            self._fail_now(step.view, step.number, reason)
            raise ClusterError(
                reason,
                on=on,
                remains="It is marked failed and serves nobody",
                next="Run the command again to drop it; report this with 'views history'",
            )

    def _await_build(self, step: AwaitBuild) -> str:
        found = self._build_wait.wait(step.view, step.number)
        rows = {"state": State.BUILT, "built_at": self._clock(), "rows_built": found.keys or None}
        record = self._take(step.view)
        each = record.find(step.number)
        if each is None or each.state is not State.BUILDING:
            raise _stale(step.view)
        self._put(step.view, self._registry.change(record, generations={step.number: rows}))
        succeeded = f"last SUCCESS {instant_text(found.succeeded_at)}" if found.succeeded_at else ""
        self._registry.record_event(step.view, "built", number=step.number, detail=succeeded)
        nodes = len(found.nodes)
        return f"built on {nodes} node{'s' if nodes != 1 else ''}"

    def _audit(self, step: AuditGeneration) -> str:
        view, on = step.view, f"{step.view} generation {step.number}"
        catalog = read_catalog(self._database, [view.keyspace])
        live = catalog.find_view(view, step.number)
        base = catalog.find_table(view.keyspace, live.base) if live else None
        record = self._take(view)
        each = record.find(step.number)
        if live is None or base is None or each is None or each.state is not State.BUILT:
            raise ClusterError("it cannot be audited: it is not built, or not in the schema", on=on, next="Plan again")
        audit = AuditRun(
            self._database,
            base,
            live.shape,
            parse_view(each.cql).where,
            on_progress=lambda text, share: self._listener(
                Progress(view=view, number=step.number, text=text, share=share)
            ),
        )
        verdict = audit.run()
        rows: dict[str, object] = {
            "audit": Audit.PASSED if verdict.is_passed else Audit.FAILED,
            "audited_at": self._clock(),
            "rows_built": verdict.view_rows,
        }
        if not verdict.is_passed:
            rows |= {"state": State.FAILED, "reason": f"audit: {verdict}"}
        self._put(view, self._registry.change(record, generations={step.number: rows}))
        event = "audit passed" if verdict.is_passed else "audit failed"
        self._registry.record_event(view, event, number=step.number, detail=str(verdict))
        if not verdict.is_passed:
            raise AuditFailed(
                f"it differs from its base: {verdict}",
                on=on,
                remains="It is marked failed and serves nobody; what served before still serves",
                next="Repair the base table ('nodetool repair'), then run apply: it drops this generation and "
                "builds the next",
            )
        return str(verdict)

    def _serve(self, step: ServeGeneration) -> str:
        view, on = step.view, f"{step.view} generation {step.number}"
        with self._ddl.lease.held():
            record = self._take(view)
            each = record.find(step.number)
            if each is None:
                raise _stale(view)
            if each.audit is not Audit.PASSED:
                raise AuditFailed("it was not audited, and nothing serves unaudited", on=on, next="Run apply again")
            existence = self._ddl.existence(view.keyspace, each.physical, each.table_id)
            if not existence.is_everywhere:
                raise ClusterError(
                    "it is not in the schema of every node that answers",
                    on=on,
                    remains="Readers are where they were",
                    next="Run apply again",
                )
            now = self._clock()
            rows: dict[int, dict[str, object]] = {
                number: {"state": State.RETIRED, "retired_at": now} for number in step.retires if number != step.number
            }
            rows[step.number] = {"state": State.SERVING, "served_at": now, "retired_at": None}
            statics = {
                "read_from": step.read_from,
                "strategy": step.strategy,
                "grace_seconds": step.grace_seconds,
                "next_due": step.next_due,
                "last_error": "",
                "project": self._project or record.project,
            }
            self._put(view, self._registry.change(record, view=statics, generations=rows))
        names = ", ".join(entry.name for entry in step.read_from)
        self._registry.record_event(view, "serve", number=step.number, detail=f"readers are sent to {names}")
        return f"readers are sent to {names}"

    def _retire(self, step: RetireView) -> str:
        with self._ddl.lease.held():
            record = self._take(step.view)
            rows = {number: {"state": State.RETIRED, "retired_at": self._clock()} for number in step.retires}
            empty: tuple[Serving, ...] = ()
            statics = {"read_from": empty, "next_due": None}
            self._put(step.view, self._registry.change(record, view=statics, generations=rows))
        self._registry.record_event(step.view, "retire", detail=step.reason)
        return "readers are sent nowhere"

    def _fail(self, step: FailGeneration) -> str:
        record = self._take(step.view)
        rows = {step.number: {"state": State.FAILED, "reason": step.reason}}
        self._put(step.view, self._registry.change(record, generations=rows))
        self._registry.record_event(step.view, "give up", number=step.number, detail=step.reason)
        return "marked failed"

    def _drop(self, step: DropGeneration) -> str:
        view, on = step.view, f"{step.view} generation {step.number}"
        self._await_quiet(view.keyspace)
        with self._ddl.lease.held() as held:
            record = self._take(view)
            each = record.find(step.number)
            if each is None:
                raise _stale(view)
            if any(entry.name == each.physical for entry in record.read_from):
                raise StalePlan("it serves, and nothing that serves is dropped", on=on, next="Plan again")
            if each.state is not State.DROPPING:
                rows = {step.number: {"state": State.DROPPING}}
                record = self._put(view, self._registry.change(record, generations=rows))
                self._registry.record_event(view, "drop", number=step.number, detail=step.reason)
            self._ddl.drop_view(held, quoted(view.keyspace), view.keyspace, each.physical, on)
            self._put(view, self._registry.change(record, remove=(step.number,)))
        self._registry.record_event(view, "dropped", number=step.number, detail=step.reason)
        return "dropped"

    def _sweep(self, step: SweepOrphan) -> str:
        view, on = step.view, f"{step.view} generation {step.number}"
        self._await_quiet(view.keyspace)
        with self._ddl.lease.held() as held:
            record = self._take(view)
            if record.find(step.number) is not None:
                raise _stale(view)
            if record.next_number <= step.number:
                statics = {"next_number": step.number + 1}
                self._put(view, self._registry.change(record, view=statics))
            self._registry.record_event(view, "sweep", number=step.number, detail=step.reason)
            self._ddl.drop_view(held, quoted(view.keyspace), view.keyspace, view.physical(step.number), on)
        return "dropped"

    # -- shared -------------------------------------------------------------------------------------

    def _take(self, view: ViewName) -> ViewRecord:
        """Return the view's record under this run's fence; the first touch checks the plan's precondition."""
        record = self._records.get(view)
        if record is None:
            record = self._registry.raise_fence(view)
            expected = self._revisions.get(view)
            if expected is not None and record.revision() != expected:
                raise _stale(view)
            self._records[view] = record
        return record

    def _put(self, view: ViewName, record: ViewRecord) -> ViewRecord:
        self._records[view] = record
        return record

    def _fail_now(self, view: ViewName, number: int, reason: str) -> None:
        record = self._records[view]
        rows = {number: {"state": State.FAILED, "reason": reason}}
        self._put(view, self._registry.change(record, generations=rows))

    def _await_quiet(self, keyspace: str) -> None:
        mine = self._mine.setdefault(keyspace, set())
        await_quiet(self._database, keyspace, self._listener, except_for=lambda: frozenset(mine))


def _view(step: Step) -> ViewName | None:
    match step:
        case CreateRegistry() | CreateKeyspace() | CreateTable():
            return None
        case _:
            return step.view


def _stale(view: ViewName) -> StalePlan:
    return StalePlan(
        "the plan is stale: the view's registry rows have changed since it was made",
        on=str(view),
        next="Plan again",
    )


__all__ = ["Outcome", "Runner"]
