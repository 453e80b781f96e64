"""Carries out one step of a plan: one ``match`` over the closed union of steps.

What is intended is written before the work and closed after it, so that the next run resumes what was cut off.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Any, assert_never

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_views.apply.audit_steps import AuditSteps
from cassandra_views.apply.build_wait import BuildWait
from cassandra_views.apply.ddl import Ddl, DdlGate
from cassandra_views.apply.quick_audits import find_row_count
from cassandra_views.apply.registry_steps import RegistrySteps
from cassandra_views.apply.rename_steps import RenameSteps
from cassandra_views.apply.suspects import RingState, read_new_baseline, read_ring_state
from cassandra_views.model.errors import AuditFailed, StalePlan
from cassandra_views.model.generation import (
    DROP_REASON,
    NO_FAILED_BUILDS,
    Audit,
    Generation,
    Serving,
    State,
)
from cassandra_views.model.names import HAND_MADE_NUMBER, ViewName, counted
from cassandra_views.model.steps import (
    AdoptGeneration,
    AuditGeneration,
    AwaitBuild,
    CreateGeneration,
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    DropGeneration,
    DropRegistry,
    FailGeneration,
    GiveUpName,
    ReleaseGeneration,
    RenameView,
    RetireView,
    ServeGeneration,
    Step,
    SweepOrphan,
    physical_of,
)
from cassandra_views.model.suspicion import Baseline
from cassandra_views.model.times import instant_text
from cassandra_views.plan.safeguards import min_rows_of, shrink_error
from cassandra_views.registry.removal import has_keyspace
from cassandra_views.registry.rows import override_columns, stale_plan
from cassandra_views.registry.store import Registry


class StepExecutor:
    """Carries out the steps of one run; several threads may use it, each for another view.

    Args:
        clock: aware UTC; written into the registry.
        reader_cache_seconds: how long readers keep what the registry says.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        ddl: Ddl,
        gate: DdlGate,
        build_wait: BuildWait,
        audits: AuditSteps,
        *,
        clock: Callable[[], datetime],
        reader_cache_seconds: float,
    ) -> None:
        self._reader_cache_seconds = reader_cache_seconds
        self._database = database
        self._registry = registry
        self._ddl = ddl
        self._gate = gate
        self._build_wait = build_wait
        self._audits = audits
        self._clock = clock
        self._registry_steps = RegistrySteps(database, registry, ddl)
        self._renames = RenameSteps(registry, ddl.lease, reader_cache_seconds=reader_cache_seconds)

    @cached_property
    def _ring(self) -> RingState:
        """The ring when the run made its first generation: what changed since counts for the later ones too."""
        return read_ring_state(self._database)

    def execute(self, step: Step) -> str:
        """Carry out one step, and return in words what came of it.

        Raises:
            StalePlan: what the plan was made from has changed; the step was not begun.
            ViewsError: the step failed; the error says what remains.
        """
        match step:
            case CreateRegistry():
                return self._registry_steps.create(step)
            case CreateKeyspace():
                return self._create_keyspace(step)
            case CreateTable():
                return self._create_table(step)
            case CreateGeneration():
                return self._create(step)
            case AdoptGeneration():
                return self._adopt(step)
            case AwaitBuild():
                return self._await_build(step)
            case AuditGeneration():
                return self._audits.execute(step)
            case ServeGeneration():
                return self._serve(step)
            case RetireView():
                return self._retire(step)
            case FailGeneration():
                return self._fail(step)
            case DropGeneration():
                return self._drop(step)
            case ReleaseGeneration():
                return self._release(step)
            case SweepOrphan():
                return self._sweep(step)
            case DropRegistry():
                return self._registry_steps.drop(step)
            case RenameView():
                return self._renames.rename(step)
            case GiveUpName():
                return self._renames.give_up(step)
            case _:
                assert_never(step)

    def _create_keyspace(self, step: CreateKeyspace) -> str:
        with self._ddl.lease.held() as held:
            on = f"keyspace {step.keyspace}"
            self._ddl.create_other(held, step.cql, on, lambda: has_keyspace(self._database, step.keyspace))
        return "made"

    def _create_table(self, step: CreateTable) -> str:
        query = "SELECT id FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?"
        with self._gate.held(step.keyspace) as held:
            self._ddl.create_other(
                held,
                step.cql,
                f"table {step.keyspace}.{step.table}",
                lambda: bool(self._database.rows(query, (step.keyspace, step.table))),
            )
        return "made"

    def _create(self, step: CreateGeneration) -> str:
        """Reserve the number, write what is intended, then create the physical view."""
        view, number = step.view, step.number
        physical, on = physical_of(step), f"{view} generation {number}"
        # Before the build: what changes from then on is seen by the next comparison.
        baseline = None if step.resumes else read_new_baseline(self._database, self._ring, view.keyspace, step.base)
        with self._gate.held(view.keyspace) as held:
            self._gate.ignore(view.keyspace, physical)
            if step.resumes:
                self._registry.get_held(view, number, State.BUILDING)
            else:
                self._reserve(step, physical, f"{step.cause.value}: {step.reason}", baseline)
            self._registry.record_event(view, f"create ({step.cause.value})", number=number, detail=step.cql)
            try:
                self._ddl.create_view(held, step.cql, view.keyspace, physical, step.table_id, on)
            except ClusterError as error:
                self._registry.fail_generation(view, number, error.what)
                raise
        return physical

    def _adopt(self, step: AdoptGeneration) -> str:
        """Write a generation that the schema holds into the registry that lost it; the schema is left as it is."""
        physical = physical_of(step)
        self._reserve(step, physical, f"adopted: {step.reason}")
        self._registry.note_event(step.view, "take over", number=step.number, detail=step.cql)
        return physical

    def _reserve(
        self,
        step: CreateGeneration | AdoptGeneration,
        physical: str,
        reason: str,
        baseline: Baseline | None = None,
    ) -> None:
        record = self._registry.hold(step.view)
        if step.number == HAND_MADE_NUMBER:
            is_stale = bool(record.generations) or record.was_made
        else:
            is_stale = step.number < record.next_number
        if is_stale:
            raise stale_plan(step.view)
        row = {
            "physical_name": physical,
            "table_id": step.table_id,
            "version": step.version,
            "state": State.BUILDING,
            "window_start": step.window_start,
            "window_end": step.window_end,
            "window_declared": step.window_declared or None,
            "created_at": self._clock(),
            "run": self._registry.run,
            "cql": step.cql,
            "reason": reason,
            "base_mark": step.base_mark if isinstance(step, CreateGeneration) else "",
            "baseline": baseline.to_map() if baseline is not None else None,
        }
        statics: dict[str, Any] = {"next_number": step.number + 1, "project": self._registry.project}
        if record.dropped is not None:
            statics |= {"dropped_at": None, "dropped_by": None, "dropped_why": None}
        if record.renamed_to:
            statics |= {"renamed_to": None}
        self._registry.change_held(step.view, statics=statics, generations={step.number: row})

    def _await_build(self, step: AwaitBuild) -> str:
        """Wait until the generation is built on every member, then write that down."""
        _record, each = self._registry.get_held(step.view, step.number, State.BUILDING)
        # Before the wait, since what is not as asked for need not be waited for; a run may have been
        # killed between the CREATE and this look.
        found = self._audits.get_in_schema(step.view, each)
        build = self._build_wait.wait(step.view, step.number, each.physical)
        rows = {"state": State.BUILT, "built_at": self._clock(), "rows_built": build.keys or None}
        self._registry.change_held(step.view, generations={step.number: rows})
        details = [f"last SUCCESS {instant_text(build.succeeded_at)}"] if build.succeeded_at else []
        without = f"without {', '.join(build.left_out)}" if build.left_out else ""
        if without:
            details.append(f"{without}, by the choice of who ran this: it could not be reached")
        self._registry.note_event(step.view, "built", number=step.number, detail="; ".join([*details, *found.notes]))
        nodes = counted(len(build.nodes) - len(build.left_out), "node")
        return "; ".join([f"built on {nodes}{f', {without}' if without else ''}", *found.notes])

    def _serve(self, step: ServeGeneration) -> str:
        """Send readers to the generation and retire those that served, in one conditional batch."""
        view, on = step.view, f"{step.view} generation {step.number}"
        self._refuse_shrink(step)
        with self._ddl.lease.held():
            record, each = self._registry.get_held(view, step.number)
            if step.needs_audit and each.audit is not Audit.PASSED:
                raise AuditFailed("it was not audited, and nothing serves unaudited", on=on, next="Run apply again")
            if not self._ddl.existence(view.keyspace, each.physical, each.table_id).is_everywhere:
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
            statics: dict[str, Any] = {
                "read_from": step.read_from,
                "rolled_back_from": step.rolled_back_from,
                "strategy": step.strategy,
                "grace_seconds": step.grace_seconds,
                "next_due": step.next_due,
                "last_error": "",
                "failures": None,
                "failed_at": None,
                **NO_FAILED_BUILDS,
                "project": self._registry.project or record.project,
            }
            if step.override is not None:
                statics |= override_columns(step.override, by=self._registry.author, reason=step.reason)
            if step.rolled_back_from is not None:
                self._registry.record_event(view, "roll back", number=step.number, detail=step.reason)
            self._registry.change_held(view, statics=statics, generations=rows)
            self._renames.follow(view)
        names = ", ".join(entry.name for entry in step.read_from)
        self._registry.note_event(view, "serve", number=step.number, detail=f"readers are sent to {names}")
        if step.override is None:
            return f"readers are sent to {names}"
        self._registry.note_event(view, f"override {step.override.value}", detail=step.reason)
        return f"readers are sent to {names}, and the view is {step.override.value}"

    def _refuse_shrink(self, step: ServeGeneration) -> None:
        """Leave a generation built that holds far fewer rows than what serves, and write down that it waits.

        Raises:
            ShrinkUnapproved: a person must allow it.
        """
        record, each = self._registry.get_held(step.view, step.number)
        serving = (record.in_state(State.SERVING) or (None,))[-1]
        rows = each.rows_built or 0
        if serving is None or step.min_rows is None or rows >= step.min_rows or each.state is not State.BUILT:
            return
        # The count at the last audit may be old, and the share of a moved window is an estimate.
        former = find_row_count(self._database, step.view, serving, step.time, step.window_start)
        if former is None:
            former = serving.rows_built or 0
        else:
            least = min_rows_of(former, step.min_rows_percent)
            if least is None or rows >= least:
                return
        columns = {"compared_to": serving.number, "compared_rows": former}
        record = self._registry.change_held(step.view, generations={step.number: columns})
        error = shrink_error(step.view, record.find(step.number) or each, serving)
        self._registry.note_event(step.view, "serve withheld", number=step.number, detail=error.what)
        raise error

    def _retire(self, step: RetireView) -> str:
        """Send readers to none of the view's generations; all are kept for their grace."""
        with self._ddl.lease.held():
            rows = {number: {"state": State.RETIRED, "retired_at": self._clock()} for number in step.retires}
            empty: tuple[Serving, ...] = ()
            statics: dict[str, Any] = {"read_from": empty, "next_due": None, "rolled_back_from": None}
            if step.override is not None:
                record = self._registry.hold(step.view)
                statics |= override_columns(step.override, by=self._registry.author, reason=step.reason)
                statics["project"] = record.project or self._registry.project
                self._registry.record_event(step.view, f"override {step.override.value}", detail=step.reason)
            self._registry.change_held(step.view, statics=statics, generations=rows)
            self._renames.follow(step.view)
        if step.retires or step.override is None:
            self._registry.note_event(step.view, "retire", detail=step.reason)
        return "readers are sent nowhere" + (f", and the view is {step.override.value}" if step.override else "")

    def _fail(self, step: FailGeneration) -> str:
        """Give up a generation that never served; it counts as no failure."""
        rows = {step.number: {"state": State.FAILED, "reason": step.reason}}
        self._registry.change_held(step.view, generations=rows)
        self._registry.note_event(step.view, "give up", number=step.number, detail=step.reason)
        return "marked failed"

    def _drop(self, step: DropGeneration) -> str:
        """Drop a physical view that serves nobody, after the one-way state ``dropping`` is written."""
        view, on = step.view, f"{step.view} generation {step.number}"
        self._renames.follow_before_drop(view)
        self._await_readers(step)
        with self._gate.held(view.keyspace) as held:
            record, each = self._registry.get_held(view, step.number)
            if any(entry.name == each.physical for entry in record.read_from):
                raise StalePlan("it serves, and nothing that serves is dropped", on=on, next="Plan again")
            if each.state is not State.DROPPING:
                # A run that finishes the drop knows its reason from here.
                row = {"state": State.DROPPING, "reason": f"{DROP_REASON}{step.reason}"}
                self._registry.change_held(view, generations={step.number: row})
                self._registry.record_event(view, "drop", number=step.number, detail=step.reason)
            is_namesake = self._ddl.is_namesake(view.keyspace, each.physical, each.table_id)
            if not is_namesake:
                self._ddl.drop_view(held, view.keyspace, each.physical, on)
            statics: dict[str, Any] = {}
            if all(one.number == step.number for one in record.generations):
                by = self._registry.author
                statics = {"dropped_at": self._clock(), "dropped_by": by, "dropped_why": step.reason}
            self._registry.change_held(view, statics=statics, remove=(step.number,))
        left = f"the view {each.physical} that somebody else made under its name is left alone" if is_namesake else ""
        detail = "; ".join(filter(None, [step.reason, f"it was {_description(each)}", left]))
        self._registry.note_event(view, "dropped", number=step.number, detail=detail)
        return "; ".join(filter(None, ["dropped", left]))

    def _release(self, step: ReleaseGeneration) -> str:
        """Take the view that people made out of the registry; the schema, and what readers are sent to, stay."""
        self._registry.get_held(step.view, step.number)
        self._registry.change_held(step.view, remove=(step.number,))
        self._registry.note_event(step.view, "release", number=step.number, detail=step.reason)
        return "released"

    def _await_readers(self, step: DropGeneration) -> None:
        """Check that readers in every data centre know what serves, and wait until their caches do."""
        if not self._database.has_several_centers():
            return
        each = self._registry.read(step.view).find(step.number)
        if each is None or each.served_at is None:
            return
        try:
            for name in (step.view.view, *self._registry.hold(step.view).kept_names):
                self._registry.spread(ViewName(keyspace=step.view.keyspace, view=name))
        except ClusterError as error:
            raise ClusterError(
                "readers in some data centre may still read it: a quorum of the registry's replicas in each data "
                f"centre must know what serves ({error.what})",
                on=f"{step.view} generation {step.number}",
                remains="It is not dropped, and readers read on in every data centre",
                next="Check that the nodes of every data centre are up, then run apply again",
            ) from error
        time.sleep(2 * self._reader_cache_seconds)

    def _sweep(self, step: SweepOrphan) -> str:
        """Drop a physical view that carries our comment and stands in no registry row."""
        view, on = step.view, f"{step.view} generation {step.number}"
        with self._gate.held(view.keyspace) as held:
            record = self._registry.hold(view)
            physical = physical_of(step)
            known = {each.physical for each in record.generations} | {entry.name for entry in record.read_from}
            if physical in known:  # the row of a former name has no generations, and leads to those of the view
                raise stale_plan(view)
            if record.next_number <= step.number:
                self._registry.change_held(view, statics={"next_number": step.number + 1})
            self._registry.record_event(view, "sweep", number=step.number, detail=step.reason)
            self._ddl.drop_view(held, view.keyspace, physical, on)
        return "dropped"


def _description(each: Generation) -> str:
    parts = [each.physical, f"version {each.version}"]
    if each.window_start:
        parts.append(f"window from {instant_text(each.window_start)}")
    if each.rows_built is not None:
        parts.append(counted(each.rows_built, "row"))
    return ", ".join(parts)


__all__ = ["StepExecutor"]
