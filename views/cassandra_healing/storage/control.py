"""The kill switch, skipped nodes and the operation under way; written by lightweight transactions alone.

The row of the operation is the lock of the whole cluster: one restart or replacement at a time.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from cassandra import ConsistencyLevel, Unavailable

from cassandra_client.database import Row
from cassandra_client.driver_errors import DRIVER_ERRORS, short
from cassandra_healing.errors import JournalError
from cassandra_healing.model import NodeId
from cassandra_healing.operation_model import HealingAction, Operation, OperatorNote
from cassandra_healing.session import ClusterSession

_SCOPE = "cluster"
_SWITCH = ("switch", "stopped")
_OPERATION = ("operation", "cluster")


def service_operation_key(name: str) -> tuple[str, str]:
    """Return the key of the row that holds the operation of one service."""
    return ("operation", f"service {name}")


class ControlTable:
    """Reads and writes the table ``control``, which must exist."""

    def __init__(self, session: ClusterSession, keyspace: str, *, author: str) -> None:
        self._session = session
        self._table = f"{keyspace}.control"
        self._author = author

    def read(self) -> tuple[OperatorNote | None, dict[uuid.UUID, OperatorNote], Operation | None]:
        """Return the kill switch, the skipped nodes by host id, and the operation that holds the lock.

        Errors as ``ClusterSession.rows``.
        """
        return self._read(_OPERATION)

    def read_service(
        self, service: NodeId
    ) -> tuple[OperatorNote | None, dict[uuid.UUID, OperatorNote], Operation | None]:
        """Return the same for one service: the operation is its own."""
        return self._read(service_operation_key(service.address))

    def _read(
        self, operation: tuple[str, str]
    ) -> tuple[OperatorNote | None, dict[uuid.UUID, OperatorNote], Operation | None]:
        rows = self._session.rows(
            f"SELECT kind, name, operation, act, node, host_id, author, why, at FROM {self._table} WHERE scope = %s",
            (_SCOPE,),
            consistency=ConsistencyLevel.SERIAL,
        )
        found = {(row["kind"], row["name"]): row for row in rows}
        holder = found.get(operation)
        return (
            _note_of(found[_SWITCH]) if _SWITCH in found else None,
            {uuid.UUID(name): _note_of(row) for (kind, name), row in found.items() if kind == "skip"},
            _operation_of(holder) if holder else None,
        )

    def acquire(self, operation: Operation, key: tuple[str, str] = _OPERATION) -> bool:
        """Take the lock for an operation, of the whole cluster or of one service; tell whether it was free.

        Raises:
            JournalError: it could not be taken, and nobody has it.
        """
        insert = (
            f"INSERT INTO {self._table} (scope, kind, name, operation, act, node, host_id, author, at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) IF NOT EXISTS"
        )
        about = (
            operation.id,
            operation.act,
            operation.node.address,
            operation.node.host_id,
            self._author,
            operation.begun_at,
        )
        try:
            return self._session.conditional(insert, (_SCOPE, *key, *about))
        except DRIVER_ERRORS as error:  # unknown: what stands is read
            holder = self._read(key)[2]
            if holder is None:
                raise JournalError(
                    f"the lock of the cluster could not be taken: {short(error)}",
                    on=operation.node.address,
                    remains="Nothing was done to the node",
                    next="The next check decides again",
                ) from error
            return holder.id == operation.id

    def take_over(self, operation: Operation, now: datetime, key: tuple[str, str]) -> bool:
        """Take an operation over that was cut off: of two who try, one does. Errors as the driver's."""
        return self._session.conditional(
            f"UPDATE {self._table} SET at = %s, author = %s WHERE scope = %s AND kind = %s AND name = %s "
            "IF operation = %s AND at = %s",
            (now, self._author, _SCOPE, *key, operation.id, operation.begun_at),
        )

    def release(self, operation: Operation, key: tuple[str, str] = _OPERATION) -> None:
        """Give the lock back, where the operation has it."""
        # Unknown: the next one to begin sees that the operation has ended, and sweeps it.
        with suppress(*DRIVER_ERRORS):
            self._session.conditional(
                f"DELETE FROM {self._table} WHERE scope = %s AND kind = %s AND name = %s IF operation = %s",
                (_SCOPE, *key, operation.id),
            )

    def stop(self, why: str, now: datetime) -> None:
        """Set the kill switch."""
        self._write_note(*_SWITCH, why, now)

    def go(self) -> None:
        """Clear the kill switch."""
        self._delete_note(*_SWITCH)

    def skip(self, node: NodeId, why: str, now: datetime) -> None:
        """Leave a node alone."""
        self._write_note("skip", str(node.host_id), why, now, node)

    def unskip(self, node: NodeId) -> None:
        """Leave it alone no longer."""
        self._delete_note("skip", str(node.host_id))

    def _write_note(self, kind: str, name: str, why: str, now: datetime, node: NodeId | None = None) -> None:
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
                is_refused = isinstance(error, Unavailable)  # before it was tried
                is_unknown = is_unknown or not is_refused
                if attempt == 3 or is_refused:
                    raise JournalError(
                        f"it could not be recorded: {short(error)}",
                        remains="It is unknown whether it was recorded" if is_unknown else "Nothing was changed",
                        next="See that a quorum of the nodes is up, then run it again",
                    ) from error


def _note_of(row: Row) -> OperatorNote:
    return OperatorNote(by=row["author"], why=row["why"] or "", at=row["at"].replace(tzinfo=UTC))


def _operation_of(row: Row) -> Operation:
    return Operation(
        id=row["operation"],
        act=HealingAction(row["act"]),
        node=NodeId(host_id=row["host_id"], address=row["node"]),
        begun_at=row["at"].replace(tzinfo=UTC),
    )
