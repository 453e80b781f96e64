"""A healer of the cluster that settings name: for the command line and for Airflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from cassandra.cluster import Session

from cassandra_healing.healer.hands import Hands
from cassandra_healing.healer.healer import Healer
from cassandra_healing.keeping.journal import Journal
from cassandra_healing.session import ClusterSession
from cassandra_healing.watcher import Watcher
from cassandra_views.project.config import Settings
from cassandra_views.project.session import connect_of


@contextmanager
def healing(
    session: Session,
    settings: Settings,
    *,
    author: str,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_progress: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[Healer, Watcher]]:
    """Return a healer, and the watcher that it looks through; looks and decisions are kept in the cluster."""
    policy = settings.env.healing
    # A look waits only so long for a node; what is written down must not fail for that.
    asked = ClusterSession(session, timeout_seconds=policy.timeout_seconds)
    patient = asked.patient(max(5.0, policy.timeout_seconds))
    journal = Journal(patient, policy.keyspace, author=author)
    watcher = Watcher(asked, policy, author=author, is_kept=True, clock=clock)
    hands = Hands(policy.machines, connect=connect_of(settings), on_progress=on_progress)
    try:
        healer = Healer(
            patient,
            policy,
            watcher,
            hands,
            journal=journal,
            author=author,
            clock=clock,
            on_progress=on_progress,
        )
        yield healer, watcher
    finally:
        watcher.close()
