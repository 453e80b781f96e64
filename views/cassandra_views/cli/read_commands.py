"""Commands that read what serves: name, query."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_client.errors import ViewsError
from cassandra_client.names import quoted
from cassandra_views.cli.context import Format, FormatOption, Name, open_planner, open_session, options_of
from cassandra_views.cli.help import add_commands
from cassandra_views.cli.output import cell, err, escape, out, print_json, table
from cassandra_views.model.errors import ViewNotReady

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from cassandra_views.project.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    read: dict[Callable[..., Any], tuple[str, ...]] = {
        query: (
            "views query orders_by_day \"day = '2026-11-23'\" --limit 10",
            "views query orders_by_day \"day IN ('2026-11-22', '2026-11-23')\" --format json",
        ),
        name: ("views name orders_by_day", 'cqlsh -e "SELECT * FROM $(views name orders_by_day) LIMIT 5"'),
    }
    add_commands(app, "Read", read)


def query(
    context: typer.Context,
    name: Name,
    where: Annotated[
        str,
        typer.Argument(help="Conditions in CQL, such as \"timestamp = '2026-11-23' AND total_count > 5\"."),
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="At most this many rows.")] = 20,
    page: Annotated[
        str | None, typer.Option(help="Continue after the page that ended with this token.", metavar="TOKEN")
    ] = None,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Read rows through whatever serves, as an application does.

    Literals are those of CQL, each read as its column's type; a time without a zone is UTC. Values are written as
    the JSON API writes them, also in tables; columns have the names that they have in the schema.
    """
    from cassandra.cluster import EXEC_PROFILE_DEFAULT
    from cassandra.query import tuple_factory

    from cassandra_views.cli.query_conditions import conditions
    from cassandra_views.read import ViewReader
    from cassandra_views.read.json_values import row_converters, rows_to_json

    with open_session(options_of(context)) as (session, settings):
        profile = session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT, row_factory=tuple_factory)
        reader = ViewReader(session, registry=settings.env.registry, execution_profile=profile)
        try:
            while True:
                view = reader.describe(name)
                found = reader.select(name, conditions(where, view), limit=limit, page=page)
                # Readers may have been switched between the two, to a generation with other columns.
                if set(found.generations) <= set(view.generations):
                    break
        except ViewNotReady as error:
            _add_absence(error, session, settings, name)
            raise
    rows = rows_to_json(view.columns, found.rows, row_converters(view.columns))
    if format is Format.JSON:
        print_json(
            {
                "rows": rows,
                "generations": found.generations,
                "window": found.window,
                "next_page": found.next_page,
            }
        )
        return
    if rows:
        shown = table(*(column.name for column in view.columns))
        for row in rows:
            shown.add_row(*("-" if value is None else escape(cell(value)) for value in row.values()))
        out.print(shown)
    more = f"; the next page: --page {found.next_page}" if found.next_page else ""
    err.write(f"{len(rows)} row{'s' if len(rows) != 1 else ''} from {', '.join(found.generations)}{more}")


def name(context: typer.Context, name: Name, format: Annotated[Format, FormatOption] = Format.TEXT) -> None:
    """Print the physical name that serves now, as keyspace.name: for Spark, cqlsh and shells.

    It is good until the view's next slide plus its grace; programs should read with ViewReader.
    """
    with open_planner(context) as planner:
        record = planner.record(name)
    if not record.read_from:
        absence = record.absence()
        raise ViewNotReady(
            f"nothing serves{f': {absence}' if absence else ''}",
            on=str(record.name),
            next=f"'views explain {record.name.view}' shows the reason",
        )
    if format is Format.JSON:
        print_json({"view": record.name, "read_from": record.read_from})
        return
    for entry in record.read_from:
        typer.echo(f"{quoted(record.name.keyspace)}.{quoted(entry.name)}")


def _add_absence(error: ViewNotReady, session: Session, settings: Settings, name: str) -> None:
    """Put into the error what became of a view that nothing serves; a reader may read less than that."""
    from cassandra_views.plan.planner import Planner

    with suppress(ViewsError):
        absence = Planner(session, settings=settings).record(name).absence()
        if absence:
            error.what = f"nothing serves this view: {absence}"
