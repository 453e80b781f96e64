"""What a cluster's people set: graces, limits, and how much is done without them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cassandra_healing.machine_settings import MachineSettings
from cassandra_healing.mode import Mode as Mode
from cassandra_healing.service_policy import ServicePolicy, check_needs
from cassandra_healing.setting_types import Number, Whole


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
        """Return the same with what follows from ``machines``; its paths are relative to a folder."""
        machines = self.machines.resolved(folder)
        command = self.machine_command or machines.machine_command
        return self.model_copy(update={"machines": machines, "machine_command": command})

    @property
    def memory(self) -> timedelta:
        """Return how far back a judgement reaches."""
        return timedelta(minutes=max(self.flap_minutes, self.page_minutes) + 10)
