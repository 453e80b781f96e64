"""Operations and the journal's state, as far as a decision depends on it: kill switch, skipped nodes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cassandra_healing.model import NodeId


class HealingAction(StrEnum):
    """What can be decided."""

    WAIT = "wait"
    RESTART = "restart"
    REPLACE = "replace"
    PAGE = "page"


class OperationOutcome(StrEnum):
    """How an operation ended."""

    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    """A person refused it, or nobody answered."""
    WITHDRAWN = "withdrawn"
    """What it was for no longer held before anything was done."""

    @property
    def is_idle(self) -> bool:
        """Tell whether nothing was done to the node."""
        return self in (OperationOutcome.REFUSED, OperationOutcome.WITHDRAWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A restart or a replacement that was begun.

    Args:
        ended_at, outcome: None while it is under way.
    """

    id: uuid.UUID
    act: HealingAction
    node: NodeId
    begun_at: datetime
    ended_at: datetime | None = None
    outcome: OperationOutcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNote:
    """The note of an operator on the kill switch or a skipped node."""

    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalState:
    """The journal, as far as a decision depends on it.

    Args:
        stopped: the kill switch; None where healing is on.
        skips: nodes that are left alone, by host id.
        operations: those that are under way, and those of the last days.
        is_readable: false where the journal could not be read: then nothing is done to a node.
    """

    stopped: OperatorNote | None = None
    skips: Mapping[uuid.UUID, OperatorNote] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()
    is_readable: bool = True

    @property
    def under_way(self) -> Operation | None:
        """Return the operation that has begun and not ended."""
        return next((each for each in self.operations if each.outcome is None), None)

    def last(self, act: HealingAction, node: NodeId, since: datetime) -> Operation | None:
        """Return the newest operation of a kind on a node that was begun since a moment, and not withdrawn."""
        found = [
            each
            for each in self._of(act, node)
            if each.begun_at >= since and each.outcome is not OperationOutcome.WITHDRAWN
        ]
        return max(found, key=lambda operation: operation.begun_at, default=None)

    def restarts(self, node: NodeId, now: datetime) -> int:
        """Return how often a node was restarted within the last 24 hours."""
        return sum(_counts(each, now) for each in self._of(HealingAction.RESTART, node))

    def replacements(self, now: datetime) -> int:
        """Return how many nodes were replaced within the last 24 hours, or begun to be."""
        return sum(each.act is HealingAction.REPLACE and _counts(each, now) for each in self.operations)

    def _of(self, act: HealingAction, node: NodeId) -> tuple[Operation, ...]:
        return tuple(each for each in self.operations if each.act is act and each.node.host_id == node.host_id)


def _counts(operation: Operation, now: datetime) -> bool:
    return not (operation.outcome and operation.outcome.is_idle) and now - operation.begun_at < timedelta(hours=24)
