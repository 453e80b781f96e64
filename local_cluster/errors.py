"""What can go wrong with a node of this machine."""

from __future__ import annotations

from cassandra_healing.errors import HealingError


class NodeError(HealingError):
    """The root of all errors of this package."""


class NodeFenced(NodeError):
    """The node was fenced: what runs under its name must not be started again."""


class NodeNotFenced(NodeError):
    """A node is not ended before it is fenced."""


class ReplacementServing(NodeError):
    """A new life of the node is up already; the fence was for the one before."""


class NodeNotStarted(NodeError):
    """The node ended while it was being started, or did not answer in time."""


class LocalNodeNotFound(NodeError):
    """There is no node of this name here."""
