"""The settings of one command: views.toml, and what a variable or a flag says over it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from cassandra_client.errors import ConfigurationError, Place
from cassandra_views.model.names import nearest
from cassandra_views.project.config_file import (
    EnvConfig,
    ProjectConfig,
    Strict,
    TlsConfig,
    read_config,
)
from cassandra_views.project.locations import CONFIG_NAME, find_config


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
        path = (find_config(templates.absolute()) if templates is not None else None) or find_config(start)
        config = read_config(path) if path else ProjectConfig()
        folder = path.parent if path else start
        own = (folder / config.templates).absolute()
        chosen = own if templates is None else templates.absolute()
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
        found["tls"] = TlsConfig(**tls, check_hostname=variables.get("CASSANDRA_TLS_CHECK_HOSTNAME", "1") != "0")
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
    except OSError as error:
        raise ConfigurationError(
            f"the password file cannot be read: {error.strerror}",
            on=str(env.password_file),
            next="Correct its path",
        ) from error
