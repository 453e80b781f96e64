"""Values around the driver: bound exactly, read without loss, and as bytes in one order.

The driver rounds, cuts or misreads some values of applications, cannot decode a ``timestamp`` beyond the years 1 to
9999 or a ``time`` beyond its day, and writes sets and maps in any order.
"""

from __future__ import annotations

import ipaddress
import operator
import struct
import uuid
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

from cassandra import DriverException
from cassandra import cqltypes as cql
from cassandra.cluster import Session
from cassandra.cqltypes import FrozenType, ListType, MapType, SetType, TupleType, UserType
from cassandra.protocol import ProtocolHandler
from cassandra.util import Date, Duration, SortedSet, Time

from cassandra_client.decoding import DRIVER_RESULT, decoding_session
from cassandra_views.read.time_texts import NanosecondTime, date_from_text, time_from_text, time_of

Exact = Callable[[Any, str], Any]
"""Returns the value to bind for one that is compared by an operator; raises ValueError, TypeError or the like."""


class NotExact(ValueError):
    """The value is near one of the column's type and is none; the text says what to give instead."""


def plain_types(kind: Any) -> frozenset[type]:
    """Return the Python types that need no check: the driver writes each of their values exactly, or refuses it."""
    return next((found for of, found in _PLAIN if issubclass(kind, of)), frozenset())


def exact_maker(kind: Any) -> Exact:
    """Return what makes a value to bind, for values of other types than ``plain_types``."""
    if issubclass(kind, cql.FrozenType | cql.ReversedType):
        return exact_maker(kind.subtypes[0])
    if issubclass(kind, cql.VectorType):
        return _list(kind.subtype)
    if issubclass(kind, cql.ListType):
        return _list(kind.subtypes[0])
    if issubclass(kind, cql.SetType):
        return _set(kind.subtypes[0])
    if issubclass(kind, cql.MapType):
        return _map(*kind.subtypes)
    if issubclass(kind, cql.TupleType):  # of which user types are derived
        return _tuple(kind)
    return next((make for of, make in _SCALARS if issubclass(kind, of)), _same)


def _same(value: Any, _op: str) -> Any:
    return value


def _instance(*types: type) -> Exact:
    def make(value: Any, _op: str) -> Any:
        if not isinstance(value, types):
            raise TypeError(f"no {types[0].__name__}")
        return value

    return make


def _integer(value: Any, _op: str) -> int:
    if isinstance(value, bool):
        raise TypeError("a bool")
    return operator.index(value)


def _float(pack: str) -> Exact:
    def make(value: Any, _op: str) -> float:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError("no float")
        found = float(value)
        if isinstance(value, Integral):
            found = struct.unpack(pack, struct.pack(pack, found))[0]
        if found != value and not (found != found and value != value):
            raise NotExact(f"Give a float: {value!r} has more digits than the column holds")
        return found

    return make


def _decimal(value: Any, _op: str) -> Decimal | int:
    if isinstance(value, float):
        raise NotExact(f"Give a decimal.Decimal, such as Decimal('{value!r}'): a float is not exact")
    if isinstance(value, bool) or not isinstance(value, Decimal | int | str):
        raise TypeError("no decimal")
    found = Decimal(value) if isinstance(value, str) else value
    if isinstance(found, Decimal) and not found.is_finite():
        raise TypeError("no number")
    return found


def _timestamp(value: Any, op: str) -> datetime | int:
    if isinstance(value, datetime):
        finer = value.microsecond % 1000
        if finer and op in ("<", ">="):
            return value + timedelta(microseconds=1000 - finer)  # no row lies between the two
        if finer and op in (">", "<="):
            return value - timedelta(microseconds=finer)
        if finer:
            raise NotExact("Give a time of whole milliseconds, or a range: a timestamp holds nothing finer")
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    found = _integer(value, op)
    if not -(2**63) <= found < 2**63:
        raise OverflowError("out of the range of a timestamp")
    return found


