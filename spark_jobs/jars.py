"""The jars that Spark needs beside its own: the Cassandra connector, and the Spark Connect server.

``python -m spark_jobs.jars`` fetches them once; afterwards they are on disk and no network is needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from cassandra_embedded.downloads import JarSet, cached_jars
from cassandra_embedded.errors import DownloadFailed
from spark_jobs.errors import JobError

CONNECTOR = JarSet(
    name="spark-cassandra-connector-3.5.1",
    endpoint="com.datastax.spark:spark-cassandra-connector_2.12:3.5.1",
    on="the Spark connector of Cassandra 3.5.1",
    whose="its",
    count=17,
    size_mb=20,
    main=("spark-cassandra-connector_",),
)
# Maven Central has this part of Spark up to 3.5.7 only; it serves the newer 3.5 as well.
CONNECT = JarSet(
    name="spark-connect-3.5.7",
    endpoint="org.apache.spark:spark-connect_2.12:3.5.7",
    on="Spark Connect 3.5.7",
    whose="its",
    count=2,
    size_mb=14,
    main=("spark-connect_",),
)

_SPARKS_OWN = ("scala-library-", "scala-reflect-", "slf4j-api-", "unused-")
"""What Spark brings in versions of its own, and an empty jar."""


def connector_jars(on_progress: Callable[[str], None]) -> tuple[Path, ...]:
    """Return the jars of the Cassandra connector.

    Raises:
        JobError: they are not in the cache and cannot be fetched.
    """
    return _jars(CONNECTOR, on_progress)


def connect_jars(on_progress: Callable[[str], None]) -> tuple[Path, ...]:
    """Return the jars of a Spark Connect server that reads Cassandra.

    Raises:
        JobError: they are not in the cache and cannot be fetched.
    """
    return (*_jars(CONNECT, on_progress), *connector_jars(on_progress))


def _jars(wanted: JarSet, on_progress: Callable[[str], None]) -> tuple[Path, ...]:
    try:
        jars = cached_jars(wanted, on_progress)
    except DownloadFailed as error:
        raise JobError(error.what, on=error.on, remains="Nothing was started", next=error.next) from error
    return tuple(jar for jar in jars if not jar.name.startswith(_SPARKS_OWN))


def main() -> None:
    """Fetch all jars; exit code 1 where that fails."""
    from spark_jobs.errors import print_error, print_message

    try:
        jars = connect_jars(print_message)
    except JobError as error:
        print_error(error)
        sys.exit(1)
    print_message(f"{len(jars)} jars are in the cache")


if __name__ == "__main__":
    main()
