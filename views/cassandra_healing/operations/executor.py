"""Carries out what was decided, one step a call: killed anywhere, the next call goes on from the journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from cassandra_healing.decision import Decision
from cassandra_healing.errors import HealingError, OperatorRequired, StepOutOfOrder
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
    """Begins deeds, carries their steps out, and ends them.

    Args:
        policy: an attribute, too.
        watcher: looks at the cluster and keeps what it sees.
        journal: where every step is written down.
        hands: what does things to machines.
        author: who acts.
        clock: what time it is, aware UTC.
        on_progress: told in a short sentence what is being done now.
    """

    def __init__(
        self,
        session: ClusterSession,
        policy: Policy,
        watcher: ClusterMonitor,
        hands: NodeActions,
        *,
        journal: Journal,
        author: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        on_progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.policy = policy
        self._watcher = watcher
        self._journal = journal
        self._hands = hands
        self._clock = clock
        self._tell = on_progress
        self._hold = ExecutorLease(session, policy.keyspace, author=author, seconds=policy.hold_seconds)
        self._work = StepRunner(hands, self._journal, policy)

    def under_way(self) -> OperationProgress | None:
        """Return the deed that is under way, and how far it is; errors as ``ClusterSession.rows``."""
        deed = self._journal.record(self._clock()).under_way
        return self._read(deed) if deed is not None else None

    def consider(self, report: HealthReport) -> OperationProgress | None:
        """See to what a look came to; return the deed that is to be carried on, or None where there is none.

        A deed is begun where one is decided and the mode is not dry-run. One under way is withdrawn where what it was
        for no longer holds, and refused where nobody answered; neither once something was done to its node.

        Raises:
            NotSet: it is not set how that is done.
            NotBegun: a person said stop, or the limit is reached.
            Held: another healer is at work.
            JournalError: it could not be written down.
        """
        deed = report.record.under_way
        if deed is None:
            return self._begin(report.decision)
        progress = self._read(deed)
        if progress is not None and progress.is_committed:
            return progress
        with self._hold.taken():
            progress = self._read(deed)  # what the one before us did
            if progress is None:
                self._end(deed, OperationOutcome.WITHDRAWN, "who began it died before it was written down")
                return None
            if progress.outcome is not None:
                return None
            if self._apart(report.judgement, report.record, deed, self.policy).is_well:
                self._end(deed, OperationOutcome.WITHDRAWN, "all nodes are up")
                return None
            allowed = timedelta(minutes=self.policy.approve_minutes)
            if progress.is_waiting and self._clock() - progress.begun_at > allowed:
                self._end(deed, OperationOutcome.REFUSED, f"nobody answered in {self.policy.approve_minutes:g} minutes")
                return None
        return progress

    def carry_out(self, progress: OperationProgress, step: OperationStep) -> OperationProgress:
        """Carry out one step, the next one; return how far the deed is then.

        That it is begun is in the journal before, and how it ended after. While a person has not yet said yes or no,
        ``APPROVE`` changes nothing, and ``is_waiting`` stays true.

        Raises:
            NotItsTurn: another step comes next, or the deed has ended.
            NeedsPerson: healing was switched off, or the step failed too often.
            Held: another healer is at work on it.
            HealingError: the step failed, which the journal says too; try again, up to ``step_failures`` times. A
                restart that failed has ended; so has a replacement whose audit failed.
        """
        with self._hold.taken():
            deed = self._deed(progress)
            now = self._read(deed)
            if now is None or now.next is not step:
                comes = f"its next step is {now.next}" if now and now.next else "it has ended"
                raise StepOutOfOrder(f"{step} cannot be done now: {comes}", on=str(deed.node), next="Go on from there")
            if now.refused is not None:
                words = f"{now.refused.author}: {now.refused.detail}"
                self._end(deed, OperationOutcome.FAILED if now.is_committed else OperationOutcome.REFUSED, words)
                return self._again(deed)
            self._refuse_stopped(deed)
            if step is OperationStep.APPROVE:
                if now.approved is not None:
                    by = f"{now.approved.author}: {now.approved.detail}"
                    self._journal.step(deed, step, by, outcome=OperationOutcome.DONE)
            elif step is OperationStep.CLOSE:
                self._end(deed, OperationOutcome.DONE, "the node is up and in its place")
            elif step is not FIRST_EFFECT[deed.act] or now.is_committed or self._still_holds(deed):
                self._do(deed, now, step)
            return self._again(deed)

    def run(self, progress: OperationProgress) -> OperationProgress:
        """Carry out all steps; return when the deed has ended, or waits for a person. Errors as ``carry_out``."""
        while (step := progress.next) is not None and not progress.is_waiting:
            progress = self.carry_out(progress, step)
        return progress

    def approve(self, progress: OperationProgress, why: str, *, by: str = "") -> OperationProgress:
        """Say that a deed may be carried out; or, where a step failed too often, tried again."""
        return self._say(progress, True, why, by)

    def refuse(self, progress: OperationProgress, why: str, *, by: str = "") -> OperationProgress:
        """Say that a deed may not be carried out; or, where it has begun, that it is given up as it is."""
        return self._say(progress, False, why, by)

    def _say(self, progress: OperationProgress, is_yes: bool, why: str, by: str) -> OperationProgress:
        deed = self._deed(progress)
        now = self._read(deed)
        if now is None or now.outcome is not None:
            raise StepOutOfOrder("it has ended", on=str(deed.node), next="'views cluster history' tells how")
        self._journal.word(deed, is_yes=is_yes, why=why, by=by)
        return self._again(deed)

    def _begin(self, decision: Decision) -> OperationProgress | None:
        if decision.act not in FIRST_EFFECT or self.policy.mode is Mode.DRY_RUN:
            return None
        self._hands.check(decision.act)
        self._journal.make()
        with self._hold.taken():
            deed = self._journal.begin(decision, self.policy, self._clock())
            return self._read(deed)

    def _do(self, deed: Operation, now: OperationProgress, step: OperationStep) -> None:
        if now.failures >= self.policy.step_failures:
            raise OperatorRequired(
                f"{step} failed {now.failures} times",
                on=str(deed.node),
                remains=f"The {deed.act} is under way and stays so; nothing else is begun",
                next=f"See why ('views cluster history'), then 'views cluster approve {now.short_id}' to go on, or "
                "'refuse' to give it up as it is",
            )
        # What cannot be written down is not done.
        self._journal.step(deed, step, now.what)
        try:
            detail, evidence = self._work.do(step, deed, now)
        except HealingError as error:
            self._journal.step(deed, step, str(error), outcome=OperationOutcome.FAILED)
            if deed.act is HealingAction.RESTART:
                self._end(deed, OperationOutcome.FAILED, str(error))
            elif step is OperationStep.AUDIT:
                self._end(deed, OperationOutcome.DONE, f"the node is up and in its place; but {error}")
            raise
        self._journal.step(deed, step, detail, outcome=OperationOutcome.DONE, evidence=evidence)

    def _still_holds(self, deed: Operation) -> bool:
        """Look again before anything is done to the node: a person may have taken an hour to say yes.

        The grace was over when it was decided and is not waited for again; all else must hold.
        """
        policy = self.policy.model_copy(
            update={"grace_looks": 1, "grace_minutes": 0.0, "restart": deed.act is HealingAction.RESTART}
        )
        until = time.monotonic() + 3 * self.policy.still_seconds + 2 * self.policy.timeout_seconds
        while True:
            report = self._watcher.look()
            decision = self._apart(report.judgement, report.record, deed, policy)
            if decision.act is deed.act and decision.nodes[0].host_id == deed.node.host_id:
                return True
            if decision.is_well or time.monotonic() >= until:
                self._end(deed, OperationOutcome.WITHDRAWN, f"it no longer holds: {decision.what}")
                return False
            time.sleep(min(1.0, self.policy.look_seconds))

    def _apart(self, judgement: Assessment, record: JournalState, deed: Operation, policy: Policy) -> Decision:
        """Decide as if the deed were not under way."""
        others = tuple(each for each in record.deeds if each.id != deed.id)
        return decide(judgement, replace(record, deeds=others), policy)

    def _refuse_stopped(self, deed: Operation) -> None:
        record = self._journal.record(self._clock())
        word, ends = record.stopped, "go"
        if word is None:
            word, ends = record.skips.get(deed.node.host_id), "unskip"
        if word is not None:
            raise OperatorRequired(
                f"{word.by} said to stop: {word.why}",
                on=str(deed.node),
                remains=f"The {deed.act} is under way and stays so",
                next=f"'views cluster {ends}' ends that, and it is gone on with",
            )
        if self.policy.mode is Mode.DRY_RUN:
            raise OperatorRequired(
                "the mode is dry-run",
                on=str(deed.node),
                remains=f"The {deed.act} is under way and stays so",
                next="Set another mode to go on with it, or 'views cluster refuse' to give it up as it is",
            )

    def _end(self, deed: Operation, outcome: OperationOutcome, detail: str) -> None:
        self._journal.end(deed, outcome, detail)
        self._tell(f"The {deed.act} of {deed.node} is {outcome}: {detail}")

    def _read(self, deed: Operation) -> OperationProgress | None:
        return read_progress(self._journal.lines_of(deed, self._clock()))

    def _again(self, deed: Operation) -> OperationProgress:
        found = self._read(deed)
        assert found is not None
        return found

    @staticmethod
    def _deed(progress: OperationProgress) -> Operation:
        return Operation(id=progress.id, act=progress.act, node=progress.node, begun_at=progress.begun_at)
