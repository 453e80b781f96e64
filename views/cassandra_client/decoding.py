"""Results decoded in another way: a session beside an application's, which stays as it is, and rows as bytes.

The driver decodes results by the protocol handler of the session, so another way takes another session object. That
one shares everything that the application's has: connections, profiles, prepared statements.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import cache
from typing import Any

from cassandra import ConsistencyLevel, ProtocolVersion
from cassandra.cluster import Session
from cassandra.cqltypes import BytesType
from cassandra.protocol import ExecuteMessage, ProtocolHandler, ResultMessage
from cassandra.query import BoundStatement, tuple_factory

from cassandra_client.database import NODES_PROFILE, Database, OneCenterPolicy, ReadRetry
from cassandra_client.errors import ClusterError

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
    return _shared_kind(kind)(session, _handler(result)) if issubclass(kind, Session) else None


class _SharedSession(Session):  # type: ignore[misc]
    """Opens and closes nothing."""

    # A slot, since the attribute may stand in the dictionary that both share.
    __slots__ = ("client_protocol_handler",)

    def __init__(self, session: Session, handler: Any) -> None:
        object.__setattr__(self, "__dict__", session.__dict__)
        self.client_protocol_handler = handler

    def __del__(self) -> None:
        """Leave the connections alone: they are the session's."""


@cache
def _shared_kind(kind: type) -> type:
    return type("_Session", (_SharedSession, kind), {})


@cache
def _handler(result: type) -> type:
    types = ProtocolHandler.message_types_by_opcode | {ResultMessage.opcode: result}
    return type("_Handler", (ProtocolHandler,), {"message_types_by_opcode": types})


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


class MomentHandler:
    """A protocol handler whose reads see rows as they are at a moment; the driver has no option for that.

    Args:
        at: in seconds since 1970.
    """

    def __init__(self, handler: Any, at: int) -> None:
        self._handler = handler
        self._at = at
        self.decode_message = handler.decode_message

    def encode_message(self, message: Any, *arguments: Any, **options: Any) -> bytes:
        """Encode a message for the server."""
        sent = _ExecuteAt(message, self._at) if isinstance(message, ExecuteMessage) else message
        encoded: bytes = self._handler.encode_message(sent, *arguments, **options)
        return encoded


_NOW_FLAG = 0x0100
"""Native protocol v5, 4.1.4: the last of the options is ``now_in_seconds``."""


class _ExecuteAt(ExecuteMessage):  # type: ignore[misc]
    """An EXECUTE with ``now_in_seconds``, by which the server says what has expired and how long the rest lives."""

    def __init__(self, message: Any, at: int) -> None:
        self.__dict__.update(message.__dict__)
        self._at = at

    def send_body(self, f: Any, protocol_version: int) -> None:
        body = io.BytesIO()
        super().send_body(body, protocol_version)
        content = bytearray(body.getvalue())
        # Two strings behind their lengths, and the consistency, come before the flags.
        place = 2 + len(self.query_id) + 2 + len(self.result_metadata_id) + 2
        content[place : place + 4] = (int.from_bytes(content[place : place + 4], "big") | _NOW_FLAG).to_bytes(4, "big")
        f.write(bytes(content) + self._at.to_bytes(4, "big"))


class RawRows:
    """Reads rows of a session as bytes, those of its own data centre and of no other.

    Raises:
        ClusterError: the session cannot be told to ask one data centre alone, or none of its cluster's is open.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        session = decoding_session(database.session, _RawResult)
        if session is None:  # something around one; any session of the cluster is as good
            sessions = [each for each in database.session.cluster.sessions if not each.is_shutdown]
            if not sessions:
                raise ClusterError("every session of its Cluster is shut down", next="Give a session that is open")
            session = decoding_session(sessions[0], _RawResult)
        self._session: Any = session
        self._options = dict(database.profile_options)
        if self._options:
            profile = copy(database.session.cluster.profile_manager.profiles[NODES_PROFILE])
            profile.row_factory = tuple_factory
            if database.local_dc:
                profile.load_balancing_policy = OneCenterPolicy(profile.load_balancing_policy, database.local_dc)
            self._options["execution_profile"] = profile
        elif database.has_several_centers():
            raise ClusterError(
                "rows of one data centre alone cannot be asked for: the session's Cluster has no execution profiles",
                next="Make the Cluster with 'execution_profiles' instead of a 'load_balancing_policy' of its own",
            )

    @property
    def has_moments(self) -> bool:
        """Tell whether rows can be read as they are at a moment: with native protocol v5."""
        return self._database.session.cluster.protocol_version in (ProtocolVersion.V5, ProtocolVersion.V6)

    def types(self, query: str) -> list[Any]:
        """Return the driver's type of each column of the result."""
        return [column[3] for column in self._database.prepared(query).result_metadata]

    def read(
        self,
        query: str,
        values: Sequence[bytes | None] = (),
        *,
        timeout_seconds: float = 15.0,
        at: int | None = None,
    ) -> list[RawRow]:
        """Return all rows of a query, as ``pages`` does; errors of the driver come through as they are."""
        return [row for page in self.pages(query, values, timeout_seconds=timeout_seconds, at=at) for row in page]

    def pages(
        self,
        query: str,
        values: Sequence[bytes | None] = (),
        *,
        page_rows: int = 5000,
        timeout_seconds: float = 15.0,
        at: int | None = None,
    ) -> Iterator[list[RawRow]]:
        """Yield the rows of a query page by page, at LOCAL_QUORUM.

        Args:
            values: what is bound, in the server's own form.
            timeout_seconds: of each page's request.
            at: the moment by which rows have expired or not, and TTLs are counted, in seconds since 1970; else that of
                each request. Only where ``has_moments``.
        """
        statement = self._database.prepared(query)
        session = self._session
        if at is not None:
            session = type(session)(session, MomentHandler(session.client_protocol_handler, at))
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
            found = session.execute(bound, timeout=timeout_seconds, paging_state=state, **self._options)
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
