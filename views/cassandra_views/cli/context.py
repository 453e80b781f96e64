"""What every command shares: global options, settings, the manager on the chosen cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cassandra_client.errors import ConfigurationError, ended
from cassandra_views.cli.completion import view_names, view_tags
from cassandra_views.cli.output import err, escape
from cassandra_views.model.errors import ProjectError

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from cassandra_views.apply.reports import Listener
    from cassandra_views.manager import ViewManager
    from cassandra_views.plan.planner import Planner
    from cassandra_views.project.config import Settings


class Format(StrEnum):
    """How a command answers."""

    TEXT = "text"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The global options of one call."""

    templates: Path | None = None
    environment: str | None = None
    now: datetime | None = None

    def clock(self) -> Callable[[], datetime]:
        """Return what time it is: the passed-in moment, or the machine's clock."""
        if self.now is not None:
            fixed = self.now
            return lambda: fixed
        return lambda: datetime.now(UTC)

    def settings(self) -> Settings:
        """Put views.toml, variables and flags together; no cluster is needed."""
        from cassandra_views.project.config import Settings

        return Settings.resolve(start=Path.cwd(), templates=self.templates, environment=self.environment)


def options_of(context: typer.Context) -> Options:
    """Return the global options of this call."""
    found = context.find_root().obj
    assert isinstance(found, Options)
    return found


def parse_now(text: str | None) -> datetime | None:
    """Return the moment that ``--now`` names."""
    if text is None:
        return None
    from cassandra_views.model.times import parse_instant

    try:
        found = parse_instant(text)
        if not 1970 <= found.year < 3000:
            raise ValueError("outside of what windows are reckoned in")
    except (ValueError, OverflowError) as error:
        raise ConfigurationError(
            f"'{text}' is no time, or not of the years 1970 to 2999",
            next="Write it as ISO 8601, such as 2026-11-23T05:00:00Z",
        ) from error
    return found


def targeted(options: Options) -> Settings:
    """Return the settings with the cluster that they name, or that ``views up`` started.

    Raises:
        ConfigurationError: no contact point is given and no ``views up`` is running.
        ClusterError: the server of ``views up`` has ended by itself.
    """
    from cassandra_views.project.own_server import find_ended_error, running_server

    settings = options.settings()
    if settings.env.contact_points:
        return settings
    running = running_server(Path.cwd())
    if running is None:
        if ended := find_ended_error(Path.cwd()):
            raise ended
        raise ConfigurationError(
            "no contact point is given and no 'views up' is running here",
            on=f"environment {settings.environment}",
            next="Set CASSANDRA_CONTACT_POINTS or contact_points in views.toml, or start a server with 'views up'",
        )
    env = settings.env.model_copy(update={"contact_points": tuple(running.contact_points), "port": running.port})
    return settings.model_copy(update={"env": env, "source": "views up"})


@contextmanager
def opened(options: Options) -> Iterator[tuple[Session, Settings]]:
    """Open a session to the cluster of ``targeted``.

    Raises:
        ConfigurationError: there is none.
        ClusterError: it does not answer, or the credentials are wrong.
    """
    from cassandra_views.cli.driver import import_driver_without_numpy

    import_driver_without_numpy()
    from cassandra_views.project.session import session_of

    settings = targeted(options)
    with _with_log_of_own_server(settings), session_of(settings) as session:
        yield session, settings


@contextmanager
def _with_log_of_own_server(settings: Settings) -> Iterator[None]:
    """Name the log of the server of ``views up`` where it ends by itself during the command."""
    from cassandra_client.errors import ClusterError
    from cassandra_views.project.own_server import find_ended_error

    try:
        yield
    except ClusterError as error:
        ended = find_ended_error(Path.cwd()) if settings.source == "views up" else None
        if ended is None:
            raise
        ended.remains = f"{error.remains}. {ended.remains}"
        raise ended from error


@contextmanager
def opened_planner(context: typer.Context) -> Iterator[Planner]:
    """Open a planner, which changes nothing, for the length of a command; wrong files are noted at its end."""
    options = options_of(context)
    with opened(options) as (session, settings):
        from cassandra_views.plan.planner import Planner

        planner = Planner(session, settings=settings, clock=options.clock())
        try:
            yield planner
        finally:
            note_wrong_files(planner.wrong_files)


@contextmanager
def managed(
    context: typer.Context, listener: Listener | None = None, *, tells_wrong_files: bool = True
) -> Iterator[ViewManager]:
    """Open a manager for the length of a command.

    Args:
        tells_wrong_files: note on standard error which files were left out; a command that treats them as errors
            says so itself.
    """
    options = options_of(context)
    with opened(options) as (session, settings):
        from cassandra_views.apply.reports import silent
        from cassandra_views.manager import ViewManager

        manager = ViewManager(session, settings=settings, clock=options.clock(), listener=listener or silent)
        try:
            yield manager
        finally:
            if tells_wrong_files:
                note_wrong_files(manager.wrong_files)


def note_wrong_files(errors: Iterable[ProjectError]) -> None:
    """Note on standard error which files were left out, one line each."""
    for error in errors:
        place = f"{error.place}: " if error.place else ""
        err.print(f"[yellow]Note:[/yellow] left out {escape(f'{place}{ended(error.what)}')}")


Names = Annotated[
    list[str] | None, typer.Argument(help="Only these views; else all.", metavar="NAME", autocompletion=view_names)
]
Chosen = Annotated[
    list[str] | None,
    typer.Argument(help="The views: NAME, or KEYSPACE.NAME.", metavar="NAME", autocompletion=view_names),
]
Tags = Annotated[
    list[str] | None,
    typer.Option(
        "--tag", help="Views whose files have this tag; may be repeated.", metavar="TAG", autocompletion=view_tags
    ),
]
Name = Annotated[
    str, typer.Argument(help="The view: NAME, or KEYSPACE.NAME.", metavar="NAME", autocompletion=view_names)
]
FormatOption = typer.Option("--format", help="text for people, json for machines.", case_sensitive=False)
"""The option ``--format`` of every command that answers."""
Wide = Annotated[bool, typer.Option("--wide", help="Show every column in full, whatever the terminal's width.")]
