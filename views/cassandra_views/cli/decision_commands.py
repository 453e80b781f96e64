"""Commands that write down what a person decided or knows of views: freeze, off, suspect, on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from cassandra_client.errors import ConfigurationError
from cassandra_views.cli.context import Chosen, Format, FormatOption, Tags, open_manager, parse_now
from cassandra_views.cli.help import add_commands
from cassandra_views.cli.output import coloured, escape, out, plain, print_json, table_of

OverrideReason = Annotated[str, typer.Option(help="Why; every plan and status shows it.", metavar="TEXT")]
Until = Annotated[str | None, typer.Option(help="When it ends by itself: ISO 8601, UTC.", metavar="TIME")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    decisions: dict[Callable[..., Any], tuple[str, ...]] = {
        freeze: (
            "views freeze orders_by_day --reason 'sale week' --until 2026-12-01",
            "views freeze --tag flask --tag spark --reason 'the cluster is grown'",
        ),
        off: ("views off orders_by_day orders_by_shop --reason 'nobody reads them'",),
        suspect: (
            "views suspect orders_by_day --reason 'sstableloader of 2026-11-20'",
            "views suspect --all --reason 'restored from the snapshot of Sunday'",
        ),
        on: ("views on orders_by_day --reason 'sale is over'", "views on --tag flask --reason 'it is grown'"),
    }
    add_commands(app, "Change", decisions)


def freeze(
    context: typer.Context,
    reason: OverrideReason,
    names: Chosen = None,
    tags: Tags = None,
    until: Until = None,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Keep views as they are, until 'views on': no change is applied, and no window slides."""
    _decide(context, "frozen", names, tags, reason, until, format)


def off(
    context: typer.Context,
    reason: OverrideReason,
    names: Chosen = None,
    tags: Tags = None,
    until: Until = None,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Retire views, until 'views on': after the next apply nothing of them serves.

    'views apply --allow-drop' drops their generations when their grace is over.
    """
    _decide(context, "off", names, tags, reason, until, format)


def suspect(
    context: typer.Context,
    reason: OverrideReason,
    names: Chosen = None,
    tags: Tags = None,
    every: Annotated[bool, typer.Option("--all", help="All views of which something exists.")] = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Mark views suspect: after a bulk load, a restore, or what else only you know of.

    Readers go on being served. The next apply audits them in full and builds another generation beside
    one that differs; a full audit that finds no difference ends the mark.
    """
    from cassandra_views.model.generation import State
    from cassandra_views.model.times import instant_text

    if every and (names or tags):
        raise ConfigurationError("--all and views are both given", on="views suspect", next="Leave one of them out")
    with open_manager(context) as manager:
        records = (
            manager.suspect_all(reason=reason)
            if every
            else manager.suspect(names or (), tags=tags or (), reason=reason)
        )
    found = [(record, each) for record in records for each in record.generations if each.suspicion is not None]
    if format is Format.JSON:
        print_json(
            {
                "views": [
                    {"view": one.name, "generation": each.number, "state": each.state, **plain(each.suspicion)}
                    for one, each in found
                ]
            }
        )
        return
    rows = table_of("suspects")
    for record, each in found:
        if each.suspicion is not None:
            since = instant_text(each.suspicion.since.replace(microsecond=0))
            cells = (str(record.name), str(each.number), each.state.value, since, each.suspicion.reason)
            rows.add_row(*map(escape, cells))
    out.print(rows if found else "Nothing exists that could be suspect.")
    serves = {each.state is State.SERVING for _record, each in found}
    if True in serves:
        out.print("'views audit' compares what serves with its base now; else the next apply does.")
        out.print("Readers go on being served.")
    if False in serves:
        out.print("What does not serve is compared in full before readers are sent to it.")


def on(
    context: typer.Context,
    reason: OverrideReason,
    names: Chosen = None,
    tags: Tags = None,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Follow the files again: ends 'freeze', 'off', and the freeze after too many failed runs."""
    _decide(context, "", names, tags, reason, None, format)


def _decide(
    context: typer.Context,
    override: str,
    names: list[str] | None,
    tags: list[str] | None,
    reason: str,
    until: str | None,
    format: Format,
) -> None:
    from cassandra_views.model.generation import OverrideKind
    from cassandra_views.model.times import instant_text

    kind = OverrideKind(override) if override else None
    with open_manager(context) as manager:
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
            coloured(override) if override else "its file rules" if each.name.view in files else "it has no file",
            instant_text(each.override.until) if each.override and each.override.until else "-",
            escape(reason),
        )
    out.print(rows)
