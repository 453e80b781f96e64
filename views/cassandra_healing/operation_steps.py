"""The steps of an operation, in their order. Pure."""

from __future__ import annotations

from enum import StrEnum

from cassandra_healing.operation_model import HealingAction
from cassandra_healing.policy import Mode


class OperationStep(StrEnum):
    """One step of an operation; each may be done again after a kill anywhere in it."""

    PLAN = "plan"
    """A plan that replaces this one node is made, checked and saved. Changes nothing."""
    APPROVE = "approve"
    """A person says yes, or no."""
    RESTART = "restart"
    """The node's service is started again."""
    FENCE = "fence"
    """The old node is ended for good."""
    APPLY = "apply"
    """The plan is applied: the new node takes the tokens of the old one."""
    NORMAL = "normal"
    """Wait until the node is up and in the ring."""
    REPAIR = "repair"
    """It fetches what was written meanwhile."""
    TERMINATE = "terminate"
    """What is left of the old node goes."""
    AUDIT = "audit"
    """What the cluster serves is audited."""
    CLOSE = "close"
    """The operation is ended: others may begin."""


_STEPS = {
    HealingAction.RESTART: (OperationStep.APPROVE, OperationStep.RESTART, OperationStep.NORMAL, OperationStep.CLOSE),
    HealingAction.REPLACE: (
        OperationStep.PLAN,
        OperationStep.APPROVE,
        OperationStep.FENCE,
        OperationStep.APPLY,
        OperationStep.NORMAL,
        OperationStep.REPAIR,
        OperationStep.TERMINATE,
        OperationStep.AUDIT,
        OperationStep.CLOSE,
    ),
}

FIRST_EFFECT = {HealingAction.RESTART: OperationStep.RESTART, HealingAction.REPLACE: OperationStep.FENCE}
"""The first step that does something to the node."""


def steps_of(act: HealingAction, mode: Mode) -> tuple[OperationStep, ...]:
    """Return the steps of an operation in their order."""
    return tuple(step for step in _STEPS[act] if step is not OperationStep.APPROVE or mode is not Mode.AUTOMATIC)
