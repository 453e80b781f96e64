"""Commands that plan and change: plan, apply, refresh, rollback, drop, abort, rename."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_client.errors import ConfigurationError, ViewsError
from cassandra_views.cli.completion import view_names
from cassandra_views.cli.context import (
    Format,
    FormatOption,
    Name,
    find_selected,
    note_wrong_files,
    open_manager,
    options_of,
    plan_nothing,
    selects_views,
)
from cassandra_views.cli.help import add_commands
from cassandra_views.cli.output import err, out, plain, print_json, raise_last
from cassandra_views.model.errors import ApprovalNeeded, ProjectError
from cassandra_views.model.names import counted

if TYPE_CHECKING:
    from cassandra_views.apply.executor import PlanOutcome
    from cassandra_views.manager import ViewManager
    from cassandra_views.model.names import ViewName
    from cassandra_views.model.steps import Plan
    from cassandra_views.plan.selection import Selection
    from cassandra_views.project.renames import RenamedFile


Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AllowDrop = Annotated[
    bool,
    typer.Option(
        "--allow-drop", help="Drop views whose files are gone, and replaced hand-made views, once their grace is over."
    ),
]
AllowShrink = Annotated[
    bool, typer.Option("--allow-shrink", help="Serve generations that hold far fewer rows than what serves now.")
]
Without = Annotated[
    list[str] | None,
    typer.Option(
        help="Do not wait for this member's build while it cannot be reached; the history tells so. May be repeated.",
        metavar="ADDRESS",
    ),
]
Reason = Annotated[str, typer.Option(help="Why; for the history.", metavar="TEXT")]
Output = Annotated[Format, FormatOption]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    change: dict[Callable[..., Any], tuple[str, ...]] = {
        plan: (
            "views plan                             # everything",
            "views plan orders_by_day --detailed-exitcode   # exit 2 where it would change",
            "views plan --tag flask                 # the views whose files have this tag",
            "views plan --base orders --exclude 'test_*'",
            "views plan --out plan.json             # for 'apply --plan plan.json'",
            "views --now 2026-12-01T00:15:00Z plan  # what would slide by then",
        ),
        apply: (
            "views apply                  # shows the plan and asks",
            "views apply --yes            # in a schedule",
            "views apply --plan plan.json # just what was looked at; refused if anything moved since",
            "views apply --yes --no-wait  # leave what has no room on its table yet to the next run",
            "views apply --allow-drop     # also drop views whose files are gone",
            "views apply orders_by_day --allow-shrink   # serve it although it holds far fewer rows",
            "views apply --without 10.0.0.3   # a node is down for long, and readers shall not wait for it",
        ),
        refresh: ("views refresh orders_by_day --yes", "views refresh --tag flask"),
        rollback: ("views rollback orders_by_day --reason 'totals look wrong since noon'",),
        drop: (
            "views drop orders_by_day --reason 'nobody reads it'",
            "views drop --all                          # what would be dropped; changes nothing",
            "views drop --all --allow-drop --registry  # leave: the views, then the registry",
        ),
        abort: ("views abort orders_by_day",),
        rename: (
            "views rename orders_by_day orders_daily            # both names are served from then on",
            "views rename orders_by_day orders_daily --finish   # when nobody reads the old one any longer",
            "views rename orders_by_day orders_daily --files-only   # CI or Airflow applies it later",
        ),
    }
    add_commands(app, "Change", change)


@selects_views("Only these views; else all.")
def plan(
    context: typer.Context,
    selection: Selection,
    allow_drop: AllowDrop = False,
    allow_shrink: AllowShrink = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 where there are changes, 0 where there are none.")
    ] = False,
    save: Annotated[
        Path | None,
        typer.Option("--out", help="Write the plan to a file for 'apply --plan'.", metavar="FILE"),
    ] = None,
    format: Output = Format.TEXT,
) -> None:
    """Show what 'apply' would do to make the cluster match the files; changes nothing."""
    from cassandra_views.cli.plan_output import show_plan
    from cassandra_views.plan.explain import plan_json

    with open_manager(context, tells_wrong_files=False) as manager:
        found = _planned(manager, selection, allow_drop=allow_drop, allow_shrink=allow_shrink)
        found = _with_suspects(manager, selection, found)
        wrong_files = manager.wrong_files
    if save is not None:
        try:
            save.write_text(plan_json(found) + "\n", encoding="utf-8")
        except OSError as error:
            raise ProjectError(
                f"the plan cannot be written: {error.strerror}", on=str(save), next="Name another file"
            ) from error
    if format is Format.JSON:
        typer.echo(plan_json(found))
    else:
        show_plan(found)
    raise_last(_refusals(found, wrong_files))
    if detailed_exitcode and found.has_changes:
        raise typer.Exit(2)


@selects_views("Only these views; else all.")
def apply(
    context: typer.Context,
    selection: Selection,
    yes: Yes = False,
    allow_drop: AllowDrop = False,
    allow_shrink: AllowShrink = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait/--no-wait",
            help="Wait for room on base tables that carry as many views as their budget allows, and do the rest then.",
        ),
    ] = True,
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="Apply exactly this plan of 'plan --out'.", metavar="FILE")
    ] = None,
    without: Without = None,
    format: Output = Format.TEXT,
) -> None:
    """Do what 'plan' shows: create, await, audit, serve; retire and drop what was replaced.

    A run that was stopped at any point is resumed by the next one. Readers switch to a generation only when
    it is built on every node and agrees with its base.
    """
    from cassandra_views.cli.plan_output import read_plan
    from cassandra_views.model.steps import DropGeneration

    def make(manager: ViewManager) -> Plan:
        manager.find_suspects()  # a plan of before a new mark is refused as stale
        if plan_file is None:
            return _planned(manager, selection, allow_drop=allow_drop, allow_shrink=allow_shrink)
        found = read_plan(plan_file)
        if not allow_drop and any(isinstance(step, DropGeneration) and step.needs_approval for step in found.steps):
            raise ApprovalNeeded("the plan drops whole views", on=str(plan_file), next="Add --allow-drop")
        return found

    if plan_file is not None and not selection.is_everything:
        raise ConfigurationError(
            "views and --plan are both given",
            on="views apply",
            next="Name views when planning: 'views plan NAME --out FILE'",
        )

    # A clock that stands still, or a plan that was looked at, has no further batches.
    has_batches = wait and plan_file is None and options_of(context).now is None
    plan_rest = partial(_plan_rest, allow_drop=allow_drop, allow_shrink=allow_shrink) if has_batches else None
    _carry_out(context, make, yes=yes, format=format, without=without or (), make_rest=plan_rest)


@selects_views("The views: NAME, or KEYSPACE.NAME.")
def refresh(
    context: typer.Context,
    selection: Selection,
    yes: Yes = False,
    allow_shrink: AllowShrink = False,
    without: Without = None,
    format: Output = Format.TEXT,
) -> None:
    """Build a new generation of each view and switch readers to it, also where nothing has changed."""

    def make(manager: ViewManager) -> Plan:
        if not selection.is_narrowed:
            return manager.plan_refresh(selection.names, tags=selection.tags, allow_shrink=allow_shrink)
        chosen = [str(each.name) for each in find_selected(manager.planner, selection)]
        return manager.plan_refresh(chosen, allow_shrink=allow_shrink) if chosen else plan_nothing(manager.planner)

    _carry_out(context, make, yes=yes, format=format, without=without or ())


def rollback(
    context: typer.Context,
    name: Name,
    yes: Yes = False,
    reason: Reason = "rolled back",
    format: Output = Format.TEXT,
) -> None:
    """Switch readers back to the former generation, at once; Cassandra still feeds it, so nothing is lost.

    Possible as long as its grace lasts. Where the file asks for something else than the former
    generation holds, the view is frozen until 'views on NAME'.
    """
    _carry_out(
        context,
        lambda manager: manager.plan_rollback(name, reason=reason),
        act=lambda manager: manager.rollback(name, reason=reason),
        yes=yes,
        format=format,
    )


def drop(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(help="The view: NAME, or KEYSPACE.NAME.", metavar="NAME", autocompletion=view_names),
    ] = None,
    drops_all: Annotated[bool, typer.Option("--all", help="All views of the project, for a team that leaves.")] = False,
    yes: Yes = False,
    reason: Reason = "dropped by a person",
    allow_drop: Annotated[
        bool,
        typer.Option(
            "--allow-drop",
            help="With NAME: drop the hand-made view, too, which applications may read by its name. With --all: drop "
            "the views that the plan shows.",
        ),
    ] = False,
    hand_made: Annotated[
        list[str] | None,
        typer.Option(
            "--hand-made",
            help="With --all: drop the hand-made view of this name, too; else it stays, and nobody manages it. May be "
            "repeated.",
            metavar="NAME",
            autocompletion=view_names,
        ),
    ] = None,
    with_registry: Annotated[
        bool,
        typer.Option(
            "--registry",
            help="With --all: then drop the registry's tables, and its keyspace where this program made it and nothing "
            "else is in it.",
        ),
    ] = False,
    format: Output = Format.TEXT,
) -> None:
    """Retire a view and drop all its generations, at once; or all views.

    A view that still has a file is set 'off', or the next apply would create it again;
    'views on NAME' ends that. A hand-made view that was taken over is kept without --allow-drop.
    With --all hand-made views stay, and the registry forgets them. Base tables are never dropped.
    """
    if drops_all and name is None:
        from cassandra_views.cli.plan_output import refuse_drop

        chosen: dict[str, Any] = {"reason": reason, "hand_made": hand_made or (), "with_registry": with_registry}

        def make(manager: ViewManager) -> Plan:
            found = manager.plan_drop_all(**chosen)
            if not allow_drop:
                refuse_drop(found, is_json=format is Format.JSON)
            return found

        _carry_out(context, make, act=lambda manager: manager.drop_all(**chosen), yes=yes, format=format)
        return
    if name is None or drops_all or hand_made or with_registry:
        raise ConfigurationError(
            "NAME and --all exclude each other, one of them is needed, and --hand-made and --registry go with --all",
            on="views drop",
            next="'views drop NAME', or 'views drop --all --allow-drop'",
        )
    view = name
    _carry_out(
        context,
        lambda manager: manager.plan_drop(view, reason=reason, allow_drop=allow_drop),
        act=lambda manager: manager.drop(view, reason=reason, allow_drop=allow_drop),
        yes=yes,
        format=format,
    )


def abort(context: typer.Context, name: Name, yes: Yes = False, format: Output = Format.TEXT) -> None:
    """Stop building a generation and drop it; what serves is left alone."""
    _carry_out(context, lambda manager: manager.plan_abort(name), yes=yes, format=format)


def rename(
    context: typer.Context,
    old: Name,
    new: Annotated[str, typer.Argument(help="The new name, without a keyspace.", metavar="NEW")],
    finish: Annotated[
        bool, typer.Option("--finish", help="Give the old name up: its readers get an error that names the new one.")
    ] = False,
    files_only: Annotated[
        bool, typer.Option("--files-only", help="Change the files alone; the next apply carries the rename out.")
    ] = False,
    yes: Yes = False,
    format: Output = Format.TEXT,
) -> None:
    """Give a view another name: its file is moved, nothing is built, and readers of both names are served.

    The file says 'renamed_from: OLD' until --finish takes that out.
    """
    from cassandra_views.model.steps import GiveUpName, RenameView
    from cassandra_views.project.renames import finish_file, rename_file

    former, root = old.rpartition(".")[2], options_of(context).settings().templates
    edit, kinds = (finish_file, GiveUpName) if finish else (rename_file, RenameView)
    if files_only:
        done = edit(root, former, new)
        if format is Format.JSON:
            print_json({"file": str(done.path), "former_file": str(done.former_path or "")})
        else:
            out.print(f"{done.text}. The next 'views apply' carries it out.")
        return
    edited: list[RenamedFile] = []

    def make(manager: ViewManager) -> Plan:
        edited.append(edit(root, former, new))
        view = next((each.name for each in manager.project().views if each.name.view == new), None)
        found = manager.plan([new]) if view is None else manager.plan(only=[view])
        return found.part([step for step in found.steps if isinstance(step, kinds) and step.former == former])

    with _undone_unless_begun(edited):
        _carry_out(context, make, yes=yes, format=format)


@contextmanager
def _undone_unless_begun(edited: list[RenamedFile]) -> Iterator[None]:
    """Put files back as they were where a rename is refused before anything was done on the cluster."""
    try:
        yield
    except (ApprovalNeeded, ProjectError):
        for each in edited:
            each.undo()
        raise


def _planned(manager: ViewManager, selection: Selection, *, allow_drop: bool, allow_shrink: bool) -> Plan:
    if selection.is_narrowed:
        only = [each.name for each in find_selected(manager.planner, selection)]
        if not only:
            return plan_nothing(manager.planner)
        return manager.plan(only=only, allow_drop=allow_drop, allow_shrink=allow_shrink)
    return manager.plan(selection.names or None, tags=selection.tags, allow_drop=allow_drop, allow_shrink=allow_shrink)


def _with_suspects(manager: ViewManager, selection: Selection, found: Plan) -> Plan:
    """Return a plan with a note on each of its views that the next apply will mark suspect first."""
    reasons = manager.look_for_suspects()
    chosen = {each.name for each in manager.project().views}
    if reasons and not selection.is_everything:
        chosen &= {each.name for each in find_selected(manager.planner, selection)}
    notes = [
        f"{view}: {reason}; apply marks it suspect and audits it in full"
        for view, reason in sorted(reasons.items())
        if view in chosen
    ]
    return replace(found, notes=(*found.notes, *notes))


def _plan_rest(manager: ViewManager, views: tuple[ViewName, ...], *, allow_drop: bool, allow_shrink: bool) -> Plan:
    return manager.plan(only=views, allow_drop=allow_drop, allow_shrink=allow_shrink)


def _carry_out(
    context: typer.Context,
    make: Callable[..., Plan],
    *,
    yes: bool,
    format: Format,
    act: Callable[[ViewManager], PlanOutcome] | None = None,
    without: Collection[str] = (),
    make_rest: Callable[[ViewManager, tuple[ViewName, ...]], Plan] | None = None,
) -> None:
    """Plan, show, ask, do; ``act`` does instead of carrying the shown plan out.

    Args:
        make_rest: plans some views anew, for what has no room on its base table at first.
    """
    from cassandra_views.cli.plan_output import ProgressLine, show_plan

    line = ProgressLine()
    with open_manager(context, line, tells_wrong_files=False) as manager:
        found = make(manager)
        refusals = _refusals(found, manager.wrong_files)
        if format is Format.TEXT:
            show_plan(found)
        if not found.has_changes and not (make_rest and found.deferred):
            if format is Format.JSON:
                print_json({"done": 0, "failures": _refused(found)})
            raise_last(refusals)
            return
        if not yes:
            _ask(format)
        with line:
            if act is not None:
                outcome = act(manager)
            else:
                rest = partial(make_rest, manager) if make_rest else None
                outcome = manager.carry_out(found, without=without, make_rest=rest)
    every = [*outcome.base_failures, *outcome.failures]
    failures = [{"view": each, "error": plain(str(error))} for each, error in every] + _refused(found)
    if format is Format.JSON:
        print_json({"done": outcome.done, "seconds": round(outcome.seconds, 3), "failures": failures})
    else:
        steps = counted(outcome.steps, "step")
        out.print(f"[bold]{outcome.done} of {steps} done in {outcome.seconds:.1f} s.[/bold]")
    raise_last([*outcome.errors, *refusals])


def _refused(plan: Plan) -> list[dict[str, Any]]:
    return [{"view": each.view, "error": str(each.as_error())} for each in plan.refused]


def _refusals(plan: Plan, wrong_files: Iterable[ProjectError]) -> list[ViewsError]:
    """Return the errors of what a plan leaves out; a file that only others need is noted."""
    errors: list[ViewsError] = [each.as_error() for each in plan.refused]
    told = {(error.place, error.what) for error in errors}
    note_wrong_files(each for each in wrong_files if (each.place, each.what) not in told)
    return errors


def _ask(format: Format) -> None:
    import sys

    if format is Format.JSON or not sys.stdin.isatty():
        raise ApprovalNeeded(
            "cannot ask for confirmation: standard input is no terminal",
            next="Add --yes, or run it in a terminal",
        )
    err.print("Apply this plan? [yes/no] ", end="")
    if input().strip().lower() not in ("yes", "y"):
        raise ApprovalNeeded("it was not approved", next="Run it again and answer yes, or add --yes")
