"""Commands by which a person decides over view files: freeze, off, on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_views.cli.context import Chosen, Format, FormatOption, Tags, managed, parse_now
from cassandra_views.cli.help import help_of
from cassandra_views.cli.output import coloured, escape, out, print_json, table_of

if TYPE_CHECKING:
    from cassandra_views.model.generation import OverrideKind

Reason = Annotated[str, typer.Option(help="Why; every plan and status shows it.", metavar="TEXT")]
Until = Annotated[str | None, typer.Option(help="When it ends by itself: ISO 8601, UTC.", metavar="TIME")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    commands: dict[Callable[..., Any], tuple[str, ...]] = {
        freeze: (
            "views freeze orders_by_day --reason 'sale week' --until 2026-12-01",
            "views freeze --tag flask --tag spark --reason 'the cluster is grown'",
        ),
        off: ("views off orders_by_day orders_by_shop --reason 'nobody reads them'",),
        on: ("views on orders_by_day --reason 'sale is over'", "views on --tag flask --reason 'it is grown'"),
    }
    for command, examples in commands.items():
        app.command(help=help_of(command, *examples), rich_help_panel="Change")(command)


def freeze(
    context: typer.Context,
    reason: Reason,
    names: Chosen = None,
    tag: Tags = None,
    until: Until = None,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Keep views as they are, until 'views on': no change is applied, and no window slides."""
    from cassandra_views.model.generation import OverrideKind

    _decide(context, OverrideKind.FROZEN, names, tag, reason, until, format)


def off(
    context: typer.Context,
    reason: Reason,
    names: Chosen = None,
    tag: Tags = None,
    until: Until = None,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Retire views, until 'views on': after the next apply nothing of them serves.

    'views apply --allow-drop' drops their generations when their grace is over.
    """
    from cassandra_views.model.generation import OverrideKind

    _decide(context, OverrideKind.OFF, names, tag, reason, until, format)


def on(
    context: typer.Context,
    reason: Reason,
    names: Chosen = None,
    tag: Tags = None,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Follow the files again: ends 'freeze', 'off', and the freeze after too many failed runs."""
    _decide(context, None, names, tag, reason, None, format)


def _decide(
    context: typer.Context,
    kind: OverrideKind | None,
    names: list[str] | None,
    tags: list[str] | None,
    reason: str,
    until: str | None,
    format: Format,
) -> None:
    from cassandra_views.model.times import instant_text

    with managed(context) as manager:
        records = manager.override(names or (), kind, tags=tags or (), reason=reason, until=parse_now(until))
        project = manager.project()
    files = {each.name.view for each in project.views} | {each.view for each in project.broken}
    if format is Format.JSON:
        print_json({"views": [{"view": each.name, "override": each.override} for each in records]})
        return
    rows = table_of("overrides")
    for each in records:
        rows.add_row(
            escape(str(each.name)),
            coloured(kind.value) if kind else "its file rules" if each.name.view in files else "it has no file",
            instant_text(each.override.until) if each.override and each.override.until else "-",
            escape(reason),
        )
    out.print(rows)
