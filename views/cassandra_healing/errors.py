"""Errors of monitoring and healing.

Each text has four parts: what failed, on what, what state remains, what to do next.
"""

from __future__ import annotations

from cassandra_client.errors import ViewsError


class HealingError(ViewsError):
    """The root of the errors of this package; a cluster that does not answer is a ``ClusterError`` instead."""


class JournalError(HealingError):
    """The journal could not be read or written; without it nothing is done to a node."""


class OperationNotStarted(HealingError):
    """An operation was not begun: another one is under way, the limit is reached, or a person stopped healing."""


class ExecutorBusy(HealingError):
    """Another process executes the operation under way."""


class MissingSetting(HealingError):
    """A setting is missing: the configuration of the machines, or the command of a step."""


class OperatorRequired(HealingError):
    """A step failed too often, or healing was switched off meanwhile: nothing continues until a person approves."""


class StepOutOfOrder(HealingError):
    """Another step of the operation comes next, or there is no such operation under way."""


class TerraformError(HealingError):
    """The root of the errors between us and OpenTofu."""


class BinaryNotFound(TerraformError):
    """There is neither an OpenTofu nor a Terraform of a fitting version."""


class BadPlan(TerraformError):
    """A plan would do something else than replace exactly the one node that was asked for."""


class StateLocked(TerraformError):
    """Another run holds the state."""


class StaleSavedPlan(TerraformError):
    """The state has changed since the plan was made; nothing of the plan was done."""


class ApplyFailed(TerraformError):
    """An apply ended with an error, or was killed; what it did is unknown until the node is checked."""


class ApplyTimedOut(ApplyFailed):
    """An apply took too long and was ended by us."""
