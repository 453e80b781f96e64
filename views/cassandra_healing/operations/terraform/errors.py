"""What can go wrong between us and OpenTofu."""

from __future__ import annotations

from cassandra_healing.errors import HealingError


class TerraformError(HealingError):
    """The root of all errors of this package."""


class BinaryNotFound(TerraformError):
    """There is neither an OpenTofu nor a Terraform of a fitting version, nor what it takes to build one."""


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
