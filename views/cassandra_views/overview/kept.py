"""What ``views cluster --keep`` keeps: how each node fared, what people said, what was done. Reads only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cassandra_healing.assessment import judge
from cassandra_healing.errors import HealingError
from cassandra_healing.model import Judgement, Look, NodeHealth
from cassandra_healing.operation_model import Record
from cassandra_healing.policy import Policy
from cassandra_healing.services.assessment import judge as judge_service
from cassandra_healing.services.model import ServiceHealth, ServiceLook
from cassandra_healing.services.storage import ServiceHistory
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.check_history import History
from cassandra_healing.storage.journal import Journal
from cassandra_healing.storage.journal_entry import Line
from cassandra_views.cluster.database import Database
from cassandra_views.cluster.registry import Registry
from cassandra_views.model.errors import ClusterError
from cassandra_views.overview.lookout import STATEMENT_SECONDS

LINES = 10
"""How many of the journal's last lines are shown."""

_AGAIN = timedelta(minutes=1)
"""Looks of so long ago are read once more: of two who watch, one may write later than the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptHealth:
    """What is kept of the nodes.

    Args:
        judgement: what the looks come to; None where none is kept any more.
        services: what the looks at services come to, those first that are not well.
        record: the kill switch, skipped nodes, and what is under way.
        lines: the journal's last lines, newest first.
    """

    at: datetime
    policy: Policy
    judgement: Judgement | None
    services: tuple[ServiceHealth, ...]
    record: Record
    lines: tuple[Line, ...]

    @property
    def nodes(self) -> tuple[NodeHealth, ...]:
        """The nodes, those first that are not well."""
        found = self.judgement.nodes if self.judgement else ()
        return tuple(sorted(found, key=lambda each: (not each.is_sick, each.node.id)))

    @property
    def is_old(self) -> bool:
        """Tell whether nobody looks any more: all graces would begin anew."""
        return self.judgement is None or self.at - self.judgement.at > timedelta(minutes=self.policy.gap_minutes)


class KeptQuestion:
    """The question for what is kept; None where nothing ever was. Remembers looks, so that new ones alone are read.

    Raises:
        ClusterError: the cluster does not answer, or the role may not read what is kept.
    """

    def __init__(self, find_policy: Callable[[], Policy]) -> None:
        self._find_policy = find_policy
        self._lock = threading.Lock()
        self._looks: dict[datetime, Look] = {}
        self._services: dict[tuple[str, datetime], ServiceLook] = {}

    def __call__(self, database: Database, _registry: Registry) -> KeptHealth | None:
        """Ask; a question as ``Lookout`` takes it."""
        policy = self._find_policy()
        session = ClusterSession(database.session, timeout_seconds=STATEMENT_SECONDS)
        journal = Journal(session, policy.keyspace, author="")
        now = datetime.now(UTC)
        try:
            if not journal.exists():
                return None
            looks, services = self._read(session, policy, now)
            return KeptHealth(
                at=now,
                policy=policy,
                judgement=judge(looks, policy) if looks else None,
                services=tuple(sorted(services, key=lambda each: (not each.is_sick, each.service))),
                record=journal.record(now),
                lines=tuple(journal.lines(limit=LINES, now=now)),
            )
        except HealingError as error:
            raise ClusterError(
                error.what, on=error.on or f"keyspace {policy.keyspace}", remains=error.remains, next=error.next
            ) from error

    def _read(self, session: ClusterSession, policy: Policy, now: datetime) -> tuple[list[Look], list[ServiceHealth]]:
        """Return the looks at the nodes, and what those at services come to."""
        history = History(session, policy.keyspace, keep_hours=policy.history_hours)
        of_services = ServiceHistory(session, policy.keyspace, keep_hours=policy.history_hours)
        with self._lock:
            oldest = now - policy.memory
            self._looks = {at: look for at, look in self._looks.items() if at >= oldest}
            self._services = {key: look for key, look in self._services.items() if look.at >= oldest}
            last = max(self._looks, default=None)
            since = oldest if last is None else max(oldest, last - _AGAIN)
            self._looks |= {look.at: look for look in history.read(since, now)}
            for looks in of_services.read(since, now).values():
                self._services |= {(look.service, look.at): look for look in looks}
            by_service: dict[str, list[ServiceLook]] = {}
            for _key, look in sorted(self._services.items()):
                by_service.setdefault(look.service, []).append(look)
            services = [judge_service(each, policy.gap_minutes) for each in by_service.values()]
            return [look for _at, look in sorted(self._looks.items())], services
