"""Reading values that the driver cannot: a ``timestamp`` beyond the years 1 to 9999, a ``time`` beyond its day.

The driver raises where it decodes such a value, and closes the connection that brought it, with all that other
threads have under way there. So rows that hold these two types are read by types of our own.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache
from typing import Any, ClassVar

from cassandra import DriverException
from cassandra import cqltypes as cql
from cassandra.cluster import Session
from cassandra.protocol import ProtocolHandler, ResultMessage
from cassandra.util import Time

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the driver returns times without a zone
_DAY_NANOSECONDS = 86_400 * 10**9


class NanosecondTime(int):
    """A ``time`` beyond its day, in nanoseconds since midnight; it can be bound as it is read."""

    @property
    def nanosecond_time(self) -> int:
        """The nanoseconds, as the driver asks for them."""
        return int(self)


# The driver keeps types by their names for the whole process, but for those that begin with "_".
class _Timestamp(cql.DateType):  # type: ignore[misc]
    cassname = cql.DateType.cassname

    @staticmethod
    def deserialize(data: bytes, _protocol_version: int) -> datetime | int:
        milliseconds = int.from_bytes(data, "big", signed=True)
        try:
            return _EPOCH + timedelta(milliseconds=milliseconds)
        except OverflowError:
            return milliseconds


class _Time(cql.TimeType):  # type: ignore[misc]
    cassname = cql.TimeType.cassname

    @staticmethod
    def deserialize(data: bytes, _protocol_version: int) -> Time | NanosecondTime:
        nanoseconds = int.from_bytes(data, "big", signed=True)
        return Time(nanoseconds) if 0 <= nanoseconds < _DAY_NANOSECONDS else NanosecondTime(nanoseconds)


_OWN = {cql.DateType: _Timestamp, cql.TimestampType: _Timestamp, cql.TimeType: _Time}


def lossless(kind: Any) -> Any:
    """Return a type of the driver that reads every value of this one; the type itself where it does so."""
    subtypes = kind.subtypes
    if subtypes:
        inside = tuple(map(lossless, subtypes))
        return kind if inside == tuple(subtypes) else _derived(kind, subtypes=inside)
    if issubclass(kind, cql.VectorType):
        inner = lossless(kind.subtype)
        return kind if inner is kind.subtype else _derived(kind, subtype=inner)
    return _OWN.get(kind, kind)


def _derived(kind: Any, **attributes: Any) -> Any:
    return type(kind)(
        f"_{kind.__name__}", (kind,), {"cassname": kind.cassname, "typename": kind.typename, **attributes}
    )


class _Result(ProtocolHandler.message_types_by_opcode[ResultMessage.opcode]):  # type: ignore[misc]
    """A result that is decoded once more by types of our own where the driver's cannot, which are the faster ones."""

    column_metadata: Any
    is_second = False

    def recv_results_rows(self, file: Any, *arguments: Any) -> None:
        begin = file.tell()
        try:
            super().recv_results_rows(file, *arguments)
        except DriverException:
            file.seek(begin)
            self.is_second = True
            super().recv_results_rows(file, *arguments)

    def recv_results_metadata(self, file: Any, user_types: Any) -> None:
        super().recv_results_metadata(file, user_types)
        if self.is_second and self.column_metadata:
            self.column_metadata = [(*column[:3], lossless(column[3])) for column in self.column_metadata]


class _Handler(ProtocolHandler):  # type: ignore[misc]
    message_types_by_opcode: ClassVar = {
        **ProtocolHandler.message_types_by_opcode,
        ResultMessage.opcode: _Result,
    }


def lossless_session(session: Session) -> Session:
    """Return a session that shares everything with an application's, and whose answers are read without loss.

    The application's session stays as it is; it is returned itself where it has a protocol handler of its own.
    """
    if getattr(session, "client_protocol_handler", None) is not ProtocolHandler:
        return session
    kind: Any = type(session)
    found: Session = object.__new__(_lossless_class(kind))
    found.__dict__ = session.__dict__
    return found


@cache
def _lossless_class(kind: Any) -> Any:
    # Not a wrapper that passes each attribute on: the driver asks for some thirty of them to send one statement.
    attributes = {"client_protocol_handler": property(lambda _: _Handler), "__del__": lambda _: None}
    return type(f"Lossless{kind.__name__}", (kind,), attributes)
