"""The steps of an operation, and its progress, read from its journal entries. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cassandra_healing.model import HealingAction, MemberId, OperationOutcome
from cassandra_healing.policy import Mode
from cassandra_healing.storage.journal import JournalEntry


class OperationStep(StrEnum):
    """One step of an operation; each may be done again after a kill anywhere in it."""

    PLAN = "plan"
    """A plan that replaces this one node is made, checked and saved. Changes nothing."""
    APPROVE = "approve"
    """A person says yes, or no."""
    RESTART = "restart"
    """The node's process, or the service, is started again."""
    REPLACE = "replace"
    """A new service takes the place of the old one."""
    FENCE = "fence"
    """The old node is ended for good."""
    APPLY = "apply"
    """The plan is applied: the new node takes the tokens of the old one."""
    NORMAL = "normal"
    """Wait until the node is up and in the ring."""
    REPAIR = "repair"
    """It fetches what was written meanwhile."""
    TERMINATE = "terminate"
    """What is left of the old node goes."""
    AUDIT = "audit"
    """What the cluster serves is audited."""
    CLOSE = "close"
    """The operation is ended: others may begin."""


_STEPS = {
    HealingAction.RESTART: (OperationStep.APPROVE, OperationStep.RESTART, OperationStep.NORMAL, OperationStep.CLOSE),
    HealingAction.REPLACE: (
        OperationStep.PLAN,
        OperationStep.APPROVE,
        OperationStep.FENCE,
        OperationStep.APPLY,
        OperationStep.NORMAL,
        OperationStep.REPAIR,
        OperationStep.TERMINATE,
        OperationStep.AUDIT,
        OperationStep.CLOSE,
    ),
}
_SERVICE_STEPS = {
    HealingAction.RESTART: (OperationStep.APPROVE, OperationStep.RESTART, OperationStep.CLOSE),
    HealingAction.REPLACE: (OperationStep.APPROVE, OperationStep.REPLACE, OperationStep.CLOSE),
}
"""Whether it came back is seen by the next checks."""

EFFECTS = frozenset((OperationStep.RESTART, OperationStep.REPLACE, OperationStep.FENCE))
"""The steps that are the first to do something to a node or service."""


def steps_of(act: HealingAction, mode: Mode, *, is_service: bool = False) -> tuple[OperationStep, ...]:
    """Return the steps of an operation in their order."""
    steps = (_SERVICE_STEPS if is_service else _STEPS)[act]
    return tuple(step for step in steps if step is not OperationStep.APPROVE or mode is not Mode.AUTOMATIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationProgress:
    """How far one operation is.

    Attributes:
        what: why it was begun.
        evidence: what was seen then, result by result.
        mode: what was set when it was begun.
        done: the steps that completed.
        begun: the steps that have started, completed or not.
        plan: the last plan that was saved, as (file, address, actions, digest); empty before there is one.
        failures: how often the next step failed since a person last approved.
        approved, refused: the last answer of a person; None where there is none, or the other one came later.
        outcome: None while it is under way.
    """

    id: uuid.UUID
    act: HealingAction
    node: MemberId
    begun_at: datetime
    mode: Mode
    what: str
    evidence: tuple[str, ...] = ()
    done: frozenset[OperationStep] = frozenset()
    begun: frozenset[OperationStep] = frozenset()
    plan: tuple[str, ...] = ()
    failures: int = 0
    approved: JournalEntry | None = None
    refused: JournalEntry | None = None
    outcome: OperationOutcome | None = None

    @property
    def next(self) -> OperationStep | None:
        """Return the step that comes next; None when the operation has ended."""
        if self.outcome is not None:
            return None
        return next(step for step in self.steps if step not in self.done)

    @property
    def steps(self) -> tuple[OperationStep, ...]:
        """Return all its steps in their order."""
        return steps_of(self.act, self.mode, is_service=self.node.is_service)

    @property
    def is_waiting(self) -> bool:
        """Tell whether it waits for a person."""
        return self.next is OperationStep.APPROVE and self.approved is None and self.refused is None

    @property
    def is_committed(self) -> bool:
        """Tell whether something was done to the node or service, or may have been."""
        return bool(EFFECTS & self.begun)

    @property
    def short_id(self) -> str:
        """Return what people call it by."""
        return str(self.id)[:8]


def read_progress(entries: Sequence[JournalEntry]) -> OperationProgress | None:
    """Read an operation's entries, the oldest first; None where its first one is missing."""
    first = next((entry for entry in entries if entry.event == "begun"), None)
    if first is None or first.operation is None or first.host_id is None:
        return None
    steps = [entry for entry in entries if entry.event == "step" and entry.rule in set(OperationStep)]
    done = {OperationStep(entry.rule) for entry in steps if entry.outcome == OperationOutcome.DONE}
    act, mode = HealingAction(first.act), Mode(first.mode or Mode.APPROVE)
    node = MemberId(host_id=first.host_id, address=first.node)
    following = next((each for each in steps_of(act, mode, is_service=node.is_service) if each not in done), None)
    answers = [entry for entry in entries if entry.event in ("approved", "refused")]
    answer = answers[-1] if answers else None
    ended = next((entry for entry in entries if entry.event == "ended"), None)
    plans = [entry.evidence for entry in steps if len(entry.evidence) == 4]
    return OperationProgress(
        id=first.operation,
        act=act,
        node=node,
        begun_at=first.at,
        mode=mode,
        what=first.detail,
        evidence=first.evidence,
        done=frozenset(done),
        begun=frozenset(OperationStep(entry.rule) for entry in steps),
        plan=plans[-1] if plans else (),
        failures=sum(
            entry.rule == following
            and entry.outcome == OperationOutcome.FAILED
            and (answer is None or entry.at > answer.at)
            for entry in steps
        ),
        approved=answer if answer is not None and answer.event == "approved" else None,
        refused=answer if answer is not None and answer.event == "refused" else None,
        outcome=OperationOutcome(ended.outcome) if ended else None,
    )
