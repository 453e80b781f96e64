"""Carries out the steps of operations, as the settings say. Writes no journal: the executor does, before and after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from cassandra_healing.errors import MissingSetting
from cassandra_healing.model import HealingAction, MemberId, Operation
from cassandra_healing.operation_progress import OperationProgress, OperationStep
from cassandra_healing.operations.hooks import Hooks, run_hook
from cassandra_healing.operations.replacement import Replacement, ReplacementTarget
from cassandra_healing.operations.terraform.commands import TerraformTimeouts, get_binary
from cassandra_healing.operations.terraform.driver import Terraform
from cassandra_healing.operations.terraform.plan import SavedPlan
from cassandra_healing.policy import Policy
from cassandra_healing.probes.readiness import NodeConnector, await_ready

_WHERE: Final = "[env.NAME.healing.machines] of views.toml"

StepResult = tuple[str, tuple[str, ...]]
"""What was done, in words, and the plan that was saved, as ``OperationProgress.plan``."""


class NodeActions:
    """Restarts and replaces nodes, and services by their commands.

    Each step may have been done before, in part or whole, by a process that was killed.

    Args:
        policy: what is set; the paths of its machines are absolute.
        connect: opens a session on one node alone.
        on_progress: called with a short sentence about the current work.
    """

    def __init__(
        self, policy: Policy, *, connect: NodeConnector, on_progress: Callable[[str], None] = lambda _: None
    ) -> None:
        self._policy = policy
        self._machines = policy.machines
        self._services = policy.services
        self._connect = connect
        self._on_progress = on_progress
        self._terraform: Terraform | None = None

    def check(self, node: MemberId, act: HealingAction) -> None:
        """Check that all is set that an operation takes.

        Raises: MissingSetting: names what is missing.
        """
        if node.is_service:
            return  # nothing is decided for which it has no command
        machines = self._machines
        if act is HealingAction.RESTART and not machines.restart:
            raise MissingSetting(
                "no restart command is set",
                on="restart",
                remains="Nothing was done",
                next=f"Set restart in {_WHERE}, or restart = false where machines restart their service themselves",
            )
        if act is HealingAction.REPLACE:
            needed = {"terraform": machines.terraform, "fence": machines.fence, "repair": machines.repair}
            if missing := [key for key, value in needed.items() if not value]:
                raise MissingSetting(
                    "the settings for replacing a node are incomplete",
                    on=", ".join(missing),
                    remains="Nothing was done",
                    next=f"Set {' and '.join(missing)} in {_WHERE}, or replace the node by hand",
                )

    def run(
        self,
        step: OperationStep,
        operation: Operation,
        progress: OperationProgress,
        *,
        on_replan: Callable[[SavedPlan], None],
    ) -> StepResult:
        """Do a step.

        Args:
            on_replan: called before a plan is applied that takes the place of a stale one.

        Raises: HealingError: it is not done.
        """
        node = operation.node
        match step:
            case OperationStep.RESTART:
                self._restart(node, progress.what)
                return "it was restarted", ()
            case OperationStep.REPLACE:
                self._on_progress(f"Replacing {node}")
                self._run_for_service("replace", node, progress.what)
                return "a new one has taken its place", ()
            case OperationStep.NORMAL:
                return self._await_normal(operation), ()
            case OperationStep.PLAN:
                plan = self._replacement(node).plan()
                return f"{plan.path.name} replaces {plan.address} and nothing else", plan_evidence(plan)
            case OperationStep.FENCE:
                self._replacement(node).fence(progress.what)
                return "the old node has ended and cannot come back", ()
            case OperationStep.APPLY:
                steps, saved = self._replacement(node), _saved_plan(progress)
                is_again = OperationStep.APPLY in progress.begun
                do = steps.resume_apply if is_again else steps.apply_or_replan
                return do(saved, on_replan), ()
            case OperationStep.REPAIR:
                self._replacement(node).repair()
                return "all that it holds is repaired", ()
            case OperationStep.TERMINATE:
                self._replacement(node).terminate()
                return "nothing is left of the old node", ()
            case OperationStep.AUDIT:
                return self._audit(node), ()
        raise AssertionError(step)

    def _restart(self, node: MemberId, why: str) -> None:
        self._on_progress(f"Restarting {node}")
        if node.is_service:
            self._run_for_service("restart", node, why)
        else:
            self._run("restart", self._machines.restart, node, why, self._machines.command_minutes)

    def _await_normal(self, operation: Operation) -> str:
        allowed = self._policy.ready_seconds(operation.act)
        seconds = await_ready(operation.node.address, self._connect, allowed, on_progress=self._on_progress)
        return f"it is up and in the ring, after {seconds:.0f} s"

    def _audit(self, node: MemberId) -> str:
        if not self._machines.audit:
            return "no command is set for it"
        self._on_progress("Auditing what the cluster serves")
        self._run("audit", self._machines.audit, node, "", self._machines.repair_minutes)
        return "what the cluster serves is as it should be"

    def _replacement(self, node: MemberId) -> Replacement:
        self.check(node, HealingAction.REPLACE)
        machines = self._machines
        name = machines.name_of(node.address)
        return Replacement(
            ReplacementTarget(name=name, address=node.address, resource=machines.resource.replace("{name}", name)),
            terraform=self._driver(),
            hooks=Hooks(
                fence=machines.fence,
                repair=machines.repair,
                terminate=machines.terminate,
                folder=machines.folder,
                fence_seconds=machines.command_minutes * 60,
                repair_seconds=machines.repair_minutes * 60,
                terminate_seconds=machines.command_minutes * 60,
            ),
            connect=self._connect,
            on_progress=self._on_progress,
        )

    def _driver(self) -> Terraform:
        if self._terraform is None:
            machines = self._machines
            assert machines.terraform is not None
            assert machines.run_folder is not None
            self._terraform = Terraform(
                machines.terraform,
                get_binary(machines.binary),
                machines.run_folder,
                variables=machines.variables,
                backend=machines.backend,
                times=TerraformTimeouts(apply_seconds=machines.apply_minutes * 60),
            )
            self._terraform.init()
        return self._terraform

    def _run(self, step: str, command: tuple[str, ...], node: MemberId, why: str, minutes: float) -> None:
        values = {"name": self._machines.name_of(node.address), "address": node.address, "why": why}
        run_hook(step, command, values, minutes * 60, self._machines.folder)

    def _run_for_service(self, step: str, node: MemberId, why: str) -> None:
        service = self._services.get(node.address)
        if service is None:
            raise MissingSetting(
                "it is no longer among the services of views.toml",
                on=node.address,
                remains="Nothing was done to it",
                next="Put it back if it is to be healed",
            )
        command = service.restart_command if step == "restart" else service.replace_command
        values = {"name": node.address, "address": service.host, "why": why}
        run_hook(step, command, values, service.command_seconds)


def _saved_plan(progress: OperationProgress) -> SavedPlan | None:
    if not progress.plan:
        return None
    path, address, actions, digest = progress.plan
    return SavedPlan(path=Path(path), address=address, actions=tuple(actions.split(",")), digest=digest)


def plan_evidence(plan: SavedPlan) -> tuple[str, ...]:
    """Return a plan as it is written into the journal."""
    return (str(plan.path), plan.address, ",".join(plan.actions), plan.digest)
