"""Executes what was decided, one step a call. After a kill anywhere, the next call resumes from the journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cassandra_client.errors import ViewsError
from cassandra_healing.decision import Decision
from cassandra_healing.errors import OperatorRequired, StepOutOfOrder
from cassandra_healing.model import Assessment
from cassandra_healing.monitor import ClusterMonitor, HealthReport
from cassandra_healing.operation_model import HealingAction, JournalState, Operation, OperationOutcome
from cassandra_healing.operation_progress import OperationProgress, read_progress
from cassandra_healing.operation_steps import FIRST_EFFECT, OperationStep
from cassandra_healing.operations.node_actions import NodeActions
from cassandra_healing.operations.step_runner import StepRunner
from cassandra_healing.policy import Mode, Policy
from cassandra_healing.rules.engine import decide
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.journal import Journal
from cassandra_healing.storage.lease import ExecutorLease


class OperationExecutor:
    """Begins operations, executes their steps, and ends them.

    Args:
        policy: an attribute, too.
        monitor: checks the cluster and records the checks.
        journal: where every step is written down.
        node_actions: restarts and replaces nodes.
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
        self._lease = ExecutorLease(session, policy.keyspace, author=author, seconds=policy.hold_seconds)
        self._step_runner = StepRunner(node_actions, self._journal, policy)

    def under_way(self) -> OperationProgress | None:
        """Return the operation that is under way, and how far it is; errors as ``ClusterSession.rows``."""
        operation = self._journal.read_state(self._clock()).under_way
        return self._read(operation) if operation is not None else None

    def begin_or_resume(self, report: HealthReport) -> OperationProgress | None:
        """Begin or resume the operation that a check calls for; return None where there is none.

        An operation is begun where one is decided and the mode is not dry-run. An operation that is under way is
        withdrawn where its reason no longer holds, and refused where nobody answered; neither happens once something
        was done to its node.

        Raises:
            MissingSetting: it is not set how that is done.
            OperationNotStarted: a person said stop, or the limit is reached.
            ExecutorBusy: another healer is at work.
            JournalError: it could not be written down.
        """
        operation = report.journal_state.under_way
        if operation is None:
            return self._begin(report.decision)
        progress = self._read(operation)
        if progress is not None and progress.is_committed:
            return progress
        with self._lease.acquired():
            progress = self._read(operation)  # what the one before us did
            if progress is None:
                self._end(
                    operation, OperationOutcome.WITHDRAWN, "the process that began it died before it was recorded"
                )
                return None
            if progress.outcome is not None:
                return None
            if self._decide_without(report.assessment, report.journal_state, operation, self.policy).is_well:
                self._end(operation, OperationOutcome.WITHDRAWN, "all nodes are up")
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
                restart that failed has ended; so has a replacement whose audit failed.
        """
        with self._lease.acquired():
            operation = self._operation_of(progress)
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
                self._end(operation, OperationOutcome.DONE, "the node is up and in the ring")
            elif step is not FIRST_EFFECT[operation.act] or now.is_committed or self._still_holds(operation):
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
        if decision.act not in FIRST_EFFECT or self.policy.mode is Mode.DRY_RUN:
            return None
        self._node_actions.check(decision.act)
        self._journal.create_tables()
        with self._lease.acquired():
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
            detail, evidence = self._step_runner.run(step, operation, now)
        except ViewsError as error:
            self._journal.step(operation, step, str(error), outcome=OperationOutcome.FAILED)
            if operation.act is HealingAction.RESTART:
                self._end(operation, OperationOutcome.FAILED, str(error))
            elif step is OperationStep.AUDIT:
                self._end(operation, OperationOutcome.DONE, f"the node is up and in the ring; but {error}")
            raise
        self._journal.step(operation, step, detail, outcome=OperationOutcome.DONE, evidence=evidence)

    def _still_holds(self, operation: Operation) -> bool:
        """Check again before anything is done to the node: an approval may have taken an hour.

        The grace was over when it was decided and is not waited for again; all else must hold.
        """
        policy = self.policy.model_copy(
            update={"grace_checks": 1, "grace_minutes": 0.0, "restart": operation.act is HealingAction.RESTART}
        )
        until = time.monotonic() + 3 * self.policy.still_seconds + 2 * self.policy.timeout_seconds
        while True:
            report = self._monitor.check()
            decision = self._decide_without(report.assessment, report.journal_state, operation, policy)
            if decision.act is operation.act and decision.nodes[0].host_id == operation.node.host_id:
                return True
            if decision.is_well or time.monotonic() >= until:
                self._end(operation, OperationOutcome.WITHDRAWN, f"the reason no longer holds: {decision.what}")
                return False
            time.sleep(min(1.0, self.policy.check_seconds))

    def _decide_without(
        self, assessment: Assessment, journal_state: JournalState, operation: Operation, policy: Policy
    ) -> Decision:
        """Decide as if the operation were not under way."""
        others = tuple(each for each in journal_state.operations if each.id != operation.id)
        return decide(assessment, replace(journal_state, operations=others), policy)

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
        if self.policy.mode is Mode.DRY_RUN:
            raise OperatorRequired(
                "the mode is dry-run",
                on=str(operation.node),
                remains=f"The {operation.act} stays under way",
                next="Set another mode to resume it, or 'views cluster refuse' to abandon it",
            )

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
