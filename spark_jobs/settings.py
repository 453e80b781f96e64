"""What a job works with: the variables of the environment, read once, and the connector's settings made of them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_client.errors import ConfigurationError
from cassandra_client.tls import Tls
from cassandra_embedded.downloads import cache_folder
from spark_jobs.errors import JobError

CONNECT = "127.0.0.1:15002"
"""Where the warm server is looked for unless told otherwise."""

_PASSWORD = b"changeit"
"""Java opens no store without one. It protects nothing: the mode of the file does."""

_CIPHERS = (
    "TLS_AES_256_GCM_SHA384",
    "TLS_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
)
"""The connector's own default are two without forward secrecy, which servers no longer take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
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
    def of(cls, variables: Mapping[str, str]) -> JobSettings:
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


def connect_cassandra(settings: JobSettings) -> AbstractContextManager[Session]:
    """Open a session to the cluster that the settings name."""
    return connected(
        settings.contact_points,
        port=settings.port,
        local_dc=settings.local_dc,
        username=settings.username,
        password=settings.password,
        tls=settings.tls,
    )


def cassandra_options(settings: JobSettings) -> dict[str, str]:
    """Return the connector's settings: each job gives its own, so that a warm server serves any cluster."""
    hosts = [each.rpartition(":")[0] if each.count(":") == 1 else each for each in settings.contact_points]
    own = next((each.rpartition(":")[2] for each in settings.contact_points if each.count(":") == 1), "")
    found = {
        "spark.cassandra.connection.host": ",".join(hosts),
        "spark.cassandra.connection.port": own or str(settings.port),
        "spark.cassandra.input.consistency.level": "LOCAL_QUORUM",
        "spark.cassandra.output.consistency.level": "LOCAL_QUORUM",
    }
    if settings.local_dc:
        found["spark.cassandra.connection.localDC"] = settings.local_dc
    if settings.username and settings.password is not None:
        found["spark.cassandra.auth.username"] = settings.username
        found["spark.cassandra.auth.password"] = settings.password
    return found | tls_options(settings)


def tls_options(settings: JobSettings) -> dict[str, str]:
    """Return the connector's settings of TLS; none where the connection is not encrypted.

    Raises:
        JobError: a file cannot be read, or holds no certificate or key.
    """
    tls = settings.tls
    if tls is None:
        return {}
    root = "spark.cassandra.connection.ssl"
    found = {f"{root}.enabled": "true", f"{root}.enabledAlgorithms": ",".join(_CIPHERS)}
    if tls.ca:
        found[f"{root}.trustStore.path"] = _store(_trusted, tls.ca)
        found[f"{root}.trustStore.password"] = _PASSWORD.decode()
    if tls.cert:
        found[f"{root}.clientAuth.enabled"] = "true"
        found[f"{root}.keyStore.path"] = _store(_own, tls.cert, tls.key or tls.cert)
        found[f"{root}.keyStore.password"] = _PASSWORD.decode()
    return found


def _store(made_of: Callable[..., bytes], *files: Path) -> str:
    """Return a store of these files, named after what is in them: a warm server keeps its connections by its name."""
    try:
        texts = [each.read_bytes() for each in files]
        path = cache_folder() / "tls" / f"{hashlib.sha256(b'|'.join(texts)).hexdigest()[:32]}.p12"
        if not path.exists():
            content = made_of(*texts)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:  # readable by us alone
                file.write(content)
            Path(file.name).rename(path)
    except (OSError, ValueError, TypeError) as error:
        raise JobError(
            f"the TLS files cannot be read: {error}",
            on=", ".join(map(str, files)),
            next="Correct CASSANDRA_TLS_CA, CASSANDRA_TLS_CERT and CASSANDRA_TLS_KEY",
        ) from error
    return str(path)


def _trusted(certificates: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
    from cryptography.x509 import load_pem_x509_certificates

    entries = [
        pkcs12.PKCS12Certificate(each, str(number).encode())
        for number, each in enumerate(load_pem_x509_certificates(certificates))
    ]
    return pkcs12.serialize_java_truststore(entries, BestAvailableEncryption(_PASSWORD))


def _own(certificates: bytes, key: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12
    from cryptography.x509 import load_pem_x509_certificates

    own, *chain = load_pem_x509_certificates(certificates)
    loaded = load_pem_private_key(key, None)
    return pkcs12.serialize_key_and_certificates(b"own", loaded, own, chain, BestAvailableEncryption(_PASSWORD))  # type: ignore[arg-type]
