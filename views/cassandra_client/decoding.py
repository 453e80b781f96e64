"""A session whose results are decoded in another way, beside an application's session that stays as it is.

The driver decodes results by the protocol handler of the session, so another way takes another session object. That
one shares everything that the application's has: connections, profiles, prepared statements.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from cassandra.cluster import Session
from cassandra.protocol import ProtocolHandler, ResultMessage

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
