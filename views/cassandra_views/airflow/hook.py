"""Sessions from Airflow connections of the types ``cassandra`` and ``cassandra_views``.

The hook of the Cassandra provider, whose type is the first, knows no consistency level, no time-outs and no execution
profiles, and takes TLS as options that the driver has deprecated; those come from the connection's extras here. The
second type has the same fields and extras, a form for them, and a test of the connection.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook
from cassandra import ConsistencyLevel

from cassandra_client.connect import connected
from cassandra_client.errors import ConfigurationError
from cassandra_client.tls import Tls
from cassandra_views.model.names import nearest

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from cassandra.cluster import Session

_LEVELS = ConsistencyLevel.name_to_value
_TLS = {"ca_certs": "ca", "certfile": "cert", "keyfile": "key"}
_TLS_FIELDS = {"tls_ca": "ca", "tls_cert": "cert", "tls_key": "key", "tls_check_hostname": "check_hostname"}
"""Fields of the form, and the keys of ``tls`` that they stand for."""

_KNOWN = (
    "local_dc",
    "consistency",
    "serial_consistency",
    "request_timeout_seconds",
    "connect_timeout_seconds",
    "tls",
    *_TLS_FIELDS,
    "ssl_options",
    "execution_profiles",
    "load_balancing_policy",
    "load_balancing_policy_args",
    "protocol_version",
    "cql_version",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a cluster is reached, as ``cassandra_client.connect.connected`` takes it."""

    contact_points: tuple[str, ...]
    port: int = 9042
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    options: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def opened(self) -> Iterator[Session]:
        """Open a session, and close it at the end; errors as ``connected``."""
        with connected(
            self.contact_points, port=self.port, username=self.username, password=self.password, **self.options
        ) as session:
            yield session


def access_of(connection: Connection) -> Access:
    """Return what a connection says.

    Raises:
        ConfigurationError: it has no host, or an extra that is unknown or wrong.
    """
    name = f"connection {connection.conn_id}"
    hosts = tuple(each.strip() for each in (connection.host or "").split(",") if each.strip())
    if not hosts:
        raise ConfigurationError(
            "it names no host", on=name, next="Give one or more addresses of nodes, separated by commas"
        )
    # The form writes what is left empty, too.
    extras = {key: value for key, value in connection.extra_dejson.items() if value is not None and value != ""}
    for key in extras:
        if key not in _KNOWN:
            raise ConfigurationError(
                f"unknown extra '{key}'{nearest(key, list(_KNOWN))}",
                on=name,
                next=f"Known extras: {', '.join(_KNOWN)}",
            )
    try:
        options = _options(extras)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"its extras are wrong: {error}", on=name, next="Correct the value") from error
    return Access(
        contact_points=hosts,
        port=connection.port or 9042,
        username=connection.login or None,
        password=connection.password,
        options=options,
    )


