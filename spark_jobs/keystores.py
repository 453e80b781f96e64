"""TLS to Cassandra as the connector takes it: Java's key stores, made of the PEM files that the settings name."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from pathlib import Path

from cassandra_embedded.cache import cache_folder
from spark_jobs.errors import JobError
from spark_jobs.settings import Settings

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


def tls_options(settings: Settings) -> dict[str, str]:
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
