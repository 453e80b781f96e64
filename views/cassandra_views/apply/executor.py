"""Carries plans out on one cluster: refuses what does not fit it now, then does step after step.

Intent is written before work and closed after it: the next run resumes what a killed process left. A failure of one
view does not stop the others, and a keyspace or table that cannot be made stops only the views that stand on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby

from cassandra_client.database import Database
from cassandra_client.errors import ConfigurationError, ViewsError
from cassandra_client.members import read_members
from cassandra_views.apply.audit import Auditor
from cassandra_views.apply.audit_steps import AuditSteps
from cassandra_views.apply.build_wait import BuildWait
from cassandra_views.apply.data_checks import DataChecker
from cassandra_views.apply.ddl import Ddl, DdlGate
from cassandra_views.apply.preflight import check_cluster, missing_grants
from cassandra_views.apply.range_rows import RangeReader, read_in_threads
from cassandra_views.apply.reports import Listener, Notice, SharedListener, StepBegun, StepDone
from cassandra_views.apply.steps import StepExecutor
from cassandra_views.model.audit_request import AuditSettings
from cassandra_views.model.errors import StalePlan
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import (
    AuditGeneration,
    AwaitBuild,
    CreateGeneration,
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    DropGeneration,
    DropRegistry,
    Plan,
    ServeGeneration,
    Step,
    find_step_view,
    physical_of,
)
from cassandra_views.model.times import instant_text
from cassandra_views.registry.lease import Lease, LeaseTimes
from cassandra_views.registry.schema import SCHEMA_NUMBER, upgrade_statements
from cassandra_views.registry.store import Registry

_FINISHING = (AwaitBuild, AuditGeneration, ServeGeneration)
"""What follows the statements of a plan. It is done for several views at once: it sends no DDL, which would restart the
running builds of its keyspace."""
_VIEWS_AT_ONCE = 4
_POLL_SECONDS = 1.0
"""How often a wait for room looks at the clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOutcome:
    """What came of a plan.

    Args:
        done: how many steps were carried out, of all ``steps``.
        failures: the error of each view that failed; its later steps were left out.
        base_failures: the error of each keyspace or base table that could not be made, by ``keyspace NAME`` or
            ``table KEYSPACE.NAME``; the views that stand on it are in ``failures``. Also that of a registry that could
            not be dropped, by ``registry KEYSPACE``.
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

    def __add__(self, other: PlanOutcome) -> PlanOutcome:
        """Return what came of two plans, one carried out after the other."""
        return PlanOutcome(
            done=self.done + other.done,
            steps=self.steps + other.steps,
            failures=tuple((dict(self.failures) | dict(other.failures)).items()),
            seconds=self.seconds + other.seconds,
            base_failures=tuple((dict(self.base_failures) | dict(other.base_failures)).items()),
        )


@dataclass(slots=True, kw_only=True)
class _Run:
    """One plan that is being carried out; several threads add to its failures."""

    count: int
    steps: StepExecutor
    listener: SharedListener
    failures: dict[ViewName, ViewsError] = field(default_factory=dict)
    base_failures: dict[str, ViewsError] = field(default_factory=dict)


class Executor:
    """Carries plans out on the cluster, registry and environment that it is made for.

    Args:
        clock: aware UTC; written into the registry.
        listener: is told what happens, from one thread at a time.
        ddl_timeout_seconds: how long one CREATE or DROP may take.
        build_timeout_seconds: wall-clock limit of awaiting one build; None waits while it makes progress.
        audit: what holds for all audits.
        read_ranges: reads the token ranges of full audits.
        lease_times: how long a lease lasts, and what is waited for after one that was not given back.
        reader_cache_seconds: how long readers keep what the registry says.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        *,
        environment: str,
        clock: Callable[[], datetime],
        listener: Listener,
        ddl_timeout_seconds: float,
        build_timeout_seconds: float | None,
        audit: AuditSettings,
        read_ranges: RangeReader = read_in_threads,
        lease_times: LeaseTimes,
        reader_cache_seconds: float,
    ) -> None:
        self._reader_cache_seconds = reader_cache_seconds
        self._database = database
        self._registry = registry
        self._environment = environment
        self._clock = clock
        self._listener = listener
        self._ddl_timeout = ddl_timeout_seconds
        self._build_timeout = build_timeout_seconds
        self._audit = audit
        self._read_ranges = read_ranges
        self._lease_times = lease_times

    def carry_out(
        self,
        plan: Plan,
        *,
        without: Collection[str] = (),
        make_rest: Callable[[tuple[ViewName, ...]], Plan] | None = None,
    ) -> PlanOutcome:
        """Carry a plan out; a failure of one view, table or keyspace does not stop the others and is in the outcome.

        Args:
            without: addresses of members whose builds are not awaited where they cannot be reached.
            make_rest: plans views again when there is room on their base tables; without it, what the plan defers is
                left to the next plan.

        Raises:
            ConfigurationError: one of them is no member.
            StalePlan: the plan is for another cluster or registry, or what it was made from has changed; nothing was
                begun.
            PreflightError: a node is not fit for the work; nothing was begun.
            ViewsError: the registry could not be made; nothing that follows was begun.
        """
        outcome = self._carry_out(plan, without)
        if make_rest is not None:
            failed = {view for view, _error in outcome.failures}
            for batch in next_batches(plan, make_rest, failed, clock=self._clock, listener=self._listener):
                more = self._carry_out(batch, without)
                failed |= {view for view, _error in more.failures}
                outcome += more
        return outcome

    def _carry_out(self, plan: Plan, without: Collection[str]) -> PlanOutcome:
        facts = check_cluster(self._database)
        self._refuse_other_target(plan, facts.name)
        self._refuse_strangers(without)
        if not plan.has_changes:
            return PlanOutcome(done=0)
        number = self._registry.schema_number()
        failures = missing_grants(self._database, plan.steps, self._registry.keyspace, number)
        for warning in facts.warnings:
            self._listener(Notice(text=warning))
        self.upgrade_registry()
        return self._run(plan, without, failures)

    def upgrade_registry(self) -> None:
        """Give a registry that an older program made the columns that this one writes; needed before any write.

        The number is written last, so that the next run resumes what was cut off.

        Raises:
            ClusterError: a column could not be added.
            LeaseHeld: others kept the lease.
            PreflightError: the role may not do it; names each permission, its resource and the GRANT.
        """
        number = self._registry.schema_number()
        if number is None or number == SCHEMA_NUMBER:
            return
        missing_grants(self._database, (), self._registry.keyspace, number)
        keyspace, ddl = self._registry.keyspace, self._ddl(SharedListener(self._listener))
        for table, cql in upgrade_statements(keyspace, number):
            with ddl.lease.held():
                ddl.send_idempotent(cql, on=f"table {keyspace}.{table}")
        self._registry.write_schema_number(former=number)
        text = f"the registry {keyspace} had schema {number} and has {SCHEMA_NUMBER} now"
        self._listener(Notice(text=text))

    def _refuse_other_target(self, plan: Plan, cluster: str) -> None:
        here = (cluster, self._registry.keyspace, self._environment)
        if (plan.cluster, plan.registry, plan.environment) != here:
            raise StalePlan(
                f"the plan is for cluster {plan.cluster}, registry {plan.registry}, environment {plan.environment}; "
                f"this is {', '.join(here)}",
                next="Plan again here, or name the other environment with --env",
            )
        if any(isinstance(step, CreateRegistry) for step in plan.steps) and self._registry.exists():
            raise StalePlan(
                f"the plan is stale: the registry {self._registry.keyspace} has been made since", next="Plan again"
            )

    def _refuse_strangers(self, without: Collection[str]) -> None:
        members = [member.address for member in read_members(self._database)] if without else []
        for address in without:
            if address not in members:
                raise ConfigurationError(
                    f"{address} is no member of the ring", next=f"The members are {', '.join(members)}"
                )

    def _ddl(self, listener: SharedListener) -> Ddl:
        lease = Lease(
            self._database,
            self._registry.keyspace,
            owner=self._registry.author,
            ddl_timeout_seconds=self._ddl_timeout,
            times=self._lease_times,
            on_wait=listener.note,
            on_pause=listener.check,
        )
        return Ddl(self._database, lease, timeout_seconds=self._ddl_timeout, on_warning=listener.note)

    def _run(self, plan: Plan, without: Collection[str], failures: Mapping[ViewName, ViewsError]) -> PlanOutcome:
        """Do step after step; nothing is done for views that have failed before."""
        begun = time.monotonic()
        listener = SharedListener(self._listener)
        ddl = self._ddl(listener)
        gate = DdlGate(self._database, ddl.lease, on_wait=listener.note)
        auditor = Auditor(self._database, listener, self._audit, self._read_ranges)
        steps = StepExecutor(
            self._database,
            self._registry,
            ddl,
            gate,
            BuildWait(self._database, listener, timeout_seconds=self._build_timeout, without=frozenset(without)),
            AuditSteps(self._registry, auditor, DataChecker(self._database), clock=self._clock),
            clock=self._clock,
            reader_cache_seconds=self._reader_cache_seconds,
        )
        self._registry.begin_run(plan.project, plan.preconditions, on_warning=listener.note)
        if not any(isinstance(step, CreateRegistry) for step in plan.steps):
            self._registry.refuse_stale()
        for step in plan.steps:
            if isinstance(step, DropGeneration):
                # A build that is dropped anyway is nothing to wait for.
                gate.ignore(step.view.keyspace, physical_of(step))
        run = _Run(count=len(plan.steps), steps=steps, listener=listener, failures=dict(failures))
        done = 0
        numbered = enumerate(plan.steps, start=1)
        for is_finishing, group in groupby(numbered, key=lambda each: isinstance(each[1], _FINISHING)):
            carry_out = self._finish if is_finishing else self._run_steps
            done += carry_out(run, group)
        return PlanOutcome(
            done=done,
            steps=len(plan.steps),
            failures=tuple((view, run.failures[view]) for view in plan.views if view in run.failures),
            seconds=time.monotonic() - begun,
            base_failures=tuple(run.base_failures.items()),
        )

    def _finish(self, run: _Run, steps: Iterable[tuple[int, Step]]) -> int:
        """Await, audit and serve views side by side, each view's steps in their order; return how many were done."""
        by_view: dict[ViewName | None, list[tuple[int, Step]]] = {}
        for index, step in steps:
            by_view.setdefault(find_step_view(step), []).append((index, step))
        if len(by_view) == 1:
            return self._run_steps(run, *by_view.values())
        with ThreadPoolExecutor(max_workers=_VIEWS_AT_ONCE, thread_name_prefix="finish") as pool:
            try:
                futures = [pool.submit(self._run_steps, run, each) for each in by_view.values()]
                return sum(future.result() for future in as_completed(futures))
            except BaseException:
                run.listener.halt()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _run_steps(self, run: _Run, steps: Iterable[tuple[int, Step]]) -> int:
        """Carry out one step after another; return how many were done."""
        done = 0
        for index, step in steps:
            view = find_step_view(step)
            if view is not None and view in run.failures:
                continue
            started = time.monotonic()
            run.listener(StepBegun(index=index, count=run.count, step=step))
            failed = False
            try:
                _refuse_without_base(step, run.base_failures)
                text = run.steps.execute(step)
                done += 1
            except ViewsError as error:
                text, failed = error.what, True
                if view is not None:
                    run.failures[view] = error
                    self._registry.note_failure(view, getattr(step, "number", None), error)
                elif base := _base(step):
                    run.base_failures[base] = error
                else:
                    raise
            seconds = time.monotonic() - started
            run.listener(
                StepDone(index=index, count=run.count, step=step, seconds=seconds, text=text, is_failed=failed)
            )
        return done


