"""Monitor services: check, record, assess, decide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cassandra_client.errors import ViewsError
from cassandra_healing.alert_log import AlertLog
from cassandra_healing.operation_model import HealingAction, JournalState
from cassandra_healing.policy import Policy
from cassandra_healing.services.assessment import assess_service
from cassandra_healing.services.decision import ServiceDecision
from cassandra_healing.services.model import ServiceAssessment, ServiceCheck
from cassandra_healing.services.prober import ServiceProber
from cassandra_healing.services.rule_context import ServiceRuleContext
from cassandra_healing.services.rules import decide_service
from cassandra_healing.services.storage import ServiceCheckHistory, ServiceJournal
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.journal import Journal


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceReport:
    """What one check found for one service.

    Args:
        is_new_decision: the decision is more than to wait, and no process has made it for this trouble before.
    """

    health: ServiceAssessment
    decision: ServiceDecision
    is_new_decision: bool


class ServiceMonitor:
    """Checks services repeatedly, and continues from the checks of other processes.

    Args:
        journal: of the cluster.
        author: who acts: a person, or the program that watches.
        is_recording: write checks and decisions to the cluster; without it nothing is written.
        clock: what time it is, aware UTC.
    """

    def __init__(
        self,
        session: ClusterSession,
        policy: Policy,
        journal: Journal,
        *,
        author: str,
        is_recording: bool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._policy = policy
        self._is_recording = is_recording
        self._clock = clock
        self._prober = ServiceProber(session, policy.services, clock=clock)
        self._history = ServiceCheckHistory(session, policy.keyspace, keep_hours=policy.history_hours)
        self.journal = ServiceJournal(session, policy.keyspace, journal, author=author)
        self._checks: dict[str, list[ServiceCheck]] = defaultdict(list)
        self._is_restored = False
        self._alerts = AlertLog()
        self.notes: list[str] = []
        """What could not be read or recorded at the last check, in sentences."""

    def close(self) -> None:
        """End what was begun; the session is left open."""
        self._prober.close()

    def check(self, *, is_cluster_well: bool) -> list[ServiceReport]:
        """Check once, and say what is to be done about each service. Nothing that a service does raises."""
        self.notes = []
        names = tuple(self._policy.services)
        if not names:
            return []
        self._restore()
        checks = self._prober.check()
        oldest = checks[0].at - self._window
        for check in checks:
            kept = self._checks[check.service]
            first = next((number for number, each in enumerate(kept) if each.at >= oldest), len(kept))
            # One more, so that seldom checks, too, reach as far back as page_minutes.
            self._checks[check.service] = [*kept[max(0, first - 1) :], check]
        records = {name: JournalState(is_readable=False) for name in names}
        try:
            records = self.journal.read_states(names, checks[0].at)
            if self._is_recording:
                self._history.write(checks)
        except ViewsError as error:
            self.notes.append(str(error))
        others = {name: assess_service(self._checks[name], self._policy.gap_minutes) for name in names}
        found = []
        for name in names:
            context = ServiceRuleContext(
                health=others[name],
                others=others,
                is_cluster_well=is_cluster_well,
                journal_state=records[name],
                policies=self._policy.services,
                mode=self._policy.mode,
            )
            decision = decide_service(context)
            found.append(
                ServiceReport(
                    health=others[name],
                    decision=decision,
                    is_new_decision=self._is_new_decision(others[name], decision),
                )
            )
        return found

    @property
    def _window(self) -> timedelta:
        """How far back a judgement reaches."""
        longest = max((each.page_minutes for each in self._policy.services.values()), default=0.0)
        return timedelta(minutes=longest + 10)

    def _restore(self) -> None:
        if self._is_restored:
            return
        now = self._clock()
        try:
            for name, checks in self._history.read(now - self._window, now).items():
                self._checks[name] = sorted([*checks, *self._checks[name]], key=lambda check: check.at)
            self._is_restored = True
        except ViewsError as error:
            self.notes.append(str(error))

    def _is_new_decision(self, health: ServiceAssessment, decision: ServiceDecision) -> bool:
        """Tell whether a decision is new; write it down where checks are kept."""
        if decision.act is HealingAction.WAIT:
            return False
        since = health.since
        if decision.is_overdue and health.trouble_since is not None:
            since = health.trouble_since
        if not self._alerts.is_new((decision.service, decision.act, decision.rule), since=since, at=health.at):
            return False
        try:
            if self.journal.is_recorded(decision, since, health.at):
                return False
            if self._is_recording:
                self.journal.write_decision(decision)
        except ViewsError as error:
            self.notes.append(str(error))
        return True
