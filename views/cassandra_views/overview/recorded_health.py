"""What ``views cluster --keep`` keeps: how each node fared, what people said, what was done. Reads only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_healing.assessment import assess
from cassandra_healing.model import CLUSTER, Assessment, HealthCheck, JournalState, MemberAssessment
from cassandra_healing.policy import Policy
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.check_history import CheckHistory
from cassandra_healing.storage.journal import Journal, JournalEntry
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
        assessment: of the nodes and services, by their checks; None where no check is recorded any more.
        journal_state: the kill switch, what is skipped, and the operations on nodes.
        entries: the journal's last entries, newest first.
    """

    at: datetime
    policy: Policy
    assessment: Assessment | None
    journal_state: JournalState
    entries: tuple[JournalEntry, ...]

    @property
    def nodes(self) -> tuple[MemberAssessment, ...]:
        """The nodes, those first that are not well."""
        found = self.assessment.nodes if self.assessment else ()
        return tuple(sorted(found, key=lambda each: (not each.is_sick, each.node.id)))

    @property
    def services(self) -> tuple[MemberAssessment, ...]:
        """The services, those first that are not well."""
        found = self.assessment.services if self.assessment else ()
        return tuple(sorted(found, key=lambda each: (not each.is_sick, each.node.id.address)))

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

    def __call__(self, database: Database, _registry: Registry) -> RecordedHealth | None:
        """Ask; a question as ``Lookout`` takes it."""
        policy = self._find_policy()
        session = ClusterSession(database.session, timeout_seconds=STATEMENT_SECONDS)
        journal = Journal(session, policy.keyspace, author="")
        now = datetime.now(UTC)
        try:
            if not journal.exists():
                return None
            checks = self._read(session, policy, now)
            return RecordedHealth(
                at=now,
                policy=policy,
                assessment=assess(checks, policy) if checks else None,
                journal_state=journal.read_state(now).of(CLUSTER),
                entries=tuple(journal.entries(limit=JOURNAL_ENTRIES, now=now)),
            )
        except ClusterError as error:
            error.on = error.on or f"keyspace {policy.keyspace}"
            raise

    def _read(self, session: ClusterSession, policy: Policy, now: datetime) -> list[HealthCheck]:
        history = CheckHistory(session, policy.keyspace, keep_hours=policy.history_hours)
        with self._lock:
            oldest = now - policy.memory
            self._checks = {at: check for at, check in self._checks.items() if at >= oldest}
            last = max(self._checks, default=None)
            since = oldest if last is None else max(oldest, last - _AGAIN)
            self._checks |= {check.at: check for check in history.read(since, now)}
            return [check for _at, check in sorted(self._checks.items())]
