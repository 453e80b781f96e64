"""What is seen of a service, and what is made of it. Plain values."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from cassandra_healing.model import HealthVerdict, NodeId, ProbeResult

_NAMESPACE = uuid.UUID("0c1b5c3e-7f0e-5d2a-9a53-6c1f5d1f7e21")


def service_id(name: str) -> NodeId:
    """Return a service's id in operations: made of its name, as it has no host id."""
    return NodeId(host_id=uuid.uuid5(_NAMESPACE, f"service {name}"), address=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCheck:
    """All results of one service at one moment.

    Args:
        work: whether it does its work, the result that counts.
        machine: the machine provider's view.
        seen: all that was seen, in words, observer by observer.
    """

    service: str
    at: datetime
    work: ProbeResult
    machine: ProbeResult = ProbeResult.NEUTRAL
    seen: tuple[str, ...] = ()

    @property
    def result(self) -> ProbeResult:
        """Return what the results come to: GOOD, BAD, GONE, or NEUTRAL where it cannot be told."""
        if self.work is ProbeResult.GOOD or self.machine is ProbeResult.NEUTRAL:
            return self.work
        return self.machine


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAssessment:
    """What is made of one service.

    Args:
        verdict: up, down, gone or unseen.
        since: since when it is so, as far back as checks reach.
        checks: how many checks in a row said so.
        seen: what was seen last.
        trouble_since: since when no check found it at work; None where the last one did. Only a check that finds it at
            work ends it.
    """

    service: str
    at: datetime
    verdict: HealthVerdict
    since: datetime
    checks: int
    seen: tuple[str, ...] = ()
    trouble_since: datetime | None = None

    @property
    def is_sick(self) -> bool:
        """Tell whether something is wrong with it."""
        return self.verdict in (HealthVerdict.DOWN, HealthVerdict.GONE)
