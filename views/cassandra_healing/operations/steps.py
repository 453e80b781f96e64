"""Runs the steps of operations. Writes no journal: the executor does, before and after each step."""

from __future__ import annotations

from pathlib import Path

from cassandra_healing.errors import StaleSavedPlan
from cassandra_healing.model import HealingAction, Operation
from cassandra_healing.operation_progress import OperationProgress, OperationStep
from cassandra_healing.operations.node_actions import NodeActions
from cassandra_healing.operations.replacement import Replacement
from cassandra_healing.operations.terraform.driver import Recovery
from cassandra_healing.operations.terraform.plan import SavedPlan
from cassandra_healing.policy import Policy
from cassandra_healing.storage.journal import Journal

StepResult = tuple[str, tuple[str, ...]]
"""What was done, in words, and the plan that was saved, as ``OperationProgress.plan``."""


class StepRunner:
    """Does the steps of operations. Each may have been done before, in part or whole, by a process that was killed."""

    def __init__(self, node_actions: NodeActions, journal: Journal, policy: Policy) -> None:
        self._node_actions = node_actions
        self._journal = journal
        self._policy = policy

    def run(self, step: OperationStep, operation: Operation, progress: OperationProgress) -> StepResult:
        """Do a step.

        Raises: HealingError: it is not done.
        """
        node = operation.node
        match step:
            case OperationStep.RESTART:
                self._node_actions.restart(node, progress.what)
                return "it was restarted", ()
            case OperationStep.REPLACE:
                self._node_actions.replace_service(node, progress.what)
                return "a new one has taken its place", ()
            case OperationStep.NORMAL:
                return self._await(operation), ()
            case OperationStep.PLAN:
                plan = self._node_actions.replacement(node).plan()
                return f"{plan.path.name} replaces {plan.address} and nothing else", _plan_evidence(plan)
            case OperationStep.FENCE:
                self._node_actions.replacement(node).fence(progress.what)
                return "the old node has ended and cannot come back", ()
            case OperationStep.APPLY:
                return self._apply(self._node_actions.replacement(node), operation, progress)
            case OperationStep.REPAIR:
                self._node_actions.replacement(node).repair()
                return "all that it holds is repaired", ()
            case OperationStep.TERMINATE:
                self._node_actions.replacement(node).terminate()
                return "nothing is left of the old node", ()
            case OperationStep.AUDIT:
                return self._node_actions.audit(node), ()
        raise AssertionError(step)

    def _await(self, operation: Operation) -> str:
        is_new = operation.act is HealingAction.REPLACE
        allowed = self._node_actions.normal_seconds if is_new else self._policy.restart_minutes * 60
        seconds = self._node_actions.await_ready(operation.node, allowed)
        return f"it is up and in the ring, after {seconds:.0f} s"

    def _apply(self, steps: Replacement, operation: Operation, progress: OperationProgress) -> StepResult:
        is_again = OperationStep.APPLY in progress.begun
        if is_again:
            if steps.is_cut_off and steps.recover() in (Recovery.APPLIED, Recovery.SETTLED):
                return "an interrupted apply of the plan is finished now", ()
            if not steps.unready_reason():
                return "the new node is up: the plan was applied before", ()
        if progress.plan:
            path, address, actions, digest = progress.plan
            plan = SavedPlan(path=Path(path), address=address, actions=tuple(actions.split(",")), digest=digest)
            try:
                steps.apply(plan)
                return f"{plan.path.name} is applied", ()
            except StaleSavedPlan:
                pass  # the state has changed since, and nothing of it was done: the same single change is planned again
        plan = steps.plan(missing_ok=is_again)
        self._journal.step(
            operation, OperationStep.APPLY, f"planned again: {plan.path.name}", evidence=_plan_evidence(plan)
        )
        steps.apply(plan)
        return f"{plan.path.name} is applied", ()


def _plan_evidence(plan: SavedPlan) -> tuple[str, ...]:
    return (str(plan.path), plan.address, ",".join(plan.actions), plan.digest)
