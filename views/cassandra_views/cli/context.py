"""What every command shares: global options, the options that choose views, settings, the manager on the cluster."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_client.errors import ConfigurationError, as_sentence
from cassandra_views.cli.completion import table_names, view_conditions, view_names, view_owners, view_tags
from cassandra_views.cli.output import err, escape
from cassandra_views.model.errors import ProjectError

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from cassandra_views.apply.reports import Listener
    from cassandra_views.manager import ViewManager
    from cassandra_views.model.steps import Plan
    from cassandra_views.plan.planner import Planner
    from cassandra_views.plan.selection import Selection
    from cassandra_views.plan.status import ViewStatus
    from cassandra_views.project.settings import Settings


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
        from cassandra_views.project.settings import Settings

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
            f"'{text}' is not a time in the years 1970 to 2999",
            next="Write it as ISO 8601, such as 2026-11-23T05:00:00Z",
        ) from error
    return found


def target_settings(options: Options) -> Settings:
    """Return the settings with the cluster that they name, or that ``views up`` started.

    Raises:
        ConfigurationError: no contact point is given and no ``views up`` is running.
        ClusterError: the server of ``views up`` has ended by itself.
    """
    from cassandra_views.project.project_folder import find_ended_error, running_server

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
def open_session(options: Options) -> Iterator[tuple[Session, Settings]]:
    """Open a session to the cluster of ``target_settings``.

    Raises:
        ConfigurationError: there is none.
        ClusterError: it does not answer, or the credentials are wrong.
    """
    import_driver_without_numpy()
    from cassandra_views.project.session import session_of

    settings = target_settings(options)
    with _with_log_of_own_server(settings), session_of(settings) as session:
        yield session, settings


@contextmanager
def _with_log_of_own_server(settings: Settings) -> Iterator[None]:
    """Name the log of the server of ``views up`` where it ends by itself during the command."""
    from cassandra_client.errors import ClusterError
    from cassandra_views.project.project_folder import find_ended_error

    try:
        yield
    except ClusterError as error:
        ended = find_ended_error(Path.cwd()) if settings.source == "views up" else None
        if ended is None:
            raise
        ended.remains = f"{error.remains}. {ended.remains}"
        raise ended from error


@contextmanager
def open_planner(context: typer.Context) -> Iterator[Planner]:
    """Open a planner, which changes nothing, for the length of a command; wrong files are noted at its end."""
    options = options_of(context)
    with open_session(options) as (session, settings):
        from cassandra_views.plan.planner import Planner

        planner = Planner(session, settings=settings, clock=options.clock())
        try:
            yield planner
        finally:
            note_wrong_files(planner.wrong_files)


@contextmanager
def open_manager(
    context: typer.Context, listener: Listener | None = None, *, tells_wrong_files: bool = True
) -> Iterator[ViewManager]:
    """Open a manager for the length of a command.

    Args:
        tells_wrong_files: note on standard error which files were left out; a command that treats them as errors
            says so itself.
    """
    options = options_of(context)
    with open_session(options) as (session, settings):
        from cassandra_views.apply.reports import ignore_reports
        from cassandra_views.manager import ViewManager

        manager = ViewManager(session, settings=settings, clock=options.clock(), listener=listener or ignore_reports)
        try:
            yield manager
        finally:
            if tells_wrong_files:
                note_wrong_files(manager.wrong_files)


def note_wrong_files(errors: Iterable[ProjectError]) -> None:
    """Note on standard error which files were left out, one line each."""
    for error in errors:
        place = f"{error.place}: " if error.place else ""
        err.print(f"[yellow]Note:[/yellow] left out {escape(f'{place}{as_sentence(error.what)}')}")


def _several(flag: str, help: str, metavar: str, completion: Callable[[str], list[str]]) -> Any:
    return typer.Option(flag, help=f"{help}; may be repeated.", metavar=metavar, autocompletion=completion)


Chosen = Annotated[
    list[str] | None,
    typer.Argument(help="The views: NAME, or KEYSPACE.NAME.", metavar="NAME", autocompletion=view_names),
]
_TAG = _several("--tag", "Views whose files have this tag", "TAG", view_tags)
Tags = Annotated[list[str] | None, _TAG]
Name = Annotated[
    str, typer.Argument(help="The view: NAME, or KEYSPACE.NAME.", metavar="NAME", autocompletion=view_names)
]
FormatOption = typer.Option("--format", help="text for people, json for machines.", case_sensitive=False)
"""The option ``--format`` of every command that answers."""
Wide = Annotated[bool, typer.Option("--wide", help="Show every column in full, whatever the terminal's width.")]

_SELECTING: dict[str, Any] = {
    "tags": _TAG,
    "bases": _several("--base", "Only views on this base table", "TABLE", table_names),
    "owners": _several("--owner", "Only views whose files name this owner", "OWNER", view_owners),
    "conditions": _several(
        "--state", "Only views in this condition, such as serving or stale", "STATE", view_conditions
    ),
    "excluded": _several("--exclude", "Not this view: a name, or a quoted pattern such as 'top_*'", "NAME", view_names),
}
"""The options that choose views, by the fields of ``Selection`` that they fill."""


def selects_views(names_help: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the names and options that choose views; it takes their values as its second argument."""
    names = typer.Argument(help=names_help, metavar="NAME", autocompletion=view_names)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def call(context: typer.Context, **given: Any) -> None:
            from cassandra_views.plan.selection import Selection

            fields = {field: tuple(given.pop(field) or ()) for field in ("names", *_SELECTING)}
            command(context, Selection(**fields), **given)

        own = inspect.signature(command, eval_str=True, locals={"Selection": object})
        context, _selection, *others = own.parameters.values()
        chosen = [
            inspect.Parameter(field, context.kind, default=None, annotation=Annotated[list[str] | None, option])
            for field, option in {"names": names, **_SELECTING}.items()
        ]
        # Typer reads the signature, and would evaluate the annotations of what is wrapped.
        call.__signature__ = own.replace(parameters=[context, *chosen, *others])  # type: ignore[attr-defined]
        call.__annotations__ = {}
        return call

    return decorate


def find_selected(planner: Planner, selection: Selection) -> tuple[ViewStatus, ...]:
    """Return the status of each view that is meant, which may be none; errors as ``plan.selection.select``."""
    from cassandra_views.plan.selection import select

    return select(selection, planner.status(with_gone=bool(selection.names)))


def plan_nothing(planner: Planner) -> Plan:
    """Return the plan of a selection that matches no view; it says so."""
    found = planner.plan(only=())
    return replace(found, notes=("no view matches", *found.notes))


def import_driver_without_numpy() -> None:
    """Import what decides whether the driver uses numpy, so that it does not: numpy takes 0.1 s, and we read no arrays.

    To be called before the first import of the driver; does nothing where that or numpy is there already.
    """
    modules: dict[str, Any] = sys.modules
    if "numpy" in modules or "cassandra.cython_deps" in modules:
        return
    modules["numpy"] = None  # an import of it fails, as where it is not installed
    try:
        importlib.import_module("cassandra.cython_deps")
    finally:
        del modules["numpy"]
