"""The commands ``views cluster heal``, ``approve`` and ``refuse``: what was decided is carried out, or not."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_client.errors import ClusterError, ViewsError, as_sentence
from cassandra_views.cli.cluster_output import Reason, print_result, show
from cassandra_views.cli.context import Format, FormatOption, Options, open_session, options_of
from cassandra_views.cli.help import help_of
from cassandra_views.cli.output import err, escape

if TYPE_CHECKING:
    from cassandra_healing.monitor import ClusterMonitor
    from cassandra_healing.operation_progress import OperationProgress
    from cassandra_healing.operations.executor import OperationExecutor

OperationId = Annotated[
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
    from cassandra_healing.errors import HealingError

    is_well = True
    with _healing(options_of(context)) as (executor, monitor):
        check_seconds = executor.policy.check_seconds
        while True:
            try:
                is_well = _round(executor, monitor, yes=yes, format=format)
            except (ClusterError, HealingError) as error:
                if not watch:
                    raise
                _tell_error(error)
            if not watch:
                break
            time.sleep(check_seconds)
    if detailed_exitcode and not is_well:
        raise typer.Exit(2)


def approve(
    context: typer.Context,
    reason: Reason,
    operation: OperationId = None,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Approve the restart or replacement that is waiting; or, after too many failures, another attempt."""
    with _healing(options_of(context)) as (executor, _monitor):
        progress = executor.approve(_find(executor, operation), reason)
    text = f"the {progress.act} of {progress.node} is approved: {reason}. The next 'views cluster heal' carries it out"
    print_result(format, text, operation=progress.id, approved=True, reason=reason)


def refuse(
    context: typer.Context,
    reason: Reason,
    operation: OperationId = None,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Refuse the restart or replacement that is waiting; one that has begun is stopped where it is.

    It is not proposed again in the same outage.
    """
    with _healing(options_of(context)) as (executor, _monitor):
        progress = executor.refuse(_find(executor, operation), reason)
    text = f"the {progress.act} of {progress.node} is refused: {reason}. The next 'views cluster heal' ends it"
    print_result(format, text, operation=progress.id, approved=False, reason=reason)


def _round(executor: OperationExecutor, monitor: ClusterMonitor, *, yes: bool, format: Format) -> bool:
    """Check once and do what is decided: first for each service, then for the nodes, which may take hours.

    Raises: ViewsError: of the last target that failed; the others were seen to.
    """
    report = monitor.check_surely()
    found: list[OperationProgress] = []
    failed: ViewsError | None = None
    try:
        executor.withdraw_unwatched(report)
    except ViewsError as error:
        failed = error
    for target in (*report.services, report.cluster):
        try:
            progress = executor.begin_or_resume(report, target.target)
            found += [progress] if progress is not None else []
        except ViewsError as error:
            failed = error
    show(report, format, found)
    handled = {each.node.target for each in found}
    is_well = all(each.decision.is_well for each in report.targets if each.target not in handled)
    for progress in found:
        try:
            is_well = _carry_out(executor, progress, yes=yes, format=format) and is_well
        except ViewsError as error:
            failed = error
    if failed is not None:
        raise failed
    return is_well


def _carry_out(executor: OperationExecutor, progress: OperationProgress, *, yes: bool, format: Format) -> bool:
    """Execute an operation as far as its mode and a person allow; tell whether it is done."""
    # The steps before the question come first, such as the plan that a person reads.
    progress = executor.run(progress)
    if progress.is_waiting and (yes or (format is Format.TEXT and sys.stdin.isatty() and _asked(progress))):
        progress = executor.run(executor.approve(progress, "approved in 'views cluster heal'"))
    if progress.is_waiting:
        err.print(
            f"  [yellow]note[/yellow] waiting for approval: run 'views cluster approve {progress.short_id}', "
            "or 'views cluster refuse'"
        )
    return progress.outcome is not None and progress.outcome.value == "done"


def _asked(progress: OperationProgress) -> bool:
    return typer.confirm(f"Carry out the {progress.act} of {progress.node}?", err=True)


def _find(executor: OperationExecutor, text: str | None) -> OperationProgress:
    known = executor.all_under_way()
    found = [each for each in known if text is None or str(each.id).startswith(text.lower())]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{each.short_id} ({each.act} of {each.node})" for each in known)
    if not known:
        what, then = "nothing is waiting for approval", "'views cluster history' shows the past ones"
    elif found:
        what, then = "more than one operation is under way", f"Name one: {listed}"
    else:
        what, then = "that one is not under way", f"Under way: {listed}"
    raise ViewsError(what, on=text or "", next=then)


def _tell_error(error: ViewsError) -> None:
    from cassandra_views.cli.output import print_error

    print_error(error)


@contextmanager
def _healing(options: Options) -> Iterator[tuple[OperationExecutor, ClusterMonitor]]:
    from cassandra_views.healing import healing
    from cassandra_views.registry.history import author

    with open_session(options) as (session, settings):
        with healing(session, settings, author=author(), clock=options.clock(), on_progress=_print_progress) as found:
            yield found


def _print_progress(text: str) -> None:
    err.print(f"  {escape(as_sentence(text))}")
