"""The commands ``views cluster heal``, ``approve`` and ``refuse``: what was decided is carried out, or not."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_views.cli.cluster_command import Reason, said, show
from cassandra_views.cli.context import Format, FormatOption, Options, opened, options_of
from cassandra_views.cli.help import help_of
from cassandra_views.cli.output import err, escape
from cassandra_views.cli.service_lines import heal_services
from cassandra_views.model.errors import ClusterError, ViewsError, ended

if TYPE_CHECKING:
    from cassandra_healing.healer.healer import Healer
    from cassandra_healing.healer.progress import Progress
    from cassandra_healing.watcher import Report, Watcher

Deed = Annotated[
    str | None, typer.Argument(help="The restart or replacement: the beginning of its id; else the one under way.")
]


def register(group: typer.Typer) -> None:
    """Add the commands below ``views cluster``."""
    examples: dict[Callable[..., Any], tuple[str, ...]] = {
        heal: ("views cluster heal", "views cluster heal --watch", "views cluster heal --yes"),
        approve: ("views cluster approve --reason 'its disk is dead'",),
        refuse: ("views cluster refuse 3f2a9c1b --reason 'we move it tomorrow'",),
    }
    for command, each in examples.items():
        group.command(help=help_of(command, *each))(command)


def heal(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Repeat until Ctrl-C.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Approve without asking.")] = False,
    detailed_exitcode: Annotated[
        bool,
        typer.Option("--detailed-exitcode", help="Exit 2 where a node needs care, or something waits for approval."),
    ] = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Check the nodes, decide, and do what the mode allows: restart a node, or replace it.

    Checks are recorded in the cluster, so run it each minute, or with --watch. In the mode 'approve' it waits for
    'views cluster approve' before it touches a node. If it is killed, the next run resumes the work.
    """
    is_well = True
    with _healing(options_of(context)) as (healer, watcher):
        look_seconds = healer.policy.look_seconds
        while True:
            try:
                is_well = _round(healer, watcher, yes=yes, format=format)
            except ClusterError as error:
                if not watch:
                    raise
                _tell_error(error)
            if not watch:
                break
            time.sleep(look_seconds)
    if detailed_exitcode and not is_well:
        raise typer.Exit(2)


def approve(
    context: typer.Context, reason: Reason, deed: Deed = None, format: Annotated[Format, FormatOption] = Format.TEXT
) -> None:
    """Approve the restart or replacement that is waiting; or, after too many failures, another attempt."""
    with _healing(options_of(context)) as (healer, _watcher):
        progress = healer.approve(_find(healer, deed), reason)
    text = f"the {progress.act} of {progress.node} is approved: {reason}. The next 'views cluster heal' carries it out"
    said(format, text, deed=progress.id, approved=True, reason=reason)


def refuse(
    context: typer.Context, reason: Reason, deed: Deed = None, format: Annotated[Format, FormatOption] = Format.TEXT
) -> None:
    """Refuse the restart or replacement that is waiting; one that has begun is stopped where it is.

    It is not proposed again in the same outage.
    """
    with _healing(options_of(context)) as (healer, _watcher):
        progress = healer.refuse(_find(healer, deed), reason)
    text = f"the {progress.act} of {progress.node} is refused: {reason}. The next 'views cluster heal' ends it"
    said(format, text, deed=progress.id, approved=False, reason=reason)


def _round(healer: Healer, watcher: Watcher, *, yes: bool, format: Format) -> bool:
    from cassandra_views.healing import told_as_ours

    with told_as_ours():
        report = _look(healer, watcher)
        progress = healer.consider(report)
        show(report, format, progress)
        are_well = heal_services(
            report.services, watcher.services, healer.policy, yes=yes, is_text=format is Format.TEXT
        )
        if progress is None:
            return report.decision.is_well and are_well
        if progress.is_waiting and (yes or (format is Format.TEXT and sys.stdin.isatty() and _asked(progress))):
            progress = healer.approve(progress, "said yes to 'views cluster heal'")
        progress = healer.run(progress)
    if progress.is_waiting:
        err.print(f"  [yellow]note[/yellow] it waits: 'views cluster approve {progress.short_id}', or refuse it")
    return progress.outcome is not None and progress.outcome.value == "done" and are_well


def _asked(progress: Progress) -> bool:
    return typer.confirm(f"Carry out the {progress.act} of {progress.node}?", err=True)


def _look(healer: Healer, watcher: Watcher) -> Report:
    report = watcher.look()
    if report.is_fresh and any(each.verdict != "up" for each in report.judgement.nodes):
        time.sleep(healer.policy.still_seconds + 1)  # a heartbeat must be seen to stand still
        report = watcher.look()
    return report


def _find(healer: Healer, text: str | None) -> Progress:
    found = healer.under_way()
    if found is None or (text is not None and not str(found.id).startswith(text.lower())):
        raise ViewsError(
            "nothing is waiting for approval" if found is None else "that one is not under way",
            on=text or "",
            next=f"{found.short_id} is under way" if found else "'views cluster history' shows the past ones",
        )
    return found


def _tell_error(error: ViewsError) -> None:
    from cassandra_views.cli.output import print_error

    print_error(error)


@contextmanager
def _healing(options: Options) -> Iterator[tuple[Healer, Watcher]]:
    from cassandra_views.cluster.history import author
    from cassandra_views.healing import healing, told_as_ours

    with opened(options) as (session, settings), told_as_ours():
        with healing(session, settings, author=author(), clock=options.clock(), on_progress=_tell) as found:
            yield found


def _tell(text: str) -> None:
    err.print(f"  {escape(ended(text))}")
