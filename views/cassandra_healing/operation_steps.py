"""The steps of a deed, in their order. Pure."""

from __future__ import annotations

from enum import StrEnum

from cassandra_healing.operation_model import Act
from cassandra_healing.policy import Mode


class Step(StrEnum):
    """One step of a deed; each may be done again after a kill anywhere in it."""

    PLAN = "plan"
    """A plan that replaces this one node is made, checked and kept. Changes nothing."""
    APPROVE = "approve"
    """A person says yes, or no."""
    RESTART = "restart"
    """The node's service is started again."""
    FENCE = "fence"
    """The old node is ended for good."""
    APPLY = "apply"
    """The plan is applied: the new node takes the tokens of the old one."""
    NORMAL = "normal"
    """It is waited for until the node is up and in its place."""
    REPAIR = "repair"
    """It fetches what was written meanwhile."""
    TERMINATE = "terminate"
    """What is left of the old node goes."""
    AUDIT = "audit"
    """What the cluster serves is looked at."""
    CLOSE = "close"
    """The deed is ended: others may begin."""


_STEPS = {
    Act.RESTART: (Step.APPROVE, Step.RESTART, Step.NORMAL, Step.CLOSE),
    Act.REPLACE: (
        Step.PLAN,
        Step.APPROVE,
        Step.FENCE,
        Step.APPLY,
        Step.NORMAL,
        Step.REPAIR,
        Step.TERMINATE,
        Step.AUDIT,
        Step.CLOSE,
    ),
}

FIRST = {Act.RESTART: Step.RESTART, Act.REPLACE: Step.FENCE}
"""The first step that does something to the node."""


def steps_of(act: Act, mode: Mode) -> tuple[Step, ...]:
    """Return the steps of a deed in their order."""
    return tuple(step for step in _STEPS[act] if step is not Step.APPROVE or mode is not Mode.AUTOMATIC)
