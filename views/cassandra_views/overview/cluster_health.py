"""How the cluster is: by what its nodes say now, and by checks that ``views cluster --keep`` records. Reads only."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cassandra import ConsistencyLevel

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_client.names import quoted
from cassandra_healing.assessment import assess
from cassandra_healing.model import Assessment, HealthCheck, JournalState, MemberAssessment
from cassandra_healing.policy import Policy
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.check_history import CheckHistory
from cassandra_healing.storage.journal import Journal, JournalEntry
from cassandra_views.apply.builds import running_builds
from cassandra_views.overview.query_runner import NODE_SECONDS, STATEMENT_SECONDS, RegistryQuery
from cassandra_views.plan.node_facts import NodeFacts, schema_groups
from cassandra_views.plan.node_reader import read_facts
from cassandra_views.registry.lease import RESOURCE
from cassandra_views.registry.store import Registry

JOURNAL_ENTRIES = 10
"""How many of the journal's last entries are shown."""

_AGAIN = timedelta(minutes=1)
"""Checks of so long ago are read once more: of two who watch, one may write later than the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterHealth:
    """All nodes at one moment.

    Args:
        lease_owner: the run that sends DDL or switches readers now; empty where none does.
        running: views that some node builds now, as ``keyspace.physical``.
        unreadable: tables that the role may not read, so that their part is unknown.
    """

    at: datetime
    cluster: str
    registry: str
    registry_schema: int | None
    nodes: tuple[NodeFacts, ...]
    lease_owner: str = ""
    running: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """Tell whether all nodes that answered have one schema."""
        return len(schema_groups(self.nodes)) <= 1

    @property
    def down(self) -> tuple[str, ...]:
        """The nodes that did not answer."""
        return tuple(node.address for node in self.nodes if node.error)


def read_health(database: Database, registry: Registry) -> ClusterHealth:
    """Ask every node how it is.

    Raises:
        ClusterError: no node answers.
    """
    known = read_facts(database, timeout_seconds=NODE_SECONDS)
    unreadable = []
    if any(not node.state for node in known.nodes):
        unreadable.append("system_views.gossip_info")
    if known.settings_refusal is not None:
        unreadable.append("system_views.settings")
    number = registry.schema_number()
    owner, running = "", []
    if number is not None:
        lease = f"SELECT owner FROM {quoted(registry.keyspace)}.lease WHERE resource = ?"
        rows = database.rows(lease, (RESOURCE,), consistency=ConsistencyLevel.LOCAL_QUORUM)
        owner = (rows[0]["owner"] or "") if rows else ""
        for keyspace in sorted({record.name.keyspace for record in registry.read_all() if record.is_live}):
            builds = running_builds(database, keyspace, hosts=known.reached, timeout_seconds=NODE_SECONDS)
            running += [f"{keyspace}.{each}" for each in builds]
    return ClusterHealth(
        at=datetime.now(UTC),
        cluster=known.name,
        registry=registry.keyspace,
        registry_schema=number,
        nodes=known.nodes,
        lease_owner=owner,
        running=tuple(running),
        unreadable=tuple(unreadable),
    )


HEALTH_QUERY: RegistryQuery[ClusterHealth] = RegistryQuery(key="health", read=read_health, patience_seconds=8.0)
"""All nodes are asked, one that hangs once, for the whole of its time-out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedHealth:
    """What is recorded of the nodes.

    Args:
        assessment: of the nodes and services, by their checks; None where no check is recorded any more.
        journal_state: the kill switch, what is skipped, and the operations.
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


class RecordedHealthReader:
    """Reads what is recorded. Remembers checks, so that new ones alone are read."""

    def __init__(self, find_policy: Callable[[], Policy]) -> None:
        self._find_policy = find_policy
        self._lock = threading.Lock()
        self._checks: dict[datetime, HealthCheck] = {}

    @property
    def query(self) -> RegistryQuery[RecordedHealth | None]:
        """The query for what is recorded; None where nothing ever was."""
        return RegistryQuery(key="recorded health", read=self.read)

    def read(self, database: Database, _registry: Registry) -> RecordedHealth | None:
        """Read it.

        Raises:
            ClusterError: the cluster does not answer, or the role may not read it.
        """
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
                journal_state=journal.read_state(now),
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
