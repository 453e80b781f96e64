"""The steps that replace one node by another. Each may be done again after a kill anywhere in it.

Knows neither when nor whether to replace, and keeps no record: the executor records each step before it is done.
The order: fence, plan, apply, wait until it is normal, repair, terminate. ``resume_apply`` follows a kill in the apply.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cassandra_healing.errors import StaleSavedPlan
from cassandra_healing.operations.hooks import Hooks, run_hook
from cassandra_healing.operations.terraform.driver import Recovery, Terraform
from cassandra_healing.operations.terraform.plan import SavedPlan
from cassandra_healing.probes.readiness import NodeConnector, await_ready, find_unready_reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementTarget:
    """The node that is replaced. Name, address and host id stay; the machine and its data are new.

    Attributes:
        name: its key in the configuration.
        address: where it listens.
        resource: its address in the configuration, ``module.cassandra.terraform_data.node["n3"]``.
    """

    name: str
    address: str
    resource: str


class Replacement:
    """Replaces one node.

    Args:
        target: which; an attribute, too.
        terraform: what makes and ends machines.
        hooks: the commands of the machine provider.
        connect: opens a session on one node alone.
        on_progress: called with a short sentence about the current work.
    """

    def __init__(
        self,
        target: ReplacementTarget,
        *,
        terraform: Terraform,
        hooks: Hooks,
        connect: NodeConnector,
        on_progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.target = target
        self._terraform = terraform
        self._hooks = hooks
        self._connect = connect
        self._on_progress = on_progress

    def fence(self, why: str) -> None:
        """Make sure that the old node has ended and cannot come back with the tokens of its successor.

        Raises: HookFailed: that is not sure; nothing may be replaced then.
        """
        self._on_progress(f"Fencing {self.target.name} ({self.target.address})")
        self._hook("fence", self._hooks.fence, why)

    def plan(self, *, missing_ok: bool = False) -> SavedPlan:
        """Plan the replacement; errors as ``Terraform.plan_replace``."""
        return self._terraform.plan_replace(self.target.resource, missing_ok=missing_ok)

    def apply(self, plan: SavedPlan) -> None:
        """Apply the plan: ends the old node, starts the new one; errors as ``Terraform.apply``."""
        self._on_progress(f"Replacing {self.target.name}: applying {plan.path.name}")
        self._terraform.apply(plan)

    @property
    def is_cut_off(self) -> bool:
        """Tell whether an apply for this very node was interrupted."""
        found = self._terraform.journal.find_open()
        return found is not None and found.address == self.target.resource

    def recover(self) -> Recovery:
        """Go on with an apply that was cut off; errors as ``Terraform.recover``.

        ``REPLAN`` asks for ``plan(missing_ok=True)`` and ``apply``, unless the node is normal by then.
        """
        return self._terraform.recover(lambda: not self.unready_reason(), on_progress=self._on_progress)

    def resume_apply(self, plan: SavedPlan | None, on_replan: Callable[[SavedPlan], None] = lambda _: None) -> str:
        """Finish an apply that may have been cut off anywhere, or was never begun; return in words what was done.

        Args:
            plan: what was to be applied.
            on_replan: called before another plan is applied, where the state has changed since the first.
        """
        if self.is_cut_off and self.recover() in (Recovery.APPLIED, Recovery.SETTLED):
            return "an interrupted apply of the plan is finished now"
        if not self.unready_reason():
            return "the new node is up: the plan was applied before"
        return self.apply_or_replan(plan, on_replan, missing_ok=True)

    def apply_or_replan(
        self, plan: SavedPlan | None, on_replan: Callable[[SavedPlan], None], *, missing_ok: bool = False
    ) -> str:
        """Apply a plan, or another one for the same change where it is stale; return in words what was done."""
        if plan is not None:
            try:
                self.apply(plan)
                return f"{plan.path.name} is applied"
            except StaleSavedPlan:
                pass  # nothing of it was done
        plan = self.plan(missing_ok=missing_ok)
        on_replan(plan)
        self.apply(plan)
        return f"{plan.path.name} is applied"

    def unready_reason(self) -> str:
        """Return why the node is not ready; nothing where it is up and in the ring."""
        return find_unready_reason(self.target.address, self._connect)

    def await_ready(self, timeout_seconds: float, poll_seconds: float = 1.0) -> float:
        """Wait until the node is up and in the ring, as it and its peers report; return the seconds.

        Raises: NodeNotReady: says what it still lacks.
        """
        return await_ready(
            self.target.address,
            self._connect,
            timeout_seconds,
            poll_seconds=poll_seconds,
            on_progress=self._on_progress,
        )

    def repair(self) -> None:
        """Let the new node fetch what was written while it streamed: it took no writes then. Not an option.

        Raises: HookFailed: it is not repaired.
        """
        self._on_progress(f"Repairing {self.target.name}")
        self._hook("repair", self._hooks.repair, "")

    def terminate(self) -> None:
        """Remove what is left of the old node for good, when the new one is up and repaired.

        Raises: HookFailed: it is still there.
        """
        if self._hooks.terminate:
            self._on_progress(f"Removing what is left of the former {self.target.name}")
            self._hook("terminate", self._hooks.terminate, "")

    def _hook(self, step: str, command: tuple[str, ...], why: str) -> None:
        values = {"name": self.target.name, "address": self.target.address, "why": why}
        run_hook(step, command, values, self._hooks.seconds(step), self._hooks.folder)
