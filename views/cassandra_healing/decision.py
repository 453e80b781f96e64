"""A decision: what is to be done about the cluster or a service now, why, and what it rests on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cassandra_healing.model import HealingAction, MemberId
from cassandra_healing.policy import Mode


class Rule(StrEnum):
    """Why something is decided, about a node or a service."""

    STOPPED = "stopped"
    CUT_OFF = "cut off"
    SEVERAL = "several"
    UNDER_WAY = "under way"
    WELL = "well"
    UNSEEN = "unseen"
    SETTLING = "settling"
    SKIPPED = "skipped"
    FLAPPING = "flapping"
    SLOW = "slow"
    STARTING = "starting"
    GRACE = "grace"
    SHUTDOWN = "shutdown"
    DISK = "disk"
    UNREAD = "unread"
    REPLICAS = "replicas"
    JOURNAL = "journal"
    REFUSED = "refused"
    BUSY = "busy"
    DISAGREEMENT = "disagreement"
    RESTART = "restart"
    RESTARTED = "restarted"
    RESTARTS = "restarts"
    SEED = "seed"
    QUORUM = "quorum"
    LIMIT = "limit"
    REPLACE = "replace"
    NEEDS = "needs"
    """Of a service, as the following: what it needs is not well."""
    BACK = "back"
    """It has time to come back after what was done."""
    NO_REPLACEMENT = "no replacement"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done now, in words of four parts.

    Args:
        at: when that was checked.
        nodes: which nodes it is about, or which service; the first is the one to restart or replace.
        what: what is wrong, or that nothing is.
        on: which nodes, keyspaces or service.
        remains: what holds as long as nothing else is done.
        next: what is done, or what a person should do.
        evidence: what was seen, result by result.
        mode: what becomes of a restart or replacement; None for the other acts.
        seeds: the seeds that a replacement is started with, where the node is one itself.
        is_overdue: a person is called only because waiting has taken ``page_minutes``.
    """

    at: datetime
    act: HealingAction
    rule: Rule
    what: str
    next: str
    on: str = ""
    remains: str = "Nothing was done"
    nodes: tuple[MemberId, ...] = ()
    evidence: tuple[str, ...] = ()
    mode: Mode | None = None
    seeds: tuple[str, ...] = ()
    is_overdue: bool = False

    @property
    def is_well(self) -> bool:
        """Tell whether nothing is wrong."""
        return self.rule is Rule.WELL
