"""Carries out a plan's steps, one ``match`` over the closed union.

Intent is written before work and closed after it: a process killed at any point leaves a registry
from which the next run goes on. A failure of one view does not stop the others, and a keyspace or table that cannot
be made stops only the views that stand on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import assert_never

from cassandra_client.database import Database
from cassandra_client.errors import ViewsError
from cassandra_views.cluster.ddl import Ddl
from cassandra_views.cluster.registry import Registry
from cassandra_views.lifecycle.audit import RECHECK_SECONDS
from cassandra_views.lifecycle.audit_steps import AuditSteps
from cassandra_views.lifecycle.base_steps import BaseSteps
from cassandra_views.lifecycle.build_steps import BuildSteps
from cassandra_views.lifecycle.ledger import Ledger
from cassandra_views.lifecycle.quiet import QuietLease
from cassandra_views.lifecycle.reports import SharedListener, StepBegun, StepDone
from cassandra_views.lifecycle.serve_steps import ServeSteps
from cassandra_views.lifecycle.waiting import BuildWait
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import (
    AdoptGeneration,
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

FINISHING = (AwaitBuild, AuditGeneration, ServeGeneration)
"""What follows the statements of a plan. It is done for several views at once: it sends no DDL, which would start the
running builds of its keyspace anew."""
VIEWS_AT_ONCE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a plan.

    Args:
        done: how many steps were carried out, of all ``steps``.
        failures: the error of each view that failed; its later steps were left out.
        base_failures: the error of each keyspace or base table that could not be made, by ``keyspace NAME`` or
            ``table KEYSPACE.NAME``; the views that stand on it are in ``failures``.
    """

    done: int
    steps: int = 0
    failures: tuple[tuple[ViewName, ViewsError], ...] = ()
    seconds: float = 0.0
    base_failures: tuple[tuple[str, ViewsError], ...] = ()

    @property
    def errors(self) -> tuple[ViewsError, ...]:
        """All errors, those of keyspaces and tables before those of the views on them."""
        return tuple(error for _subject, error in (*self.base_failures, *self.failures))

    def __add__(self, other: Outcome) -> Outcome:
        """Return what came of two plans, one carried out after the other."""
        return Outcome(
            done=self.done + other.done,
            steps=self.steps + other.steps,
            failures=tuple((dict(self.failures) | dict(other.failures)).items()),
            seconds=self.seconds + other.seconds,
            base_failures=tuple((dict(self.base_failures) | dict(other.base_failures)).items()),
        )


@dataclass(slots=True, kw_only=True)
class _Found:
    """What has come of a run so far; several threads add to it."""

    count: int
    failures: dict[ViewName, ViewsError] = field(default_factory=dict)
    base_failures: dict[str, ViewsError] = field(default_factory=dict)


