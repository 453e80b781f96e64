"""The command ``views audit``: what serves against its base, at any time."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from cassandra_views.cli.completion import view_names
from cassandra_views.cli.context import Format, FormatOption, Tags, Wide, managed
from cassandra_views.cli.help import help_of
from cassandra_views.cli.output import coloured, escape, out, print_json, table_of
from cassandra_views.cli.selection_options import Bases, Excluded, Owners, States, find_selected, selection_of
from cassandra_views.model.errors import AuditFailed

Names = Annotated[
    list[str] | None,
    typer.Argument(help="Only these views; else all that serve.", metavar="NAME", autocompletion=view_names),
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    text = help_of(audit, "views audit", "views audit orders_by_day", "views audit --tag flask --format json")
    app.command(help=text, rich_help_panel="Look")(audit)


def audit(
    context: typer.Context,
    names: Names = None,
    tag: Tags = None,
    base: Bases = None,
    owner: Owners = None,
    state: States = None,
    exclude: Excluded = None,
    wide: Wide = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Compare what serves with its base table, again; exit 1 where one differs.

    Readers stay where they are. The verdict is kept, and where one differs the next apply builds another
    generation beside it.
    """
    from cassandra_views.apply.reports import Report, StepDone
    from cassandra_views.cli.output import print_error
    from cassandra_views.cli.progress import ProgressLine

    selection = selection_of(names, tag, base, owner, state, exclude)
    line = ProgressLine()
    done: list[StepDone] = []

    def listen(report: Report) -> None:
        if isinstance(report, StepDone):
            done.append(report)
        line(report)

    with managed(context, listen) as manager:
        if selection.is_narrowed:
            names, tag = [str(each.name) for each in find_selected(manager.planner, selection) if each.serving], None
        plan = manager.plan(only=()) if names == [] else manager.plan_audit(names, tags=tag or ())
        with line:
            outcome = manager.carry_out(plan)
    failures = dict(outcome.failures)
    found = [_told(each, failures) for each in sorted(done, key=lambda each: each.index)]
    if format is Format.JSON:
        print_json({"audits": found, "seconds": round(outcome.seconds, 3)})
    elif not found:
        what = "No view that matches serves" if selection.is_narrowed else "Nothing serves"
        out.print(f"{what}, so there is nothing to audit.")
    else:
        rows = table_of("audit", is_wide=wide)
        for each in found:
            seconds = f"{each['seconds']:.1f}"
            row = (escape(each["view"]), str(each["generation"]), coloured(each["audit"]), seconds)
            rows.add_row(*row, escape(each["found"]))
        out.print(rows)
    for _view, error in outcome.failures[:-1]:
        print_error(error)
    if outcome.failures:
        raise outcome.failures[-1][1]


def _told(done: Any, failures: Any) -> dict[str, Any]:
    step = done.step
    verdict = "passed"
    if done.is_failed:
        verdict = "failed" if isinstance(failures[step.view], AuditFailed) else "error"
    return {
        "view": str(step.view),
        "generation": step.number,
        "audit": verdict,
        "found": done.text,
        "seconds": round(done.seconds, 3),
    }
