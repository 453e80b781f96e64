"""What can go wrong with an embedded Cassandra: one root, and a class where a caller would act differently.

Each text has four parts: what failed, on what, what state remains, what to do next.
"""

from __future__ import annotations


class EmbeddedError(Exception):
    """The root of all errors of this package.

    Args:
        what: what failed, a full sentence without its end stop.
        on: which address, node, folder or version it is about; may be empty.
        remains: what state remains.
        next: what to do next.
    """

    def __init__(self, what: str, *, on: str = "", remains: str = "Nothing is running", next: str) -> None:
        super().__init__(what)
        self.what = what.rstrip(". ")
        self.on = on
        self.remains = remains.rstrip(". ")
        self.next = next.rstrip(". ")

    def __str__(self) -> str:
        on = f"{self.on}: " if self.on else ""
        return f"{on}{self.what}. {self.remains}. {self.next}."


class BadOption(EmbeddedError):
    """An argument of the server is wrong: an address, a number of nodes, a yaml key of ours."""


class UnknownVersion(BadOption):
    """A version of Cassandra that this package does not know how to start."""


class PortTaken(EmbeddedError):
    """Something else listens on an address and port that the server needs."""


class AlreadyRunning(EmbeddedError):
    """A server is already running, or being started, on the same data folder."""


class DataMismatch(EmbeddedError):
    """The data folder was made by another version or with another number of nodes."""


class DownloadFailed(EmbeddedError):
    """The jars or the Java could not be fetched and are not in the cache."""


class NoJava(EmbeddedError):
    """There is no Java that runs this version."""


class NodeDied(EmbeddedError):
    """A node ended while it was being started; the text carries its last log lines."""


class StartTimeout(EmbeddedError):
    """A node did not answer in time; the text carries its last log lines."""


class NotRunning(EmbeddedError):
    """Something was asked of a node that is not running."""