def _base(step: Step) -> str:
    """Return the keyspace or base table that a step makes, or the registry that it drops; empty for others."""
    match step:
        case CreateKeyspace():
            return f"keyspace {step.keyspace}"
        case CreateTable():
            return f"table {step.keyspace}.{step.table}"
        case DropRegistry():
            return f"registry {step.keyspace}"
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


def next_batches(
    plan: Plan,
    make: Callable[[tuple[ViewName, ...]], Plan],
    failed: Collection[ViewName],
    *,
    clock: Callable[[], datetime],
    listener: Listener,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[Plan]:
    """Yield a plan for each batch that follows one that was carried out, when there is room for it.

    Waits until the grace of what was replaced has ended. Views that failed are left out, so that it ends.

    Args:
        plan: the one that was carried out.
        make: makes a new plan of some views; each one that is yielded is carried out before the next.
        failed: the views that failed so far; the caller adds to it.
    """
    views = {*plan.views, *(each.view for each in plan.deferred)}
    is_waiting = bool(plan.deferred)
    while is_waiting:
        views -= set(failed)
        found = make(tuple(sorted(views)))
        if found.has_changes:
            yield found
        elif found.deferred:
            until = min((each.until for each in found.deferred if each.until), default=None)
            if until is None:
                return  # nobody knows when there is room: the plan's note says what it waits for
            names = ", ".join(each.view.view for each in found.deferred)
            listener(Notice(text=f"waiting until {instant_text(until)} for room on {found.deferred[0].table}: {names}"))
            while clock() < until:
                pause(min(_POLL_SECONDS, max((until - clock()) / timedelta(seconds=1), 0.01)))
        is_waiting = bool(found.deferred)


__all__ = ["Executor", "PlanOutcome", "next_batches"]
