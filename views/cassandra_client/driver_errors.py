"""The one translation of the driver's errors: what they say, whether they are final, and what to do next."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import cassandra.protocol as wire
from cassandra import (
    AuthenticationFailed,
    DriverException,
    InvalidRequest,
    OperationTimedOut,
    ReadFailure,
    RequestValidationException,
    Unauthorized,
    Unavailable,
    UnsupportedOperation,
)
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionBusy, ConnectionException

from cassandra_client.errors import ClusterError, ViewsError
from cassandra_client.grants import find_refused_grant, grants_text

DRIVER_ERRORS = (DriverException, NoHostAvailable, wire.ErrorMessage, ConnectionException, ConnectionBusy)
"""What a statement can raise; all but the first stand outside the driver's own root. A connection's own
error comes through where its node dies, since FallthroughRetryPolicy hands it on as it is."""

NO_ANSWER = (OperationTimedOut, NoHostAvailable, ConnectionException, ConnectionBusy)
"""Those of them that say that a node does not answer at all."""

_FINAL = (
    RequestValidationException,  # InvalidRequest, Unauthorized, ConfigurationException, AlreadyExists
    wire.RequestValidationException,  # the same codes where the driver has no class of its own: SyntaxException
    wire.ProtocolException,
    wire.BadCredentials,
    AuthenticationFailed,
    UnsupportedOperation,
)
_PLAIN_REFUSALS = (RequestValidationException, wire.RequestValidationException)
_TOMBSTONES = 1
"""READ_TOO_MANY_TOMBSTONES among the server's RequestFailureReason codes."""
_MESSAGE = re.compile(r'message="(.*?)"(?: info=\{.*\})?\Z', re.DOTALL)
_UNDECODABLE = re.compile(r'Failed decoding result column "(?P<column>.*?)" of type (?P<type>[^:]+): (?P<why>.*)', re.S)

CORRECT_FILE = "Correct the file, or what the server names, then run the command again"


def errors_of(error: BaseException) -> list[BaseException]:
    """Return an error, and after it those of each node where it stands for what several said."""
    inner = error.errors if isinstance(error, NoHostAvailable) else None  # without any node it is a list of addresses
    return [error, *(inner.values() if isinstance(inner, Mapping) else ())]


def is_refusal(error: BaseException | None) -> bool:
    """Tell whether the server said no before it changed anything: the same statement is refused again.

    All of the server's validation errors are (codes 0x2000 to 0x2400: syntax, permission, invalid, configuration,
    already exists); a time-out, a failure, an overload or the server's own error leave the outcome unknown.
    """
    if isinstance(error, NoHostAvailable):
        _whole, *inner = errors_of(error)
        return bool(inner) and all(is_refusal(each) for each in inner)
    return isinstance(error, _FINAL) and not isinstance(error, wire.PreparedQueryNotFound)


def is_unknown_table(error: BaseException | None) -> bool:
    """Tell whether the node that was asked knows no such table: it is dropped, or the node has not heard of it yet."""
    return isinstance(error, InvalidRequest) and any(
        words in str(error) for words in ("does not exist", "unconfigured table")
    )


def has_too_many_tombstones(error: BaseException | None) -> bool:
    """Tell whether a node gave a read up because it met more deleted rows than it is allowed to read."""
    if not isinstance(error, ReadFailure):
        return False
    codes = getattr(error, "error_code_map", None) or {}
    return _TOMBSTONES in codes.values() or "TOO_MANY_TOMBSTONES" in str(error)


def is_undecodable(error: BaseException | None) -> bool:
    """Tell whether the server answered, and the driver has no Python value for what it sent."""
    return isinstance(error, DriverException) and _UNDECODABLE.match(str(error)) is not None


@contextmanager
def translate_driver_errors(
    what: str, *, on: str = "", remains: str = "Nothing was changed", next: str = "", view: str = "NAME"
) -> Iterator[None]:
    """Turn the driver's errors into ours, once, with the cause kept.

    Args:
        next: what to do next; without it, what ``advice`` says of this view.
    """
    try:
        yield
    except ViewsError:
        raise
    except DRIVER_ERRORS as error:
        raise cluster_error(what, error, on=on, remains=remains, next=next or advice(error, view=view)) from error


