"""Every timestamp and time that a server can hold is read, written as text, and asked for again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from cassandra import cqltypes as cql
from cassandra.cluster import Session
from cassandra.deserializers import find_deserializer
from cassandra.protocol import ProtocolHandler
from cassandra.util import Time
from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.read.driver_values import exact_maker, lossless_session, lossless_type
from cassandra_views.read.json_values import from_text, to_json

LONG = st.integers(-(2**63), 2**63 - 1)
EDGES = st.sampled_from([0, -1, -62135596800000, -62135596800001, 253402300799999, 253402300800000])


def again(kind: Any, data: bytes) -> bytes:
    """Read bytes, write them as JSON, and read what it says as an address would."""
    value = lossless_type(kind).from_binary(data, 5)
    told = json.loads(json.dumps(to_json(kind)(value)))
    assert isinstance(told, str)
    assert kind.serialize(exact_maker(kind)(value, "="), 5) == data
    found: bytes = kind.serialize(from_text(kind, told), 5)
    return found


@given(LONG | EDGES)
def test_every_timestamp(milliseconds: int) -> None:
    data = milliseconds.to_bytes(8, "big", signed=True)
    assert again(cql.DateType, data) == data


@given(LONG | st.integers(0, 86_400 * 10**9))
def test_every_time(nanoseconds: int) -> None:
    data = nanoseconds.to_bytes(8, "big", signed=True)
    assert again(cql.TimeType, data) == data


@given(st.integers(0, 2**32 - 1))
def test_every_date(days: int) -> None:
    data = days.to_bytes(4, "big")
    assert again(cql.SimpleDateType, data) == data


def test_what_the_calendar_holds_comes_as_the_driver_has_it() -> None:
    data = (1795737600123).to_bytes(8, "big")
    assert lossless_type(cql.DateType).deserialize(data, 5) == cql.DateType.deserialize(data, 5)
    assert lossless_type(cql.TimeType).deserialize((5).to_bytes(8, "big"), 5) == Time(5)
    assert to_json(cql.DateType)(1795737600000000) == "+58874-08-29T00:00:00.000Z"
    assert to_json(cql.TimeType)(lossless_type(cql.TimeType).deserialize((90_000 * 10**9).to_bytes(8, "big"), 5)) == (
        "25:00:00.000000000"
    )


def test_types_that_need_nothing_stay_and_the_drivers_own_are_not_changed() -> None:
    known = dict(cql._casstypes)
    plain = (cql.UTF8Type, cql.TimeUUIDType, cql.ListType.apply_parameters([cql.Int32Type]))
    assert all(lossless_type(kind) is kind for kind in plain)
    nested = cql.MapType.apply_parameters(
        [cql.DateType, cql.ListType.apply_parameters([cql.TupleType.apply_parameters([cql.TimeType, cql.UTF8Type])])]
    )
    known |= {name: kind for name, kind in cql._casstypes.items() if "(" in name}
    found = lossless_type(nested)
    assert found is not nested
    assert found.cql_parameterized_type() == nested.cql_parameterized_type()
    assert cql._casstypes == known
    moment = datetime(2026, 1, 5)  # noqa: DTZ001
    values: list[dict[Any, Any]] = [{moment: [(5, "a")]}, {1795737600000000: []}]
    for value in values:
        read = find_deserializer(found) and found.from_binary(nested.serialize(value, 5), 5)
        assert list(read) == list(value)


def test_the_session_of_an_application_is_shared_and_stays_as_it_is() -> None:
    session = object.__new__(Session)  # connected to nothing
    session.is_shutdown = False
    found = lossless_session(session)
    assert isinstance(found, Session)
    assert session.client_protocol_handler is ProtocolHandler
    assert found.client_protocol_handler is not ProtocolHandler
    session.keyspace = "shop"
    assert found.keyspace == "shop"
    del found
    assert session.is_shutdown is False
    session.is_shutdown = True  # it has no connections that its end could close


def test_a_protocol_handler_of_an_application_is_used() -> None:
    session = object.__new__(Session)
    session.is_shutdown = True
    session.client_protocol_handler = type("Own", (ProtocolHandler,), {})
    assert lossless_session(session) is session
