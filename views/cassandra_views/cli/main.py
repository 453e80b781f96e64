"""The command ``views``: global options, every command, and how errors end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import click
import typer
from rich.markup import escape

from cassandra_views.cli import lifecycle_commands, look_commands, project_commands, server
from cassandra_views.cli.context import Options, parse_now
from cassandra_views.cli.output import err
from cassandra_views.model.errors import ViewsError

app = typer.Typer(
    name="views",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Make Apache Cassandra materialized views safe to use.

Views are files. [bold]plan[/bold] shows what would be done, [bold]apply[/bold] does it: the next generation
is built beside the one that serves, checked against its base table, and only then served.

  views up --detach          # a Cassandra of this project's own, if you have none
  views plan                 # what would be done
  views apply                # do it
  views status               # what serves now
  views query NAME --limit 5 # read through whatever serves

Exit codes: 0 done (plan --detailed-exitcode: nothing to do), 2 changes (plan --detailed-exitcode), 1 any error.""",
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
        str | None, typer.Option(help="Environment of views.toml; else VIEWS_ENV, else its default.")
    ] = None,
    now: Annotated[
        str | None, typer.Option(help="The clock, for tests and drills: ISO 8601, UTC.", metavar="TIME")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    context.obj = Options(templates=templates, environment=env, now=parse_now(now))


lifecycle_commands.register(app)
look_commands.register(app)
project_commands.register(app)
server.register(app)


def print_error(error: ViewsError) -> None:
    """Print an error's four parts on standard error."""
    place = f"{error.place}: " if error.place else ""
    err.print(f"[bold red]Error:[/bold red] {escape(f'{place}{error.what}')}.")
    for label, text in (("On", error.on), ("State", error.remains), ("Next", error.next)):
        if text:
            err.print(f"  [bold]{label}:[/bold] {escape(text)}{'' if label == 'On' else '.'}")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every error ends with exit code 1 and no traceback."""
    try:
        code = app(args=arguments, standalone_mode=False)
    except ViewsError as error:
        print_error(error)
        sys.exit(1)
    except click.exceptions.Abort:
        err.print("[bold red]Error:[/bold red] nobody answered.\n  [bold]State:[/bold] Nothing was changed.")
        sys.exit(1)
    except click.ClickException as error:
        print_error(
            ViewsError(
                error.format_message().rstrip("."),
                next="'views --help' and 'views COMMAND --help' teach the use",
            )
        )
        sys.exit(1)
    except KeyboardInterrupt:
        err.print(
            "[bold red]Error:[/bold red] interrupted.\n"
            "  [bold]State:[/bold] What was begun is written down; a build goes on by itself; readers are served as before.\n"
            "  [bold]Next:[/bold] Run the same command again: it goes on where this one stopped."
        )
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
