"""The settings of healing: graces, limits, machines, services, and how much is done without a person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cassandra_healing.model import CLUSTER, HealingAction, MemberId

# Settings: no truth value, no text and no NaN is taken for a number. Each field adds its bounds.
Whole = Annotated[int, Field(strict=True)]
"""A whole number."""

Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
"""A number, whole or not."""


class Mode(StrEnum):
    """What becomes of a decision to act."""

    DRY_RUN = "dry-run"
    """It is only shown."""
    APPROVE = "approve"
    """A person is asked first."""
    AUTOMATIC = "automatic"
    """It is done."""


class ServiceKind(StrEnum):
    """By what is seen that a service does its work."""

    SPARK_MASTER = "spark-master"
    """Its page says that it leads, or stands by."""
    SPARK_WORKER = "spark-worker"
    """The master's page says that it is alive."""
    HEARTBEAT = "heartbeat"
    """What it wrote last into Cassandra is young."""
    PROBE = "probe"
    """A command says so."""


_NEEDED = {
    ServiceKind.SPARK_MASTER: ("page",),
    ServiceKind.SPARK_WORKER: ("page", "address"),
    ServiceKind.HEARTBEAT: ("newest",),
    ServiceKind.PROBE: ("probe_command",),
}


class ServicePolicy(BaseModel):
    """How one service is watched, and what may be done to it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    kind: ServiceKind
    """By what is seen that it works: spark-master, spark-worker, heartbeat, probe."""
    mode: Mode | None = None
    """What becomes of a decision to restart or replace it; else as for the nodes."""
    page: str = ""
    """The address of the Spark master's page, http://10.0.0.9:8080; for a worker that of its master."""
    address: str = ""
    """Where it listens, host or host:port, such as a worker's page; {address} in commands is the host."""
    newest: str = ""
    """heartbeat: a query of CQL whose first value tells when it last wrote."""
    time_format: str = ""
    """heartbeat: how that is written where it is a text, as strptime has it; else a timestamp or a WRITETIME."""
    max_age_seconds: Number = Field(default=60.0, gt=0, le=604800)
    """heartbeat: what is older is a bad result."""
    probe_command: tuple[str, ...] = ()
    """probe: a command that ends with 0 where it works, with 75 where that cannot be told, else with any other."""
    machine_command: tuple[str, ...] = ()
    """A command that prints running, stopped, gone or unknown, as for nodes; {name} and {address} are filled in."""
    restart_command: tuple[str, ...] = ()
    """Restarts it, and ends with 0 when that is done; can be run again. {name}, {address} and {why} are filled in."""
    replace_command: tuple[str, ...] = ()
    """Makes a new one in its place, likewise."""
    command_seconds: Number = Field(default=600.0, gt=0, le=86400)
    """How long each of these two may take."""
    needs: tuple[str, ...] = ()
    """Other services, or "cluster": while one of them is not well, nothing is done to this one."""
    timeout_seconds: Number = Field(default=5.0, gt=0, le=300)
    """How long an observer waits for an answer."""
    grace_checks: Whole = Field(default=3, ge=1, le=10000)
    """It is left alone until it was down for so many checks in a row,"""
    grace_minutes: Number = Field(default=2.0, ge=0, le=10080)
    """and for so long."""
    back_minutes: Number = Field(default=3.0, gt=0, le=10080)
    """How long it may take to come back after a restart or replacement of ours."""
    restarts_per_day: Whole = Field(default=5, ge=0, le=1000)
    """Within 24 hours."""
    replacements_per_day: Whole = Field(default=1, ge=0, le=1000)
    """Within 24 hours."""
    page_minutes: Number = Field(default=30.0, gt=0, le=10080)
    """A person is called where it was not found at work for so long, whatever is waited for."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        missing = [key for key in _NEEDED[self.kind] if not getattr(self, key)]
        if missing:
            raise ValueError(f"a service of the kind '{self.kind}' needs {' and '.join(missing)}")
        if self.page and not self.page.startswith(("http://", "https://")):
            raise ValueError("page is an address such as http://10.0.0.9:8080")
        return self

    @property
    def host(self) -> str:
        """Return the host of its address."""
        return self.address.rpartition(":")[0] if self.port else self.address

    @property
    def port(self) -> int | None:
        """Return the port of its address, where one is given."""
        _host, colon, port = self.address.rpartition(":")
        return int(port) if colon and port.isdigit() and self.address.count(":") == 1 else None


def check_needs(services: Mapping[str, ServicePolicy]) -> None:
    """Refuse a service that needs one that is not there, or itself by way of others.

    Raises: ValueError: names it.
    """
    for name, policy in services.items():
        for need in policy.needs:
            if need != CLUSTER and need not in services:
                known = ", ".join((CLUSTER, *sorted(services)))
                raise ValueError(f"the service '{name}' needs '{need}', which is not there; known are {known}")
        before: set[str] = set()
        ahead = set(policy.needs)
        while ahead:
            need = ahead.pop()
            if need == name:
                raise ValueError(f"the service '{name}' needs itself, by way of {', '.join(policy.needs)}")
            if need in services and need not in before:
                before.add(need)
                ahead |= set(services[need].needs)


class MachineSettings(BaseModel):
    """How the machines of a cluster are made, started and ended. Without it nothing is restarted or replaced."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    terraform: Path | None = None
    """The folder of the configuration of OpenTofu or Terraform, relative to views.toml."""
    binary: Path | None = None
    """The program, relative to views.toml; else the tofu or terraform on the search path."""
    run_folder: Path | None = None
    """Where plans, logs and the journal of applies are kept, relative to views.toml: one for all hosts that heal."""
    backend: dict[str, str] | None = None
    """Settings of the configuration's backend; else the state is a file in run_folder."""
    variables: dict[str, Any] = Field(default_factory=dict)
    """Values of the configuration's variables."""
    resource: str = 'module.cassandra.aws_instance.node["{name}"]'
    """A node in the configuration; {name} is its name there."""
    names: dict[str, str] = Field(default_factory=dict)
    """The nodes' names in the configuration, by address; a node that is missing here is named as its address."""
    restart: tuple[str, ...] = ()
    """A command that starts a node's service again, one that hangs, too; {name}, {address} and {why} are filled in."""
    fence: tuple[str, ...] = ()
    """A command that ends a node so that it cannot come back; done only when it is seen to have ended."""
    repair: tuple[str, ...] = ()
    """A command that repairs all that a node holds."""
    terminate: tuple[str, ...] = ()
    """A command that removes what is left of a former node; none where applying the plan removes all."""
    audit: tuple[str, ...] = ()
    """A command that looks at what the cluster serves when a node was replaced, such as ["views", "audit"]."""
    command_minutes: Number = Field(default=10.0, gt=0, le=10080)
    """How long restart, fence and terminate may each take."""
    apply_minutes: Number = Field(default=240.0, gt=0, le=10080)
    """How long applying a plan may take: longer than a node's data streams."""
    normal_minutes: Number = Field(default=60.0, gt=0, le=10080)
    """How long a new node may take to join the ring after that."""
    repair_minutes: Number = Field(default=1440.0, gt=0, le=43200)
    """How long repair and audit may each take."""
    folder: Path | None = None
    """Where the commands are run; else the folder of views.toml."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.terraform is not None and self.run_folder is None:
            raise ValueError("terraform needs run_folder: the folder for its plans, logs and journal")
        return self

    def name_of(self, address: str) -> str:
        """Return a node's name in the configuration."""
        return self.names.get(address, address)

    def resolved(self, folder: Path) -> Self:
        """Return the same with absolute paths: they are relative to a folder."""
        paths = {"terraform": self.terraform, "binary": self.binary, "run_folder": self.run_folder}
        paths["folder"] = self.folder or folder
        return self.model_copy(update={key: (folder / path).absolute() for key, path in paths.items() if path})


