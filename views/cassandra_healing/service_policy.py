"""Settings of a service: how it is probed, restarted and replaced, and how soon."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cassandra_healing.mode import Mode
from cassandra_healing.setting_types import Number, Whole

CLUSTER = "cluster"
"""In ``needs``: the nodes of Cassandra."""


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
