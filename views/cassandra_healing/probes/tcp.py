"""A connection to a node's port for clients.

That one is taken proves no life: the kernel takes it for a hung process, too.
"""

from __future__ import annotations

import socket

from cassandra_healing.model import NodeId, Observation, Observer, Sign


def probe(node: NodeId, port: int, timeout_seconds: float) -> Observation:
    """Connect, and hang up."""
    sign, detail = connect(node.address, port, timeout_seconds)
    return Observation(node=node, observer=Observer.TCP, sign=sign, detail=detail)


def connect(address: str, port: int, timeout_seconds: float) -> tuple[Sign, str]:
    """Connect, and hang up; return the sign, and what was seen."""
    try:
        with socket.create_connection((address, port), timeout=timeout_seconds):
            return Sign.NEUTRAL, "takes connections"
    except TimeoutError:
        return Sign.BAD, f"no answer in {timeout_seconds:g} s"
    except OSError as error:
        return Sign.BAD, (error.strerror or str(error)).lower()
