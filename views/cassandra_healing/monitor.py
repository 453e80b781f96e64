"""Monitor a cluster: check, record, assess, decide. Does nothing to a node."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from cassandra_client.errors import ViewsError
from cassandra_healing.alert_log import AlertLog
from cassandra_healing.assessment import assess
from cassandra_healing.decision import Decision
from cassandra_healing.model import Assessment, HealthCheck
from cassandra_healing.operation_model import HealingAction, JournalState
from cassandra_healing.operation_progress import OperationProgress, read_progress
from cassandra_healing.policy import Policy
from cassandra_healing.probes.prober import ClusterProber
from cassandra_healing.rules.engine import decide
from cassandra_healing.services.decision import ServiceRule
from cassandra_healing.services.monitor import ServiceMonitor, ServiceReport
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.check_history import CheckHistory
from cassandra_healing.storage.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthReport:
    """What one check found.

    Args:
        is_first_check: no check came before it, so gossip proves nothing yet.
        is_new_decision: the decision is more than to wait, and no process has made it for this trouble before.
        services: what the check found for each service.
        notes: what could not be read or recorded, in sentences.
    """

    check: HealthCheck
    assessment: Assessment
    decision: Decision
    journal_state: JournalState
    is_first_check: bool
    is_new_decision: bool
    services: tuple[ServiceReport, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Tell whether nothing is wrong, neither with nodes nor with services."""
        return self.decision.is_well and all(each.decision.rule is ServiceRule.WELL for each in self.services)


class ClusterMonitor:
    """Checks a cluster repeatedly, and continues from the checks of other processes.

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
        self.services = ServiceMonitor(
            session, policy, self.journal, author=author, is_recording=is_recording, clock=clock
        )
        self._checks: list[HealthCheck] = []
        self._is_restored = False
        self._alerts = AlertLog()

    def close(self) -> None:
        """End what was begun; the session is left open."""
        self._prober.close()
        self.services.close()

    def check(self) -> HealthReport:
        """Check once, and decide what to do.

        Nothing that the cluster does raises: what cannot be read or recorded becomes a note.
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
        decision = decide(assessment, journal_state, self._policy)
        is_new_decision = self._is_new_decision(assessment, decision, notes)
        services = self.services.check(is_cluster_well=assessment.cut_off is None)
        return HealthReport(
            check=check,
            assessment=assessment,
            decision=decision,
            journal_state=journal_state,
            is_first_check=is_first_check,
            is_new_decision=is_new_decision,
            services=tuple(services),
            notes=(*notes, *self.services.notes),
        )

    def progress(self, report: HealthReport) -> OperationProgress | None:
        """Return how far the operation is that was under way at a check; None where none was, or it cannot be read."""
        operation = report.journal_state.under_way
        if operation is None:
            return None
        with suppress(ViewsError):
            return read_progress(self.journal.operation_entries(operation, report.check.at))
        return None

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

    def _is_new_decision(self, assessment: Assessment, decision: Decision, notes: list[str]) -> bool:
        """Tell whether a decision is new; write it down where checks are kept."""
        if decision.act is HealingAction.WAIT:
            return False
        since = _trouble_start(assessment, decision)
        about = _about(assessment, decision)
        if not self._alerts.is_new((decision.act, decision.rule, about), since=since, at=assessment.at):
            return False
        try:
            if self._is_recorded(assessment, decision, since):
                return False
            if self._is_recording:
                self.journal.write_decision(decision)
        except ViewsError as error:
            notes.append(str(error))
        return True

    def _is_recorded(self, assessment: Assessment, decision: Decision, since: datetime) -> bool:
        """Tell whether another process has written this very decision down since the trouble began."""
        entries = self.journal.entries(limit=20, now=assessment.at) if self.journal.exists() else []
        about = _about(assessment, decision)
        return any(
            (entry.event, entry.act, entry.rule) == ("decided", decision.act, decision.rule)
            and about in ("", entry.node)
            and entry.at >= since
            for entry in entries
        )


def _about(assessment: Assessment, decision: Decision) -> str:
    """Return which nodes an alert is about; nothing where it is about the whole cluster.

    Which of its nodes answer may change at each check then, and nobody is called again for that.
    """
    return "" if decision.is_overdue or assessment.cut_off is not None else decision.on


def _trouble_start(assessment: Assessment, decision: Decision) -> datetime:
    """Return when what a decision is about began: the last of its nodes counts."""
    if decision.is_overdue and assessment.trouble_since is not None:
        return assessment.trouble_since
    if assessment.cut_off is not None:
        return assessment.cut_off.since
    return max((each.since for each in assessment.nodes if each.node.id in decision.nodes), default=assessment.at)
