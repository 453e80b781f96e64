"""The command that measures how late views are."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_views.cli.context import Format, FormatOption, Wide, find_selected, open_manager, selects_views
from cassandra_views.cli.help import add_commands
from cassandra_views.cli.output import coloured, escape, out, plain, print_json, raise_last, table_of
from cassandra_views.model.errors import PromiseBroken

if TYPE_CHECKING:
    from cassandra_client.errors import ViewsError
    from cassandra_views.apply.lag_reports import LagReport
    from cassandra_views.plan.selection import Selection


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    add_commands(
        app, "Look", {lag: ("views lag", "views lag orders_by_day --format json", "views lag --tag flask --timeout 5")}
    )


@selects_views("Only these views; else all that serve.")
def lag(
    context: typer.Context,
    selection: Selection,
    timeout: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.1, help="Wait so long for rows to show, or until a promise is broken."),
    ] = 30.0,
    wide: Wide = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Measure how long after a write of its base each view shows it; exit 1 where a promise is broken.

    Reads only: newest rows of a sample are looked for in the view. Where a view's file has 'lag.probe', a canary row
    is written under the key that it reserves, looked for through each node, and deleted. A row that is there already is
    left alone. The registry keeps the figure. A view that cannot be measured holds up no other one.
    """
    from cassandra_views.model.lag import seconds_text
    from cassandra_views.model.times import duration_text

    with open_manager(context) as manager:
        if selection.is_narrowed:
            chosen = [str(each.name) for each in find_selected(manager.planner, selection) if each.serving]
            found = manager.measure_lag(chosen, patience_seconds=timeout) if chosen else ()
        else:
            found = manager.measure_lag(selection.names or None, tags=selection.tags, patience_seconds=timeout)
    if format is Format.JSON:
        print_json({"lags": [_as_json(each) for each in found]})
    elif not found:
        out.print("Nothing that matches serves, so there is nothing to measure.")
    else:
        rows = table_of("lag", is_wide=wide)
        for each in found:
            promise = duration_text(each.promise) if each.promise else "-"
            word = each.lag_promise or "-"
            rows.add_row(escape(str(each.view)), "all", str(each.lag), promise, coloured(word), escape(each.lag.found))
            for node in each.nodes:
                figure = "-" if node.seconds is None else seconds_text(node.seconds, node.bound)
                rows.add_row(escape(str(each.view)), escape(node.address), figure, "", "", escape(node.error))
        out.print(rows)
        for each in found:
            out.print(f"{escape(str(each.view))}: nodes say: {escape(str(each.writes))}")
    errors: list[ViewsError] = [each.error for each in found if each.error is not None]
    raise_last(
        [
            *errors,
            *(
                PromiseBroken(
                    f"its lag is {each.lag}, and its file promises {duration_text(each.promise)}",
                    on=str(each.view),
                    remains="Readers are served as before; what they read is that late",
                    next="See 'old batches' and 'old hints' above, and that all nodes are up ('views cluster')",
                )
                for each in found
                if each.is_broken and each.promise is not None
            ),
        ]
    )


def _as_json(report: LagReport) -> dict[str, Any]:
    error = None if report.error is None else report.error.what
    found = plain(replace(report, error=None))
    promise = found.pop("promise")
    return {
        **found,
        "promise_seconds": promise,
        "is_broken": report.is_broken,
        "lag_promise": report.lag_promise,
        "error": error,
    }
