"""What a job works with: the variables of the environment, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cassandra_client.errors import ConfigurationError
from cassandra_client.tls import Tls

CONNECT = "127.0.0.1:15002"
"""Where the warm server is looked for unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where Cassandra and Spark are.

    Args:
        master: of a Spark that is started for the job alone.
        connect: ``host:port`` of a Spark Connect server to prefer; empty for never.
    """

    contact_points: tuple[str, ...]
    port: int = 9042
    local_dc: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    master: str = "local[*]"
    connect: str = CONNECT

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Settings:
        """Read the variables.

        Raises:
            ConfigurationError: no contact point, a port that is none, a password that is missing.
        """
        points = tuple(
            each.strip() for each in variables.get("CASSANDRA_CONTACT_POINTS", "").split(",") if each.strip()
        )
        if not points:
            raise ConfigurationError(
                "no contact point is given",
                next="Set CASSANDRA_CONTACT_POINTS, on a Spark master in ~/.cassandra-views/env",
            )
        username = variables.get("CASSANDRA_USERNAME") or None
        connect = variables.get("SPARK_CONNECT", "").strip() or CONNECT
        return cls(
            contact_points=points,
            port=_port(variables.get("CASSANDRA_PORT") or "9042", "CASSANDRA_PORT"),
            local_dc=variables.get("CASSANDRA_LOCAL_DC") or None,
            username=username,
            password=_password(username, variables.get("CASSANDRA_PASSWORD_FILE")),
            tls=_tls(variables),
            master=variables.get("SPARK_MASTER", "").strip() or "local[*]",
            connect="" if connect == "off" else connect,
        )


def host_and_port(text: str, *, name: str) -> tuple[str, int]:
    """Return the two parts of ``host:port``.

    Raises:
        ConfigurationError: it is something else.
    """
    host, _colon, port = text.rpartition(":")
    if not host:
        example = f"spark://{text or 'host'}:7077" if name == "SPARK_MASTER" else CONNECT
        raise ConfigurationError(f"{name} is '{text}', not host:port", next=f"Set it to an address such as {example}")
    return host, _port(port, name)


def _port(text: str, name: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise ConfigurationError(f"{name} is '{text}', not a port", next="Set it to a number from 1 to 65535")
    return int(text)


def _tls(variables: Mapping[str, str]) -> Tls | None:
    found = {
        key: Path(value) for key in ("ca", "cert", "key") if (value := variables.get(f"CASSANDRA_TLS_{key.upper()}"))
    }
    check_hostname = variables.get("CASSANDRA_TLS_CHECK_HOSTNAME", "1") != "0"
    return Tls(**found, check_hostname=check_hostname) if found else None


def _password(username: str | None, file: str | None) -> str | None:
    if username is None:
        return None
    if not file:
        raise ConfigurationError(
            f"a user name ({username}) is given and no password", next="Set CASSANDRA_PASSWORD_FILE"
        )
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            f"the password file cannot be read: {error.strerror}", on=file, next="Correct its path"
        ) from error
