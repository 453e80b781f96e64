"""An entry of the journal, and what the rows of its table mean."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from cassandra.util import datetime_from_uuid1

from cassandra_client.database import Row
from cassandra_healing.model import NodeId
from cassandra_healing.operation_model import HealingAction, Operation, OperationOutcome

COLUMNS = "event, operation, act, node, host_id, rule, mode, author, outcome, detail, evidence"
"""All but the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """One entry of the journal.

    Args:
        event: ``decided``, ``begun``, ``step``, ``approved``, ``refused``, ``ended``, ``stop``, ``go``, ``skip`` or
            ``unskip``.
        rule: why; of a step, which.
        outcome: of what has ended: the operation, or a step.
        evidence: what was seen; of a step that keeps a plan: its file, address, actions and digest.
    """

    at: datetime
    event: str
    author: str
    detail: str = ""
    operation: uuid.UUID | None = None
    act: str = ""
    node: str = ""
    host_id: uuid.UUID | None = None
    rule: str = ""
    mode: str = ""
    outcome: str = ""
    evidence: tuple[str, ...] = ()


def moment_of(row: Row) -> datetime:
    """Return when an entry was written."""
    found: datetime = datetime_from_uuid1(row["at"])
    return found.replace(tzinfo=UTC)


def operation_of(begin: Row, end: Row | None) -> Operation:
    """Return an operation by its first entry, and its last one if it has ended."""
    return Operation(
        id=begin["operation"],
        act=HealingAction(begin["act"]),
        node=NodeId(host_id=begin["host_id"], address=begin["node"]),
        begun_at=moment_of(begin),
        ended_at=moment_of(end) if end else None,
        outcome=OperationOutcome(end["outcome"]) if end else None,
    )


def entry_of(row: Row) -> JournalEntry:
    """Return an entry from its row."""
    return JournalEntry(
        at=moment_of(row),
        event=row["event"],
        author=row["author"] or "",
        detail=row["detail"] or "",
        operation=row["operation"],
        act=row["act"] or "",
        node=row["node"] or "",
        host_id=row["host_id"],
        rule=row["rule"] or "",
        mode=row["mode"] or "",
        outcome=row["outcome"] or "",
        evidence=tuple(row["evidence"] or ()),
    )
