"""Executes what was decided about nodes and services, one step a call.

After a kill anywhere, the next call resumes from the journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from cassandra_client.errors import ViewsError
from cassandra_healing.decision import Decision
from cassandra_healing.errors import OperatorRequired, StepOutOfOrder
from cassandra_healing.model import CLUSTER, HealingAction, MemberId, Operation, OperationOutcome
from cassandra_healing.monitor import ClusterMonitor, HealthReport
from cassandra_healing.operation_progress import EFFECTS, OperationProgress, OperationStep, read_progress
from cassandra_healing.operations.node_actions import NodeActions, plan_evidence
from cassandra_healing.operations.terraform.plan import SavedPlan
from cassandra_healing.policy import Mode, Policy
from cassandra_healing.rules.engine import decide_without
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.control import ExecutorLease
from cassandra_healing.storage.journal import Journal


class OperationExecutor:
    """Begins operations, executes their steps, and ends them: one at a time on the nodes, and one on each service.

    Args:
        policy: an attribute, too.
        monitor: checks the cluster and records the checks.
        journal: where every step is written down.
        node_actions: restarts and replaces nodes and services.
        author: who acts.
        clock: what time it is, aware UTC.
        on_progress: called with a short sentence about the current work.
    """

    def __init__(
        self,
        session: ClusterSession,
        policy: Policy,
        monitor: ClusterMonitor,
        node_actions: NodeActions,
        *,
        journal: Journal,
        author: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.policy = policy
        self._monitor = monitor
        self._journal = journal
        self._node_actions = node_actions
        self._clock = clock
        self._on_progress = on_progress
        self._session = session
        self._author = author

    def under_way(self, target: str = CLUSTER) -> OperationProgress | None:
        """Return the operation that is under way on a target, and how far it is; as ``all_under_way``."""
        return next((each for each in self.all_under_way() if each.node.target == target), None)

    def all_under_way(self) -> tuple[OperationProgress, ...]:
        """Return the operations that are under way, and how far they are; errors as ``ClusterSession.rows``."""
        found = (self._read(each) for each in self._journal.read_state(self._clock()).all_under_way)
        return tuple(progress for progress in found if progress is not None)

    def withdraw_unwatched(self, report: HealthReport) -> None:
        """End operations on services that are no longer watched: those that were refused, or did nothing yet.

        Raises:
            ExecutorBusy: another healer is at work on one of them.
            JournalError: it could not be written down.
        """
        for operation in self._journal.read_state(self._clock()).all_under_way:
            if report.find(operation.node.target) is not None:
                continue
            with self._lease(operation.node):
                progress = self._read(operation)  # what the one before us did
                if progress is not None and (progress.outcome or (progress.is_committed and not progress.refused)):
                    continue
                is_done = progress is not None and progress.is_committed
                outcome = OperationOutcome.FAILED if is_done else OperationOutcome.WITHDRAWN
                self._end(operation, outcome, "it is no longer watched")

    def begin_or_resume(self, report: HealthReport, target: str = CLUSTER) -> OperationProgress | None:
        """Begin or resume the operation that a check calls for on a target; return None where there is none.

        An operation is begun where one is decided and the mode is not dry-run. An operation that is under way is
        withdrawn where its reason no longer holds, and refused where nobody answered; neither happens once something
        was done.

        Raises:
            MissingSetting: it is not set how that is done.
            OperationNotStarted: a person said stop, or the limit is reached.
            ExecutorBusy: another healer is at work.
            JournalError: it could not be written down.
        """
        found = report.find(target)
        if found is None:
            return None
        operation = found.journal_state.under_way
        if operation is None:
            return self._begin(found.decision)
        progress = self._read(operation)
        if progress is not None and progress.is_committed:
            return progress
        with self._lease(operation.node):
            progress = self._read(operation)  # what the one before us did
            if progress is None:
                self._end(
                    operation, OperationOutcome.WITHDRAWN, "the process that began it died before it was recorded"
                )
                return None
            if progress.outcome is not None:
                return None
            decision = decide_without(operation, report.assessment, found.journal_state, self.policy)
            if decision is not None and decision.is_well:
                self._end(operation, OperationOutcome.WITHDRAWN, decision.what)
                return None
            allowed = timedelta(minutes=self.policy.approve_minutes)
            if progress.is_waiting and self._clock() - progress.begun_at > allowed:
                self._end(
                    operation, OperationOutcome.REFUSED, f"nobody answered in {self.policy.approve_minutes:g} minutes"
                )
                return None
        return progress

    def execute_step(self, progress: OperationProgress, step: OperationStep) -> OperationProgress:
        """Carry out one step, the next one; return how far the operation is then.

        The journal has its start before it is done, and its end after. While a person has not yet said yes or no,
        ``APPROVE`` changes nothing, and ``is_waiting`` stays true.

        Raises:
            StepOutOfOrder: another step comes next, or the operation has ended.
            OperatorRequired: healing was switched off, or the step failed too often.
            ExecutorBusy: another healer is working on it.
            HealingError: the step failed, which the journal says too; try again, up to ``step_failures`` times. A
                restart that failed has ended; so has a replacement of a service, or one whose audit failed.
        """
        operation = self._operation_of(progress)
        with self._lease(operation.node):
            now = self._read(operation)
            if now is None or now.next is not step:
                comes = f"its next step is {now.next}" if now and now.next else "it has ended"
                raise StepOutOfOrder(
                    f"{step} cannot be done now: {comes}", on=str(operation.node), next="Continue with that step"
                )
            if now.refused is not None:
                words = f"{now.refused.author}: {now.refused.detail}"
                self._end(operation, OperationOutcome.FAILED if now.is_committed else OperationOutcome.REFUSED, words)
                return self._reread(operation)
            self._refuse_stopped(operation)
            if step is OperationStep.APPROVE:
                if now.approved is not None:
                    by = f"{now.approved.author}: {now.approved.detail}"
                    self._journal.step(operation, step, by, outcome=OperationOutcome.DONE)
            elif step is OperationStep.CLOSE:
                how = "its command ended well" if operation.node.is_service else "the node is up and in the ring"
                self._end(operation, OperationOutcome.DONE, how)
            elif step not in EFFECTS or now.is_committed or self._still_holds(operation):
                self._run_step(operation, now, step)
            return self._reread(operation)

    def run(self, progress: OperationProgress) -> OperationProgress:
        """Execute all steps, until the operation ends or waits for a person. Errors as ``execute_step``."""
        while (step := progress.next) is not None and not progress.is_waiting:
            progress = self.execute_step(progress, step)
        return progress

    def approve(self, progress: OperationProgress, why: str, *, by: str = "") -> OperationProgress:
        """Say that an operation may be carried out; or, where a step failed too often, tried again."""
        return self._answer(progress, True, why, by)

    def refuse(self, progress: OperationProgress, why: str, *, by: str = "") -> OperationProgress:
        """Say that an operation may not be carried out; or, where it has begun, that it is abandoned."""
        return self._answer(progress, False, why, by)

    def _answer(self, progress: OperationProgress, is_yes: bool, why: str, by: str) -> OperationProgress:
        operation = self._operation_of(progress)
        now = self._read(operation)
        if now is None or now.outcome is not None:
            raise StepOutOfOrder("it has ended", on=str(operation.node), next="'views cluster history' shows how")
        self._journal.write_answer(operation, is_yes=is_yes, why=why, by=by)
        return self._reread(operation)

    def _begin(self, decision: Decision) -> OperationProgress | None:
        if decision.mode is None or decision.mode is Mode.DRY_RUN:
            return None
        node = decision.nodes[0]
        self._node_actions.check(node, decision.act)
        self._journal.create_tables()
        with self._lease(node):
            operation = self._journal.begin(decision, self.policy, self._clock())
            return self._read(operation)

    def _run_step(self, operation: Operation, now: OperationProgress, step: OperationStep) -> None:
        if now.failures >= self.policy.step_failures:
            raise OperatorRequired(
                f"{step} failed {now.failures} times",
                on=str(operation.node),
                remains=f"The {operation.act} stays under way; nothing else begins",
                next=f"See why ('views cluster history'), then 'views cluster approve {now.short_id}' to try again, or "
                "'refuse' to abandon it",
            )
        # What cannot be written down is not done.
        self._journal.step(operation, step, now.what)
        try:
            detail, evidence = self._node_actions.run(
                step, operation, now, on_replan=partial(self._record_replan, operation)
            )
        except ViewsError as error:
            self._journal.step(operation, step, str(error), outcome=OperationOutcome.FAILED)
            if operation.act is HealingAction.RESTART or operation.node.is_service:
                self._end(operation, OperationOutcome.FAILED, str(error))
            elif step is OperationStep.AUDIT:
                self._end(operation, OperationOutcome.DONE, f"the node is up and in the ring; but {error}")
            raise
        self._journal.step(operation, step, detail, outcome=OperationOutcome.DONE, evidence=evidence)

    def _still_holds(self, operation: Operation) -> bool:
        """Check again before anything is done: an approval may have taken an hour.

        The grace was over when it was decided and is not waited for again; all else must hold.
        """
        no_grace = {"grace_checks": 1, "grace_minutes": 0.0}
        services = {name: each.model_copy(update=no_grace) for name, each in self.policy.services.items()}
        restart = operation.act is HealingAction.RESTART
        policy = self.policy.model_copy(update={**no_grace, "restart": restart, "services": services})
        until = time.monotonic() + 3 * self.policy.still_seconds + 2 * self.policy.timeout_seconds
        while True:
            report = self._monitor.check()
            found = report.find(operation.node.target)
            decision = decide_without(operation, report.assessment, found.journal_state, policy) if found else None
            if decision is None:
                self._end(operation, OperationOutcome.WITHDRAWN, "it is no longer watched")
                return False
            if decision.act is operation.act and decision.nodes[0].host_id == operation.node.host_id:
                return True
            if decision.is_well or time.monotonic() >= until:
                self._end(operation, OperationOutcome.WITHDRAWN, f"the reason no longer holds: {decision.what}")
                return False
            time.sleep(min(1.0, self.policy.check_seconds))

    def _record_replan(self, operation: Operation, plan: SavedPlan) -> None:
        detail = f"planned again: {plan.path.name}"
        self._journal.step(operation, OperationStep.APPLY, detail, evidence=plan_evidence(plan))

    def _refuse_stopped(self, operation: Operation) -> None:
        journal_state = self._journal.read_state(self._clock())
        note, ends = journal_state.stopped, "go"
        if note is None:
            note, ends = journal_state.skips.get(operation.node.host_id), "unskip"
        if note is not None:
            raise OperatorRequired(
                f"{note.by} said to stop: {note.why}",
                on=str(operation.node),
                remains=f"The {operation.act} stays under way",
                next=f"'views cluster {ends}' ends that, and the next run resumes it",
            )
        if self.policy.mode_of(operation.node) is Mode.DRY_RUN:
            raise OperatorRequired(
                "the mode is dry-run",
                on=str(operation.node),
                remains=f"The {operation.act} stays under way",
                next="Set another mode to resume it, or 'views cluster refuse' to abandon it",
            )

    @contextmanager
    def _lease(self, node: MemberId) -> Iterator[None]:
        lease = ExecutorLease(
            self._session,
            self.policy.keyspace,
            author=self._author,
            seconds=self.policy.hold_seconds,
            target=node.target,
        )
        with lease.acquired():
            yield

    def _end(self, operation: Operation, outcome: OperationOutcome, detail: str) -> None:
        self._journal.end(operation, outcome, detail)
        self._on_progress(f"The {operation.act} of {operation.node} is {outcome}: {detail}")

    def _read(self, operation: Operation) -> OperationProgress | None:
        return read_progress(self._journal.operation_entries(operation, self._clock()))

    def _reread(self, operation: Operation) -> OperationProgress:
        found = self._read(operation)
        assert found is not None
        return found

    @staticmethod
    def _operation_of(progress: OperationProgress) -> Operation:
        return Operation(id=progress.id, act=progress.act, node=progress.node, begun_at=progress.begun_at)
