"""Commands on files, which need no cluster: lint, render, grants, schema, init."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_client.errors import ConfigurationError, ViewsError
from cassandra_client.names import quoted
from cassandra_views.cli.completion import view_names
from cassandra_views.cli.context import Format, FormatOption, note_wrong_files, options_of
from cassandra_views.cli.help import add_commands
from cassandra_views.cli.output import error_json, escape, out, print_error, print_json, raise_last
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import counted, nearest

if TYPE_CHECKING:
    from cassandra_views.cli.lint_server import ServerAnswer
    from cassandra_views.cql.findings import Finding
    from cassandra_views.model.definition import Project, ViewDefinition
    from cassandra_views.model.names import ViewName


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    files: dict[Callable[..., Any], tuple[str, ...]] = {
        lint: ("views lint", "views --env prod lint --format json", "views lint --server"),
        render: ("views render orders_by_day", "views --now 2026-12-01 render orders_by_day"),
        grants: (
            "views grants > roles.cql",
            "views grants manager --manager shop_views --replicas 1 | cqlsh -u admin",
            "views --env prod grants reader --pages --format json",
        ),
        init: ("views init shop && cd shop",),
        schema: ("views schema view > view.schema.json", "views schema toml"),
    }
    add_commands(app, "Files", files)


def _load(context: typer.Context) -> Project:
    """Read the files; those that are wrong are left out and listed in the project."""
    from cassandra_views.project.loader import ProjectLoader

    return ProjectLoader.of(options_of(context).settings()).load(skip_broken=True)


def lint(
    context: typer.Context,
    format: Annotated[Format, FormatOption] = Format.TEXT,
    server: Annotated[bool, typer.Option("--server", help="Ask an embedded server about each view, too.")] = False,
) -> None:
    """Check every file without a cluster: front matter, templates, CQL, the server's own rules, files of tests."""
    from cassandra_views.cql.findings import Severity
    from cassandra_views.cql.lint import lint_view
    from cassandra_views.cql.statements import table_shape, view_statement
    from cassandra_views.plan.base_tables import find_table, table_findings
    from cassandra_views.project.view_tests import load_tests

    try:
        project = _load(context)
        tests = load_tests(options_of(context).settings().templates, project)
    except ViewsError as error:  # views.toml or the folder: nothing else can be looked at
        if format is Format.JSON:
            print_json({"views": 0, "tables": 0, "findings": [], "errors": [error_json(error)]})
        raise
    findings: list[tuple[dict[str, object], Finding]] = []
    for each in project.tables:
        on: dict[str, object] = {"table": f"{each.keyspace}.{each.table}"}
        findings += [(on, found) for found in table_findings(each)]
    for view in project.views:
        table = find_table(project, view.name.keyspace, view.base)
        statement = view_statement(view)
        found_here = lint_view(statement, table_shape(table), file=view.place.file)
        findings += [({"view": view.name}, found) for found in found_here]
    answers = _server_answers(project) if server else {}
    errors = sum(finding.severity is Severity.ERROR for _on, finding in findings)
    errors += sum(bool(answer.refusal) for name, answer in answers.items() if {"view": name} not in _refused(findings))
    wrong_files = (*project.errors, *tests.errors)
    if format is Format.JSON:
        print_json(
            {
                "views": len(project.views),
                "tables": len(project.tables),
                "findings": [{**on, "finding": finding} for on, finding in findings],
                "errors": [error_json(error) for error in wrong_files],
                **({"server": [_answer_json(*each) for each in answers.items()]} if server else {}),
            }
        )
    else:
        for _on, finding in findings:
            colour = "red" if finding.severity is Severity.ERROR else "yellow"
            out.print(f"[{colour}]{escape(str(finding))}[/{colour}]")
        for name, answer in answers.items():
            out.print(escape(f"{name}: the server: {answer}"), style="red" if answer.refusal else "")
        views, tables = counted(len(project.views), "view"), counted(len(project.tables), "table")
        wrong, odd = counted(errors + len(wrong_files), "error"), counted(len(findings) - errors, "warning")
        skipped = [each.view for each in project.broken if each.is_of_table]
        more = f" Not checked, since the file of their base table is wrong: {', '.join(skipped)}." if skipped else ""
        out.print(escape(f"{views} and {tables}: {wrong}, {odd}.{more}"))
    if errors:
        for wrong_file in wrong_files:
            print_error(wrong_file)
        raise ProjectError(
            f"lint found {counted(errors + len(wrong_files), 'error')}", next="Correct the files named above"
        )
    raise_last(wrong_files)


def _server_answers(project: Project) -> dict[ViewName, ServerAnswer]:
    """Ask an embedded server about each view of the files."""
    from cassandra_views.cli.lint_server import ask_server
    from cassandra_views.cql.statements import table_statement
    from cassandra_views.plan.base_tables import find_table

    bases = [find_table(project, view.name.keyspace, view.base) for view in project.views]
    asked = [
        (view, table_statement(base) if base is not None else None)
        for view, base in zip(project.views, bases, strict=True)
    ]
    return dict(zip((view.name for view in project.views), ask_server(asked), strict=True))


def _refused(findings: list[tuple[dict[str, object], Finding]]) -> list[dict[str, object]]:
    """Return on what something is refused already."""
    from cassandra_views.cql.findings import Kind

    return [on for on, finding in findings if finding.kind is Kind.REFUSED]


