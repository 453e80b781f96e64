"""The progress of an operation, read from its journal entries. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cassandra_healing.model import NodeId
from cassandra_healing.operation_model import HealingAction, OperationOutcome
from cassandra_healing.operation_steps import FIRST_EFFECT, OperationStep, steps_of
from cassandra_healing.policy import Mode
from cassandra_healing.storage.journal_entry import JournalEntry


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
    node: NodeId
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
        return next(step for step in steps_of(self.act, self.mode) if step not in self.done)

    @property
    def is_waiting(self) -> bool:
        """Tell whether it waits for a person."""
        return self.next is OperationStep.APPROVE and self.approved is None and self.refused is None

    @property
    def is_committed(self) -> bool:
        """Tell whether something was done to the node, or may have been."""
        return FIRST_EFFECT[self.act] in self.begun

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
    following = next((step for step in steps_of(act, mode) if step not in done), None)
    answers = [entry for entry in entries if entry.event in ("approved", "refused")]
    answer = answers[-1] if answers else None
    ended = next((entry for entry in entries if entry.event == "ended"), None)
    plans = [entry.evidence for entry in steps if len(entry.evidence) == 4]
    return OperationProgress(
        id=first.operation,
        act=act,
        node=NodeId(host_id=first.host_id, address=first.node),
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