def _date(value: Any, op: str) -> Any:
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        if moment.timetz() != time(tzinfo=UTC):
            raise NotExact("Give a date: a date holds no time of day")
        return moment.date()
    if isinstance(value, str):
        return date_from_text(value)
    return value if isinstance(value, date | Date) else _integer(value, op)


def _time(value: Any, op: str) -> Any:
    if isinstance(value, time):
        if value.tzinfo is not None:
            raise NotExact("Give a time without a zone")
        return value
    if isinstance(value, str):
        return time_from_text(value)
    return value if isinstance(value, Time | NanosecondTime) else time_of(_integer(value, op))


def _address(value: Any, _op: str) -> Any:
    if isinstance(value, str):
        if "%" in value:
            raise NotExact("Give an address without a zone")
        ipaddress.ip_address(value)  # the driver takes '10.1' for 10.0.0.1
    elif not isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        raise TypeError("no address")
    return value


_SCALARS: tuple[tuple[Any, Exact], ...] = (
    (cql.UTF8Type | cql.AsciiType, _instance(str)),
    (cql.LongType | cql.Int32Type | cql.ShortType | cql.ByteType | cql.IntegerType, _integer),
    (cql.FloatType, _float(">f")),
    (cql.DoubleType, _float(">d")),
    (cql.DecimalType, _decimal),
    (cql.BooleanType, _instance(bool)),
    (cql.UUIDType | cql.TimeUUIDType, _instance(uuid.UUID)),
    (cql.DateType, _timestamp),
    (cql.SimpleDateType, _date),
    (cql.TimeType, _time),
    (cql.DurationType, _instance(Duration)),
    (cql.InetAddressType, _address),
    # The driver makes bytes of anything: of the number n it makes n zeros.
    (cql.BytesType, _instance(bytes, bytearray, memoryview)),
)

_PLAIN: tuple[tuple[Any, frozenset[type]], ...] = (
    (cql.UTF8Type | cql.AsciiType, frozenset({str})),
    (cql.LongType | cql.Int32Type | cql.ShortType | cql.ByteType | cql.IntegerType, frozenset({int})),
    (cql.FloatType | cql.DoubleType, frozenset({float})),
    (cql.BooleanType, frozenset({bool})),
    (cql.UUIDType | cql.TimeUUIDType, frozenset({uuid.UUID})),
    (cql.SimpleDateType, frozenset({date, Date})),
    (cql.TimeType, frozenset({Time})),
    (cql.BytesType, frozenset({bytes})),
)


def _items(value: Any, kinds: Any) -> Iterable[Any]:
    if not isinstance(value, kinds):
        raise TypeError("no collection of this kind")
    for each in value:
        if each is None:
            raise TypeError("a collection holds no null")
        yield each


def _list(of: Any) -> Exact:
    make = exact_maker(of)
    return lambda value, _op: [make(each, "") for each in _items(value, list | tuple)]


def _set(of: Any) -> Exact:
    make = exact_maker(of)

    def found(value: Any, _op: str) -> list[Any]:
        made = [make(each, "") for each in _items(value, Set | SortedSet | list | tuple)]
        return list({of.serialize(each, 5): each for each in made}.values())

    return found


def _map(keys: Any, values: Any) -> Exact:
    key, value = exact_maker(keys), exact_maker(values)

    def found(given: Any, _op: str) -> Pairs:
        if not isinstance(given, Mapping | Pairs):
            raise TypeError("no mapping")
        pairs = list(given.items())
        if any(one is None or each is None for one, each in pairs):
            raise TypeError("a map holds no null")
        return Pairs((key(one, ""), value(each, "")) for one, each in pairs)

    return found


def _tuple(kind: Any) -> Exact:
    makers = [exact_maker(of) for of in kind.subtypes]
    names = kind.fieldnames if issubclass(kind, cql.UserType) else None

    def found(value: Any, _op: str) -> tuple[Any, ...]:
        if names is not None and not isinstance(value, list | tuple):
            value = _fields(value, names)
        if not isinstance(value, list | tuple) or len(value) > len(makers):
            raise TypeError(f"no tuple of {len(makers)}")
        return tuple(None if each is None else make(each, "") for make, each in zip(makers, value, strict=False))

    return found


