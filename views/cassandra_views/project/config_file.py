"""views.toml: its keys as values, finding it and reading it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, ValidationError

from cassandra_client.errors import ConfigurationError, Place
from cassandra_healing.policy import MachineSettings, Number, Policy, ServicePolicy, Whole
from cassandra_views.model.definition import DEFAULT_MIN_ROWS_PERCENT
from cassandra_views.model.names import keyspace_fault, nearest
from cassandra_views.model.replication import Keyspace
from cassandra_views.project.locations import DEFAULT_TEMPLATES, read_toml

Replicas = Annotated[Whole, Field(ge=0, le=1000)]
"""How many replicas a data centre has."""


def _checked_keyspace(name: str) -> str:
    fault = keyspace_fault(name)
    if fault:
        raise ValueError(fault)
    return name


KeyspaceName = Annotated[str, AfterValidator(_checked_keyspace)]


class Strict(BaseModel):
    """Knows its keys: an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class KeyspaceConfig(Strict):
    """What a keyspace of the files is called in this environment, and how it is created."""

    name: KeyspaceName | None = None
    """The keyspace's name on this cluster; else the same as in the files."""
    replication: dict[str, str | Replicas] | None = None
    """Given, the keyspace is created with it where it is missing."""


class TlsConfig(Strict):
    """Encryption between us and the nodes; all paths are relative to views.toml."""

    ca: Path | None = None
    """The authority that signed the nodes' certificates."""
    cert: Path | None = None
    """Our certificate, where nodes ask for one."""
    key: Path | None = None
    """Our certificate's key."""
    check_hostname: bool = True
    """Compare the certificate with the node's address."""


class EnvConfig(Strict):
    """One environment: a cluster, and how views are kept on it."""

    contact_points: tuple[str, ...] = ()
    """Addresses of nodes; host or host:port."""
    port: Whole = Field(default=9042, ge=1, le=65535)
    local_dc: str | None = None
    """The data centre to read in; else that of the first node reached."""
    username: str | None = None
    password_file: Path | None = None
    """A file that holds the password alone."""
    tls: TlsConfig | None = None
    default_keyspace: str | None = None
    """For view and table files that name none."""
    keyspaces: dict[str, KeyspaceConfig] = Field(default_factory=dict)
    registry: KeyspaceName = "views_registry"
    """The keyspace of the registry."""
    registry_replication: dict[str, str | Replicas] | None = None
    """Else three replicas per data centre, or as many as it has nodes."""
    view_budget: Whole = Field(default=20, ge=1, le=1000)
    """How many views one base table may carry."""
    reader_cache_seconds: Number = Field(default=5.0, ge=0, le=3600)
    """How long readers keep the pointer to what serves; a view's grace is at least twice this."""
    ddl_timeout_seconds: Number = Field(default=15.0, ge=1, le=600)
    """How long one CREATE or DROP may take; the lease outlives it."""
    audit_fresh_seconds: Number = Field(default=3600.0, ge=0, le=2592000)
    """For how long an audit is as good as a new one when readers return to a generation."""
    history_days: Whole = Field(default=90, ge=1, le=7300)
    """How long the registry's history is kept; 7300 days are the longest that Cassandra expires rows after."""
    freeze_after: Whole = Field(default=5, ge=0, le=1000)
    """After how many failed runs in a row a view is frozen; 0 is never."""
    min_rows_percent: Whole = Field(default=DEFAULT_MIN_ROWS_PERCENT, ge=0, le=100)
    """How many percent of the rows that serve a view's next generation must hold to be served without a person; 0
    asks never."""
    approve_drops: StrictBool = True
    """Under Airflow: whether a person is asked before a whole view is dropped."""
    healing: Policy = Policy()
    """How the health of the nodes is judged, and what may be done to them."""

    def physical_keyspaces(self) -> dict[str, str]:
        """Return logical to physical keyspace names, where they differ."""
        return {logical: each.name for logical, each in self.keyspaces.items() if each.name}

    def described_keyspaces(self) -> tuple[Keyspace, ...]:
        """Return the keyspaces that are ours to create, with their replication."""
        return tuple(
            Keyspace.of(each.name or logical, each.replication)
            for logical, each in self.keyspaces.items()
            if each.replication
        )


