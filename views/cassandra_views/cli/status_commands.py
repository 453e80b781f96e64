"""Commands that look: status, list, show, explain, diff, history."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_views.cli.completion import view_names
from cassandra_views.cli.context import (
    Format,
    FormatOption,
    Name,
    Wide,
    find_selected,
    open_planner,
    options_of,
    selects_views,
)
from cassandra_views.cli.help import add_commands
from cassandra_views.cli.output import coloured, escape, out, print_json, shortened, table_of

if TYPE_CHECKING:
    from datetime import datetime

    from cassandra_views.plan.selection import Selection


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    look: dict[Callable[..., Any], tuple[str, ...]] = {
        status: (
            "views status",
            "views status --tag flask --exclude 'top_*'",
            "views status --format json | jq '.views[].condition'",
        ),
        list_views: ("views list", "views list --base orders --state stale", "views list -q --exclude 'test_*'"),
        show: ("views show orders_by_day",),
        explain: (
            "views explain orders_by_day",
            "views explain \"SELECT * FROM shop.orders WHERE day = '2026-11-23' ORDER BY total DESC\"",
        ),
        diff: ("views diff orders_by_day",),
        history: ("views history orders_by_day --limit 5",),
    }
    add_commands(app, "Look", look)


@selects_views("Only these views; else all.")
def status(
    context: typer.Context,
    selection: Selection,
    wide: Wide = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Show each view on a line: what serves, its window, its last audit, its next slide."""
    from datetime import timedelta

    from cassandra_views.model.audit_result import empty_window_text
    from cassandra_views.model.lag import seconds_text
    from cassandra_views.plan.status import (
        age_text,
        ago_text,
        brief,
        clock_note,
        failures_text,
        left_text,
        next_slide_text,
        span_text,
    )

    with open_planner(context) as planner:
        found = find_selected(planner, selection)
        now = options_of(context).clock()()
        facts = planner.facts()
    if format is Format.JSON:
        print_json({"cluster": facts.name, "views": found})
        return
    if not found:
        out.print(_no_views(selection))
        return
    has_promises = any(each.promise for each in found)
    rows = table_of("status", *(("promise",) if has_promises else ()), is_wide=wide)
    for each in found:
        rows.add_row(
            escape(str(each.name)),
            coloured(each.condition),
            # The view's name stands beside it: the number is what is new.
            escape(", ".join(name.removeprefix(f"{each.name.view}__") for name in each.serving)) or "-",
            f"{each.rows:,}" if each.rows is not None and each.audited_at else "-",
            age_text(each.audited_at, now),
            brief(each.window_start) if each.window_start else ("whole base" if each.serving else "-"),
            age_text(each.served_at, now),
            next_slide_text(each.condition, each.next_due, now),
            *((coloured(each.promise) or "-",) if has_promises else ()),
        )
    out.print(rows)
    for each in found:
        if each.override:
            out.print(f"{escape(str(each.name))} is {escape(each.override)}")
        if each.dropped:
            out.print(f"{escape(str(each.name))} was {escape(str(each.dropped))}; 'views history' tells more")
        if each.rollback_until:
            out.print(f"{escape(str(each.name))}: rollback possible for {left_text(each.rollback_until, now)}")
        if each.audit == "failed":
            what = f": {each.found}" if each.found else ""
            text = f"its last audit, {ago_text(each.audited_at, now)}, found that it differs from its base{what}"
            out.print(f"{escape(str(each.name))}: [red]{escape(text)}[/red]")
        if each.lag_promise == "broken" and each.measured_lag_seconds is not None:
            text = (
                f"a write of its base showed after {seconds_text(each.measured_lag_seconds, each.measured_lag_bound)}"
            )
            measured = f"measured {ago_text(each.lag_measured_at, now)}; 'views lag {each.name.view}' measures it again"
            out.print(f"{escape(str(each.name))}: [red]promise broken[/red] {text}, {measured}")
        if each.suspect_since:
            text = f"{ago_text(each.suspect_since, now)}: {each.suspect_reason}"
            out.print(
                f"{escape(str(each.name))} became [yellow]suspect[/yellow] {escape(text)}. "
                f"'views audit {each.name.view}' compares it with its base, else the next apply does"
            )
        if each.audit_first_time:
            out.print(f"{escape(str(each.name))}: [red]{escape(empty_window_text(each.audit_first_time))}[/red]")
        if each.broken_by_seconds and each.slide_lag_seconds:
            late, by = (timedelta(seconds=seconds) for seconds in (each.slide_lag_seconds, each.broken_by_seconds))
            text = f"its slide is {span_text(late)} late, {span_text(by)} more than max_lag"
            out.print(f"{escape(str(each.name))}: [red]promise broken[/red] {text}")
        if each.failures:
            out.print(
                f"{escape(str(each.name))}: [red]{failures_text(each.failures)}[/red] {ago_text(each.failed_at, now)}"
            )
        if each.waiting:
            out.print(f"[yellow]waits for a person[/yellow] {escape(each.waiting)}")
        if each.last_error:
            out.print(f"{escape(str(each.name))}: [red]last error[/red] {escape(each.last_error)}")
    note = clock_note((moment for each in found for moment in (each.audited_at, each.served_at, each.failed_at)), now)
    if note:
        out.print(f"[yellow]{note}[/yellow]")


