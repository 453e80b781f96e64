"""What the driver raises: which errors are final refusals, what each says, and what is to be done."""

from __future__ import annotations

from typing import Any

import cassandra
import cassandra.protocol as wire
import pytest
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionBusy, ConnectionException, ConnectionShutdown

from cassandra_client.driver_errors import (
    CORRECT_FILE,
    DRIVER_ERRORS,
    advice,
    driver_text,
    is_refusal,
    refused_advice,
    translate_driver_errors,
)
from cassandra_client.errors import ClusterError


def _from_server(kind: type[wire.ErrorMessageSub]) -> Exception:
    """Return what a caller gets for the server's error of this code."""
    details = {
        wire.UnavailableErrorMessage: {"consistency": 6, "required_replicas": 2, "alive_replicas": 1},
        wire.WriteTimeoutErrorMessage: {"write_type": 0},
        wire.WriteFailureMessage: {"write_type": 0},
        wire.AlreadyExistsException: {"keyspace": "k", "table": "t"},
        wire.FunctionFailureMessage: {"keyspace": "k", "function": "f", "arg_types": []},
    }.get(kind, {})
    message = kind(kind.error_code, "the server's text", details)
    found: Exception = message.to_exception()
    return found


#: Every error code that the driver's protocol knows, and whether the server says it before it changes anything.
REFUSED_CODES = {0x000A, 0x0100, 0x2000, 0x2100, 0x2200, 0x2300, 0x2400}
KINDS: list[Any] = [
    kind for kind in vars(wire).values() if isinstance(kind, type) and issubclass(kind, wire.ErrorMessageSub)
]
CODES = sorted((kind for kind in KINDS if kind.error_code is not None), key=lambda kind: kind.error_code)


@pytest.mark.parametrize("kind", CODES, ids=lambda kind: kind.__name__)
def test_each_error_code_of_the_server_is_a_refusal_or_an_unknown_outcome(kind: type[wire.ErrorMessageSub]) -> None:
    error = _from_server(kind)

    assert isinstance(error, DRIVER_ERRORS)
    assert is_refusal(error) == (kind.error_code in REFUSED_CODES)
    assert driver_text(error)
    assert advice(error)


def test_the_codes_are_all_there() -> None:
    assert {kind.error_code for kind in CODES} >= REFUSED_CODES | {0x0000, 0x1000, 0x1100, 0x1200, 0x1300, 0x1500}


@pytest.mark.parametrize(
    "error",
    [
        cassandra.OperationTimedOut(),
        ConnectionException("gone"),
        ConnectionShutdown("gone"),
        ConnectionBusy("busy"),
        NoHostAvailable("nobody", {}),
        NoHostAvailable("nobody", {"n1": cassandra.InvalidRequest("no"), "n2": ConnectionException("gone")}),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_may_have_arrived_is_no_refusal(error: Exception) -> None:
    assert not is_refusal(error)
    sent = isinstance(error, ConnectionBusy)
    busy = "Run the command again; 'views status' shows what stands"
    assert advice(error) == (busy if sent else "Check that the nodes are up and reachable, then run the command again")


def test_a_refusal_by_every_node_is_a_refusal() -> None:
    assert is_refusal(NoHostAvailable("", {"n1": cassandra.InvalidRequest("no"), "n2": cassandra.Unauthorized("no")}))


@pytest.mark.parametrize("code", [0x2000, 0x2200, 0x2300, 0x2400])
def test_a_refused_statement_from_a_file_asks_for_the_file_to_be_corrected(code: int) -> None:
    kind = next(kind for kind in CODES if kind.error_code == code)
    assert refused_advice(_from_server(kind)) == CORRECT_FILE


REFUSED = 'Error from server: code=2100 [Unauthorized] message="User ann has no {} permission on <{}> {}"'


@pytest.mark.parametrize(
    ("permission", "resource", "grant"),
    [
        ("SELECT", "table shop.orders", "GRANT SELECT ON TABLE shop.orders TO ann"),
        ("ALTER", "table Shop.by Day", 'GRANT ALTER ON TABLE "Shop"."by Day" TO ann'),
        ("CREATE", "keyspace shop", "GRANT CREATE ON KEYSPACE shop TO ann"),
        ("CREATE", "all tables in shop", "GRANT CREATE ON ALL TABLES IN KEYSPACE shop TO ann"),
        ("CREATE", "all keyspaces", "GRANT CREATE ON ALL KEYSPACES TO ann"),
    ],
)
def test_a_missing_permission_asks_for_its_grant_and_not_for_the_file(
    permission: str, resource: str, grant: str
) -> None:
    error = cassandra.Unauthorized(REFUSED.format(permission, resource, "or any of its parents"))
    assert refused_advice(error) == f"As an administrator: {grant}; then run the command again"


def test_another_refusal_of_a_role_asks_for_its_grants() -> None:
    assert "'views grants'" in refused_advice(cassandra.Unauthorized("You have not logged in"))


def test_tombstones_ask_for_a_refresh() -> None:
    error = cassandra.ReadFailure("Replica(s) failed", error_code_map={"127.0.0.1": 1}, failures=1)

    assert "tombstones" in driver_text(error)
    assert "views refresh top" in advice(error, view="top")
    assert "views refresh" in advice(NoHostAvailable("", {"n1": error}))
    other = cassandra.ReadFailure("Replica(s) failed", error_code_map={"127.0.0.1": 0}, failures=1)
    assert "refresh" not in advice(other)


@pytest.mark.parametrize("type_name", ["timestamp", "time", "map<text, timestamp>"])
def test_a_value_that_python_cannot_hold_is_named_by_its_column_and_not_read_again(type_name: str) -> None:
    error = cassandra.DriverException(
        f'Failed decoding result column "at" of type {type_name}: date value out of range'
    )

    with pytest.raises(ClusterError) as found, translate_driver_errors("the read failed", on="k.v"):
        raise error
    assert "column at" in found.value.what
    assert type_name in found.value.what
    assert "repeating" in found.value.next
    assert "nodes" not in found.value.next
    assert "Run the command again" not in found.value.next


def test_too_few_replicas_names_how_many_and_the_replication() -> None:
    error = _from_server(wire.UnavailableErrorMessage)

    assert "2 replicas" in driver_text(error)
    assert "replication" in advice(error)
