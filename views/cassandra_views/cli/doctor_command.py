"""The command ``doctor``: everything that stands in the way of views, or will bite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cassandra_client.errors import as_sentence
from cassandra_views.cli.context import Format, FormatOption, note_wrong_files, open_session, options_of
from cassandra_views.cli.help import add_commands
from cassandra_views.cli.output import escape, out, print_json

if TYPE_CHECKING:
    from cassandra_views.model.diagnosis import DoctorReport

_COLOURS = {"error": "red", "warning": "yellow", "note": "blue"}


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    add_commands(
        app, "Look", {doctor: ("views doctor", "views doctor --detailed-exitcode", "views doctor --format json")}
    )


def doctor(
    context: typer.Context,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 where an error or a warning is found.")
    ] = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Look for everything that stands in the way of views or will bite, node by node, and say what to do.

    Changes nothing. It looks at the nodes, what they are set to and what their versions allow, schema agreement,
    disks, compactions, repairs, guardrails, this role's permissions, clocks, batches and hints, the registry, graces,
    every view, and the services that views.toml names. What could not be looked at is listed, with the reason. Exits
    with 1 where an error is found.
    """
    options = options_of(context)
    with open_session(options) as (session, settings):
        from cassandra_views.overview.doctor import DoctorReader
        from cassandra_views.plan.planner import Planner

        planner = Planner(session, settings=settings, clock=options.clock())
        has_files = planner.observer.has_files
        reader = DoctorReader(
            find_settings=lambda: settings,
            find_project=lambda: planner.project() if has_files else None,
            is_manager=True,
            clock=options.clock(),
        )
        report = reader.read(planner.database, planner.registry)
        note_wrong_files(planner.wrong_files)
    if format is Format.JSON:
        print_json({"report": report, "summary": report.summary, "has_problems": report.has_problems})
    else:
        _show(report)
    if code := exit_code_of(report, is_detailed=detailed_exitcode):
        raise typer.Exit(code)


def exit_code_of(report: DoctorReport, *, is_detailed: bool) -> int:
    """Return 1 where an error was found; in detail 2 where an error or a warning was, as 1 is what could not be run."""
    if is_detailed:
        return 2 if report.has_problems else 0
    return int(any(each.severity.value == "error" for each in report.findings))


def _show(report: DoctorReport) -> None:
    out.print(f"cluster {escape(report.cluster)}, registry {escape(report.registry)}")
    for topic in report.topics:
        out.print(f"\n[bold]{topic.value}[/bold]")
        for each in report.findings_of(topic):
            colour = _COLOURS[each.severity.value]
            word = f"[{colour}]{each.severity.value}[/{colour}]"
            out.print(f"  {word} {escape(each.on)}: {escape(each.what)} [dim]{escape(f'[{each.code}]')}[/dim]")
            out.print(f"    [bold]Next:[/bold] {escape(as_sentence(each.next))}")
    if report.checks:
        out.print("\n[bold]looked at[/bold]")
        for check in report.checks:
            out.print(f"  {check.topic.value}: {escape(check.found)}")
    if report.unknown:
        out.print("\n[bold]unknown[/bold]")
        for gap in report.unknown:
            out.print(f"  {gap.topic.value}, {escape(gap.on)}: {escape(gap.why)}")
    out.print(f"\n{escape(report.summary)}")