@selects_views("Only these views; else all.")
def list_views(
    context: typer.Context,
    selection: Selection,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the names alone, one on a line.")] = False,
    wide: Wide = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """List the views that files and registry know: condition, base table, owner, tags and file.

    'views status' tells more of each.
    """
    with open_planner(context) as planner:
        found = find_selected(planner, selection)
        cluster = planner.facts().name if format is Format.JSON else ""
    if format is Format.JSON:
        print_json({"cluster": cluster, "views": found})
    elif quiet:
        for each in found:
            typer.echo(str(each.name))
    elif not found:
        out.print(_no_views(selection))
    else:
        rows = table_of("list", is_wide=wide)
        for each in found:
            cells = (each.base, each.owner, ", ".join(each.tags), each.file)
            rows.add_row(escape(str(each.name)), coloured(each.condition), *(escape(cell) or "-" for cell in cells))
        out.print(rows)


def _no_views(selection: Selection) -> str:
    if selection.is_everything:
        return "No views: no file names one and the registry holds none. 'views init' writes a first project."
    return "No view matches."


def show(
    context: typer.Context, name: Name, wide: Wide = False, format: Annotated[Format, FormatOption] = Format.TEXT
) -> None:
    """Show everything the registry holds of one view: pointer, generations, the CQL that made them."""
    from cassandra_views.model.times import instant_text
    from cassandra_views.plan.status import failures_text

    with open_planner(context) as planner:
        record = planner.record(name)
    if format is Format.JSON:
        print_json({"view": record})
        return
    project = escape(record.project or "-")
    out.print(f"[bold]{escape(str(record.name))}[/bold]  strategy {record.strategy.value}, project {project}")
    serving = ", ".join(
        entry.name + (f" from {instant_text(entry.start)}" if entry.start else "") for entry in record.read_from
    )
    out.print(f"  read_from   {escape(serving) or 'nothing serves'}")
    if absence := record.absence():
        out.print(f"  exists      nothing: {escape(absence)}")
    out.print(f"  next slide  {_shown(record.next_due) if not record.override else 'none: ' + record.override.kind}")
    if record.override:
        out.print(f"  override    {escape(str(record.override))}")
    if record.lag is not None:
        out.print(f"  lag         {record.lag}, measured {_shown(record.lag.at)}: {escape(record.lag.found)}")
    for each in record.generations:
        if each.suspicion is not None:
            out.print(f"  suspect     generation {each.number}, {escape(str(each.suspicion).removeprefix('suspect '))}")
    if record.failures:
        out.print(f"  failures    [red]{failures_text(record.failures)}[/red] {_shown(record.failed_at)}")
    if record.last_error:
        out.print(f"  last error  [red]{escape(record.last_error)}[/red]")
    rows = table_of("show", is_wide=wide)
    for each in record.generations:
        rows.add_row(
            escape(each.physical),
            coloured(each.state.value),
            each.audit.value if each.audit else "-",
            f"{each.rows_built:,}" if each.rows_built is not None and each.audited_at else "-",
            _shown(each.window_start) if each.window_start else "whole base",
            *(_shown(moment) for moment in (each.created_at, each.built_at, each.served_at, each.retired_at)),
        )
    out.print(rows)
    if record.generations:
        out.print(f"[dim]{escape(record.generations[-1].cql)}[/dim]")


def explain(
    context: typer.Context,
    view_or_select: Annotated[
        str,
        typer.Argument(
            help="The view: NAME, or KEYSPACE.NAME; or a SELECT in quotes.",
            metavar="NAME|SELECT",
            autocompletion=view_names,
        ),
    ],
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Explain a view's condition, or which view answers a SELECT.

    Of a view: what serves and since when, or why nothing does, its file, override, generations, last events, and what
    is next. Of a SELECT: which table, view and generation answer it, in part or only by filtering, why others do not,
    and where none answers in full, which view or index would. It is not run.
    """
    from cassandra_views.cql.select_text import is_select

    if is_select(view_or_select):
        _explain_read(context, view_or_select, format)
        return
    with open_planner(context) as planner:
        (view,) = planner.status([view_or_select])
        record = planner.record(view_or_select)
        events = planner.history(view_or_select, limit=8)
        plan = planner.plan([view_or_select]) if view.file else None
    if format is Format.JSON:
        print_json({"status": view, "read_from": record.read_from, "events": events, "plan": plan})
        return
    from cassandra_views.plan.explain import explain as explain_step
    from cassandra_views.plan.read_explanation import unserved_texts
    from cassandra_views.plan.status import failures_text

    out.print(f"[bold]{escape(str(view.name))}[/bold] is {coloured(view.condition)}")
    for entry in record.read_from:
        each = next((one for one in record.generations if one.physical == entry.name), None)
        if each is not None:
            out.print(f"  serves {escape(entry.name)} since {_shown(each.served_at)}: {escape(each.reason)}")
            found = f", {each.verdict}" if each.verdict else ""
            out.print(
                f"  audited {_shown(each.audited_at)}: {each.audit.value if each.audit else 'never'}{escape(found)}"
            )
    for each in record.generations:
        if each.suspicion is not None:
            out.print(
                f"  generation {each.number} is [yellow]{escape(str(each.suspicion))}[/yellow]; the next apply, or "
                f"'views audit {view.name.view}', compares it with its base"
            )
    if not record.read_from:
        out.print("  nothing serves: reads answer ViewNotReady")
    for text in unserved_texts(record):
        out.print(f"  {escape(text)}")
    if record.renamed_to:
        is_kept = "and served as well" if record.read_from else "and no longer served"
        out.print(f"  it is a former name of {escape(record.renamed_to)}, {is_kept}")
    elif absence := record.absence():
        out.print(f"  nothing of it exists: {escape(absence)}")
    if record.kept_names:
        out.print(f"  also served under its former names {escape(', '.join(record.kept_names))}")
    out.print(f"  file {escape(view.file) or 'none: it is gone, or belongs to another project'}")
    if view.override:
        out.print(f"  override {escape(view.override)}")
    if view.failures:
        out.print(f"  [red]{failures_text(view.failures)}[/red] {_shown(view.failed_at)}")
    if view.waiting:
        out.print(f"  [yellow]waits for a person[/yellow] {escape(view.waiting)}")
    if view.last_error:
        out.print(f"  last error [red]{escape(view.last_error)}[/red]")
    for event in events:
        number = f" g{event.number}" if event.number is not None else ""
        out.print(f"  [dim]{_shown(event.at)}{number}  {escape(event.event)}  by {escape(event.author)}[/dim]")
    if plan is not None and plan.has_changes:
        out.print("  the next apply would:")
        for step in plan.steps:
            sign, subject, text = explain_step(step)
            out.print(f"    {sign} {escape(subject)}  {escape(text)}")
    elif plan is not None:
        out.print("  the next apply would do nothing")


_READ_COLOURS = {"answers": "green", "answers in part": "yellow", "answers by filtering": "yellow"}


def _explain_read(context: typer.Context, select: str, format: Format) -> None:
    with open_planner(context) as planner:
        found = planner.explain_read(select)
    if format is Format.JSON:
        print_json({"explanation": found})
        return
    for each in found.candidates:
        colour = _READ_COLOURS.get(each.verdict.value, "red")
        out.print(f"[{colour}]{each.verdict.value}[/{colour}]: {escape(each.kind)} [bold]{escape(each.name)}[/bold]")
        for line in (*each.faults, *(f"serves {one}" for one in each.serving), *each.notes):
            out.print(f"  {escape(line)}")
    for proposal in found.proposals:
        article = "an" if proposal.kind[0] in "aeiou" else "a"
        out.print(f"\n{article} {proposal.kind} would answer. {escape(proposal.note)}:")
        for line in proposal.text.splitlines():
            out.print(f"  [dim]{escape(line)}[/dim]")
    if found.unproposed:
        out.print(f"\nno view is proposed: {escape(found.unproposed)}")


def diff(context: typer.Context, name: Name, format: Annotated[Format, FormatOption] = Format.TEXT) -> None:
    """Show what changed in a view's definition, between the generation that serves and its file.

    Both are shown in one canonical form, so that layout and comments are no difference.
    """
    with open_planner(context) as planner:
        found = planner.diff(name)
    if format is Format.JSON:
        print_json({"diff": found})
        return
    if not found.changes:
        out.print(f"{escape(str(found.view))}: its file says what generation {found.generation} holds")
        return
    for line in found.lines:
        colour = {"+": "green", "-": "red"}.get(line[:1])
        out.print(f"[{colour}]{escape(line)}[/{colour}]" if colour else escape(line))
    for change in found.changes:
        out.print(f"  [yellow]![/yellow] {escape(change)}")


def history(
    context: typer.Context,
    name: Name,
    limit: Annotated[int, typer.Option(min=1, help="How many events, newest first.")] = 20,
    wide: Wide = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Show what happened to a view: every DDL, switch, audit, override and error, and who made it."""
    with open_planner(context) as planner:
        events = planner.history(name, limit=limit)
    if format is Format.JSON:
        print_json({"events": events})
        return
    rows = table_of("history", is_wide=wide)
    for event in events:
        rows.add_row(
            _shown(event.at),
            "-" if event.number is None else str(event.number),
            escape(event.event),
            escape(event.author),
            event.run,
            escape(" ".join(event.detail.split()) if wide else shortened(event.detail)),
        )
    out.print(rows)


def _shown(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else "-"
