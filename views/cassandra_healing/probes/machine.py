"""The machine of a node or service: its port, and its provider's view by a command of the operator."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Mapping, Sequence

from cassandra_healing.model import MemberId, Observation, ObserverKind, ProbeResult

_RESULTS = {
    "running": ProbeResult.NEUTRAL,
    "stopped": ProbeResult.BAD,
    "gone": ProbeResult.GONE,
    "unknown": ProbeResult.NEUTRAL,
}
_SECONDS = 10.0


def probe_port(node: MemberId, port: int, timeout_seconds: float) -> Observation:
    """Connect to a node's port for clients, and hang up."""
    result, detail = connect(node.address, port, timeout_seconds)
    return Observation(node=node, observer=ObserverKind.TCP, result=result, detail=detail)


def connect(address: str, port: int, timeout_seconds: float) -> tuple[ProbeResult, str]:
    """Connect, and hang up; return the result, and what was seen.

    That a connection is taken proves no life: the kernel takes it for a hung process, too.
    """
    try:
        with socket.create_connection((address, port), timeout=timeout_seconds):
            return ProbeResult.NEUTRAL, "takes connections"
    except TimeoutError:
        return ProbeResult.BAD, f"no answer in {timeout_seconds:g} s"
    except OSError as error:
        return ProbeResult.BAD, (error.strerror or str(error)).lower()


def ask_provider(node: MemberId, command: Sequence[str], values: Mapping[str, str] | None = None) -> Observation:
    """Run the operator's command for a machine, and read its first line.

    It prints ``running``, ``stopped``, ``gone`` or ``unknown``, and where it knows ``disk=0.97``. A process that
    runs is no proof of life: it may hang. A command that fails says nothing.

    Args:
        values: what is filled in; by default ``{address}`` and ``{host_id}``.
    """
    filled = list(command)
    for key, word in (values or {"address": node.address, "host_id": str(node.host_id)}).items():
        filled = [part.replace(f"{{{key}}}", word) for part in filled]
    result, detail, disk = _run(filled)
    return Observation(node=node, observer=ObserverKind.MACHINE, result=result, detail=detail, disk_used_share=disk)


def _run(command: Sequence[str]) -> tuple[ProbeResult, str, float | None]:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return ProbeResult.NEUTRAL, f"the command took more than {_SECONDS:g} s", None
    except OSError as error:
        return ProbeResult.NEUTRAL, f"the command cannot be run: {error.strerror}", None
    line = (done.stdout.strip().splitlines() or [""])[0]
    word = line.split()[0].lower() if line else ""
    if word not in _RESULTS:
        return ProbeResult.NEUTRAL, f"the command said {line or 'nothing'!r} (exit code {done.returncode})", None
    disk = re.search(r"\bdisk=(0?\.\d+|[01](?:\.0+)?)\b", line)
    return _RESULTS[word], line, float(disk[1]) if disk else None
