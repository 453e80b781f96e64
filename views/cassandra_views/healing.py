"""Healing of the cluster that settings name: for the command line and for Airflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from cassandra.cluster import Session

from cassandra_healing.monitor import ClusterMonitor
from cassandra_healing.operations.executor import OperationExecutor
from cassandra_healing.operations.node_actions import NodeActions
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.journal import Journal
from cassandra_healing.storage.tables import check_permissions
from cassandra_views.project.session import connect_of
from cassandra_views.project.settings import Settings


@contextmanager
def healing(
    session: Session,
    settings: Settings,
    *,
    author: str,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_progress: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[OperationExecutor, ClusterMonitor]]:
    """Yield an executor and its monitor, which records checks and decisions in the cluster.

    Raises:
        ClusterError: the role lacks a permission; nothing was begun.
    """
    policy = settings.env.healing
    # A check waits only so long for a node; what is written down must not fail for that.
    asked = ClusterSession(session, timeout_seconds=policy.timeout_seconds)
    patient = asked.patient(max(5.0, policy.timeout_seconds))
    check_permissions(asked, policy.keyspace)
    journal = Journal(patient, policy.keyspace, author=author)
    monitor = ClusterMonitor(asked, policy, author=author, is_recording=True, clock=clock)
    node_actions = NodeActions(policy, connect=connect_of(settings), on_progress=on_progress)
    try:
        executor = OperationExecutor(
            patient,
            policy,
            monitor,
            node_actions,
            journal=journal,
            author=author,
            clock=clock,
            on_progress=on_progress,
        )
        yield executor, monitor
    finally:
        monitor.close()
