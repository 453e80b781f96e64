"""The command ``views adopt``: table and view files for what a schema holds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cassandra_client.errors import ConfigurationError
from cassandra_views.cli.context import Format, FormatOption, Options, Wide, open_session, options_of
from cassandra_views.cli.help import add_commands
from cassandra_views.cli.output import escape, out, print_json, table_of
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.names import counted

if TYPE_CHECKING:
    from cassandra_views.cql.adoption import Adoption, UnplacedComment
    from cassandra_views.project.adopted_files import AdoptedFile, AdoptionTarget

_NAMED_AT_MOST = 3
"""Names in a line about a change that many statements have in common; JSON holds all of them."""


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    examples = (
        "views adopt shop --dry-run   # what a running cluster holds",
        "views adopt shop --from schema.cql",
        "views adopt shop.orders 'shop.\"OrdersByDay\"' --from schema.cql",
        "cqlsh -e 'DESCRIBE SCHEMA' | views adopt --all --from -",
    )
    add_commands(app, "Files", {adopt: examples})


def adopt(
    context: typer.Context,
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="KEYSPACE, KEYSPACE.VIEW (with its base table) or KEYSPACE.TABLE (with the views on it).",
            metavar="[TARGET]...",
        ),
    ] = None,
    source: Annotated[
        str,
        typer.Option(
            "--from", help="A file of CQL statements instead of the cluster; - reads standard input.", metavar="FILE"
        ),
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Every keyspace of the schema.")] = False,
    managed: Annotated[
        bool,
        typer.Option("--managed", help="Table files say managed: true: 'views apply' creates tables that are missing."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Overwrite files that exist; their front matter and their comments stay."),
    ] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 where something cannot be managed.")
    ] = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
    wide: Wide = False,
) -> None:
    """Write table files and view files for what a cluster or a file of CQL holds; changes nothing on a cluster.

    Comments of a file of CQL are kept. Options that servers no longer know are taken out, and a CLUSTERING ORDER BY
    that is partial or missing is written out; both are reported. What cannot be managed is listed one by one with the
    way out, and the rest is adopted.
    """
    from cassandra_views.project.adopted_files import (
        AdoptionState,
        AdoptionTarget,
        adopted_files,
        choose,
        write_files,
    )

    asked = [AdoptionTarget.parse(each) for each in targets or ()]
    if not asked and not every:
        raise ConfigurationError(
            "no keyspace, table or view is named",
            on="views adopt",
            next="Name what to adopt: a keyspace, a keyspace.view, or everything with --all",
        )
    if asked and every:
        raise ConfigurationError(
            "names and --all are given", on="views adopt", next="Leave out --all, or the names: it means every keyspace"
        )
    settings = options_of(context).settings()
    adoption = _read_file(source, asked) if source else _read_cluster(options_of(context), asked)
    found = choose(adoption, asked, registry=settings.env.registry)
    files = adopted_files(found, settings, is_managed=managed, overwrites=overwrite)
    written = () if dry_run else write_files(files, settings)
    if format is Format.JSON:
        print_json(
            {
                "dry_run": dry_run,
                "written": [_shown(path) for path in written],
                "adoption": [_json(one) for one in files],
                "unmanaged": [
                    {"kind": one.kind, "keyspace": one.keyspace, "name": one.name} for one in found.unmanaged
                ],
                "comments": [{"line": one.place.line, "text": one.text} for one in found.comments],
            }
        )
    else:
        _print(files, is_dry_run=dry_run, is_wide=wide)
        _print_rest(found)
        for path in written:
            if path.suffix == ".toml":
                out.print(f"[green]wrote[/green] {escape(_shown(path))}: name your cluster there.")
    if detailed_exitcode and any(one.state is AdoptionState.REFUSED for one in files):
        raise typer.Exit(2)


def _read_file(source: str, targets: Sequence[AdoptionTarget]) -> Adoption:
    """Return what a file of CQL holds; names in it without a keyspace are of the only one that is asked for."""
    from cassandra_views.cql.adoption import adopt_schema

    keyspaces = {each.keyspace for each in targets}
    session = keyspaces.pop() if len(keyspaces) == 1 else None
    if source == "-":
        return adopt_schema(sys.stdin.read(), file="<stdin>", session=session)
    try:
        text = Path(source).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # the latter of bytes that are no UTF-8, and of names that no file can have
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ProjectError(
            f"the schema cannot be read: {reason}", on=source, next="Name a file of CQL statements in UTF-8"
        ) from error
    return adopt_schema(text, file=source, session=session)


def _read_cluster(options: Options, targets: Sequence[AdoptionTarget]) -> Adoption:
    """Return what a cluster holds in the keyspaces that are asked for, else in all but its own.

    A hand-made view of which a generation was ever built is left out: its file may say otherwise since then.
    """
    with open_session(options) as (session, settings):
        from cassandra_client.database import Database
        from cassandra_views.cql.adoption import SYSTEM_KEYSPACES
        from cassandra_views.cql.live_adoption import adopt_catalog
        from cassandra_views.plan.catalog import read_catalog
        from cassandra_views.registry.store import Registry

        database = Database(session)
        keyspaces = {each.keyspace for each in targets} or read_catalog(database, ()).keyspaces
        registry = Registry(database, settings.env.registry, run="", author="")
        records = registry.read_all() if registry.exists() else ()
        rebuilt = {
            (record.name.keyspace, record.name.view)
            for record in records
            if record.error is not None or record.next_number > 1
        }
        catalog = read_catalog(database, set(keyspaces) - SYSTEM_KEYSPACES)
        return adopt_catalog(catalog, source="system_schema", rebuilt=rebuilt)


def _json(one: AdoptedFile) -> dict[str, object]:
    return {
        "kind": one.kind,
        "keyspace": one.keyspace,
        "name": one.name,
        "state": one.state,
        "file": _shown(one.path) if one.path is not None else None,
        "line": one.place.line if one.place is not None else None,
        "changes": one.changes,
        "message": one.what,
        "next": one.next,
    }


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if here in path.parents else str(path)


def _print(files: tuple[AdoptedFile, ...], *, is_dry_run: bool, is_wide: bool) -> None:
    from cassandra_views.project.adopted_files import AdoptionState

    refused = [one for one in files if one.state is AdoptionState.REFUSED]
    named = [one for one in files if one.kind != "statement"]
    table = table_of("adopt", is_wide=is_wide)
    for one in named:
        colour = {AdoptionState.REFUSED: "red", AdoptionState.WRITTEN: "green"}.get(one.state, "dim")
        state = "would be written" if is_dry_run and one.state is AdoptionState.WRITTEN else one.state.value
        table.add_row(
            escape(one.full_name),
            one.kind,
            f"[{colour}]{state}[/{colour}]",
            escape(_shown(one.path)) if one.path is not None else "",
        )
    if named:
        out.print(table)
    _print_changes(files)
    for one in files:
        if one.state is AdoptionState.KEPT and one.what:
            out.print(escape(f"{one.full_name}: left as it is: {one.what}."))
    for one in refused:
        name = one.full_name if one.kind != "statement" else f"'{one.name} ...'"
        place = f"{one.place}: " if one.place else ""
        out.print(f"[red]{escape(f'{place}{name}: {one.what}. {one.next}.')}[/red]")
    if any(not one.keyspace and one.kind != "statement" for one in refused):
        out.print("Name the keyspace of names that stand without one: views adopt KEYSPACE --from FILE.")
    count = {state: [one.kind for one in files if one.state is state] for state in AdoptionState}
    made = count[AdoptionState.WRITTEN]
    verb = "would be written" if is_dry_run else "written"
    parts = [f"{counted(made.count('table'), 'table')} and {counted(made.count('view'), 'view')} {verb}"]
    kept = len(count[AdoptionState.KEPT])
    parts += [f"{kept} already {'has a file' if kept == 1 else 'have files'}"] if kept else []
    generations = len(count[AdoptionState.GENERATION])
    parts += [f"{counted(generations, 'generation')} of managed views left out"] if generations else []
    parts += [f"{len(refused)} cannot be managed"] if refused else []
    out.print(escape("; ".join(parts) + "."))


def _print_changes(files: tuple[AdoptedFile, ...]) -> None:
    """Print what differs from the statements: what many have in common by one line."""
    names: dict[str, list[str]] = {}
    for one in files:
        for change in one.changes:
            names.setdefault(change, []).append(one.full_name)
    for change, changed in names.items():
        if len(changed) <= _NAMED_AT_MOST:
            out.print(escape(f"{', '.join(changed)}: {change}."))
        else:
            named = ", ".join(changed[:_NAMED_AT_MOST])
            out.print(escape(f"{named} and {len(changed) - _NAMED_AT_MOST:,} more: {change}."))


def _print_rest(adoption: Adoption) -> None:
    """Print what files cannot hold: other objects, a clause for each kind, and comments that stand at these."""
    names: dict[str, list[str]] = {}
    for one in adoption.unmanaged:
        names.setdefault(one.kind, []).append(f"{one.keyspace}.{one.name}" if one.keyspace else one.name)
    kinds = [
        f"{counted(len(each), kind) if kind != 'index' or len(each) == 1 else f'{len(each):,} indexes'}"
        + (f" ({', '.join(each)})" if all(each) else "")
        for kind, each in names.items()
    ]
    if kinds:
        out.print(escape(f"Left out, since files hold tables and views only: {', '.join(kinds)}."))
    if adoption.comments:
        out.print(escape(f"No file holds {counted(len(adoption.comments), 'comment')} of other statements:"))
    for block in _blocks(adoption.comments):
        words = next((text for one in block if (text := " ".join(one.text.split())).strip("-/* ")), block[0].text)
        more = f" ... ({len(block)} lines)" if len(block) > 1 else ""
        out.print(escape(f"  {block[0].place}: {words}{more}"))


def _blocks(comments: Sequence[UnplacedComment]) -> list[list[UnplacedComment]]:
    """Return the comments in groups that stand on lines one after the other, such as the head of a file."""
    blocks: list[list[UnplacedComment]] = []
    for comment in comments:
        if blocks and comment.place.line == blocks[-1][-1].place.line + 1:
            blocks[-1].append(comment)
        else:
            blocks.append([comment])
    return blocks
