"""views.toml: environments, and what a flag or a variable says over it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cassandra_views.model.errors import ConfigurationError, Place
from cassandra_views.model.names import nearest

FILE_NAME = "views.toml"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class KeyspaceConfig(_Strict):
    """What a keyspace of the files is called in this environment, and how it is created."""

    name: str | None = None
    """The keyspace's name on this cluster; else the same as in the files."""
    replication: dict[str, str | int] | None = None
    """Given, the keyspace is created with it where it is missing."""


class TlsConfig(_Strict):
    """Encryption between us and the nodes; all paths are relative to views.toml."""

    ca: Path | None = None
    """The authority that signed the nodes' certificates."""
    cert: Path | None = None
    """Our certificate, where nodes ask for one."""
    key: Path | None = None
    """Our certificate's key."""
    check_hostname: bool = True
    """Compare the certificate with the node's address."""


class EnvConfig(_Strict):
    """One environment: a cluster, and how views are kept on it."""

    contact_points: tuple[str, ...] = ()
    """Addresses of nodes; host or host:port."""
    port: int = 9042
    local_dc: str | None = None
    """The data centre to read in; else that of the first node reached."""
    username: str | None = None
    password_file: Path | None = None
    """A file that holds the password alone."""
    tls: TlsConfig | None = None
    default_keyspace: str | None = None
    """For view and table files that name none."""
    keyspaces: dict[str, KeyspaceConfig] = Field(default_factory=dict)
    registry: str = "views_registry"
    """The keyspace of the registry."""
    registry_replication: dict[str, str | int] | None = None
    """Else three replicas per data centre, or as many as it has nodes."""
    view_budget: int = 20
    """How many views one base table may carry."""
    reader_cache_seconds: float = 5.0
    """How long readers keep the pointer to what serves; a view's grace is at least twice this."""
    ddl_timeout_seconds: float = 15.0
    """How long one CREATE or DROP may take; the lease outlives it."""
    history_days: int = 90
    """How long the registry's history is kept."""

    def physical_keyspaces(self) -> dict[str, str]:
        """Return logical to physical keyspace names, where they differ."""
        return {logical: each.name for logical, each in self.keyspaces.items() if each.name}

    def keyspace_statements(self) -> tuple[tuple[str, str], ...]:
        """Return (name, CREATE KEYSPACE) of the keyspaces that are ours to create."""
        from cassandra_views.model.names import quoted

        return tuple(
            (
                each.name or logical,
                f"CREATE KEYSPACE {quoted(each.name or logical)} WITH replication = {cql_map(each.replication)}",
            )
            for logical, each in self.keyspaces.items()
            if each.replication
        )


class ProjectConfig(_Strict):
    """The whole of views.toml."""

    model_config = ConfigDict(title="cassandra-views: views.toml")

    project: str | None = None
    """The project's name: the registry keeps which project a view belongs to."""
    templates: Path = Path("cql_templates")
    """The folder of table and view files, relative to views.toml."""
    default_env: str = "dev"
    env: dict[str, EnvConfig] = Field(default_factory=dict)


def cql_map(values: Mapping[str, str | int]) -> str:
    """Return a replication map as CQL."""
    return "{" + ", ".join(f"'{key}': '{value}'" for key, value in values.items()) + "}"


def find_config(start: Path) -> Path | None:
    """Return the nearest views.toml, from a folder upwards."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def read_config(path: Path) -> ProjectConfig:
    """Read a views.toml.

    Raises:
        ConfigurationError: it is no TOML, or holds an unknown key or a wrong value.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+), column (\d+)", str(error))
        place = Place(file=path.name, line=int(line[1]), column=int(line[2])) if line else Place(file=path.name)
        reason = str(error).partition(" (at")[0]
        raise ConfigurationError(f"it is not TOML: {reason}", place=place, next="Correct the file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"it cannot be read: {error}", place=Place(file=path.name), next="Save it as UTF-8 text"
        ) from error
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
    reason = str(first["msg"]).removeprefix("Value error, ").replace("Input should be", "it must be")
    return ConfigurationError(f"'{where}': {reason}", place=place, next="Correct the value")


def _keys_at(parts: list[str]) -> list[str]:
    kind: type[BaseModel] = ProjectConfig
    match parts:
        case ["env", _]:
            kind = EnvConfig
        case ["env", _, "keyspaces", _]:
            kind = KeyspaceConfig
        case ["env", _, "tls"]:
            kind = TlsConfig
        case _:
            pass
    return list(kind.model_fields)


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


class Settings(_Strict):
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
        path = (find_config(templates.absolute()) if templates is not None else None) or find_config(start)
        config = read_config(path) if path else ProjectConfig()
        folder = path.parent if path else start
        own = (folder / config.templates).absolute()
        chosen = own if templates is None else templates.absolute()
        name = environment or variables.get("VIEWS_ENV") or config.default_env
        if name not in config.env and (environment or variables.get("VIEWS_ENV")) and config.env:
            raise ConfigurationError(
                f"there is no environment '{name}'{nearest(name, list(config.env))}",
                place=Place(file=FILE_NAME),
                next=f"Known environments: {', '.join(sorted(config.env))}",
            )
        env = config.env.get(name, EnvConfig())
        source = f"{FILE_NAME} [env.{name}]" if env.contact_points else ""
        over = _from_variables(variables)
        if "contact_points" in over:
            source = "CASSANDRA_CONTACT_POINTS"
        env = env.model_copy(update=over)
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


def _from_variables(variables: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if points := variables.get("CASSANDRA_CONTACT_POINTS"):
        found["contact_points"] = tuple(each.strip() for each in points.split(",") if each.strip())
    if port := variables.get("CASSANDRA_PORT"):
        if not port.isdigit():
            raise ConfigurationError(
                f"CASSANDRA_PORT is '{port}', not a number", next="Set it to the native port, 9042"
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
        found["tls"] = TlsConfig(**tls, check_hostname=variables.get("CASSANDRA_TLS_CHECK_HOSTNAME", "1") != "0")
    return found


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
    except OSError as error:
        raise ConfigurationError(
            f"the password file cannot be read: {error.strerror}",
            on=str(env.password_file),
            next="Correct its path",
        ) from error