def cluster_error(
    what: str, error: BaseException, *, on: str = "", remains: str = "Nothing was changed", next: str = ""
) -> ClusterError:
    """Return the error of ours that a driver's error becomes; to be raised from it."""
    return ClusterError(f"{what}: {driver_text(error)}", on=on, remains=remains, next=next or advice(error))


def driver_text(error: BaseException) -> str:
    """Return what a driver's error says, in one line, without addresses repeated."""
    if isinstance(error, NoHostAvailable) and isinstance(error.errors, Mapping) and error.errors:
        reasons = dict.fromkeys(f"{host}: {driver_text(inner)}" for host, inner in error.errors.items())
        return f"no node answered ({'; '.join(reasons)})"
    if isinstance(error, AuthenticationFailed):
        return "the user name or password is wrong"
    if isinstance(error, OperationTimedOut):
        return "no answer in time"
    if isinstance(error, Unavailable):
        return (
            f"{error.required_replicas} replicas must answer and {error.alive_replicas} of those asked are up ({error})"
        )
    if has_too_many_tombstones(error):
        return "a node met more deleted rows (tombstones) in one read than tombstone_failure_threshold allows"
    if found := _UNDECODABLE.match(str(error)) if isinstance(error, DriverException) else None:
        return (
            f"a value in column {found['column']} (type {found['type']}) cannot be held by Python: {found['why']}"
        ).rstrip(": ")
    if isinstance(error, wire.ErrorMessage | InvalidRequest | Unauthorized):
        return str(getattr(error, "message", "") or error)
    return str(error) or type(error).__name__


def server_words(error: BaseException) -> str:
    """Return what the server said, without what the driver writes around it."""
    text = driver_text(error)
    found = _MESSAGE.search(text)
    return found[1] if found else text


def short_driver_text(error: BaseException) -> str:
    """Return what the error of one node says, in a few words."""
    if isinstance(error, NoHostAvailable):
        _whole, *inner = errors_of(error)
        return short_driver_text(inner[0]) if inner else "no connection"
    if isinstance(error, ConnectionException):
        return "no connection"
    text = " ".join(server_words(error).split())
    return text if len(text) <= 120 else f"{text[:117]}..."


def advice(error: BaseException, *, view: str = "NAME", again: str = "run the command again") -> str:
    """Return what to do next about a driver's error.

    Args:
        view: the view that was read, for the commands that are named.
        again: what trying again is, where the person looks.
    """
    each = errors_of(error)
    refused = next((one for one in each if isinstance(one, Unauthorized)), None)
    if refused is not None:
        found = find_refused_grant(str(refused))
        if found is None:
            return "Give the role what 'views grants' prints for it"
        role, grant = found
        return grants_text(role, [grant], again)
    if any(isinstance(one, AuthenticationFailed) for one in each):
        return "Correct CASSANDRA_USERNAME and the password file"
    if any(map(has_too_many_tombstones, each)):
        return (
            f"Run 'views refresh {view}': the next generation is built without them. Where they come back, "
            "add a column such as a day to the partition key of the view"
        )
    if any(map(is_undecodable, each)):
        return (
            "Correct this value in the base table with cqlsh; repeating the read gives the same answer. "
            "A timestamp outside the years 1 to 9999 is often microseconds where milliseconds belong"
        )
    if isinstance(error, Unavailable):
        return (
            "Check that the nodes are up and reachable. If all are, the keyspace asks for more replicas than its "
            "data centre has nodes: lower its replication"
        )
    if isinstance(error, OperationTimedOut | NoHostAvailable | ConnectionException) and not is_refusal(error):
        return f"Check that the nodes are up and reachable, then {again}"
    if is_refusal(error) and not is_unknown_table(error):
        return f"Correct what the server names, then {again}"
    return f"{again.capitalize()}; 'views status' shows what stands"


def refused_advice(error: BaseException) -> str:
    """Return what to do next about a statement from a file that the server refused."""
    return advice(error) if not isinstance(error, _PLAIN_REFUSALS) or isinstance(error, Unauthorized) else CORRECT_FILE