def _answer_json(name: ViewName, answer: ServerAnswer) -> dict[str, object]:
    return {"view": name, "accepted": None if answer.refusal is None else not answer.refusal, "message": str(answer)}


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
    from cassandra_views.model.names import ViewName
    from cassandra_views.model.times import instant_text
    from cassandra_views.plan.selection import resolve

    project = _load(context)
    known = [view.name for view in project.views]
    for broken in project.broken:
        name_of = ViewName(keyspace=broken.keyspace, view=broken.view)
        if name is not None and name in (broken.view, str(name_of)) and name_of not in known:
            raise broken.error
    if name is not None:
        note_wrong_files(project.errors)
    wanted = {resolve(name, known)} if name else {view.name for view in project.views}
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
        raise_last(project.errors if name is None else ())
        return
    for view in views:
        start = view.window_start(now)
        window = f", window {view.window} from {instant_text(start)}" if start else ""
        out.print(f"-- {escape(view.place.file)}: version {view.version}{window}", style="dim", soft_wrap=True)
        typer.echo(statement(view) + ";\n")
    raise_last(project.errors if name is None else ())


def grants(
    context: typer.Context,
    kinds: Annotated[
        list[str] | None, typer.Argument(help="manager, reader, healer; else all three.", metavar="[ROLE]")
    ] = None,
    manager: Annotated[str, typer.Option(help="The name of the role that plans and applies.")] = "views_manager",
    reader: Annotated[str, typer.Option(help="The name of the role that reads views.")] = "views_reader",
    healer: Annotated[str, typer.Option(help="The name of the role that heals nodes.")] = "views_healer",
    pages: Annotated[
        bool, typer.Option("--pages", help="The reader also serves the operations pages and the JSON API.")
    ] = False,
    base: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEYSPACE.TABLE",
            help="Also for this base table, such as that of a view whose file is gone and that still exists. May be "
            "repeated.",
        ),
    ] = None,
    replicas: Annotated[
        int,
        typer.Option(min=1, max=9, help="Replicas in each data centre of what views.toml gives no replication."),
    ] = 3,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Print the roles of this project as CQL, each with the permissions that it needs and no more.

    For an administrator to run in cqlsh, as often as wanted: the keyspaces and tables that the grants name are made
    where they are missing, and the registry of an older version gets what it lacks. The roles cannot log in and have
    no passwords: grant them to the roles that do.
    """
    from cassandra_views.apply.grants import PURPOSES, RoleKind, role_grants

    names = {RoleKind.MANAGER: manager, RoleKind.READER: reader, RoleKind.HEALER: healer}
    _refuse_bad_roles(kinds or (), [each.value for each in RoleKind], names.values())
    project, settings = _load(context), options_of(context).settings()
    wanted = [each for each in RoleKind if not kinds or each.value in kinds]
    bases = [_base_table(each) for each in base or ()]
    roles = [
        role_grants(each, names[each], project, settings, replicas=replicas, with_pages=pages, more_bases=bases)
        for each in wanted
    ]
    if format is Format.JSON:
        print_json(
            {
                "roles": [
                    {
                        "kind": role.kind,
                        "role": role.name,
                        "setup": role.setup,
                        "grants": [
                            {
                                "permission": each.permission,
                                "resource": each.resource,
                                "why": each.why,
                                "cql": each.cql(role.name),
                            }
                            for each in role.grants
                        ],
                        "statements": role.statements,
                    }
                    for role in roles
                ]
            }
        )
        raise_last(project.errors)
        return
    for role in roles:
        typer.echo(f"-- The {role.kind.value}: {PURPOSES[role.kind]}.")
        reasons = {each.cql(role.name): each.why for each in role.grants}
        for statement in role.statements:
            typer.echo(f"{statement};" + (f"  -- {reasons[statement]}" if statement in reasons else ""))
        typer.echo(f"-- To a role that logs in: GRANT {quoted(role.name)} TO ...;\n")
    raise_last(project.errors)


def _base_table(text: str) -> tuple[str, str]:
    keyspace, _dot, table = text.partition(".")
    if not keyspace or not table or "." in table:
        raise ConfigurationError(
            f"'--base {text}' names no table", on="views grants", next="Give keyspace and table, such as shop.orders"
        )
    return keyspace, table


def _refuse_bad_roles(kinds: Iterable[str], known: list[str], names: Iterable[str]) -> None:
    for kind in kinds:
        if kind not in known:
            raise ConfigurationError(
                f"there is no role '{kind}'{nearest(kind, known)}", on="views grants", next=f"Name {', '.join(known)}"
            )
    names = list(names)
    if not all(name.strip() and name.isprintable() for name in names) or len(set(names)) < len(names):
        raise ConfigurationError(
            "the names of roles are empty, hold control characters or are not three", next="Give each role its own name"
        )


def schema(
    kind: Annotated[str, typer.Argument(help="view, table, test or toml.", metavar="KIND")] = "view",
) -> None:
    """Print the JSON Schema of a view file's or table file's front matter, of a file of tests, or of views.toml."""
    from cassandra_views.project.schemas import schema_text

    typer.echo(schema_text(kind))


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write the project; made where it is missing.")] = Path(),
) -> None:
    """Write a new project: views.toml, one table file, one view file with a test, a pre-commit hook, a CI workflow.

    Nothing that exists is overwritten.
    """
    from cassandra_views.project.scaffold import scaffold

    for path in scaffold(folder):
        out.print(f"[green]wrote[/green] {escape(str(path))}")
    out.print("Next: 'views up --detach', then 'views plan' and 'views apply'. 'views lint' checks files alone.")
