"""What forbids that a deed is begun, as the journal has it at that moment. Pure."""

from __future__ import annotations

from datetime import datetime

from cassandra_healing.errors import OperationNotStarted
from cassandra_healing.operation_model import HealingAction, JournalState, Operation
from cassandra_healing.policy import Policy


def check_preconditions(deed: Operation, record: JournalState, policy: Policy, now: datetime) -> None:
    """Raise where a deed may not be begun; its own lines do not count.

    Raises:
        NotBegun: another deed is under way, the day's limit is reached, or a person said stop.
    """
    under_way = record.under_way
    if record.stopped is not None:
        raise OperationNotStarted(
            f"healing is switched off by {record.stopped.by}: {record.stopped.why}",
            on=str(deed.node),
            next="'views cluster go' switches it on again",
        )
    if deed.node.host_id in record.skips:
        word = record.skips[deed.node.host_id]
        raise OperationNotStarted(
            f"{word.by} said to leave it alone: {word.why}",
            on=str(deed.node),
            next="'views cluster unskip' ends that",
        )
    if under_way is not None and under_way.id != deed.id:
        raise OperationNotStarted(
            f"a {under_way.act} of {under_way.node} is under way",
            on=str(deed.node),
            next="Wait for its end, then look again",
        )
    if deed.act is HealingAction.REPLACE:
        others = [each for each in record.deeds if each.id != deed.id]
        done = JournalState(deeds=tuple(others)).replacements(now)
        if done >= policy.replacements_per_day:
            raise OperationNotStarted(
                f"{done} replacement(s) were begun within 24 hours",
                on=str(deed.node),
                next="See why nodes die before another one is replaced",
            )
