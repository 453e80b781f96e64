"""The settings of one command: views.toml, and what a variable or a flag says over it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool, ValidationError

from cassandra_client.errors import ConfigurationError, Place
from cassandra_client.tls import Tls
from cassandra_healing.policy import MachineSettings, Number, Policy, ServicePolicy, Whole
from cassandra_views.model.audit_request import AuditSettings
from cassandra_views.model.definition import DEFAULT_MIN_ROWS_PERCENT
from cassandra_views.model.names import keyspace_fault, nearest
from cassandra_views.model.schema import Keyspace
from cassandra_views.project.project_folder import CONFIG_NAME, DEFAULT_TEMPLATES, find_config, read_toml

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


class AuditConfig(Strict):
    """How views are compared with their base tables."""

    full_rows: Whole = Field(default=AuditSettings.full_rows, ge=0, le=10**12)
    """Up to so many rows a view is compared in full before it serves; of more rows totals and a sample are compared."""
    sample_rows: Whole = Field(default=AuditSettings.sample_rows, ge=100, le=1_000_000)
    """How many rows a sample draws from each side."""
    rows_per_second: Number = Field(default=AuditSettings.rows_per_second, ge=0, le=10**9)
    """How many rows an audit reads in a second, of both sides together; 0 is no limit."""

    spark_rows: Whole = Field(default=100_000_000, ge=0, le=10**12)
    """Under Airflow, with a Spark master: views of more rows are audited by Spark; 0 is never."""
    spark_master: str | None = None
    """The Spark master as ssh takes it: user@host, or a name of ~/.ssh/config."""

    def settings(self, *, recheck_seconds: float, folder: Path | None) -> AuditSettings:
        """Return these, with the pause before a difference is looked at again.

        Args:
            folder: where audits keep what they have read.
        """
        return AuditSettings(
            full_rows=self.full_rows,
            sample_rows=self.sample_rows,
            rows_per_second=self.rows_per_second,
            recheck_seconds=recheck_seconds,
            journal_folder=folder,
        )


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
    tls: Tls | None = None
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
    audit: AuditConfig = AuditConfig()
    """How views are compared with their base tables."""
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
        raise _configuration_error(error, path.name, text) from error


def _configuration_error(error: ValidationError, file: str, text: str) -> ConfigurationError:
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
            kind = Tls
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


class Settings(Strict):
    """What one command works with: file, then variables, then flags, the later ones winning."""

    environment: str
    project: str | None = None
    templates: Path
    folder: Path | None = None
    """Where views.toml is; None where there is none."""
    env: EnvConfig
    password: str | None = Field(default=None, repr=False)
    source: str = ""
    """Where the contact points come from, as people are told."""

    @classmethod
    def resolve(
        cls,
        *,
        start: Path,
        templates: Path | None = None,
        environment: str | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Settings:
        """Put file, variables and flags together.

        Raises:
            ConfigurationError: an unknown environment, a wrong variable, a password file that is missing.
        """
        variables = os.environ if variables is None else variables
        if templates is not None:
            _refuse_impossible(templates.absolute(), "--templates")
        path = (find_config(templates.absolute()) if templates is not None else None) or find_config(start)
        config = read_config(path) if path else ProjectConfig()
        folder = path.parent if path else start
        own = (folder / config.templates).absolute()
        chosen = own if templates is None else templates.absolute()
        _refuse_impossible(chosen, "'templates'")
        name = environment or variables.get("VIEWS_ENV") or config.default_env
        if name not in config.env and (environment or variables.get("VIEWS_ENV")) and config.env:
            raise ConfigurationError(
                f"there is no environment '{name}'{nearest(name, list(config.env))}",
                place=Place(file=CONFIG_NAME),
                next=f"Known environments: {', '.join(sorted(config.env))}",
            )
        env = _at(folder, config.env.get(name, EnvConfig()))
        source = f"{CONFIG_NAME} [env.{name}]" if env.contact_points else ""
        over = _from_variables(variables)
        if "contact_points" in over:
            source = "CASSANDRA_CONTACT_POINTS"
        env = env.model_copy(update={**over, "healing": env.healing.resolved(folder)})
        return cls(
            environment=name,
            # Another folder is another project: with this one's name, views of this one would seem gone.
            project=config.project if chosen.resolve() == own.resolve() else None,
            templates=chosen,
            folder=path.parent if path else None,
            env=env,
            password=_password(env, folder),
            source=source,
        )


def _refuse_impossible(folder: Path, given_by: str) -> None:
    """Refuse a folder that cannot be looked at; one that is missing is told when it is needed."""
    try:
        folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValueError) as error:  # ValueError: it holds the character 0
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigurationError(
            f"the folder of templates cannot be read: {reason}",
            on=ascii(str(folder)[:200])[1:-1],
            next=f"Correct {given_by}",
        ) from error


def _from_variables(variables: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if points := variables.get("CASSANDRA_CONTACT_POINTS"):
        found["contact_points"] = tuple(each.strip() for each in points.split(",") if each.strip())
    if port := variables.get("CASSANDRA_PORT"):
        if not (port.isascii() and port.isdigit() and 1 <= int(port[:9]) <= 65535):
            raise ConfigurationError(
                f"CASSANDRA_PORT is '{port}', not a number from 1 to 65535", next="Set it to the native port, 9042"
            )
        found["port"] = int(port)
    for key, name in (("local_dc", "CASSANDRA_LOCAL_DC"), ("username", "CASSANDRA_USERNAME")):
        if value := variables.get(name):
            found[key] = value
    if value := variables.get("CASSANDRA_PASSWORD_FILE"):
        found["password_file"] = Path(value)
    tls = {
        key: Path(value) for key in ("ca", "cert", "key") if (value := variables.get(f"CASSANDRA_TLS_{key.upper()}"))
    }
    if tls:
        found["tls"] = Tls(**tls, check_hostname=variables.get("CASSANDRA_TLS_CHECK_HOSTNAME", "1") != "0")
    return found


def _at(folder: Path, env: EnvConfig) -> EnvConfig:
    """Return an environment of the file with its paths made whole: they count from where the file is."""
    if env.tls is None:
        return env
    paths = {key: folder / path for key in ("ca", "cert", "key") if (path := getattr(env.tls, key)) is not None}
    return env.model_copy(update={"tls": env.tls.model_copy(update=paths)})


def _password(env: EnvConfig, folder: Path) -> str | None:
    if env.username is None:
        return None
    if env.password_file is None:
        raise ConfigurationError(
            f"a user name ({env.username}) is given and no password",
            next="Set password_file in views.toml or CASSANDRA_PASSWORD_FILE",
        )
    path = folder / env.password_file
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:  # ValueError: no UTF-8, or a path that no file can have
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise ConfigurationError(
            f"the password file cannot be read: {reason}",
            on=str(env.password_file),
            next="Correct its path",
        ) from error
