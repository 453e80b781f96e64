"""A healer of the cluster that settings name: for the command line and for Airflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import Session

from cassandra_healing.errors import HealingError
from cassandra_healing.monitor import ClusterMonitor
from cassandra_healing.operations.executor import OperationExecutor
from cassandra_healing.operations.node_actions import NodeActions
from cassandra_healing.probes.readiness import NodeConnector, connect_to_node
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage.journal import Journal
from cassandra_views.cluster.connect import tls_context
from cassandra_views.model.errors import ClusterError
from cassandra_views.project.config import Settings


@contextmanager
def translate_healing_errors() -> Iterator[None]:
    """Let errors of healing be errors of this package.

    Raises: ClusterError: with the same four parts.
    """
    try:
        yield
    except HealingError as error:
        raise ClusterError(error.what, on=error.on, remains=error.remains, next=error.next) from error


@contextmanager
def healing(
    session: Session,
    settings: Settings,
    *,
    author: str,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    on_progress: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[OperationExecutor, ClusterMonitor]]:
    """Return a healer, and the watcher that it looks through; checks and decisions are kept in the cluster."""
    policy = settings.env.healing
    # A check waits only so long for a node; what is written down must not fail for that.
    asked = ClusterSession(session, timeout_seconds=policy.timeout_seconds)
    patient = asked.patient(max(5.0, policy.timeout_seconds))
    journal = Journal(patient, policy.keyspace, author=author)
    monitor = ClusterMonitor(asked, policy, author=author, is_recording=True, clock=clock)
    node_actions = NodeActions(policy.machines, connect=node_connector(settings), on_progress=on_progress)
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


def node_connector(settings: Settings) -> NodeConnector:
    """Return what opens a session on one node of the settings' cluster."""
    env = settings.env
    tls = env.tls
    return partial(
        connect_to_node,
        port=env.port,
        auth=PlainTextAuthProvider(env.username, settings.password) if env.username else None,
        tls=tls_context(tls.ca, tls.cert, tls.key, check_hostname=tls.check_hostname) if tls else None,
    )