class Runner:
    """Runs plans against one cluster and registry.

    Args:
        clock: aware UTC; written into the registry.
        listener: is told from several threads; an interrupted run halts it.
        build_wait: how builds are awaited; tells the same listener.
        audit_recheck_seconds: the pause before an audit looks at a difference again; it doubles with each further look.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        ddl: Ddl,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        listener: SharedListener,
        build_wait: BuildWait,
        audit_recheck_seconds: float = RECHECK_SECONDS,
    ) -> None:
        self._listener = listener
        self._ledger = Ledger(registry, listener)
        self._quiet = QuietLease(database, ddl.lease, listener)
        self._base = BaseSteps(database, ddl, self._quiet)
        self._build = BuildSteps(
            database,
            ddl,
            self._quiet,
            self._ledger,
            clock=clock,
            listener=listener,
            build_wait=build_wait,
            audit_recheck_seconds=audit_recheck_seconds,
        )
        self._audit = AuditSteps(
            database, self._ledger, clock=clock, listener=listener, audit_recheck_seconds=audit_recheck_seconds
        )
        self._serve = ServeSteps(ddl, self._quiet, self._ledger, clock=clock)

    def run(self, plan: Plan, failures: Mapping[ViewName, ViewsError] | None = None) -> Outcome:
        """Carry the plan out.

        Args:
            failures: views that have failed before their first step; nothing is done for them.

        Raises:
            StalePlan: what it was made from is no longer so; nothing was begun.
            ViewsError: the registry could not be made; nothing that follows was begun.
        """
        begun = time.monotonic()
        self._ledger.open(plan)
        if not any(isinstance(step, CreateRegistry) for step in plan.steps):
            self._ledger.refuse_stale()
        for step in plan.steps:
            if isinstance(step, DropGeneration):
                # A build that is dropped anyway is nothing to wait for.
                self._quiet.ignore(step.view.keyspace, step.view.physical(step.number))
        found = _Found(count=len(plan.steps), failures=dict(failures or {}))
        done = 0
        numbered = enumerate(plan.steps, start=1)
        for is_finishing, steps in groupby(numbered, key=lambda each: isinstance(each[1], FINISHING)):
            run = self._finish if is_finishing else self._run_steps
            done += run(found, steps)
        return Outcome(
            done=done,
            steps=len(plan.steps),
            failures=tuple((view, found.failures[view]) for view in plan.views if view in found.failures),
            seconds=time.monotonic() - begun,
            base_failures=tuple(found.base_failures.items()),
        )

    def _finish(self, found: _Found, steps: Iterable[tuple[int, Step]]) -> int:
        """Await, audit and serve views side by side, each view's steps in their order; return how many were done."""
        by_view: dict[ViewName | None, list[tuple[int, Step]]] = {}
        for index, step in steps:
            by_view.setdefault(_view(step), []).append((index, step))
        if len(by_view) == 1:
            return self._run_steps(found, *by_view.values())
        with ThreadPoolExecutor(max_workers=VIEWS_AT_ONCE, thread_name_prefix="finish") as pool:
            try:
                futures = [pool.submit(self._run_steps, found, each) for each in by_view.values()]
                return sum(future.result() for future in as_completed(futures))
            except BaseException:
                self._listener.halt()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _run_steps(self, found: _Found, steps: Iterable[tuple[int, Step]]) -> int:
        """Carry out one step after another; return how many were done."""
        done = 0
        for index, step in steps:
            view = _view(step)
            if view is not None and view in found.failures:
                continue
            started = time.monotonic()
            self._listener(StepBegun(index=index, count=found.count, step=step))
            text, failed = "", False
            try:
                _refuse_without_base(step, found.base_failures)
                text = self._carry_out(step)
                done += 1
            except ViewsError as error:
                text, failed = error.what, True
                if view is not None:
                    found.failures[view] = error
                    self._ledger.note_failure(view, getattr(step, "number", None), error)
                elif base := _base(step):
                    found.base_failures[base] = error
                else:
                    raise
            self._listener(
                StepDone(
                    index=index,
                    count=found.count,
                    step=step,
                    seconds=time.monotonic() - started,
                    text=text,
                    is_failed=failed,
                )
            )
        return done

    def _carry_out(self, step: Step) -> str:
        match step:
            case CreateRegistry():
                return self._base.create_registry(step)
            case CreateKeyspace():
                return self._base.create_keyspace(step)
            case CreateTable():
                return self._base.create_table(step)
            case CreateGeneration():
                return self._build.create(step)
            case AdoptGeneration():
                return self._build.adopt(step)
            case AwaitBuild():
                return self._build.await_build(step)
            case AuditGeneration():
                return self._audit.audit_again(step) if step.is_again else self._build.audit(step)
            case ServeGeneration():
                return self._serve.serve(step)
            case RetireView():
                return self._serve.retire(step)
            case FailGeneration():
                return self._serve.fail(step)
            case DropGeneration():
                return self._serve.drop(step)
            case SweepOrphan():
                return self._serve.sweep(step)
            case _:
                assert_never(step)


def _view(step: Step) -> ViewName | None:
    match step:
        case CreateRegistry() | CreateKeyspace() | CreateTable():
            return None
        case _:
            return step.view


def _base(step: Step) -> str:
    """Return the keyspace or base table that a step makes; empty where it makes none."""
    match step:
        case CreateKeyspace():
            return f"keyspace {step.keyspace}"
        case CreateTable():
            return f"table {step.keyspace}.{step.table}"
        case _:
            return ""


def _refuse_without_base(step: Step, base_failures: Mapping[str, ViewsError]) -> None:
    """Refuse a step that needs a keyspace or table which could not be made before.

    Raises:
        ViewsError: names it, and why it could not be made.
    """
    needed: tuple[str, ...]
    match step:
        case CreateTable():
            on, needed = _base(step), (f"keyspace {step.keyspace}",)
        case CreateGeneration():
            on, needed = str(step.view), (f"keyspace {step.view.keyspace}", f"table {step.view.keyspace}.{step.base}")
        case _:
            return
    for base in needed:
        if base in base_failures:
            error = base_failures[base]
            raise ViewsError(
                f"{base} could not be made: {error.what}",
                on=on,
                remains="Nothing of it was begun",
                next=f"Correct {base}, then apply again",
            )


__all__ = ["Outcome", "Runner"]