class ProjectConfig(Strict):
    """The whole of views.toml."""

    model_config = ConfigDict(title="cassandra-views: views.toml")

    project: str | None = None
    """The project's name: the registry keeps which project a view belongs to."""
    templates: Path = DEFAULT_TEMPLATES
    """The folder of table and view files, relative to views.toml."""
    default_env: str = "dev"
    env: dict[str, EnvConfig] = Field(default_factory=dict)


def read_config(path: Path) -> ProjectConfig:
    """Read a views.toml.

    Raises:
        ConfigurationError: it is no TOML, or holds an unknown key or a wrong value.
    """
    text, found = read_toml(path)
    try:
        return ProjectConfig.model_validate(found)
    except ValidationError as error:
        raise _explained(error, path.name, text) from error


def _explained(error: ValidationError, file: str, text: str) -> ConfigurationError:
    found = error.errors(include_url=False)
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    parts = [str(part) for part in first["loc"]]
    where = ".".join(parts)
    place = Place(file=file, line=_line_of(text, parts))
    if first["type"] == "extra_forbidden":
        known = _keys_at(parts[:-1])
        return ConfigurationError(
            f"unknown key '{where}'{nearest(parts[-1], known)}",
            place=place,
            next=f"Known keys here: {', '.join(known)}",
        )
    kind: object = None
    metadata: Iterable[object] = ()
    if len(parts) > 2 and parts[-3].endswith("replication"):  # a choice of two types, whose name ends the path
        parts, kind, metadata = parts[:-1], int, Field(ge=0, le=1000).metadata
        where, place = ".".join(parts), Place(file=file, line=_line_of(text, parts))
    elif field := _model_at(parts[:-1]).model_fields.get(parts[-1]):
        kind, metadata = field.annotation, field.metadata
    if wanted := _wanted_number(kind, metadata):
        given = first["input"]
        shown = json.dumps(given) if isinstance(given, bool | str) else given
        return ConfigurationError(
            f"'{where}' is {shown}, and it must be {wanted}", place=place, next="Correct the value"
        )
    reason = str(first["msg"]).removeprefix("Value error, ").replace("Input should be", "it must be")
    return ConfigurationError(f"'{where}': {reason}", place=place, next="Correct the value")


def _wanted_number(kind: object, metadata: Iterable[object]) -> str:
    """Return in words what number a field takes; empty where it takes none."""
    if kind not in (int, float):
        return ""
    bounds = {name: getattr(each, name) for each in metadata for name in ("ge", "gt", "le") if hasattr(each, name)}
    noun = "a whole number" if kind is int else "a number"
    low = f"more than {bounds['gt']} and at most" if "gt" in bounds else f"from {bounds['ge']} to"
    return f"{noun} {low} {bounds['le']}"


def _keys_at(parts: list[str]) -> list[str]:
    return list(_model_at(parts).model_fields)


def _model_at(parts: list[str]) -> type[BaseModel]:
    kind: type[BaseModel] = ProjectConfig
    match parts:
        case ["env", _]:
            kind = EnvConfig
        case ["env", _, "keyspaces", _]:
            kind = KeyspaceConfig
        case ["env", _, "tls"]:
            kind = TlsConfig
        case ["env", _, "healing"]:
            kind = Policy
        case ["env", _, "healing", "machines"]:
            kind = MachineSettings
        case ["env", _, "healing", "services", _]:
            kind = ServicePolicy
        case _:
            pass
    return kind


def _line_of(text: str, parts: list[str]) -> int:
    """Return the line that names the last of a key's parts, 0 where it is not found as a plain key."""
    section: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[([^\[\]]+)\]", line)
        if header:
            section = [part.strip().strip("\"'") for part in header[1].split(".")]
            if section == parts:
                return number
        key = re.match(r"\s*([\w.\"'-]+)\s*=", line)
        if key:
            path = [*section, *(part.strip("\"'") for part in key[1].split("."))]
            if path == parts[: len(path)]:
                return number
    return 0
