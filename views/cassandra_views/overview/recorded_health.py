"""What ``views cluster --keep`` keeps: how each node fared, what people said, what was done. Reads only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_healing.assessment import assess
from cassandra_healing.model import Assessment, HealthCheck, NodeAssessment
from cassandra_healing.operation_model import JournalState
from cassandra_healing.policy import Policy
from cassandra_healing.services.assessment import assess_service
from cassandra_healing.services.model import ServiceAssessment, ServiceCheck
from cassandra_healing.services.storage import ServiceCheckHistory
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.check_history import CheckHistory
from cassandra_healing.storage.journal import Journal
from cassandra_healing.storage.journal_entry import JournalEntry
from cassandra_views.overview.lookout import STATEMENT_SECONDS
from cassandra_views.registry.store import Registry

JOURNAL_ENTRIES = 10
"""How many of the journal's last entries are shown."""

_AGAIN = timedelta(minutes=1)
"""Looks of so long ago are read once more: of two who watch, one may write later than the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedHealth:
    """What is kept of the nodes.

    Args:
        assessment: of the nodes, by their checks; None where no check is recorded any more.
        services: the assessments of services, those first that are not well.
        journal_state: the kill switch, skipped nodes, and what is under way.
        entries: the journal's last entries, newest first.
    """

    at: datetime
    policy: Policy
    assessment: Assessment | None
    services: tuple[ServiceAssessment, ...]
    journal_state: JournalState
    entries: tuple[JournalEntry, ...]

    @property
    def nodes(self) -> tuple[NodeAssessment, ...]:
        """The nodes, those first that are not well."""
        found = self.assessment.nodes if self.assessment else ()
        return tuple(sorted(found, key=lambda each: (not each.is_sick, each.node.id)))

    @property
    def is_old(self) -> bool:
        """Tell whether checks have stopped: all graces would start over."""
        return self.assessment is None or self.at - self.assessment.at > timedelta(minutes=self.policy.gap_minutes)


class RecordedHealthQuery:
    """The question for what is kept; None where nothing ever was. Remembers looks, so that new ones alone are read.

    Raises:
        ClusterError: the cluster does not answer, or the role may not read what is kept.
    """

    def __init__(self, find_policy: Callable[[], Policy]) -> None:
        self._find_policy = find_policy
        self._lock = threading.Lock()
        self._checks: dict[datetime, HealthCheck] = {}
        self._services: dict[tuple[str, datetime], ServiceCheck] = {}

    def __call__(self, database: Database, _registry: Registry) -> RecordedHealth | None:
        """Ask; a question as ``Lookout`` takes it."""
        policy = self._find_policy()
        session = ClusterSession(database.session, timeout_seconds=STATEMENT_SECONDS)
        journal = Journal(session, policy.keyspace, author="")
        now = datetime.now(UTC)
        try:
            if not journal.exists():
                return None
            checks, services = self._read(session, policy, now)
            return RecordedHealth(
                at=now,
                policy=policy,
                assessment=assess(checks, policy) if checks else None,
                services=tuple(sorted(services, key=lambda each: (not each.is_sick, each.service))),
                journal_state=journal.read_state(now),
                entries=tuple(journal.entries(limit=JOURNAL_ENTRIES, now=now)),
            )
        except ClusterError as error:
            error.on = error.on or f"keyspace {policy.keyspace}"
            raise

    def _read(
        self, session: ClusterSession, policy: Policy, now: datetime
    ) -> tuple[list[HealthCheck], list[ServiceAssessment]]:
        """Return the checks of the nodes, and the assessments of services."""
        history = CheckHistory(session, policy.keyspace, keep_hours=policy.history_hours)
        of_services = ServiceCheckHistory(session, policy.keyspace, keep_hours=policy.history_hours)
        with self._lock:
            oldest = now - policy.memory
            self._checks = {at: check for at, check in self._checks.items() if at >= oldest}
            self._services = {key: check for key, check in self._services.items() if check.at >= oldest}
            last = max(self._checks, default=None)
            since = oldest if last is None else max(oldest, last - _AGAIN)
            self._checks |= {check.at: check for check in history.read(since, now)}
            for checks in of_services.read(since, now).values():
                self._services |= {(check.service, check.at): check for check in checks}
            by_service: dict[str, list[ServiceCheck]] = {}
            for _key, check in sorted(self._services.items()):
                by_service.setdefault(check.service, []).append(check)
            services = [assess_service(each, policy.gap_minutes) for each in by_service.values()]
            return [check for _at, check in sorted(self._checks.items())], services
