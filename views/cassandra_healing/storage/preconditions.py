"""Preconditions of an operation, by the state of the journal. Pure."""

from __future__ import annotations

from datetime import datetime

from cassandra_healing.errors import OperationNotStarted
from cassandra_healing.operation_model import HealingAction, JournalState, Operation
from cassandra_healing.policy import Policy


def check_preconditions(operation: Operation, journal_state: JournalState, policy: Policy, now: datetime) -> None:
    """Raise where an operation may not begin; its own journal entries do not count.

    Raises:
        OperationNotStarted: another operation is under way, the day's limit is reached, or a person stopped healing.
    """
    under_way = journal_state.under_way
    if journal_state.stopped is not None:
        raise OperationNotStarted(
            f"healing is switched off by {journal_state.stopped.by}: {journal_state.stopped.why}",
            on=str(operation.node),
            next="'views cluster go' switches it on again",
        )
    if operation.node.host_id in journal_state.skips:
        note = journal_state.skips[operation.node.host_id]
        raise OperationNotStarted(
            f"{note.by} skipped it: {note.why}",
            on=str(operation.node),
            next="'views cluster unskip' ends that",
        )
    if under_way is not None and under_way.id != operation.id:
        raise OperationNotStarted(
            f"a {under_way.act} of {under_way.node} is under way",
            on=str(operation.node),
            next="Wait for it to finish, then check again",
        )
    if operation.act is HealingAction.REPLACE:
        others = [each for each in journal_state.operations if each.id != operation.id]
        done = JournalState(operations=tuple(others)).replacements(now)
        if done >= policy.replacements_per_day:
            raise OperationNotStarted(
                f"{done} replacement(s) were begun within 24 hours",
                on=str(operation.node),
                next="See why nodes die before another one is replaced",
            )
