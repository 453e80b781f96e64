"""Whether a node is up and in the ring, as it and its peers report."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from typing import Any, Final

from cassandra import Timeout, Unavailable
from cassandra.cluster import Session

from cassandra_client.driver_errors import NO_ANSWER, short_driver_text
from cassandra_healing.errors import HealingError


class NodeNotReady(HealingError):
    """The node did not join the ring in time."""


NodeConnector = Callable[[str], AbstractContextManager[Session]]
"""Opens a session that speaks to the node of this address and to no other: as ``connect_alone``."""

# Others are mistakes of ours, and no news of the node.
_UNREACHABLE: Final = (*NO_ANSWER, Unavailable, Timeout, OSError)

_PEERS: Final = 3
"""How many peers are asked: in a large cluster each of them hears what all hear."""


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
        why = (error.strerror or str(error)).lower() if isinstance(error, OSError) else short_driver_text(error)
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
