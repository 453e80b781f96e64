"""The table ``control``: the kill switch, what is skipped, operations under way, and leases of who executes them.

It is written by lightweight transactions alone. The row of an operation is the lock of its target: of the whole cluster
(one restart or replacement of a node at a time), or of one service.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from cassandra import ConsistencyLevel, Unavailable

from cassandra_client.database import Row
from cassandra_client.driver_errors import DRIVER_ERRORS, advice, is_refusal, short_driver_text
from cassandra_healing.errors import ExecutorBusy, JournalError
from cassandra_healing.model import HealingAction, MemberId, Operation, OperatorNote
from cassandra_healing.session import ClusterSession

_SCOPE = "cluster"
_SWITCH = ("switch", "stopped")
_QUORUM_ADVICE = "Check that a quorum of the nodes is up, then run it again"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlState:
    """All rows of the table.

    Args:
        stopped: the kill switch; None where healing is on.
        skips: what is left alone, by host id.
        operations: those that hold the lock of their target.
    """

    stopped: OperatorNote | None
    skips: Mapping[uuid.UUID, OperatorNote]
    operations: tuple[Operation, ...]

    def holder(self, target: str) -> Operation | None:
        """Return the operation that holds the lock of a target."""
        return next((each for each in self.operations if each.node.target == target), None)


class ControlTable:
    """Reads and writes the table ``control``, which must exist."""

    def __init__(self, session: ClusterSession, keyspace: str, *, author: str) -> None:
        self._session = session
        self._table = f"{keyspace}.control"
        self._author = author

    def read(self) -> ControlState:
        """Return what stands now; errors as ``ClusterSession.rows``."""
        rows = self._session.rows(
            f"SELECT kind, name, operation, act, node, host_id, author, why, at FROM {self._table} WHERE scope = %s",
            (_SCOPE,),
            consistency=ConsistencyLevel.SERIAL,
        )
        return ControlState(
            stopped=next((_note_of(row) for row in rows if (row["kind"], row["name"]) == _SWITCH), None),
            skips={uuid.UUID(row["name"]): _note_of(row) for row in rows if row["kind"] == "skip"},
            operations=tuple(_operation_of(row) for row in rows if row["kind"] == "operation"),
        )

    def acquire(self, operation: Operation) -> bool:
        """Take the lock of an operation's target; tell whether it was free.

        Raises:
            JournalError: it could not be taken, and nobody has it.
        """
        insert = (
            f"INSERT INTO {self._table} (scope, kind, name, operation, act, node, host_id, author, at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) IF NOT EXISTS"
        )
        node = operation.node
        about = (operation.id, operation.act, node.address, node.host_id, self._author, operation.begun_at)
        try:
            return self._session.conditional(insert, (*_lock_of(operation), *about))
        except DRIVER_ERRORS as error:  # unknown: what stands is read
            holder = self.read().holder(node.target)
            if holder is None:
                raise JournalError(
                    f"the lock of the operation could not be taken: {short_driver_text(error)}",
                    on=node.address,
                    remains="Nothing was done to it",
                    next="The next check decides again",
                ) from error
            return holder.id == operation.id

    def release(self, operation: Operation) -> None:
        """Give the lock back, where the operation has it."""
        # Unknown: the next one to begin sees that the operation has ended, and sweeps it.
        with suppress(*DRIVER_ERRORS):
            self._session.conditional(
                f"DELETE FROM {self._table} WHERE scope = %s AND kind = %s AND name = %s IF operation = %s",
                (*_lock_of(operation), operation.id),
            )

    def stop(self, why: str, now: datetime) -> None:
        """Set the kill switch."""
        self._write_note(*_SWITCH, why, now)

    def go(self) -> None:
        """Clear the kill switch."""
        self._delete_note(*_SWITCH)

    def skip(self, node: MemberId, why: str, now: datetime) -> None:
        """Leave a node or service alone."""
        self._write_note("skip", str(node.host_id), why, now, node)

    def unskip(self, node: MemberId) -> None:
        """Leave it alone no longer."""
        self._delete_note("skip", str(node.host_id))

    def _write_note(self, kind: str, name: str, why: str, now: datetime, node: MemberId | None = None) -> None:
        """Insert or overwrite a row in one statement, so that it is never missing.

        An UPDATE makes a row that is not there. These rows have no act, so the condition always holds; it makes the
        statement a lightweight transaction, as all of this table are.
        """
        about = (node.address if node else None, node.host_id if node else None, self._author, why, now)
        self._send_until_known(
            f"UPDATE {self._table} SET node = %s, host_id = %s, author = %s, why = %s, at = %s "
            "WHERE scope = %s AND kind = %s AND name = %s IF act = null",
            (*about, _SCOPE, kind, name),
        )

    def _delete_note(self, kind: str, name: str) -> None:
        self._send_until_known(
            f"DELETE FROM {self._table} WHERE scope = %s AND kind = %s AND name = %s IF EXISTS", (_SCOPE, kind, name)
        )

    def _send_until_known(self, query: str, values: Sequence[object]) -> None:
        """Send a conditional write that can be sent twice, until its outcome is known."""
        is_unknown = False
        for attempt in (1, 2, 3):
            try:
                self._session.conditional(query, values)
                return
            except DRIVER_ERRORS as error:
                is_refused = isinstance(error, Unavailable) or is_refusal(error)  # before it was tried
                is_unknown = is_unknown or not is_refused
                if attempt == 3 or is_refused:
                    raise JournalError(
                        f"it could not be recorded: {short_driver_text(error)}",
                        remains="It is unknown whether it was recorded" if is_unknown else "Nothing was changed",
                        next=advice(error) if is_refusal(error) else _QUORUM_ADVICE,
                    ) from error


def _lock_of(operation: Operation) -> tuple[str, str, str]:
    return (_SCOPE, "operation", operation.node.target)


def _note_of(row: Row) -> OperatorNote:
    return OperatorNote(by=row["author"], why=row["why"] or "", at=row["at"].replace(tzinfo=UTC))


def _operation_of(row: Row) -> Operation:
    return Operation(
        id=row["operation"],
        act=HealingAction(row["act"]),
        node=MemberId(host_id=row["host_id"], address=row["node"]),
        begun_at=row["at"].replace(tzinfo=UTC),
    )


class ExecutorLease:
    """A row of ``control`` that expires when its holder dies, and is renewed while it works; one for each target.

    A process that loses it in the middle of a step finishes that step: steps may be done twice, and OpenTofu has
    a lock of its own.
    """

    def __init__(self, session: ClusterSession, keyspace: str, *, author: str, seconds: float, target: str) -> None:
        self._session = session
        self._table = f"{keyspace}.control"
        self._author = author
        self._seconds = seconds
        self._row = ("cluster", "healer", target)
        self._ttl = max(1, round(seconds))
        self._key = uuid.uuid4()

    @contextmanager
    def acquired(self) -> Iterator[None]:
        """Hold it for the length of a block.

        Raises:
            ExecutorBusy: another healer has it.
            JournalError: it could not be taken.
        """
        self._take()
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(ended,), name="cassandra_healing_hold", daemon=True)
        renewing.start()
        try:
            yield
        finally:
            ended.set()
            renewing.join()
            with suppress(*DRIVER_ERRORS):  # it goes by itself
                self._session.conditional(
                    f"DELETE FROM {self._table} WHERE scope = %s AND kind = %s AND name = %s IF operation = %s",
                    (*self._row, self._key),
                )

    def _take(self) -> None:
        insert = (
            f"INSERT INTO {self._table} (scope, kind, name, operation, author, at) "
            f"VALUES (%s, %s, %s, %s, %s, %s) IF NOT EXISTS USING TTL {self._ttl}"
        )
        try:
            if self._session.conditional(insert, (*self._row, self._key, self._author, datetime.now(UTC))):
                return
            holder = self._holder()
        except DRIVER_ERRORS as error:  # unknown: what stands is read
            holder = self._holder()
            if holder is None:
                raise JournalError(
                    f"the lease could not be acquired: {short_driver_text(error)}",
                    remains="Nothing was done",
                    next="Try again",
                ) from error
        if holder is None or holder[0] != self._key:
            by = holder[1] if holder else "another healer"
            raise ExecutorBusy(
                f"{by} is working on it",
                remains="It continues there",
                next=f"Wait for it; if it died, the next run resumes the operation after {self._seconds:g} s",
            )

    def _holder(self) -> tuple[uuid.UUID, str] | None:
        rows = self._session.rows(
            f"SELECT operation, author FROM {self._table} WHERE scope = %s AND kind = %s AND name = %s",
            self._row,
            consistency=ConsistencyLevel.SERIAL,
        )
        return (rows[0]["operation"], rows[0]["author"]) if rows and rows[0]["operation"] else None

    def _renew(self, ended: threading.Event) -> None:
        while not ended.wait(self._seconds / 4):
            with suppress(*DRIVER_ERRORS):  # the next time; steps may be done twice
                self._session.conditional(
                    f"UPDATE {self._table} USING TTL {self._ttl} SET operation = %s, author = %s, at = %s "
                    "WHERE scope = %s AND kind = %s AND name = %s IF operation = %s",
                    (self._key, self._author, datetime.now(UTC), *self._row, self._key),
                )