def _options(extras: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "local_dc" in extras:
        found["local_dc"] = str(extras["local_dc"])
    for key in ("consistency", "serial_consistency"):
        if key in extras:
            found[key] = _level(key, extras[key])
    for key in ("request_timeout_seconds", "connect_timeout_seconds"):
        if key in extras:
            found[key] = float(extras[key])
    if "execution_profiles" in extras:
        found["profiles"] = _profiles(extras["execution_profiles"])
    if "protocol_version" in extras:
        found["protocol_version"] = int(extras["protocol_version"])
    if "cql_version" in extras:
        found["cql_version"] = str(extras["cql_version"])
    if "load_balancing_policy" in extras:
        from airflow.providers.apache.cassandra.hooks.cassandra import CassandraHook

        arguments = extras.get("load_balancing_policy_args", {})
        found["load_balancing"] = CassandraHook.get_lb_policy(str(extras["load_balancing_policy"]), arguments)
    given = extras.get("tls", extras.get("ssl_options"))
    fields = {word: extras[key] for key, word in _TLS_FIELDS.items() if key in extras}
    if given is True:
        given = fields or True
    elif named := [key for key in ("tls_ca", "tls_cert", "tls_key") if key in extras]:
        raise ValueError(f"{named[0]} is given, and tls is not true")
    tls = None if given is None else _tls(given)
    if tls is not None:
        found["tls"] = tls
    return found


def _level(key: str, given: Any) -> int:
    text = str(given).upper()
    if text not in _LEVELS:
        raise ValueError(f"{key} '{text}' is no consistency level{nearest(text, list(_LEVELS))}")
    return int(_LEVELS[text])


def _profiles(given: Any) -> dict[str, dict[str, Any]]:
    """Return what execution profiles say, in the driver's words."""
    if not isinstance(given, dict) or not all(isinstance(own, dict) for own in given.values()):
        raise TypeError("execution_profiles is a mapping of names to mappings")
    return {str(name): _profile(name, own) for name, own in given.items()}


def _profile(name: str, given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in given.items():
        match key:
            case "consistency" | "serial_consistency":
                found[f"{key}_level"] = _level(key, value)
            case "request_timeout_seconds":
                found["request_timeout"] = float(value)
            case _:
                raise ValueError(
                    f"execution profile '{name}': unknown key '{key}'; "
                    "known are consistency, serial_consistency and request_timeout_seconds"
                )
    return found


def _tls(given: Any) -> Tls | None:
    """Return TLS options from ``tls``: {ca, cert, key, check_hostname}, or the provider's ``ssl_options``."""
    if isinstance(given, bool):
        return Tls() if given else None
    if not isinstance(given, dict):
        raise TypeError("tls is a mapping of ca, cert, key and check_hostname, or true")
    options = {_TLS.get(key, key): value for key, value in given.items()}
    check_hostname = bool(options.pop("check_hostname", True))
    paths = {key: Path(options.pop(key)) for key in ("ca", "cert", "key") if key in options}
    options.pop("ssl_version", None)  # of the provider's form: the driver's context chooses the best there is
    if options:
        raise ValueError(f"tls: unknown key '{next(iter(options))}'; known are ca, cert, key and check_hostname")
    return Tls(**paths, check_hostname=check_hostname)


class ViewsHook(BaseHook):
    """Opens sessions on the cluster of a connection.

    Args:
        cassandra_conn_id: a connection of the type ``cassandra`` or ``cassandra_views``.
    """

    conn_name_attr = "cassandra_conn_id"
    default_conn_name = "cassandra_default"
    conn_type = "cassandra_views"
    hook_name = "Cassandra with views"

    def __init__(self, cassandra_conn_id: str = default_conn_name) -> None:
        super().__init__()
        self.cassandra_conn_id = cassandra_conn_id

    def access(self) -> Access:
        """Return how the cluster is reached; errors as ``access_of``."""
        return access_of(self.get_connection(self.cassandra_conn_id))

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session for the length of a block; errors as ``Access.opened``."""
        with self.access().opened() as session:
            yield session

    def test_connection(self) -> tuple[bool, str]:
        """Tell whether the cluster answers, for the button in the UI."""
        from cassandra_client.errors import ViewsError

        try:
            with self.session() as session:
                row = session.execute("SELECT cluster_name, release_version FROM system.local").one()
        except ViewsError as error:
            return False, str(error)
        return True, f"Cluster {row.cluster_name}, Cassandra {row.release_version}"


def access_key(access: Access) -> str:
    """Return a key by which sessions of the same access can be shared; holds secrets, so it is never shown."""
    return json.dumps(
        [access.contact_points, access.port, access.username, access.password, access.options], default=repr
    )


@dataclass(slots=True)
class _TriggerSession:
    """A session that the triggers of this process share: many waits, one session a cluster."""

    session: Session
    stack: ExitStack
    users: int = 0


_lock = threading.Lock()
_open: dict[str, _TriggerSession] = {}


@contextmanager
def shared(access: Access) -> Iterator[Session]:
    """Use the process's session of this access; the last user closes it. Blocks while it is opened or closed.

    Raises:
        ClusterError: the cluster cannot be reached.
    """
    key = access_key(access)
    with _lock:
        if key not in _open:
            with ExitStack() as stack:
                session = stack.enter_context(access.opened())
                _open[key] = _TriggerSession(session=session, stack=stack.pop_all())
        found = _open[key]
        found.users += 1
    try:
        yield found.session
    finally:
        with _lock:
            found.users -= 1
            if found.users == 0:
                del _open[key]
                found.stack.close()
