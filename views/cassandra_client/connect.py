"""Opening a session: to a cluster, or to one of its nodes alone."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cassandra import DriverException, UnresolvableContactPoints
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable, Session
from cassandra.connection import ConnectionException
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    FallthroughRetryPolicy,
    LoadBalancingPolicy,
    TokenAwarePolicy,
    WhiteListRoundRobinPolicy,
)
from cassandra.query import dict_factory

from cassandra_client.database import LocalFirstPolicy
from cassandra_client.driver_errors import advice, driver_text
from cassandra_client.errors import ClusterError, ConfigurationError
from cassandra_client.tls import Tls, find_tls_fault

_TLS_SECONDS = 3.0
"""How long a node that did not answer may take to show whether encryption is why."""


@contextmanager
def connected(
    contact_points: tuple[str, ...],
    *,
    port: int = 9042,
    local_dc: str | None = None,
    username: str | None = None,
    password: str | None = None,
    tls: Tls | None = None,
    consistency: int | None = None,
    serial_consistency: int | None = None,
    request_timeout_seconds: float = 15.0,
    connect_timeout_seconds: float = 8.0,
    load_balancing: LoadBalancingPolicy | None = None,
    profiles: Mapping[str, Mapping[str, Any]] | None = None,
    protocol_version: int | None = None,
    cql_version: str | None = None,
) -> Iterator[Session]:
    """Open a session, and close it at the end.

    Changes nothing of the process: the driver's logger, ``cassandra``, is the application's to configure.

    Args:
        consistency, serial_consistency: of statements that name none; the registry's and the manager's own do.
        load_balancing: instead of reading in ``local_dc``, from the replicas themselves.
        profiles: further execution profiles by name: the driver's arguments that differ from the default's.

    Raises:
        ClusterError: no contact point answers, or the credentials are wrong.
    """
    points: list[str | tuple[str, int]] = [_endpoint(each, port) for each in contact_points]
    # One that is named alone; else that of the contact point that answers comes first, and the others after it.
    local = DCAwareRoundRobinPolicy(local_dc) if local_dc else LocalFirstPolicy()
    profile: dict[str, Any] = {
        "load_balancing_policy": load_balancing or TokenAwarePolicy(local),
        "request_timeout": request_timeout_seconds,
    }
    if consistency is not None:
        profile["consistency_level"] = consistency
    if serial_consistency is not None:
        profile["serial_consistency_level"] = serial_consistency
    protocol = {} if protocol_version is None else {"protocol_version": protocol_version}
    try:
        cluster = Cluster(
            contact_points=points,
            port=port,
            **_access(username, password, tls),
            execution_profiles={
                EXEC_PROFILE_DEFAULT: ExecutionProfile(**profile),
                **{name: ExecutionProfile(**{**profile, **own}) for name, own in (profiles or {}).items()},
            },
            cql_version=cql_version,
            **protocol,
            # The catalog is read by our own queries; the driver's copy of 1,000 views costs seconds.
            schema_metadata_enabled=False,
            # Else each new statement waits for the slowest node; the others learn it when they are asked.
            prepare_on_all_hosts=False,
            reconnection_policy=ConstantReconnectionPolicy(1.0, None),
            connect_timeout=connect_timeout_seconds,
            control_connection_timeout=connect_timeout_seconds,
        )
    except (UnresolvableContactPoints, UnicodeError) as error:  # the second is Python's, of what no host can be called
        raise ClusterError(
            "the cluster cannot be reached: no contact point's name leads to an address",
            on=", ".join(contact_points),
            next="Correct the names, or give addresses",
        ) from error
    try:
        try:
            session = cluster.connect()
        except (NoHostAvailable, DriverException, OSError) as error:
            if fault := _find_tls_fault(error, tls, connect_timeout_seconds):
                raise ClusterError(
                    f"the cluster cannot be reached: {fault[0]}", on=", ".join(contact_points), next=fault[1]
                ) from error
            raise ClusterError(
                f"the cluster cannot be reached: {driver_text(error)}",
                on=", ".join(contact_points),
                next=advice(error),
            ) from error
        yield session
    finally:
        cluster.shutdown()


@contextmanager
def connect_alone(
    address: str,
    *,
    port: int = 9042,
    timeout_seconds: float = 5.0,
    username: str | None = None,
    password: str | None = None,
    tls: Tls | None = None,
) -> Iterator[Session]:
    """Open a session on one node alone, whose rows are dicts, and close it at the end.

    Errors of the driver and of the network come through as they are.

    Raises:
        ConfigurationError: a file of ``tls`` cannot be read.
    """
    # First without the driver, which tells its log at length of a node that is away.
    socket.create_connection((address, port), timeout=timeout_seconds).close()
    profile = ExecutionProfile(
        load_balancing_policy=WhiteListRoundRobinPolicy([address]),
        retry_policy=FallthroughRetryPolicy(),
        row_factory=dict_factory,
        request_timeout=timeout_seconds,
    )
    cluster = Cluster(
        [address],
        port=port,
        **_access(username, password, tls),
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        connect_timeout=timeout_seconds,
        control_connection_timeout=timeout_seconds,
        # It lives for one check; the rest of the cluster does not matter to it.
        schema_metadata_enabled=False,
        token_metadata_enabled=False,
    )
    try:
        yield cluster.connect()
    finally:
        cluster.shutdown()


def _endpoint(text: str, port: int) -> str | tuple[str, int]:
    host, colon, own = text.rpartition(":")
    if not colon or ":" in host:
        return text
    if not (own.isascii() and own.isdigit() and 1 <= int(own[:9]) <= 65535):
        raise ConfigurationError(f"'{text}' is no contact point", next="Write host or host:port")
    return (host, int(own)) if int(own) != port else host


def _find_tls_fault(error: Exception, tls: Tls | None, timeout_seconds: float) -> tuple[str, str] | None:
    """Return what is wrong with encryption, as far as one node that did not answer shows it; else None."""
    if not isinstance(error, NoHostAvailable) or not isinstance(error.errors, Mapping):
        return None
    for endpoint, each in error.errors.items():  # by "address:port"
        if isinstance(each, OSError | ConnectionException):
            address, _colon, port = str(endpoint).rpartition(":")
            return find_tls_fault(tls, address, int(port), min(timeout_seconds, _TLS_SECONDS))
    return None


def _access(username: str | None, password: str | None, tls: Tls | None) -> dict[str, Any]:
    return {
        "auth_provider": PlainTextAuthProvider(username, password) if username else None,
        "ssl_context": tls.context() if tls else None,
    }