class Policy(BaseModel):
    """How a cluster is watched, and what may be done to its nodes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    mode: Mode = Mode.APPROVE
    """What becomes of a decision to restart or replace: dry-run, approve, automatic."""
    check_seconds: Number = Field(default=10.0, ge=1, le=3600)
    """The time between two checks of the cluster."""
    timeout_seconds: Number = Field(default=2.0, gt=0, le=300)
    """How long an observer waits for an answer."""
    still_seconds: Number = Field(default=8.0, ge=2, le=600)
    """A heartbeat that has not grown for so long is a bad result. Gossip brings one each second."""
    slow_seconds: Number = Field(default=1.0, gt=0, le=300)
    """An answer that takes longer is slow."""
    observers: Whole = Field(default=3, ge=2, le=100)
    """So many must call a node dead, none may say that it lives."""
    grace_checks: Whole = Field(default=10, ge=1, le=10000)
    """A node is left alone until it was down for so many checks in a row,"""
    grace_minutes: Number = Field(default=15.0, gt=0, le=10080)
    """and for so long. Longer than a restart takes."""
    startup_minutes: Number = Field(default=10.0, ge=0, le=10080)
    """A node whose process is younger is left alone, whatever is seen of it."""
    restart_minutes: Number = Field(default=10.0, gt=0, le=10080)
    """How long a node may take to come back after a restart of ours."""
    settle_checks: Whole = Field(default=5, ge=1, le=10000)
    """A node that came back counts as away until it was up for so many checks in a row."""
    gap_minutes: Number = Field(default=3.0, gt=0, le=10080)
    """Where there was no check for longer, all graces start over."""
    flaps: Whole = Field(default=3, ge=2, le=1000)
    """A node that went away so often is flapping,"""
    flap_minutes: Number = Field(default=60.0, gt=0, le=10080)
    """counted over this time."""
    page_minutes: Number = Field(default=120.0, gt=0, le=10080)
    """A person is called where the cluster was not well for so long. Less than max_hint_window (3 hours)."""
    restart: bool = True
    """Whether a restart is tried before a replacement."""
    restarts_per_day: Whole = Field(default=2, ge=0, le=1000)
    """Of one node, within 24 hours."""
    replacements_per_day: Whole = Field(default=1, ge=0, le=1000)
    """Of the whole cluster, within 24 hours."""
    approve_minutes: Number = Field(default=60.0, gt=0, le=10080)
    """How long a person may take to approve; no answer is a no."""
    step_failures: Whole = Field(default=3, ge=1, le=1000)
    """A step of a replacement that failed so often is tried again only after a person approves."""
    hold_seconds: Number = Field(default=60.0, ge=3, le=3600)
    """So long after the death of one process another one resumes its operation."""
    disk_full_share: Number = Field(default=0.95, gt=0, le=1)
    """A data disk that is fuller helps no restart and no replacement."""
    machine_command: tuple[str, ...] = ()
    """A command that prints running, stopped, gone or unknown; {address} and {host_id} name the node."""
    ignored_keyspaces: tuple[str, ...] = ("system_traces",)
    """Keyspaces whose replicas may be lost."""
    keyspace: str = Field(default="cluster_health", pattern=r"^[a-z][a-z0-9_]{0,47}$")
    """Where checks and the journal are stored, in the cluster itself."""
    history_hours: Number = Field(default=72.0, gt=0, le=87600)
    """How long checks are kept. The journal is kept for good."""
    machines: MachineSettings = MachineSettings()
    """How its machines are made, started and ended."""
    services: Mapping[str, ServicePolicy] = Field(default_factory=dict)
    """What works beside the nodes and is watched, too, by name."""

    @model_validator(mode="after")
    def _needs_are_there(self) -> Self:
        check_needs(self.services)
        return self

    def resolved(self, folder: Path) -> Self:
        """Return the same with absolute paths: those of ``machines`` are relative to a folder."""
        return self.model_copy(update={"machines": self.machines.resolved(folder)})

    @property
    def memory(self) -> timedelta:
        """Return how far back a judgement reaches."""
        pages = [self.page_minutes, *(each.page_minutes for each in self.services.values())]
        return timedelta(minutes=max(self.flap_minutes, *pages) + 10)

    def ready_seconds(self, act: HealingAction) -> float:
        """Return how long a node may take to be up and in the ring after a restart or replacement of ours."""
        return 60 * (self.machines.normal_minutes if act is HealingAction.REPLACE else self.restart_minutes)

    def without_waiting(self) -> Self:
        """Return the same with no time for a node to come back: it was waited for already."""
        machines = self.machines.model_copy(update={"normal_minutes": 0.0})
        return self.model_copy(update={"machines": machines, "restart_minutes": 0.0})

    def of(self, member: MemberId) -> Policy | ServicePolicy:
        """Return what is set for a member: for a service its own, for a node this."""
        return self.services.get(member.address, self) if member.is_service else self

    def mode_of(self, member: MemberId) -> Mode:
        """Return what becomes of a decision to restart or replace a member."""
        return self.of(member).mode or self.mode
