"""What can go wrong while a cluster is watched or a deed is begun."""

from __future__ import annotations

from cassandra_client.errors import ViewsError


class HealingError(ViewsError):
    """The root of the errors of this package; a cluster that does not answer is a ``ClusterError`` instead."""


class JournalError(HealingError):
    """The journal could not be read or written; without it nothing is done to a node."""


class NotBegun(HealingError):
    """A deed was not begun: another one is under way, the limit is reached, or a person said stop."""


class UnknownNode(HealingError):
    """No node has that address or host id."""


class Held(HealingError):
    """Another healer carries out what is under way."""


class NotSet(HealingError):
    """What it takes is not set: no configuration of the machines, or no command for a step."""


class NeedsPerson(HealingError):
    """A step failed too often, or healing was switched off meanwhile: nothing goes on before a person says so."""


class NotItsTurn(HealingError):
    """Another step of the deed comes next, or there is no such deed under way."""
