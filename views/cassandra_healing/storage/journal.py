"""The journal of decisions and operations. What cannot be recorded here is not done.

The entries of an operation are written before the work that they describe.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from cassandra.util import datetime_from_uuid1, min_uuid_from_time

from cassandra_client.errors import ViewsError
from cassandra_healing.decision import Decision
from cassandra_healing.errors import JournalError, OperationNotStarted
from cassandra_healing.model import NodeId
from cassandra_healing.operation_model import JournalState, Operation, OperationOutcome
from cassandra_healing.policy import Policy
from cassandra_healing.session import ClusterSession
from cassandra_healing.storage import tables
from cassandra_healing.storage.control import ControlTable
from cassandra_healing.storage.journal_entry import COLUMNS, JournalEntry, entry_of, operation_of
from cassandra_healing.storage.preconditions import check_preconditions

_RECENT = timedelta(hours=48)


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
        """Return what a decision depends on; errors as ``ClusterSession.rows``."""
        if not self.exists():
            return JournalState()
        stopped, skips, held = self._control.read()
        operations = {operation.id: operation for operation in self._operations(now)}
        if held is not None:
            operations.setdefault(held.id, held)  # whose first entry was not written, or long ago
        return JournalState(stopped=stopped, skips=skips, operations=tuple(operations.values()))

    def entries(self, *, limit: int, now: datetime) -> list[JournalEntry]:
        """Return the last entries, newest first, of a year at most; errors as ``ClusterSession.rows``."""
        found: list[JournalEntry] = []
        month = now.astimezone(UTC).replace(day=1)
        for _ in range(12):
            rows = self._session.rows(
                f"SELECT at, {COLUMNS} FROM {self._keyspace}.journal WHERE month = %s LIMIT %s",
                (f"{month:%Y-%m}", limit - len(found)),
            )
            found += [entry_of(row) for row in rows]
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
        """Begin what was decided: nobody else may begin anything until it has ended.

        Raises:
            OperationNotStarted: another operation is under way, the day's limit is reached, or a person stopped it.
            JournalError: it could not be written down.
        """
        node = decision.nodes[0]
        operation = Operation(id=uuid.uuid4(), act=decision.act, node=node, begun_at=now)
        try:
            self.create_tables()
            self._release_ended(now)
            check_preconditions(operation, self.read_state(now), policy, now)
            if not self._control.acquire(operation):
                raise OperationNotStarted(
                    "another operation began at the same moment",
                    on=str(node),
                    next="Wait for it to finish, then check again",
                )
            try:
                check_preconditions(
                    operation, self.read_state(now), policy, now
                )  # what ended between the two checks counts, too
                evidence = decision.evidence
                self._write(
                    "begun",
                    decision.what,
                    operation=operation,
                    rule=decision.rule,
                    mode=decision.mode or "",
                    evidence=evidence,
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
                remains="Nothing was done to the node",
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
                f"SELECT at, {COLUMNS} FROM {self._keyspace}.journal WHERE month = %s AND at > %s",
                (each, min_uuid_from_time(since.timestamp())),
            )
            if row["operation"] == operation.id
        ]
        return sorted((entry_of(row) for row in rows), key=lambda entry: entry.at)

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

    def skip(self, node: NodeId, why: str, now: datetime) -> None:
        """Leave a node alone from now on."""
        self.create_tables()
        self._control.skip(node, why, now)
        self._write_note("skip", why, node=node, holds="It is skipped")

    def unskip(self, node: NodeId, why: str) -> None:
        """Leave it alone no longer."""
        self.create_tables()
        self._control.unskip(node)
        self._write_note("unskip", why, node=node, holds="It is no longer skipped")

    def write_service_entry(
        self,
        event: str,
        name: str,
        detail: str,
        *,
        operation: uuid.UUID | None = None,
        act: str = "",
        rule: str = "",
        mode: str = "",
        outcome: str = "",
        evidence: Sequence[str] = (),
    ) -> None:
        """Write an entry about a service, which has a name and no host id; errors as ``ClusterSession.write``."""
        self._write(
            event,
            detail,
            operation_id=operation,
            act=act,
            on=name,
            rule=rule,
            mode=mode,
            outcome=outcome,
            evidence=evidence,
        )

    def write_service_entries(self, name: str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Write several entries about a service, all or none; as ``write_service_entry``.

        Args:
            entries: ``event`` and ``detail`` of each, and what else ``write_service_entry`` takes.
        """
        self.create_tables()
        at = uuid.uuid1()
        month = f"{datetime_from_uuid1(at):%Y-%m}"  # one partition, also where the month ends between two entries
        statements = [
            self._statement(at if not number else uuid.uuid1(), month, on=name, **entry)
            for number, entry in enumerate(entries)
        ]
        self._session.write_together(statements)

    def _write_note(self, event: str, why: str, *, holds: str, node: NodeId | None = None) -> None:
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
                f"SELECT at, {COLUMNS} FROM {self._keyspace}.journal WHERE month = %s AND at > %s",
                (month, min_uuid_from_time(since.timestamp())),
            )
        ]
        ends = {row["operation"]: row for row in rows if row["event"] == "ended"}
        begun = [row for row in rows if row["event"] == "begun" and row["host_id"]]  # without one it is a service's
        return [operation_of(row, ends.get(row["operation"])) for row in begun]

    def _release_ended(self, now: datetime) -> None:
        """Remove the row of an operation whose end was written and whose healer died then."""
        held = self._control.read()[2]
        if held is not None and any(
            operation.id == held.id and operation.outcome for operation in self._operations(now)
        ):
            self._control.release(held)

    def _write(self, event: str, detail: str, **about: Any) -> None:
        self.create_tables()
        at = uuid.uuid1()
        self._session.write(*self._statement(at, f"{datetime_from_uuid1(at):%Y-%m}", event, detail, **about))

    def _statement(
        self,
        at: uuid.UUID,
        month: str,
        event: str,
        detail: str,
        *,
        operation: Operation | None = None,
        operation_id: uuid.UUID | None = None,
        act: str = "",
        node: NodeId | None = None,
        rule: str = "",
        mode: str = "",
        outcome: str = "",
        evidence: Sequence[str] = (),
        on: str = "",
        author: str = "",
    ) -> tuple[str, tuple[Any, ...]]:
        about = operation.node if operation is not None else node
        return (
            f"INSERT INTO {self._keyspace}.journal (month, at, {COLUMNS}) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            (
                month,
                at,
                event,
                operation.id if operation else operation_id,
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
