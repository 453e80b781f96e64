"""The cluster of ``terraform/local`` by one command: up, status, settings, replace, down."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from cassandra_client.connect import connect_alone
from cassandra_embedded.errors import EmbeddedError
from cassandra_healing.errors import HealingError
from cassandra_healing.operations.hooks import Hooks
from cassandra_healing.operations.replacement import Replacement, ReplacementTarget
from cassandra_healing.operations.terraform.commands import TerraformBinary, TerraformTimeouts
from cassandra_healing.operations.terraform.driver import Recovery, Terraform
from cassandra_healing.probes.readiness import NodeConnector, await_ready, find_unready_reason
from local_cluster.local_node import LocalNode
from local_cluster.node_record import LocalNodeNotFound, NodeError, NodeFolder, NodeRecord, Purpose
from local_cluster.node_status import MachineState
from local_cluster.tofu import get_binary

_MODULES = {"cassandra": "cassandra", "spark-master": "spark_master", "spark-worker": "spark_workers"}
_NORMAL_SECONDS = 120.0


class LocalCluster:
    """A cluster of processes of this machine.

    Args:
        folder: the configuration, ``terraform/local``.
        run_folder: all that it writes.
        binary: OpenTofu or Terraform.
        variables: values of the configuration's variables; remembered in the run folder, and taken from there if left
            out.
        apply_seconds: how long a plan may take to be applied.
    """

    def __init__(
        self,
        folder: Path,
        run_folder: Path,
        binary: TerraformBinary,
        *,
        variables: dict[str, Any] | None = None,
        apply_seconds: float = 3600.0,
    ) -> None:
        self._folder = folder.absolute()
        self.run_folder = run_folder.absolute()
        variables_file = self.run_folder / "variables.json"
        if variables is not None:
            variables_file.parent.mkdir(parents=True, exist_ok=True)
            variables_file.write_text(json.dumps(variables, indent=1), encoding="utf-8")
        elif variables_file.exists():
            variables = dict(json.loads(variables_file.read_text(encoding="utf-8")))
        self._variables = {**(variables or {}), "run_folder": str(self.run_folder)}
        self._binary = binary
        self.terraform = Terraform(
            folder,
            binary,
            self.run_folder / "terraform",
            variables=self._variables,
            times=TerraformTimeouts(apply_seconds=apply_seconds),
        )

    @property
    def hooks(self) -> Hooks:
        """Return the commands for its nodes: those of node.sh."""
        return Hooks(
            fence=self._command("fence", "--why", "{why}"),
            repair=self._command("repair"),
            terminate=self._command("terminate"),
        )

    def _command(self, verb: str, *more: str, node: str = "{name}") -> tuple[str, ...]:
        return (str(self._folder / "node.sh"), verb, node, "--run", str(self.run_folder), *more)

    def healing_settings(self) -> dict[str, Any]:
        """Return ``[env.NAME.healing]`` of a views.toml that heals this cluster."""
        ring = [record for record in self.nodes() if record.kind == "cassandra"]
        return {
            "machine_command": self._command("status", node="{address}"),
            "machines": {
                "terraform": str(self._folder),
                "binary": str(self._binary.path),
                "run_folder": str(self.run_folder / "terraform"),
                "resource": 'module.cassandra.terraform_data.node["{name}"]',
                "names": {record.address: record.name for record in ring},
                "restart": self._command("restart", "--why", "{why}"),
                "fence": self.hooks.fence,
                "repair": self.hooks.repair,
                "terminate": self.hooks.terminate,
                "variables": self._variables,
            },
        }

    def up(self) -> None:
        """Start all nodes that do not run yet, and wait until those that run know each other.

        A node answers before it has met its peers; until then it counts them as down, and none of them may be replaced.

        Raises: NodeNotReady: says what a node still lacks.
        """
        self.terraform.init()
        self.terraform.recover(lambda: False, on_progress=_print_progress)
        if (plan := self.terraform.plan_create()) is not None:
            self.terraform.apply(plan)
        ring = [record for record in self.nodes() if record.kind == "cassandra" and self._runs(record)]
        for record in ring:
            await_ready(
                record.address,
                self.connect(record),
                _NORMAL_SECONDS,
                knows=[peer.address for peer in ring],
                on_progress=_print_progress,
            )

    def down(self) -> None:
        """End all nodes, with their data."""
        self.terraform.init()
        for record in self.nodes():
            local_node = LocalNode(self.run_folder, record.name, _print_progress)
            local_node.fence(Purpose.END, "the cluster is taken down")
            # OpenTofu leaves that away for a node whose creation failed.
            local_node.stop()
        self.terraform.recover(lambda: False, on_progress=_print_progress)
        if (plan := self.terraform.plan_destroy()) is not None:
            self.terraform.apply(plan)

    def _runs(self, record: NodeRecord) -> bool:
        status = LocalNode(self.run_folder, record.name).status()
        return status.state is MachineState.RUNNING and not status.fenced

    def nodes(self) -> tuple[NodeRecord, ...]:
        """Return what is known of each node, by name."""
        names = sorted(path.name for path in (self.run_folder / "nodes").glob("*"))
        found = (NodeFolder(self.run_folder, name).find() for name in names)
        return tuple(record for record in found if record is not None)

    def replacement(self, name: str) -> Replacement:
        """Return the steps by which this node is replaced.

        Raises: LocalNodeNotFound: there is no such node.
        """
        record = next((record for record in self.nodes() if record.name == name), None)
        if record is None:
            raise LocalNodeNotFound(
                "there is no such node here", on=name, next=f"See the folders in {self.run_folder}/nodes"
            )
        resource = f'module.{_MODULES[record.kind]}.terraform_data.node["{name}"]'
        return Replacement(
            ReplacementTarget(name=name, address=record.address, resource=resource),
            terraform=self.terraform,
            hooks=self.hooks,
            connect=self.connect(record),
            on_progress=_print_progress,
        )

    def connect(self, record: NodeRecord) -> NodeConnector:
        """Return what opens a session on one of its nodes of Cassandra."""
        return partial(connect_alone, port=int(record.settings["port"]))

    def replace(self, name: str, why: str) -> dict[str, float]:
        """Replace a node by all the steps in their order; return the seconds of each.

        Spark's daemons hold no data: they have no repair, and are up when their start says so.
        """
        self.terraform.init()
        steps = self.replacement(name)
        seconds: dict[str, float] = {}
        holds_data = next(record for record in self.nodes() if record.name == name).kind == "cassandra"
        # An apply that was cut off comes first, of this node or of another one.
        cut_off = self.terraform.journal.find_open()
        outcome = steps.recover() if holds_data else self.terraform.recover(lambda: False, on_progress=_print_progress)
        is_ours = cut_off is not None and cut_off.address == steps.target.resource
        if not (is_ours and outcome in (Recovery.APPLIED, Recovery.SETTLED)):
            with _timed(seconds, "fence"):
                steps.fence(why)
            with _timed(seconds, "apply"):
                steps.apply(steps.plan(missing_ok=is_ours))
        if holds_data:
            with _timed(seconds, "normal"):
                steps.await_ready(_NORMAL_SECONDS)
            with _timed(seconds, "repair"):
                steps.repair()
        with _timed(seconds, "terminate"):
            steps.terminate()
        return seconds


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    seconds[step] = round(time.monotonic() - started, 1)


def main(arguments: list[str] | None = None) -> int:
    """Do one verb; exit code 0 done, 1 not done (it says why), 2 wrongly called."""
    parser = argparse.ArgumentParser(prog="cluster.sh", description="A cluster of processes of this machine.")
    parser.add_argument("verb", choices=("up", "status", "settings", "replace", "down"))
    parser.add_argument("name", nargs="?", help="replace: which node")
    parser.add_argument("--run", type=Path, required=True, help="the folder for all that it writes")
    parser.add_argument("--variables", type=Path, help="up: values of the variables, as JSON")
    parser.add_argument("--why", default="by hand", help="replace: the reason, recorded with it")
    parser.add_argument("--folder", type=Path, required=True, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if (chosen.verb == "replace") != (chosen.name is not None):
        parser.error("replace takes the name of a node, and nothing else does")
    try:
        variables = json.loads(chosen.variables.read_text(encoding="utf-8")) if chosen.variables else None
        cluster = LocalCluster(chosen.folder, chosen.run, get_binary(_print_progress), variables=variables)
        match chosen.verb:
            case "up":
                cluster.up()
                _show(cluster)
            case "status":
                return _show(cluster)
            case "settings":
                _print_settings(cluster.healing_settings())
            case "replace":
                seconds = cluster.replace(chosen.name, chosen.why)
                print(" ".join(f"{step}={value:g}s" for step, value in seconds.items()))
            case "down":
                cluster.down()
    except (HealingError, EmbeddedError) as error:
        _print_progress(str(error))
        return 1
    except (OSError, ValueError) as error:
        _print_progress(
            f"{chosen.variables or chosen.run}: {error}. Nothing was changed. Mend the file or give another one."
        )
        return 1
    return 0


def _show(cluster: LocalCluster) -> int:
    code = 0
    for record in cluster.nodes():
        try:
            status = LocalNode(cluster.run_folder, record.name).status()
        except NodeError as error:
            print(f"{record.name} {error}")
            code = 1
            continue
        trouble = find_unready_reason(record.address, cluster.connect(record)) if record.kind == "cassandra" else ""
        state = f"fenced: {status.fenced}" if status.fenced else trouble or ("up" if status.pid else "")
        code = code or int(state != "up")
        print(f"{record.name} {record.kind} {record.address} life {record.life} {status.state} {state}".rstrip())
    return code


def _print_settings(settings: dict[str, Any]) -> None:
    machines = settings.pop("machines")
    for section, values in (("healing", settings), ("healing.machines", machines)):
        print(f"[env.dev.{section}]")
        for key, value in values.items():
            print(f"{key} = {to_toml(value)}")


def to_toml(value: Any) -> str:
    """Write a value as views.toml has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {to_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(to_toml, value)) + "]"
    return json.dumps(value)


def _print_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
