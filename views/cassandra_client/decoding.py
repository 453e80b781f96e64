"""Results decoded in another way: a session beside an application's, which stays as it is, and rows as bytes.

The driver decodes results by the protocol handler of the session, so another way takes another session object. That
one shares everything that the application's has: connections, profiles, prepared statements.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cache
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.cqltypes import BytesType
from cassandra.protocol import ProtocolHandler, ResultMessage
from cassandra.query import BoundStatement, tuple_factory

from cassandra_client.database import NODES_PROFILE, Database, ReadRetry

DRIVER_RESULT: Any = ProtocolHandler.message_types_by_opcode[ResultMessage.opcode]
"""The class of the results that the driver decodes, to build others on."""


def decoding_session(session: Session, result: type) -> Session | None:
    """Return a session that shares everything with this one, but for the class of its results.

    Args:
        result: a subclass of ``DRIVER_RESULT``.

    Returns:
        None where this is no session of the driver itself, but something around one.
    """
    kind: Any = type(session)
    return _shared_kind(kind, result)(session) if issubclass(kind, Session) else None


class _SharedSession(Session):  # type: ignore[misc]
    """Opens and closes nothing."""

    def __init__(self, session: Session) -> None:
        self.__dict__ = session.__dict__

    def __del__(self) -> None:
        """Leave the connections alone: they are the session's."""


@cache
def _shared_kind(kind: type, result: type) -> type:
    types = ProtocolHandler.message_types_by_opcode | {ResultMessage.opcode: result}
    handler = type("_Handler", (ProtocolHandler,), {"message_types_by_opcode": types})
    # A property, since the attribute may stand in the dictionary that both share.
    return type("_Session", (_SharedSession, kind), {"client_protocol_handler": property(lambda _self: handler)})


RawRow = tuple[bytes | None, ...]
"""One row; a null is None, and an empty value is ``b""``."""

_ROWS = 0x0002
"""The kind of a result that holds rows."""


class _RawResult(DRIVER_RESULT):  # type: ignore[misc]
    """A result whose columns are blobs, whatever the server says that they are."""

    column_metadata: Any

    def recv_results_metadata(self, f: Any, user_type_map: Any) -> None:
        super().recv_results_metadata(f, user_type_map)
        if self.kind == _ROWS and self.column_metadata:
            # Without their table's name the columns are none that a policy of column encryption knows.
            self.column_metadata = [("", "", column[2], BytesType) for column in self.column_metadata]


class RawRows:
    """Reads rows of a session as bytes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        session = decoding_session(database.session, _RawResult)
        if session is None:  # something around one; any session of the cluster is as good
            session = decoding_session(next(iter(database.session.cluster.sessions)), _RawResult)
        self._session: Any = session
        self._options = dict(database.profile_options)
        if self._options:
            profile = copy(database.session.cluster.profile_manager.profiles[NODES_PROFILE])
            profile.row_factory = tuple_factory
            self._options["execution_profile"] = profile

    def types(self, query: str) -> list[Any]:
        """Return the driver's type of each column of the result."""
        return [column[3] for column in self._database.prepared(query).result_metadata]

    def read(self, query: str, values: Sequence[bytes | None] = (), *, timeout_seconds: float = 15.0) -> list[RawRow]:
        """Return all rows of a query at LOCAL_QUORUM; errors of the driver come through as they are."""
        return [row for page in self.pages(query, values, timeout_seconds=timeout_seconds) for row in page]

    def pages(
        self,
        query: str,
        values: Sequence[bytes | None] = (),
        *,
        page_rows: int = 5000,
        timeout_seconds: float = 15.0,
    ) -> Iterator[list[RawRow]]:
        """Yield the rows of a query page by page, at LOCAL_QUORUM.

        Args:
            values: what is bound, in the server's own form.
            timeout_seconds: of each page's request.
        """
        statement = self._database.prepared(query)
        state = None
        while True:
            bound = BoundStatement(
                statement,
                consistency_level=ConsistencyLevel.LOCAL_QUORUM,
                retry_policy=ReadRetry(),
                fetch_size=page_rows,
            )
            bound.values = list(values)
            bound.is_idempotent = True
            found = self._session.execute(bound, timeout=timeout_seconds, paging_state=state, **self._options)
            rows = found.current_rows
            page = list(rows) if self._options else [_plain(row) for row in rows]
            # What the driver keeps of a request holds itself, so that its rows would stay until the garbage collector
            # comes to old objects: of a million rows, hundreds of megabytes.
            rows.clear()
            yield page
            state = found.paging_state
            if state is None:
                return


def _plain(row: Any) -> RawRow:
    """Return a row as a tuple, whatever row factory a session in the driver's legacy mode has."""
    return tuple(row.values()) if isinstance(row, Mapping) else tuple(row)
