"""Encryption between us and the nodes: the files of it, and why a node and we do not come to terms."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from cassandra_client.errors import ConfigurationError

_OPTIONS = bytes.fromhex("040000000500000000")
"""The first frame of protocol version 4: a node answers it before anybody logs in."""
_HOSTNAME_FAULTS = (62, 63, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH, EMAIL_MISMATCH and IP_ADDRESS_MISMATCH."""


class Tls(BaseModel):
    """The files of an encrypted connection; those that views.toml names are relative to it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    ca: Path | None = None
    """The authority that signed the nodes' certificates; else those that this machine trusts."""
    cert: Path | None = None
    """Our certificate, where nodes ask for one."""
    key: Path | None = None
    """Our certificate's key; else it stands in the same file."""
    check_hostname: bool = True
    """Compare the certificate with the node's address."""

    def context(self) -> ssl.SSLContext:
        """Return what the driver takes.

        Raises: ConfigurationError: a file cannot be read, or does not hold what it should.
        """
        if self.key and not self.cert:
            raise _unreadable("a key is given and no certificate", "Set tls.cert, or remove tls.key")
        try:
            context = ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
        except ssl.SSLError as error:
            raise _unreadable(f"{self.ca} holds no certificate in PEM form", "Correct tls.ca") from error
        except OSError as error:
            raise _unreadable(f"{self.ca}: {error.strerror}", "Correct tls.ca") from error
        context.check_hostname = self.check_hostname
        if self.cert:
            self._load_own(context, self.cert)
        return context

    def _load_own(self, context: ssl.SSLContext, cert: Path) -> None:
        key = self.key or cert
        for each in (cert, key):
            if not each.is_file():
                raise _unreadable(f"{each}: there is no such file", "Correct tls.cert and tls.key")
        try:
            # Without a password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(str(cert), str(key), password="")
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise _unreadable(f"{key} is not the key of {cert}", "Correct tls.cert and tls.key") from error
            what = f"{cert} and {key} hold no certificate and key in PEM form, or the key has a password"
            raise _unreadable(what, "Correct tls.cert and tls.key; take the key's password away") from error
        except OSError as error:
            raise _unreadable(f"{error.filename or key}: {error.strerror}", "Correct tls.cert and tls.key") from error


def _unreadable(what: str, next: str) -> ConfigurationError:
    return ConfigurationError(f"the TLS files cannot be read: {what}", next=next)


def find_tls_fault(tls: Tls | None, address: str, port: int, timeout_seconds: float) -> tuple[str, str] | None:
    """Return why a node and we do not come to terms on encryption, and what to do; None where that is not the cause.

    Connects once more, since the driver's error tells it only in part: the newest TLS lets a node refuse our
    certificate after we think that all is well.
    """
    try:
        with socket.create_connection((address, port), timeout=timeout_seconds) as plain:
            plain.settimeout(timeout_seconds)
            return _find_plain_fault(plain) if tls is None else _find_encrypted_fault(tls, plain, address)
    except OSError:
        return None  # nobody listens, or nobody answers: the driver has said so


def _find_plain_fault(plain: socket.socket) -> tuple[str, str] | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        context.wrap_socket(plain).close()
    except ssl.SSLError as error:
        if error.reason is None or "ALERT" not in error.reason:  # it speaks no TLS, or ended without a word
            return None
    return "the node takes encrypted connections", "Set tls of the environment in views.toml, or CASSANDRA_TLS_CA"


def _find_encrypted_fault(tls: Tls, plain: socket.socket, address: str) -> tuple[str, str] | None:
    try:
        with tls.context().wrap_socket(plain, server_hostname=address) as encrypted:
            encrypted.sendall(_OPTIONS)
            return None if encrypted.recv(1) else _own_certificate_fault(tls)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _HOSTNAME_FAULTS:
            return (
                f"the node's certificate is not for {address}: {error.verify_message}",
                "Name the node as its certificate does, or have it signed for this address. "
                "tls.check_hostname = false takes any name",
            )
        return (
            f"the node's certificate is not trusted: {error.verify_message}",
            f"Set tls.ca to the authority that signed it; now it is {tls.ca or 'what this machine trusts'}",
        )
    except TimeoutError:
        return None
    except ssl.SSLError as error:
        if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
            return "the node takes no encrypted connections", "Remove tls of the environment, or have the node take TLS"
        return _own_certificate_fault(tls, error.reason or "")
    except ConnectionError:
        return _own_certificate_fault(tls)


def _own_certificate_fault(tls: Tls, alert: str = "") -> tuple[str, str]:
    """Return what is wrong with our certificate, where a node ended the connection; not every one says why."""
    is_told = "ALERT" in alert
    said = f" ({alert.replace('_', ' ').lower()})" if is_told else ""
    begin = "" if is_told else "the node ended the encrypted connection; most likely "
    if tls.cert is None:
        return (
            f"{begin}the node wants a certificate of ours, and none is given{said}",
            "Set tls.cert and tls.key to a certificate that the nodes trust",
        )
    return (
        f"{begin}the node refuses our certificate {tls.cert}{said}",
        "Set tls.cert and tls.key to a certificate that is signed by an authority of the nodes, and valid today",
    )
