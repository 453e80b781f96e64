"""What must be installed for the embedded server."""

from __future__ import annotations

from importlib.util import find_spec

from cassandra_client.errors import ConfigurationError


def require_embedded() -> None:
    """Refuse to go on without the extra ``embedded``."""
    for module in ("cassandra_embedded", "jgo", "psutil", "yaml"):
        if find_spec(module) is None:
            raise missing_extra(module)


def missing_extra(module: str) -> ConfigurationError:
    """Return the error of a module of the extra ``embedded`` that is not installed."""
    return ConfigurationError(
        f"the embedded Cassandra is not installed ({module} is missing)",
        remains="Nothing was started",
        next="Install it with: pip install 'cassandra-views[embedded]'",
    )