def _fields(value: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    if isinstance(value, Mapping):
        if unknown := value.keys() - set(names):
            raise TypeError(f"no field {sorted(map(str, unknown))[0]}")
        return tuple(value.get(name) for name in names)
    if not any(hasattr(value, name) for name in names):
        raise TypeError(f"no object with {', '.join(names)}")
    return tuple(getattr(value, name, None) for name in names)


def canonical_bytes(kind: Any, value: Any, protocol_version: int) -> bytes:
    """Return the value as bytes that do not depend on the order in which its sets and maps are walked.

    The server reads them as the same value, but may itself keep them in another order: compare them with each
    other alone.

    Args:
        kind: the driver's type.
        value: of that type, in any form that the driver takes.

    Raises:
        TypeError: it is not of the type; or what else the driver raises for such values.
    """
    return kind.serialize(_in_order(kind, value, protocol_version), protocol_version)  # type: ignore[no-any-return]


class Pairs(list[tuple[Any, Any]]):
    """A map as the driver takes it, with keys that need not be hashable."""

    def items(self) -> Iterable[tuple[Any, Any]]:
        """Return the pairs."""
        return self


def _in_order(kind: Any, value: Any, version: int) -> Any:
    if value is None or isinstance(value, str | bytes):
        return value  # where a collection is asked for, the driver says what is wrong
    if issubclass(kind, FrozenType):
        return _in_order(kind.subtypes[0], value, version)
    if issubclass(kind, SetType):
        of = kind.subtypes[0]
        return sorted((_in_order(of, each, version) for each in value), key=lambda each: of.serialize(each, version))
    if issubclass(kind, ListType):
        return [_in_order(kind.subtypes[0], each, version) for each in value]
    if issubclass(kind, MapType):
        keys, values = kind.subtypes
        pairs = Pairs((_in_order(keys, key, version), _in_order(values, each, version)) for key, each in value.items())
        pairs.sort(key=lambda pair: keys.serialize(pair[0], version))
        return pairs
    if issubclass(kind, UserType) and not isinstance(value, tuple | list):
        value = tuple(getattr(value, name, None) for name in kind.fieldnames)
    if issubclass(kind, TupleType):
        fields = tuple(value)
        known = [_in_order(of, each, version) for of, each in zip(kind.subtypes, fields, strict=False)]
        return (*known, *fields[len(known) :])
    return value


_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - the driver returns times without a zone


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
        return time_of(int.from_bytes(data, "big", signed=True))


_OWN = {cql.DateType: _Timestamp, cql.TimestampType: _Timestamp, cql.TimeType: _Time}


def lossless_type(kind: Any) -> Any:
    """Return a type of the driver that reads every value of this one; the type itself where it does so."""
    subtypes = kind.subtypes
    if subtypes:
        inside = tuple(map(lossless_type, subtypes))
        return kind if inside == tuple(subtypes) else _derived(kind, subtypes=inside)
    if issubclass(kind, cql.VectorType):
        inner = lossless_type(kind.subtype)
        return kind if inner is kind.subtype else _derived(kind, subtype=inner)
    return _OWN.get(kind, kind)


def _derived(kind: Any, **attributes: Any) -> Any:
    return type(kind)(
        f"_{kind.__name__}", (kind,), {"cassname": kind.cassname, "typename": kind.typename, **attributes}
    )


class _Result(DRIVER_RESULT):  # type: ignore[misc]
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
            self.column_metadata = [(*column[:3], lossless_type(column[3])) for column in self.column_metadata]


def lossless_session(session: Session) -> Session:
    """Return a session to send statements by; the application's own where it has a protocol handler of its own."""
    is_plain = getattr(session, "client_protocol_handler", None) is ProtocolHandler
    return (decoding_session(session, _Result) if is_plain else None) or session
