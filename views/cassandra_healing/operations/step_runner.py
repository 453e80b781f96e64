"""What each step does. Keeps no record: the healer writes before and after."""

from __future__ import annotations

from pathlib import Path

from cassandra_healing.operation_model import Act, Deed
from cassandra_healing.operation_progress import Progress
from cassandra_healing.operation_steps import Step
from cassandra_healing.operations.node_actions import Hands
from cassandra_healing.operations.replacement import Replacement
from cassandra_healing.operations.terraform.driver import Recovery
from cassandra_healing.operations.terraform.errors import StaleSavedPlan
from cassandra_healing.operations.terraform.plan import SavedPlan
from cassandra_healing.policy import Policy
from cassandra_healing.storage.journal import Journal

Told = tuple[str, tuple[str, ...]]
"""What was done, in words, and the plan that was kept, as ``Progress.plan``."""


class Work:
    """Does the steps of deeds. Each may have been done before, in part or whole, by a process that was killed."""

    def __init__(self, hands: Hands, journal: Journal, policy: Policy) -> None:
        self._hands = hands
        self._journal = journal
        self._policy = policy

    def do(self, step: Step, deed: Deed, progress: Progress) -> Told:
        """Do a step.

        Raises: HealingError: it is not done.
        """
        node = deed.node
        match step:
            case Step.RESTART:
                self._hands.restart(node, progress.what)
                return "its service was restarted", ()
            case Step.NORMAL:
                return self._await(deed), ()
            case Step.PLAN:
                plan = self._hands.replacement(node).plan()
                return f"{plan.path.name} replaces {plan.address} and nothing else", _kept(plan)
            case Step.FENCE:
                self._hands.replacement(node).fence(progress.what)
                return "the old node has ended and cannot come back", ()
            case Step.APPLY:
                return self._apply(self._hands.replacement(node), deed, progress)
            case Step.REPAIR:
                self._hands.replacement(node).repair()
                return "all that it holds is repaired", ()
            case Step.TERMINATE:
                self._hands.replacement(node).terminate()
                return "nothing is left of the old node", ()
            case Step.AUDIT:
                return self._hands.audit(node), ()
        raise AssertionError(step)

    def _await(self, deed: Deed) -> str:
        is_new = deed.act is Act.REPLACE
        allowed = self._hands.normal_seconds if is_new else self._policy.restart_minutes * 60
        seconds = self._hands.await_normal(deed.node, allowed)
        return f"it is up and in its place, after {seconds:.0f} s"

    def _apply(self, steps: Replacement, deed: Deed, progress: Progress) -> Told:
        is_again = Step.APPLY in progress.begun
        if is_again:
            if steps.is_cut_off and steps.recover() in (Recovery.APPLIED, Recovery.SETTLED):
                return "the plan was begun before, and is applied now", ()
            if not steps.trouble():
                return "the new node is up: the plan was applied before", ()
        if progress.plan:
            path, address, actions, digest = progress.plan
            plan = SavedPlan(path=Path(path), address=address, actions=tuple(actions.split(",")), digest=digest)
            try:
                steps.apply(plan)
                return f"{plan.path.name} is applied", ()
            except StaleSavedPlan:
                pass  # the state has changed since, and nothing of it was done: the same single change is planned anew
        plan = steps.plan(missing_ok=is_again)
        self._journal.step(deed, Step.APPLY, f"planned anew: {plan.path.name}", evidence=_kept(plan))
        steps.apply(plan)
        return f"{plan.path.name} is applied", ()


def _kept(plan: SavedPlan) -> tuple[str, ...]:
    return (str(plan.path), plan.address, ",".join(plan.actions), plan.digest)
