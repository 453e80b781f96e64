"""Encryption between us and the nodes."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from cassandra_client.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """The files of an encrypted connection.

    Args:
        ca: the authority that signed the nodes' certificates; else those that this machine trusts.
        cert, key: our own certificate and its key, where nodes ask for one.
        check_hostname: compare the certificate with the node's address.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    check_hostname: bool = True

    def context(self) -> ssl.SSLContext:
        """Return what the driver takes.

        Raises: ConfigurationError: a file cannot be read.
        """
        try:
            context = ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
            context.check_hostname = self.check_hostname
            if self.cert:
                context.load_cert_chain(str(self.cert), str(self.key) if self.key else None)
        except (OSError, ssl.SSLError) as error:
            raise ConfigurationError(f"the TLS files cannot be read: {error}", next="Correct the tls paths") from error
        return context
