"""Errors of monitoring and healing.

Each text has four parts: what failed, on what, what state remains, what to do next.
"""

from __future__ import annotations


class HealingError(Exception):
    """The root of all errors of this package.

    Args:
        what: what failed, a full sentence without its end stop.
        on: which node, keyspace or command it is about; may be empty.
        remains: what state remains.
        next: what to do next.
    """

    def __init__(self, what: str, *, on: str = "", remains: str = "Nothing was changed", next: str) -> None:
        super().__init__(what)
        self.what = what.rstrip(". ")
        self.on = on
        self.remains = remains.rstrip(". ")
        self.next = next.rstrip(". ")

    def __str__(self) -> str:
        on = f"{self.on}: " if self.on else ""
        return f"{on}{self.what}. {self.remains}. {self.next}."


class ClusterAway(HealingError):
    """The cluster did not answer, or not enough of it to read or write what is kept there."""


class JournalError(HealingError):
    """The journal could not be read or written; without it nothing is done to a node."""


class OperationNotStarted(HealingError):
    """An operation was not begun: another one is under way, the limit is reached, or a person stopped healing."""


class NodeNotFound(HealingError):
    """No node has that address or host id."""


class ExecutorBusy(HealingError):
    """Another process executes the operation under way."""


class MissingSetting(HealingError):
    """A setting is missing: the configuration of the machines, or the command of a step."""


class OperatorRequired(HealingError):
    """A step failed too often, or healing was switched off meanwhile: nothing continues until a person approves."""


class StepOutOfOrder(HealingError):
    """Another step of the operation comes next, or there is no such operation under way."""
