"""What can go wrong with a node of this machine."""

from __future__ import annotations

from cassandra_healing.errors import HealingError


class NodeError(HealingError):
    """The root of all errors of this package."""


class Fenced(NodeError):
    """The node was fenced: what runs under its name must not be started again."""


class NotFenced(NodeError):
    """A node is not ended before it is fenced."""


class Serves(NodeError):
    """A new life of the node is up already; the fence was for the one before."""


class NotStarted(NodeError):
    """The node ended while it was being started, or did not answer in time."""


class UnknownNode(NodeError):
    """There is no node of this name here."""
