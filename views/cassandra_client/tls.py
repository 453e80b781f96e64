"""Encryption between us and the nodes."""

from __future__ import annotations

import ssl
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from cassandra_client.errors import ConfigurationError


class Tls(BaseModel):
    """The files of an encrypted connection; those that views.toml names are relative to it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    ca: Path | None = None
    """The authority that signed the nodes' certificates; else those that this machine trusts."""
    cert: Path | None = None
    """Our certificate, where nodes ask for one."""
    key: Path | None = None
    """Our certificate's key."""
    check_hostname: bool = True
    """Compare the certificate with the node's address."""

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
