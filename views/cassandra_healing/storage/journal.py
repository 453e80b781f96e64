"""The journal of decisions and operations. What cannot be recorded here is not done.

The entries of an operation are written before the work that they describe.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cassandra.util import datetime_from_uuid1, min_uuid_from_time

from cassandra_client.database import Row
from cassandra_client.errors import ViewsError
from cassandra_healing.decision import Decision
from cassandra_healing.errors import JournalError, OperationNotStarted
from cassandra_healing.model import HealingAction, JournalState, MemberId, Operation, OperationOutcome
from cassandra_healing.policy import Policy
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage import tables
from cassandra_healing.storage.control import ControlTable

_COLUMNS = "event, operation, act, node, host_id, rule, mode, author, outcome, detail, evidence"
"""All but the key."""

_RECENT = timedelta(hours=48)


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


class Journal:
    """Reads and writes what was decided and done.

    Args:
        author: who acts: a person, or the program that watches.
    """

    def __init__(self, session: ClusterSession, keyspace: str, *, author: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self._author = author
        self._control = ControlTable(session, keyspace, author=author)
        self._is_created = False

    def create_tables(self) -> None:
        """Make the tables where they are missing; errors as ``ClusterSession.ddl``."""
        if not self._is_created:
            tables.create_tables(self._session, self._keyspace)
            self._is_created = True

    def exists(self) -> bool:
        """Tell whether there is a journal; errors as ``ClusterSession.rows``."""
        self._is_created = self._is_created or tables.tables_exist(self._session, self._keyspace)
        return self._is_created

    def read_state(self, now: datetime) -> JournalState:
        """Return what decisions depend on, about all targets; errors as ``ClusterSession.rows``."""
        if not self.exists():
            return JournalState()
        control = self._control.read()
        operations = {operation.id: operation for operation in self._operations(now)}
        for held in control.operations:
            operations.setdefault(held.id, held)  # whose first entry was not written, or long ago
        return JournalState(stopped=control.stopped, skips=control.skips, operations=tuple(operations.values()))

    def entries(self, *, limit: int, now: datetime) -> list[JournalEntry]:
        """Return the last entries, newest first, of a year at most; errors as ``ClusterSession.rows``."""
        found: list[JournalEntry] = []
        month = now.astimezone(UTC).replace(day=1)
        for _ in range(12):
            rows = self._session.rows(
                f"SELECT at, {_COLUMNS} FROM {self._keyspace}.journal WHERE month = %s LIMIT %s",
                (f"{month:%Y-%m}", limit - len(found)),
            )
            found += [_entry_of(row) for row in rows]
            if len(found) >= limit:
                break
            month = (month - timedelta(days=1)).replace(day=1)
        return found

    def write_decision(self, decision: Decision) -> None:
        """Write a decision down; errors as ``ClusterSession.write``."""
        text = f"{decision.what}. {decision.remains}. {decision.next}"
        node = decision.nodes[0] if decision.nodes else None
        self._write(
            "decided",
            text,
            act=decision.act,
            node=node,
            rule=decision.rule,
            mode=decision.mode or "",
            evidence=decision.evidence,
            on=decision.on,
        )

    def begin(self, decision: Decision, policy: Policy, now: datetime) -> Operation:
        """Begin what was decided: nobody else may begin anything on its target until it has ended.

        Raises:
            OperationNotStarted: another operation is under way, or was begun after the check, the day's limit is
                reached, or a person stopped it.
            JournalError: it could not be written down.
        """
        node = decision.nodes[0]
        operation = Operation(id=uuid.uuid4(), act=decision.act, node=node, begun_at=now)
        try:
            self.create_tables()
            self._release_ended(node.target, now)
            check_preconditions(operation, decision.at, self.read_state(now), policy, now)
            if not self._control.acquire(operation):
                raise OperationNotStarted(
                    "another operation began at the same moment",
                    on=str(node),
                    next="Wait for it to finish, then check again",
                )
            try:
                # What ended between the two checks counts, too.
                check_preconditions(operation, decision.at, self.read_state(now), policy, now)
                self._write(
                    "begun",
                    decision.what,
                    operation=operation,
                    rule=decision.rule,
                    mode=decision.mode or "",
                    evidence=decision.evidence,
                )
            except ViewsError:
                self._control.release(operation)
                raise
        except OperationNotStarted:
            raise
        except ViewsError as error:
            raise JournalError(
                f"it could not be recorded: {error.what}",
                on=str(node),
                remains="Nothing was done to it",
                next=error.next,
            ) from error
        return operation

    def operation_entries(self, operation: Operation, now: datetime) -> list[JournalEntry]:
        """Return all entries of an operation, the oldest first; errors as ``ClusterSession.rows``."""
        since = operation.begun_at - timedelta(minutes=5)  # the clocks of two hosts
        month, months = since.astimezone(UTC).replace(day=1), []
        while month <= now:
            months.append(f"{month:%Y-%m}")
            month = (month + timedelta(days=32)).replace(day=1)
        rows = [
            row
            for each in dict.fromkeys([*months, f"{now:%Y-%m}"])
            for row in self._session.rows(
                f"SELECT at, {_COLUMNS} FROM {self._keyspace}.journal WHERE month = %s AND at > %s",
                (each, min_uuid_from_time(since.timestamp())),
            )
            if row["operation"] == operation.id
        ]
        return sorted((_entry_of(row) for row in rows), key=lambda entry: entry.at)

    def step(
        self,
        operation: Operation,
        name: str,
        detail: str,
        *,
        outcome: OperationOutcome | None = None,
        evidence: Sequence[str] = (),
    ) -> None:
        """Write down what is done next, before it is done, and how it ended, after; as ``ClusterSession.write``.

        Args:
            outcome: None before it is done.
        """
        self._write("step", detail, operation=operation, rule=name, outcome=outcome or "", evidence=evidence)

    def write_answer(self, operation: Operation, *, is_yes: bool, why: str, by: str = "") -> None:
        """Write down that a person approved or refused an operation; errors as ``ClusterSession.write``.

        Args:
            by: who, where it is not the author.
        """
        self._write("approved" if is_yes else "refused", why, operation=operation, author=by)

    def end(self, operation: Operation, outcome: OperationOutcome, detail: str) -> None:
        """End an operation; errors as ``ClusterSession.write``. Can be called again."""
        self._write("ended", detail, operation=operation, outcome=outcome)
        self._control.release(operation)

    def stop(self, why: str, now: datetime) -> None:
        """Set the kill switch: nothing begins any more."""
        self.create_tables()
        self._control.stop(why, now)
        self._write_note("stop", why, holds="Healing is switched off")

    def go(self, why: str) -> None:
        """Clear the kill switch."""
        self.create_tables()
        self._control.go()
        self._write_note("go", why, holds="Healing is switched on")

    def skip(self, node: MemberId, why: str, now: datetime) -> None:
        """Leave a node alone from now on."""
        self.create_tables()
        self._control.skip(node, why, now)
        self._write_note("skip", why, node=node, holds="It is skipped")

    def unskip(self, node: MemberId, why: str) -> None:
        """Leave it alone no longer."""
        self.create_tables()
        self._control.unskip(node)
        self._write_note("unskip", why, node=node, holds="It is no longer skipped")

    def _write_note(self, event: str, why: str, *, holds: str, node: MemberId | None = None) -> None:
        """Write down a command of a person, after it has taken effect."""
        try:
            self._write(event, why, node=node)
        except ViewsError as error:
            raise JournalError(
                f"the journal has no entry for it: {error.what}",
                on=node.address if node else "",
                remains=holds,
                next="Run it again, so that the history shows it",
            ) from error

    def _operations(self, now: datetime) -> list[Operation]:
        since = now - _RECENT
        months = dict.fromkeys((f"{since:%Y-%m}", f"{now:%Y-%m}"))
        rows = [
            row
            for month in months
            for row in self._session.rows(
                f"SELECT at, {_COLUMNS} FROM {self._keyspace}.journal WHERE month = %s AND at > %s",
                (month, min_uuid_from_time(since.timestamp())),
            )
        ]
        ends = {row["operation"]: row for row in rows if row["event"] == "ended"}
        begun = [row for row in rows if row["event"] == "begun" and row["host_id"]]  # an older program wrote none
        return [_operation_of(row, ends.get(row["operation"])) for row in begun]

    def _release_ended(self, target: str, now: datetime) -> None:
        """Remove the row of an operation whose end was written and whose healer died then."""
        held = self._control.read().holder(target)
        if held is not None and any(
            operation.id == held.id and operation.outcome for operation in self._operations(now)
        ):
            self._control.release(held)

    def _write(
        self,
        event: str,
        detail: str,
        *,
        operation: Operation | None = None,
        act: str = "",
        node: MemberId | None = None,
        rule: str = "",
        mode: str = "",
        outcome: str = "",
        evidence: Sequence[str] = (),
        on: str = "",
        author: str = "",
    ) -> None:
        self.create_tables()
        at = uuid.uuid1()
        about = operation.node if operation is not None else node
        self._session.write(
            f"INSERT INTO {self._keyspace}.journal (month, at, {_COLUMNS}) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                f"{datetime_from_uuid1(at):%Y-%m}",
                at,
                event,
                operation.id if operation else None,
                operation.act if operation else act,
                on or (about.address if about else None),
                about.host_id if about else None,
                rule,
                mode,
                author or self._author,
                outcome,
                detail,
                list(evidence),
            ),
        )


def check_preconditions(
    operation: Operation, checked_at: datetime, journal_state: JournalState, policy: Policy, now: datetime
) -> None:
    """Raise where an operation may not begin; its own journal entries do not count. Pure.

    Raises:
        OperationNotStarted: another operation is under way, or was begun after the check, the day's limit is reached,
            or a person stopped healing.
    """
    journal_state = journal_state.of(operation.node.target)
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
    others = [each for each in journal_state.operations if each.id != operation.id]
    if any(each.node.host_id == operation.node.host_id and each.begun_at > checked_at for each in others):
        raise OperationNotStarted(
            "another process restarted or replaced it after this check", on=str(operation.node), next="Check again"
        )
    if operation.act is HealingAction.REPLACE:
        done = JournalState(operations=tuple(others)).replacements(now)
        if done >= policy.of(operation.node).replacements_per_day:
            raise OperationNotStarted(
                f"{done} replacement(s) were begun within 24 hours",
                on=str(operation.node),
                next="See why it was needed before another one begins",
            )


def _moment_of(row: Row) -> datetime:
    """Return when an entry was written."""
    found: datetime = datetime_from_uuid1(row["at"])
    return found.replace(tzinfo=UTC)


def _operation_of(begin: Row, end: Row | None) -> Operation:
    """Return an operation by its first entry, and its last one if it has ended."""
    return Operation(
        id=begin["operation"],
        act=HealingAction(begin["act"]),
        node=MemberId(host_id=begin["host_id"], address=begin["node"]),
        begun_at=_moment_of(begin),
        ended_at=_moment_of(end) if end else None,
        outcome=OperationOutcome(end["outcome"]) if end else None,
    )


def _entry_of(row: Row) -> JournalEntry:
    """Return an entry from its row."""
    return JournalEntry(
        at=_moment_of(row),
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
