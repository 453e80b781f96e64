"""The machine provider's view of a node: a command of the operator, run only for nodes that do not answer."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence

from cassandra_healing.model import NodeId, Observation, ObserverKind, ProbeResult

_RESULTS = {
    "running": ProbeResult.NEUTRAL,
    "stopped": ProbeResult.BAD,
    "gone": ProbeResult.GONE,
    "unknown": ProbeResult.NEUTRAL,
}
_SECONDS = 10.0


def probe(node: NodeId, command: Sequence[str]) -> Observation:
    """Run the command, ``{address}`` and ``{host_id}`` filled in; as ``run``."""
    result, detail, disk = run(command, {"address": node.address, "host_id": str(node.host_id)})
    return Observation(node=node, observer=ObserverKind.MACHINE, result=result, detail=detail, disk_used_share=disk)


def run(command: Sequence[str], values: Mapping[str, str]) -> tuple[ProbeResult, str, float | None]:
    """Run a command and read its first line: the result, what it said, and how full the disk is.

    It prints ``running``, ``stopped``, ``gone`` or ``unknown``, and where it knows ``disk=0.97``. A process that
    runs is no proof of life: it may hang. A command that fails says nothing.
    """
    filled = list(command)
    for key, word in values.items():
        filled = [part.replace(f"{{{key}}}", word) for part in filled]
    try:
        done = subprocess.run(filled, capture_output=True, text=True, timeout=_SECONDS, check=False)
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
