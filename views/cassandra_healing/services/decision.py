"""What was decided about a service, and by which rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cassandra_healing.mode import Mode
from cassandra_healing.operation_model import HealingAction


class ServiceRule(StrEnum):
    """Why something is decided."""

    STOPPED = "stopped"
    UNDER_WAY = "under way"
    CUT_OFF = "cut off"
    WELL = "well"
    UNSEEN = "unseen"
    SKIPPED = "skipped"
    NEEDS = "needs"
    GRACE = "grace"
    JOURNAL = "journal"
    REFUSED = "refused"
    BACK = "back"
    RESTART = "restart"
    RESTARTS = "restarts"
    NO_REPLACEMENT = "no replacement"
    SEVERAL = "several"
    LIMIT = "limit"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDecision:
    """What is to be done about a service now, in words of four parts.

    Args:
        at: when it was checked.
        mode: what becomes of a restart or replacement; None for the other acts.
        evidence: what was seen.
        is_overdue: a person is called only because waiting has taken ``page_minutes``.
    """

    service: str
    at: datetime
    act: HealingAction
    rule: ServiceRule
    what: str
    next: str
    remains: str = "Nothing was done"
    evidence: tuple[str, ...] = ()
    mode: Mode | None = None
    is_overdue: bool = False
