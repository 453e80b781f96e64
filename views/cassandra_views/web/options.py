"""What an app says of its views: ``VIEWS_*`` of its configuration, then of the environment, then views.toml."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator

from cassandra_client.errors import ConfigurationError
from cassandra_views.model.names import nearest
from cassandra_views.project.project_folder import find_ended_error, running_server
from cassandra_views.project.settings import Settings, Strict

PREFIX = "VIEWS_"
_MAY_BE_EMPTY = ("_prefix", "_path")


class WebOptions(Strict):
    """Each key is read as ``VIEWS_<KEY>``, upper case."""

    env: str | None = None
    """The environment of views.toml."""
    templates: Path | None = None
    """The folder of table and view files; else that of views.toml. The API's descriptions come from it."""
    contact_points: tuple[str, ...] = ()
    """Addresses of nodes, host or host:port; else those of views.toml or ``CASSANDRA_CONTACT_POINTS``."""
    port: int | None = None
    registry: str | None = None
    """The keyspace of the registry; else that of views.toml."""
    keyspace: str | None = None
    """Where views named without a keyspace are looked for; else the whole registry."""
    username: str | None = None
    """The role to read with; else that of views.toml or ``CASSANDRA_USERNAME``."""
    password_file: Path | None = None
    """A file that holds the role's password alone."""
    timeout_seconds: float = Field(default=2.0, gt=0, le=60)
    """How long one request to the cluster may take. A read makes one, seldom up to three."""
    most_at_once: int = Field(default=64, ge=1)
    """How many reads of one process may be under way; more are refused at once."""
    most_at_once_per_client: int = Field(default=32, ge=1)
    """How many of them for one client address; behind a proxy see Flask's ``ProxyFix``."""
    default_limit: int = Field(default=100, ge=1)
    """How many rows the API gives where no limit is asked for."""
    largest_limit: int = Field(default=1000, ge=1, le=100_000)
    """How many rows the API gives at most."""
    token_key: str | None = Field(default=None, repr=False)
    """Signs page tokens; else the app's ``SECRET_KEY``. The same in all processes."""
    api_prefix: str = "/api"
    """Where the JSON API is; empty for none."""
    pages_prefix: str = "/views"
    """Where the operations pages are; empty for none."""
    metrics_path: str = "/metrics"
    """Where Prometheus finds the numbers; empty for none."""
    health_path: str = "/healthz"
    """Says that the process lives; empty for none."""
    ready_path: str = "/readyz"
    """Says whether the cluster answers, and which views serve; empty for none."""
    airflow_url: str = ""
    """The web address of the Airflow that runs the lifecycle; the pages link to its form."""
    airflow_prefix: str = ""
    """The ``dag_id_prefix`` of its DAGs."""

    @field_validator("contact_points", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @field_validator("api_prefix", "pages_prefix", "metrics_path", "health_path", "ready_path")
    @classmethod
    def _rooted(cls, value: str) -> str:
        if value and (not value.startswith("/") or value.endswith("/")):
            raise ValueError("write it with a slash at the front and none at the end, such as /api")
        return value

    @classmethod
    def of(cls, config: Mapping[str, Any], variables: Mapping[str, str] | None = None) -> WebOptions:
        """Put an app's configuration and the environment's variables together.

        Raises:
            ConfigurationError: an unknown key in the configuration, or a wrong value in either.
        """
        variables = os.environ if variables is None else variables
        known = cls.model_fields
        given = {name.removeprefix(PREFIX).lower(): value for name, value in config.items() if name.startswith(PREFIX)}
        for key in given.keys() - known.keys():
            raise ConfigurationError(
                f"there is no setting {PREFIX}{key.upper()}{nearest(key.upper(), [each.upper() for each in known])}",
                on="the app's configuration",
                next=f"Known settings: {', '.join(PREFIX + each.upper() for each in known)}",
            )
        found = {
            key: variables[PREFIX + key.upper()]
            for key in known
            # An empty address says none; what else is empty says nothing.
            if (text := variables.get(PREFIX + key.upper())) is not None and (text or key.endswith(_MAY_BE_EMPTY))
        }
        try:
            return cls.model_validate({**found, **given})
        except ValidationError as error:
            first = json.loads(error.json(include_url=False))[0]
            name = PREFIX + str(first["loc"][0]).upper()
            raise ConfigurationError(
                f"{name} cannot be used: {first['msg']}", on="the app's configuration", next="Correct its value"
            ) from error

    def settings(self, start: Path) -> Settings:
        """Return how the cluster is reached.

        Args:
            start: where views.toml is looked for, from there upwards.

        Raises:
            ConfigurationError: no contact point is given anywhere, and no ``views up`` is running there.
            ClusterError: the server of ``views up`` there has ended by itself.
        """
        variables = dict(os.environ)
        for key, name in (("username", "CASSANDRA_USERNAME"), ("password_file", "CASSANDRA_PASSWORD_FILE")):
            if value := getattr(self, key):
                variables[name] = str(value)
        settings = Settings.resolve(start=start, templates=self.templates, environment=self.env, variables=variables)
        update: dict[str, Any] = {}
        if self.contact_points:
            update["contact_points"] = self.contact_points
        elif not settings.env.contact_points and (running := running_server(start)) is not None:
            update |= {"contact_points": tuple(running.contact_points), "port": running.port}
        if self.port:
            update["port"] = self.port
        if self.registry:
            update["registry"] = self.registry
        env = settings.env.model_copy(update=update)
        if not env.contact_points:
            if ended := find_ended_error(start):
                raise ended
            raise ConfigurationError(
                "no contact point is given and no 'views up' is running here",
                on=f"environment {settings.environment}",
                next="Set VIEWS_CONTACT_POINTS, or contact_points in views.toml, or start a server with 'views up'",
            )
        return settings.model_copy(update={"env": env})
