"""Assess the health of a service by its checks over time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from cassandra_healing.model import HealthVerdict, ProbeResult
from cassandra_healing.services.model import ServiceAssessment, ServiceCheck

_VERDICTS = {
    ProbeResult.BAD: HealthVerdict.DOWN,
    ProbeResult.GONE: HealthVerdict.GONE,
    ProbeResult.NEUTRAL: HealthVerdict.UNSEEN,
}


def assess_service(checks: Sequence[ServiceCheck], gap_minutes: float) -> ServiceAssessment:
    """Assess a service by its checks, oldest first; at least one.

    One good result ends a trouble. A check that could not tell neither ends nor prolongs one. A clock that was set
    back, or more than ``gap_minutes`` without a check, starts everything over.
    """
    gap = timedelta(minutes=gap_minutes)
    is_bad: bool | None = None
    since: datetime | None = None
    unseen_since: datetime | None = None
    count = 0
    before: datetime | None = None
    trouble: timedelta | None = None
    for check in checks:
        if check.result in (ProbeResult.GOOD, ProbeResult.SLOW):
            trouble = None
        elif trouble is None:
            trouble = timedelta()
        elif before is not None:
            trouble += max(timedelta(), check.at - before)  # a clock that was set back takes nothing away
        if before is not None and not timedelta() <= check.at - before <= gap:
            is_bad, since, unseen_since, count = None, None, None, 0
        before = check.at
        if check.result is ProbeResult.NEUTRAL:
            unseen_since = unseen_since or check.at
            continue
        unseen_since = None
        bad = check.result in (ProbeResult.BAD, ProbeResult.GONE)
        if bad is not is_bad:
            is_bad, since, count = bad, check.at, 0
        count += 1
    last = checks[-1]
    verdict = _VERDICTS.get(last.result, HealthVerdict.UP)
    if verdict is HealthVerdict.UNSEEN and is_bad:
        verdict, unseen_since = HealthVerdict.DOWN, None
    return ServiceAssessment(
        service=last.service,
        at=last.at,
        verdict=verdict,
        since=unseen_since or since or last.at,
        checks=count,
        seen=last.seen,
        trouble_since=None if trouble is None else last.at - trouble,
    )
