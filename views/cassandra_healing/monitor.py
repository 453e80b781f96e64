"""Monitor a cluster and the services beside it: check, record, assess, decide. Does nothing to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cassandra_client.errors import ViewsError
from cassandra_healing.assessment import assess
from cassandra_healing.decision import Decision
from cassandra_healing.model import (
    CLUSTER,
    Assessment,
    HealingAction,
    HealthCheck,
    HealthVerdict,
    JournalState,
    MemberAssessment,
    Operation,
)
from cassandra_healing.operation_progress import OperationProgress, read_progress
from cassandra_healing.policy import Policy
from cassandra_healing.probes.prober import ClusterProber
from cassandra_healing.rules.engine import decide, decide_service
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.check_history import CheckHistory
from cassandra_healing.storage.journal import Journal

_ENTRIES = 100
"""So many of the journal's last entries are searched for a decision that another process has made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetReport:
    """What is decided about one target: the cluster, or a service.

    Args:
        target: as ``MemberId.target``.
        journal_state: with the target's own operations.
        is_new_decision: the decision is more than to wait, and no process has made it for this trouble before.
        health: of a service.
    """

    target: str
    decision: Decision
    journal_state: JournalState
    is_new_decision: bool = False
    health: MemberAssessment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """What one check found.

    Args:
        targets: the cluster first, then each service.
        is_first_check: no check came before it, so gossip proves nothing yet.
        notes: what could not be read or recorded, in sentences.
    """

    check: HealthCheck
    assessment: Assessment
    targets: tuple[TargetReport, ...]
    is_first_check: bool = False
    notes: tuple[str, ...] = ()

    @property
    def cluster(self) -> TargetReport:
        """Return what is decided about the nodes."""
        return self.targets[0]

    @property
    def services(self) -> tuple[TargetReport, ...]:
        """Return what is decided about each service."""
        return self.targets[1:]

    @property
    def decision(self) -> Decision:
        """Return the decision about the nodes."""
        return self.cluster.decision

    def find(self, target: str) -> TargetReport | None:
        """Return what is decided about a target; None where it is not watched."""
        return next((each for each in self.targets if each.target == target), None)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """Return the operations that are under way."""
        return tuple(found for each in self.targets if (found := each.journal_state.under_way) is not None)

    @property
    def is_well(self) -> bool:
        """Tell whether nothing is wrong, neither with nodes nor with services."""
        return all(each.decision.is_well for each in self.targets)


class AlertLog:
    """Tells new alerts from those that this process raised before, as the journal that all share may be away."""

    def __init__(self) -> None:
        self._standing: dict[Hashable, datetime] = {}

    def is_new(self, key: Hashable, *, since: datetime, at: datetime) -> bool:
        """Tell whether an alert was not raised yet for this trouble; note that it stands.

        Args:
            key: what the alert is about.
            since: when this trouble began.
            at: when it was checked.
        """
        # A clock that was set back would otherwise hide the next trouble.
        self._standing = {each: moment for each, moment in self._standing.items() if moment <= at}
        before = self._standing.get(key)
        self._standing[key] = at
        return before is None or before < since


