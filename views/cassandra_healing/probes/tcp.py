"""A connection to a node's port for clients.

That one is taken proves no life: the kernel takes it for a hung process, too.
"""

from __future__ import annotations

import socket

from cassandra_healing.model import NodeId, Observation, ObserverKind, ProbeResult


def probe(node: NodeId, port: int, timeout_seconds: float) -> Observation:
    """Connect, and hang up."""
    result, detail = connect(node.address, port, timeout_seconds)
    return Observation(node=node, observer=ObserverKind.TCP, result=result, detail=detail)


def connect(address: str, port: int, timeout_seconds: float) -> tuple[ProbeResult, str]:
    """Connect, and hang up; return the result, and what was seen."""
    try:
        with socket.create_connection((address, port), timeout=timeout_seconds):
            return ProbeResult.NEUTRAL, "takes connections"
    except TimeoutError:
        return ProbeResult.BAD, f"no answer in {timeout_seconds:g} s"
    except OSError as error:
        return ProbeResult.BAD, (error.strerror or str(error)).lower()
