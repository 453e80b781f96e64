"""Certificates for servers and clients of tests: authorities, what they sign, and one that vouches for itself."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID


class Authority:
    """Signs certificates.

    Attributes:
        certificate: its own, as PEM; what trusts it trusts all that it signs.
    """

    def __init__(self, name: str) -> None:
        self._key = _new_key()
        self._name = _name(name)
        builder = _builder(name, self._name, self._key, days=2)
        made = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = _pem(made.sign(self._key, hashes.SHA256()))

    def sign(self, name: str, *, addresses: tuple[str, ...] = (), days: int = 2) -> tuple[str, str]:
        """Return a certificate and its key, both as PEM; one of no addresses is a client's.

        Args:
            days: how long it is valid from now; fewer than none: it has expired.
        """
        key = _new_key()
        builder = _builder(name, self._name, key, days=days)
        if addresses:
            builder = builder.add_extension(_alternative(addresses), critical=False)
        return _pem(builder.sign(self._key, hashes.SHA256())), key_pem(key)


def certificate(address: str) -> tuple[str, str]:
    """Return the certificate of a server at this address, signed by itself, and its key, both as PEM."""
    key = _new_key()
    builder = _builder(address, _name(address), key, days=2)
    made = (
        builder.add_extension(_alternative((address,)), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return _pem(made), key_pem(key)


def key_pem(key: rsa.RSAPrivateKey, password: str = "") -> str:
    """Return a key as PEM, under a password where one is given."""
    encryption = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption).decode()


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(addresses: tuple[str, ...]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(each)) for each in addresses])


def _builder(name: str, issuer: x509.Name, key: rsa.RSAPrivateKey, *, days: int) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
    )


def _pem(made: x509.Certificate) -> str:
    return made.public_bytes(serialization.Encoding.PEM).decode()
