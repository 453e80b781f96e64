"""Commands on files, which need no cluster: lint, render, schema, init."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from cassandra_views.cli.context import Format, FormatOption, help_of, options_of, view_names
from cassandra_views.cli.output import out, print_json
from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.times import instant_text


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    files: dict[Callable[..., Any], tuple[str, ...]] = {
        lint: ("views lint", "views --env prod lint --format json"),
        render: ("views render orders_by_day", "views --now 2026-12-01 render orders_by_day"),
        init: ("views init shop && cd shop",),
        schema: ("views schema view > view.schema.json", "views schema toml"),
    }
    for command, examples in files.items():
        app.command(help=help_of(command, *examples), rich_help_panel="Files")(command)


def _load(context: typer.Context) -> Project:
    from cassandra_views.project.load import Loader

    return Loader.of(options_of(context).settings()).load()


def lint(context: typer.Context, format: Annotated[Format, FormatOption] = Format.TEXT) -> None:
    """Check every file without a cluster: front matter, templates, CQL, the server's own rules."""
    from cassandra_views.cql.finding import Severity
    from cassandra_views.cql.lint import lint_view
    from cassandra_views.cql.statements import table_shape, view_statement
    from cassandra_views.planning.check import find_table

    project = _load(context)
    findings = []
    for view in project.views:
        table = find_table(project, view.name.keyspace, view.base)
        statement = view_statement(view)
        findings += [(view, found) for found in lint_view(statement, table_shape(table), file=view.place.file)]
    errors = sum(finding.severity is Severity.ERROR for _view, finding in findings)
    if format is Format.JSON:
        print_json(
            {
                "views": len(project.views),
                "tables": len(project.tables),
                "findings": [{"view": view.name, "finding": finding} for view, finding in findings],
            }
        )
    else:
        for _view, finding in findings:
            colour = "red" if finding.severity is Severity.ERROR else "yellow"
            out.print(f"[{colour}]{escape(str(finding))}[/{colour}]")
        counts = ((len(project.views), "view"), (len(project.tables), "table"), (errors, "error"))
        views, tables, wrong, odd = (_counted(*each) for each in (*counts, (len(findings) - errors, "warning")))
        out.print(f"{views} and {tables}: {wrong}, {odd}.")
    if errors:
        raise ProjectError(f"lint found {_counted(errors, 'error')}", next="Correct the files named above")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' if count != 1 else ''}"


def render(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(help="Only this view; else all.", metavar="[NAME]", autocompletion=view_names)
    ] = None,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Print the CREATE statement of each view file, with the window of now; needs no cluster."""
    from cassandra_views.cql.printing import view_cql
    from cassandra_views.cql.statements import view_statement
    from cassandra_views.planning.request import resolve

    project = _load(context)
    wanted = {resolve(name, [view.name for view in project.views])} if name else {view.name for view in project.views}
    now = options_of(context).clock()()

    def statement(view: ViewDefinition) -> str:
        start = view.window_start(now)
        return view_cql(
            view_statement(view),
            keyspace=view.name.keyspace,
            physical=view.name.view,
            window_start=view.time.literal(start) if view.time and start else None,
            window_end=None,
        )

    views = [view for view in project.views if view.name in wanted]
    if format is Format.JSON:
        print_json(
            {
                "views": [
                    {
                        "view": view.name,
                        "file": view.place.file,
                        "version": view.version,
                        "window_start": view.window_start(now),
                        "cql": statement(view),
                    }
                    for view in views
                ]
            }
        )
        return
    for view in views:
        start = view.window_start(now)
        window = f", window {view.window} from {instant_text(start)}" if start else ""
        out.print(f"-- {escape(view.place.file)}: version {view.version}{window}", style="dim", soft_wrap=True)
        typer.echo(statement(view) + ";\n")


def schema(
    kind: Annotated[str, typer.Argument(help="view, table or toml.", metavar="KIND")] = "view",
) -> None:
    """Print the JSON Schema of a view file's or table file's front matter, or of views.toml."""
    from cassandra_views.project.schemas import schema_text

    typer.echo(schema_text(kind))


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write the project; made where it is missing.")] = Path(),
) -> None:
    """Write a new project: views.toml, one table file, one view file, a pre-commit hook, a CI workflow.

    Nothing that exists is overwritten.
    """
    from cassandra_views.project.scaffold import scaffold

    for path in scaffold(folder):
        out.print(f"[green]wrote[/green] {escape(str(path))}")
    out.print("Next: 'views up --detach', then 'views plan' and 'views apply'. 'views lint' checks files alone.")