class ClusterMonitor:
    """Checks a cluster and its services repeatedly, and continues from the checks of other processes.

    Args:
        is_recording: write checks and decisions to the cluster, and create missing tables; without it nothing is
            written.
        clock: what time it is, aware UTC.
    """

    def __init__(
        self,
        session: ClusterSession,
        policy: Policy,
        *,
        author: str,
        is_recording: bool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._policy = policy
        self._is_recording = is_recording
        self._clock = clock
        self._prober = ClusterProber(session, policy, clock=clock)
        self._history = CheckHistory(session, policy.keyspace, keep_hours=policy.history_hours)
        self.journal = Journal(session, policy.keyspace, author=author)
        self._checks: list[HealthCheck] = []
        self._is_restored = False
        self._alerts = AlertLog()

    def close(self) -> None:
        """End what was begun; the session is left open."""
        self._prober.close()

    def check(self) -> HealthReport:
        """Check once, and decide what to do.

        Nothing that the cluster or a service does raises: what cannot be read or recorded becomes a note.
        """
        notes: list[str] = []
        self._restore(notes)
        is_first_check = not self._checks
        check = self._prober.check()
        self._checks.append(check)
        oldest = check.at - self._policy.memory
        first = next((number for number, each in enumerate(self._checks) if each.at >= oldest), len(self._checks) - 1)
        # One more, so that seldom checks, too, reach as far back as page_minutes.
        self._checks = [each for each in self._checks[max(0, first - 1) :]]
        journal_state = JournalState()
        try:
            if self._is_recording:
                self.journal.create_tables()
            journal_state = self.journal.read_state(check.at)
            if self._is_recording:
                self._history.write(check)
        except ViewsError as error:
            journal_state = replace(journal_state, is_readable=False)
            notes.append(str(error))
        assessment = assess(self._checks, self._policy)
        targets = report_targets(assessment, journal_state, self._policy)
        return HealthReport(
            check=check,
            assessment=assessment,
            targets=tuple(
                replace(each, is_new_decision=self._is_new_decision(assessment, each, notes)) for each in targets
            ),
            is_first_check=is_first_check,
            notes=tuple(dict.fromkeys(notes)),
        )

    def check_surely(self) -> HealthReport:
        """Check once; twice where no check came before and a node is not up.

        Only a heartbeat that is seen to stand still proves that a node is down.
        """
        report = self.check()
        if report.is_first_check and any(each.verdict is not HealthVerdict.UP for each in report.assessment.nodes):
            time.sleep(self._policy.still_seconds + 1)
            report = self.check()
        return report

    def progress(self, report: HealthReport) -> tuple[OperationProgress, ...]:
        """Return how far the operations are that were under way at a check, as far as that can be read."""
        found = []
        with suppress(ViewsError):
            for operation in report.operations:
                progress = read_progress(self.journal.operation_entries(operation, report.check.at))
                found += [progress] if progress is not None else []
        return tuple(found)

    def _restore(self, notes: list[str]) -> None:
        """Take up what was seen before; tried again where the cluster does not answer yet."""
        if self._is_restored:
            return
        try:
            if self.journal.exists():
                now = self._clock()
                before = self._history.read(now - self._policy.memory, now)
                self._prober.restore(before)
                self._checks = sorted([*before, *self._checks], key=lambda check: check.at)
            self._is_restored = True
        except ViewsError as error:
            notes.append(str(error))

    def _is_new_decision(self, assessment: Assessment, report: TargetReport, notes: list[str]) -> bool:
        """Tell whether a decision is new; write it down where checks are kept."""
        decision = report.decision
        if decision.act is HealingAction.WAIT:
            return False
        since = _trouble_start(assessment, report)
        about = _about(assessment, report)
        if not self._alerts.is_new((report.target, decision.act, decision.rule, about), since=since, at=assessment.at):
            return False
        try:
            if self._is_recorded(decision, about, since, assessment.at):
                return False
            if self._is_recording:
                self.journal.write_decision(decision)
        except ViewsError as error:
            notes.append(str(error))
        return True

    def _is_recorded(self, decision: Decision, about: str, since: datetime, now: datetime) -> bool:
        """Tell whether another process has written this very decision down since the trouble began."""
        entries = self.journal.entries(limit=_ENTRIES, now=now) if self.journal.exists() else []
        return any(
            (entry.event, entry.act, entry.rule) == ("decided", decision.act, decision.rule)
            and (entry.node == about if about else entry.node not in self._policy.services)
            and entry.at >= since
            for entry in entries
        )


def report_targets(assessment: Assessment, journal_state: JournalState, policy: Policy) -> tuple[TargetReport, ...]:
    """Decide about the cluster and each service. Pure."""
    own = journal_state.of(CLUSTER)
    found = [TargetReport(target=CLUSTER, decision=decide(assessment, own, policy), journal_state=own)]
    for health in assessment.services:
        target = health.node.id.target
        own = journal_state.of(target)
        decision = decide_service(health, assessment, own, policy)
        found.append(TargetReport(target=target, decision=decision, journal_state=own, health=health))
    return tuple(found)


def _about(assessment: Assessment, report: TargetReport) -> str:
    """Return which nodes or service an alert is about; nothing where it is about the whole cluster.

    Which of its nodes answer may change at each check then, and nobody is called again for that.
    """
    is_whole = report.health is None and (report.decision.is_overdue or assessment.cut_off is not None)
    return "" if is_whole else report.decision.on


def _trouble_start(assessment: Assessment, report: TargetReport) -> datetime:
    """Return when what a decision is about began: the last of its nodes counts."""
    decision, health = report.decision, report.health
    trouble_since = health.trouble_since if health is not None else assessment.trouble_since
    if decision.is_overdue and trouble_since is not None:
        return trouble_since
    if health is not None:
        return health.since
    if assessment.cut_off is not None:
        return assessment.cut_off.since
    return max((each.since for each in assessment.nodes if each.node.id in decision.nodes), default=assessment.at)
