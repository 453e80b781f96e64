"""Restart and replace nodes and services, as the settings say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cassandra_healing.errors import HealingError, MissingSetting
from cassandra_healing.model import HealingAction, MemberId
from cassandra_healing.operations.hooks import Hooks, run_hook
from cassandra_healing.operations.replacement import Replacement, ReplacementTarget
from cassandra_healing.operations.terraform.binary import get_binary
from cassandra_healing.operations.terraform.commands import TerraformTimeouts
from cassandra_healing.operations.terraform.driver import Terraform
from cassandra_healing.policy import Policy
from cassandra_healing.probes.readiness import NodeConnector, await_ready

_WHERE: Final = "[env.NAME.healing.machines] of views.toml"


class NodeActions:
    """Restarts and replaces nodes, and services by their commands.

    Args:
        policy: what is set; the paths of its machines are absolute.
        connect: opens a session on one node alone.
        on_progress: called with a short sentence about the current work.
    """

    def __init__(
        self, policy: Policy, *, connect: NodeConnector, on_progress: Callable[[str], None] = lambda _: None
    ) -> None:
        self._machines = policy.machines
        self._services = policy.services
        self._connect = connect
        self._on_progress = on_progress
        self._terraform: Terraform | None = None

    def check(self, node: MemberId, act: HealingAction) -> None:
        """See that all is set that an operation takes.

        Raises: MissingSetting: names what is missing.
        """
        if node.is_service:
            return  # nothing is decided for which it has no command
        machines = self._machines
        if act is HealingAction.RESTART and not (machines.restart or machines.local):
            raise MissingSetting(
                "no restart command is set",
                on="restart",
                remains="Nothing was done",
                next=f"Set restart in {_WHERE}, or restart = false where machines restart their service themselves",
            )
        if act is HealingAction.REPLACE:
            needed = {"terraform": machines.terraform}
            if not machines.local:
                needed |= {"fence": machines.fence or None, "repair": machines.repair or None}  # type: ignore[dict-item]
            if missing := [key for key, value in needed.items() if value is None]:
                raise MissingSetting(
                    "the settings for replacing a node are incomplete",
                    on=", ".join(missing),
                    remains="Nothing was done",
                    next=f"Set {' and '.join(missing)} in {_WHERE}, or replace the node by hand",
                )

    def restart(self, node: MemberId, why: str) -> None:
        """Start a node's process, or a service, again.

        Raises: HookFailed: the command says that it did not.
        """
        self._on_progress(f"Restarting {node}")
        if node.is_service:
            self._run_for_service("restart", node, why)
            return
        command = self._machines.restart
        if not command:
            command = (*self._script("restart"), "--why", "{why}")
        self._run("restart", command, node, why, self._machines.command_minutes)

    def replace_service(self, node: MemberId, why: str) -> None:
        """Make a new service in the place of one.

        Raises: HookFailed: the command says that it did not.
        """
        self._on_progress(f"Replacing {node}")
        self._run_for_service("replace", node, why)

    @property
    def normal_seconds(self) -> float:
        """Return how long a new node may take to join the ring."""
        return self._machines.normal_minutes * 60

    def await_ready(self, node: MemberId, timeout_seconds: float) -> float:
        """Wait until a node is up and in the ring; as ``readiness.await_ready``."""
        return await_ready(node.address, self._connect, timeout_seconds, on_progress=self._on_progress)

    def audit(self, node: MemberId) -> str:
        """Run the audit command; return in words what was done.

        Raises: HookFailed: something is not as it should be.
        """
        if not self._machines.audit:
            return "no command is set for it"
        self._on_progress("Auditing what the cluster serves")
        self._run("audit", self._machines.audit, node, "", self._machines.repair_minutes)
        return "what the cluster serves is as it should be"

    def replacement(self, node: MemberId) -> Replacement:
        """Return the steps by which a node is replaced; errors as ``check`` and ``get_binary``."""
        self.check(node, HealingAction.REPLACE)
        name = self._name(node)
        return Replacement(
            ReplacementTarget(name=name, address=node.address, resource=self._resource.replace("{name}", name)),
            terraform=self._driver(),
            hooks=self._hooks(),
            connect=self._connect,
            on_progress=self._on_progress,
        )

    @property
    def _resource(self) -> str:
        own = 'module.cassandra.terraform_data.node["{name}"]'
        return own if self._machines.local else self._machines.resource

    def _hooks(self) -> Hooks:
        machines = self._machines
        local = machines.local
        return Hooks(
            fence=machines.fence or ((*self._script("fence"), "--why", "{why}") if local else ()),
            repair=machines.repair or (self._script("repair") if local else ()),
            terminate=machines.terminate or (self._script("terminate") if local else ()),
            folder=machines.folder,
            fence_seconds=machines.command_minutes * 60,
            repair_seconds=machines.repair_minutes * 60,
            terminate_seconds=machines.command_minutes * 60,
        )

    def _script(self, verb: str) -> tuple[str, ...]:
        assert self._machines.terraform is not None
        return (str(self._machines.terraform / "node.sh"), verb, "{name}", "--run", str(self._machines.run_folder))

    def _name(self, node: MemberId) -> str:
        machines = self._machines
        if machines.local and node.address not in machines.names:
            assert machines.run_folder is not None
            return _find_local_name(machines.run_folder, node.address)
        return machines.name_of(node.address)

    def _driver(self) -> Terraform:
        if self._terraform is None:
            machines = self._machines
            assert machines.terraform is not None
            assert machines.run_folder is not None
            run_folder, variables = machines.run_folder, dict(machines.variables)
            if machines.local:
                # As `cluster.sh` keeps it.
                variables_file = run_folder / "variables.json"
                known = dict(json.loads(variables_file.read_text(encoding="utf-8"))) if variables_file.exists() else {}
                variables = {**known, **variables, "run_folder": str(run_folder)}
                run_folder = run_folder / "terraform"
            self._terraform = Terraform(
                machines.terraform,
                get_binary(machines.binary),
                run_folder,
                variables=variables,
                backend=machines.backend,
                times=TerraformTimeouts(apply_seconds=machines.apply_minutes * 60),
            )
            self._terraform.init()
        return self._terraform

    def _run(self, step: str, command: tuple[str, ...], node: MemberId, why: str, minutes: float) -> None:
        values = {"name": self._name(node), "address": node.address, "why": why}
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


def _find_local_name(run_folder: Path, address: str) -> str:
    """Return the name of a node of terraform/local, whose folder holds its record."""
    for path in sorted((run_folder / "nodes").glob("*/node.json")):
        try:
            if json.loads(path.read_text(encoding="utf-8"))["address"] == address:
                return path.parent.name
        except FileNotFoundError:
            continue  # removed since the folder was read
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise HealingError(
                f"a node's record cannot be read: {error}", on=str(path), next="See terraform/local/cluster.sh status"
            ) from error
    return address
