"""A real Cassandra that needs nothing installed: no Docker, no Java.

    from cassandra_embedded import EmbeddedCassandra

    with EmbeddedCassandra(nodes=3) as server:
        Cluster(server.contact_points, port=server.port)

The jars come from Maven Central, the Java from PyPI, both into caches; a second start needs no network.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cassandra_embedded.data_folder import Ended, Running, drop_data, find_ended, find_running, stop_running
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
    from cassandra_embedded.server import EmbeddedCassandra
    from cassandra_embedded.versions import DEFAULT_VERSION, KNOWN_VERSIONS, ServerVersion

# The pytest plugin is loaded by every pytest run, so this module imports its parts when they are asked for.
_HOMES = {
    "cassandra_embedded.errors": (
        "AlreadyRunning",
        "BadOption",
        "DataMismatch",
        "DownloadFailed",
        "EmbeddedError",
        "NoJava",
        "NodeDied",
        "NotRunning",
        "PortTaken",
        "StartTimeout",
        "UnknownVersion",
    ),
    "cassandra_embedded.data_folder": ("Ended", "Running", "drop_data", "find_ended", "find_running", "stop_running"),
    "cassandra_embedded.server": ("EmbeddedCassandra",),
    "cassandra_embedded.versions": ("DEFAULT_VERSION", "KNOWN_VERSIONS", "ServerVersion"),
}

__all__ = [
    "DEFAULT_VERSION",
    "KNOWN_VERSIONS",
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
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
