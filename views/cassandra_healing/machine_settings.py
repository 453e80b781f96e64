"""What a cluster's people set about its machines: the configuration that makes them, and commands for the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cassandra_healing.setting_types import Number


class MachineSettings(BaseModel):
    """How the machines of a cluster are made, started and ended. Without it nothing is restarted or replaced."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    terraform: Path | None = None
    """The folder of the configuration of OpenTofu or Terraform, relative to views.toml."""
    run_folder: Path | None = None
    """Where plans, logs and the journal of applies are kept, relative to views.toml: one for all hosts that heal."""
    local: bool = False
    """The configuration is terraform/local, and run_folder that of cluster.sh: all else is known then."""
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
        if self.local and self.terraform is None:
            raise ValueError("local needs terraform: the folder terraform/local")
        return self

    def name_of(self, address: str) -> str:
        """Return a node's name in the configuration."""
        return self.names.get(address, address)

    def resolved(self, folder: Path) -> Self:
        """Return the same with absolute paths: they are relative to a folder."""
        paths = {"terraform": self.terraform, "run_folder": self.run_folder}
        paths["folder"] = self.folder or folder
        return self.model_copy(update={key: (folder / path).absolute() for key, path in paths.items() if path})

    @property
    def machine_command(self) -> tuple[str, ...]:
        """Return what asks for a machine's state, where that is known without being told."""
        if not self.local:
            return ()
        return (str(self.terraform / "node.sh"), "status", "{address}", "--run", str(self.run_folder))  # type: ignore[operator]
