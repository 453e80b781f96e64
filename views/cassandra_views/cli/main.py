"""The command ``views``: global options, every command, and how errors end."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any

import typer
from typer.main import get_command

from cassandra_client.errors import ViewsError
from cassandra_views.cli import (
    adopt_command,
    audit_command,
    change_commands,
    cluster_command,
    decision_commands,
    doctor_command,
    lag_command,
    project_commands,
    read_commands,
    server_commands,
    status_commands,
    view_tests_command,
)
from cassandra_views.cli.completion import VARIABLE, prepare_completion
from cassandra_views.cli.context import Format, Options, parse_now
from cassandra_views.cli.help import PanelGroup
from cassandra_views.cli.output import log_to_stderr, print_error

app = typer.Typer(
    name="views",
    no_args_is_help=True,
    cls=PanelGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    help="""Make Apache Cassandra materialized views safe to use.

Views are files. plan shows what would change, apply changes it: the next generation
is built beside the one that serves, checked against its base table, and only then served.

\b
  views init FOLDER          # a first project: one table file, one view file
  views up --detach          # a Cassandra of this project's own, if you have none
  views plan                 # what would change
  views apply                # change it
  views status               # what serves now
  views query NAME --limit 5 # read through whatever serves

Exit codes: 0 done, 1 an error, 2 changes or trouble (only with --detailed-exitcode).""",
)


def _version(wanted: bool) -> None:
    if wanted:
        from cassandra_views import __version__

        typer.echo(f"cassandra-views {__version__}")
        raise typer.Exit


@app.callback()
def _globals(
    context: typer.Context,
    templates: Annotated[
        Path | None,
        typer.Option(help="Folder of views/, tables/ and macros/; else that of views.toml.", metavar="DIR"),
    ] = None,
    env: Annotated[
        str | None, typer.Option(help="Environment of views.toml; else VIEWS_ENV, else its default.", metavar="ENV")
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(help="The clock, for tests and drills: ISO 8601, such as 2026-11-23T05:00:00Z.", metavar="TIME"),
    ] = None,
    log_format: Annotated[
        Format,
        typer.Option(
            help="Of what goes to standard error: text, or a line of JSON each. Else VIEWS_LOG_FORMAT.",
            envvar="VIEWS_LOG_FORMAT",
            show_envvar=False,
            show_default=False,
        ),
    ] = Format.TEXT,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    if log_format is Format.JSON:
        log_to_stderr()
    context.obj = Options(templates=templates, environment=env, now=parse_now(now))


change_commands.register(app)
decision_commands.register(app)
status_commands.register(app)
doctor_command.register(app)
audit_command.register(app)
lag_command.register(app)
read_commands.register(app)
cluster_command.register(app)
project_commands.register(app)
view_tests_command.register(app)
adopt_command.register(app)
server_commands.register(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every error ends with exit code 1 and no traceback."""
    sys.excepthook = _print_bug
    # Looking for pydantic's plugins among everything that is installed takes longer than building our models.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")
    given = sys.argv[1:] if arguments is None else arguments
    command = f"views {_find_command(given)}".strip()
    program: Any = get_command(app)
    if os.environ.get(VARIABLE):
        prepare_completion(program)
    try:
        # Calling the app itself would put typer's own hook in the place of ours.
        code = program(args=arguments, standalone_mode=False)
        sys.stdout.flush()
    except ViewsError as error:
        print_error(error, command)
        code = 1
    except typer.Abort as abort:
        print_error(_INTERRUPTED if isinstance(abort.__cause__, KeyboardInterrupt) else _UNANSWERED, command)
        code = 1
    except _CLICK_ERROR as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(error.message)
            sys.exit(0)
        print_error(_usage_error(error, _find_command(given)))
        code = 1
    except KeyboardInterrupt:
        code = _INTERRUPT_CODE
    except BrokenPipeError:
        # Whoever read our answer has enough of it; the interpreter must not flush into nothing at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    if code == _INTERRUPT_CODE:  # what newer typers make of Ctrl-C
        print_error(_INTERRUPTED, command)
        code = 1
    sys.exit(code if isinstance(code, int) else 0)


# Typer carries its own copy of click since 0.26: the classes are reached through what it exports.
_CLICK_ERROR: Any = typer.BadParameter.__mro__[2]
_INTERRUPT_CODE = 130
_INTERRUPTED = ViewsError(
    "interrupted",
    remains="What was done so far is recorded; the server goes on with a build; readers are served as before",
    next="Run the same command again: it resumes the work",
)
_UNANSWERED = ViewsError("no answer was given", next="Run it in a terminal, or add --yes")


def _usage_error(error: Any, command: str) -> ViewsError:
    """Return what is wrong with the arguments, in our four parts."""
    text = str(error.format_message()).rstrip(".").replace("Value error, ", "")
    return ViewsError(
        text[:1].lower() + text[1:],
        on=f"views {command}".strip(),
        next=f"'views {command} --help' shows how to use it" if command else "'views --help' lists the commands",
    )


def _find_command(arguments: list[str]) -> str:
    """Return the name of the command that was called; empty where none was."""
    commands = [str(each.name or getattr(each.callback, "__name__", "")) for each in app.registered_commands]
    groups = [str(each.name) for each in app.registered_groups]
    return next((each for each in arguments if each in commands or each in groups), "")


def _print_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print an error that this program does not know; VIEWS_DEBUG=1 shows its traceback."""
    if os.environ.get("VIEWS_DEBUG"):
        sys.__excepthook__(kind, error, trace)
        return
    text = " ".join(str(error).split())
    print_error(
        ViewsError(
            f"unexpected error ({kind.__name__}{f': {text}' if text else ''})",
            remains="What was done so far is recorded; readers are served as before",
            on=f"views {_find_command(sys.argv[1:])}".strip(),
            next="Run the command again; if it fails again, report what VIEWS_DEBUG=1 shows",
        )
    )


if __name__ == "__main__":
    main()
