"""Whether a node is up and in the ring, as it and its peers report."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

from cassandra import OperationTimedOut, Timeout, Unavailable
from cassandra.auth import AuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.connection import ConnectionBusy, ConnectionException
from cassandra.policies import FallthroughRetryPolicy, WhiteListRoundRobinPolicy
from cassandra.query import dict_factory

from cassandra_healing.errors import HealingError
from cassandra_healing.session import short


class NodeNotReady(HealingError):
    """The node did not join the ring in time."""


NodeConnector = Callable[[str], AbstractContextManager[Session]]
"""Opens a session that speaks to the node of this address and to no other."""

# Others are mistakes of ours, and no news of the node.
_UNREACHABLE: Final = (
    NoHostAvailable,
    OperationTimedOut,
    ConnectionException,
    ConnectionBusy,
    Unavailable,
    Timeout,
    OSError,
)

_PEERS: Final = 3
"""How many peers are asked: in a large cluster each of them hears what all hear."""


def connect_to_node(
    address: str,
    *,
    port: int = 9042,
    timeout_seconds: float = 5.0,
    auth: AuthProvider | None = None,
    tls: ssl.SSLContext | None = None,
) -> AbstractContextManager[Session]:
    """Open a session on one node alone; closed at the end of the block."""
    return _node_session(address, port, timeout_seconds, auth, tls)


@contextmanager
def _node_session(
    address: str, port: int, timeout_seconds: float, auth: AuthProvider | None, tls: ssl.SSLContext | None
) -> Iterator[Session]:
    # First without the driver, which tells its log at length of a node that is away.
    socket.create_connection((address, port), timeout=timeout_seconds).close()
    profile = ExecutionProfile(
        load_balancing_policy=WhiteListRoundRobinPolicy([address]),
        retry_policy=FallthroughRetryPolicy(),
        row_factory=dict_factory,
        request_timeout=timeout_seconds,
    )
    cluster = Cluster(
        [address],
        port=port,
        auth_provider=auth,
        ssl_context=tls,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=timeout_seconds,
        control_connection_timeout=timeout_seconds,
        # It lives for one check; the rest of the cluster does not matter to it.
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def find_unready_reason(address: str, connect: NodeConnector, *, knows: Collection[str] = ()) -> str:
    """Return what keeps a node from being up and normal, in words; nothing where it is.

    It must say of itself that it has joined, and three of its peers (or all, where there are fewer) must have heard of
    this very process of it, as normal, with the schema that it has. Its peers are those of its own gossip: a node that
    has met nobody yet is found alone and well, so name in ``knows`` the addresses that it must have heard of.
    """
    try:
        with connect(address) as session:
            own = _row(session, "SELECT bootstrapped, gossip_generation, schema_version FROM system.local")
            ring = list(session.execute("SELECT address, status_with_port FROM system_views.gossip_info"))
    except _UNREACHABLE as error:
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else short(error)
        return f"it does not answer ({why})"
    if own["bootstrapped"] != "COMPLETED":
        return f"it has not joined ({str(own['bootstrapped']).lower()})"
    # A peer that is down or has left cannot say anything.
    peers = sorted(str(row["address"]) for row in ring if str(row["address"]) != address)
    if unknown_peers := sorted({*knows} - {*peers, address}):
        return f"it has not heard of {', '.join(unknown_peers)}"
    heard = 0
    for peer in peers:
        if heard == min(_PEERS, len(peers)):
            break
        try:
            with connect(peer) as session:
                row = _row(session, _PEER_VIEW, address)
        except _UNREACHABLE:
            continue
        heard += 1
        if reason := _peer_doubt(row, own, peer):
            return reason
    if peers and not heard:
        return "none of its peers answers"
    return ""


def await_ready(
    address: str,
    connect: NodeConnector,
    timeout_seconds: float,
    *,
    knows: Collection[str] = (),
    poll_seconds: float = 1.0,
    on_progress: Callable[[str], None] = lambda _: None,
) -> float:
    """Wait until a node is up and in the ring (see ``find_unready_reason``); return the seconds.

    Raises: NodeNotReady: says what it still lacks.
    """
    started = time.monotonic()
    reported = ""
    while reason := find_unready_reason(address, connect, knows=knows):
        if reason != reported:
            on_progress(f"{address}: {reason}")
            reported = reason
        if time.monotonic() - started >= timeout_seconds:
            raise NodeNotReady(
                f"it is not in the ring after {timeout_seconds:g} s: {reason}",
                on=address,
                remains="It is left as it is",
                next="See its log; then try again, or fence and replace it",
            )
        time.sleep(poll_seconds)
    return time.monotonic() - started


_PEER_VIEW: Final = (
    'SELECT generation, status_with_port, "schema" FROM system_views.gossip_info WHERE address = %s ALLOW FILTERING'
)


def _peer_doubt(row: dict[str, Any], own: dict[str, Any], peer: str) -> str:
    if not row:
        return f"{peer} has not heard of it"
    status = str(row["status_with_port"] or "no status").partition(",")[0]
    if row["generation"] != own["gossip_generation"]:
        return f"{peer} has heard only of the process before"
    if status != "NORMAL":
        return f"{peer} takes it for {status}"
    if str(row["schema"]) != str(own["schema_version"]):
        return f"{peer} has heard of another schema from it"
    return ""


def _row(session: Session, query: str, *values: Any) -> dict[str, Any]:
    return next(iter(session.execute(query, values or None)), {})
