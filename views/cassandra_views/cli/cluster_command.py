"""The command ``views cluster``: how the nodes are, what is decided about them, and what people say over it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_client.errors import ViewsError
from cassandra_views.cli import heal_command
from cassandra_views.cli.cluster_output import Reason, print_result, show
from cassandra_views.cli.context import Format, FormatOption, Options, Wide, open_session, options_of
from cassandra_views.cli.help import PanelGroup, help_of
from cassandra_views.cli.output import escape, out, print_json, shortened, table_of

if TYPE_CHECKING:
    from cassandra_healing.model import MemberId
    from cassandra_healing.policy import Policy
    from cassandra_healing.session import ClusterSession

Node = Annotated[str, typer.Argument(help="The node: its address, or the beginning of its host id.", metavar="NODE")]


def register(app: typer.Typer) -> None:
    """Add the command and those below it."""
    group = typer.Typer(
        cls=PanelGroup, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
    )
    text = help_of(cluster, "views cluster", "views cluster --watch --keep", "views cluster --detailed-exitcode")
    group.callback(help=text)(cluster)
    below: dict[Callable[..., Any], tuple[str, ...]] = {
        skip: ("views cluster skip 10.0.0.3 --reason 'its mainboard is changed'",),
        unskip: ("views cluster unskip 10.0.0.3 --reason 'it has a new one'",),
        stop: ("views cluster stop --reason 'the network is rebuilt tonight'",),
        go: ("views cluster go --reason 'the network is back'",),
        history: ("views cluster history --limit 5",),
    }
    for command, examples in below.items():
        group.command(help=help_of(command, *examples))(command)
    heal_command.register(group)
    app.add_typer(group, name="cluster", rich_help_panel="Cluster")


def cluster(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Repeat until Ctrl-C.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Record checks and decisions in the cluster, for later decisions.")
    ] = False,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 where a node needs care.")
    ] = False,
    wide: Wide = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Show the health of each node, as its peers, this host and its machine provider see it, and what to do.

    Changes nothing on any node. Where a node does not answer, it is checked twice, some seconds apart: only a
    heartbeat that stands still proves that a node is down. How long a node has been down is known only from
    recorded checks: by --keep, or by Airflow.
    """
    if context.invoked_subcommand is not None:
        return
    is_well = True
    with _monitoring(options_of(context), is_recording=keep) as (monitor, policy):
        while True:
            report = monitor.check_surely()
            is_well = report.is_well
            show(report, format, monitor.progress(report), is_wide=wide)
            if not watch:
                break
            time.sleep(policy.check_seconds)
    if detailed_exitcode and not is_well:
        raise typer.Exit(2)


def skip(
    context: typer.Context, node: Node, reason: Reason, format: Annotated[Format, FormatOption] = Format.TEXT
) -> None:
    """Never restart or replace this node, until 'unskip'.

    It still counts as down when a decision about another node is made.
    """
    options = options_of(context)
    with _journal(options) as (journal, session, clock):
        found = _find(session, node, options.settings().env.healing)
        journal.skip(found, reason, clock())
    print_result(format, f"{found} is skipped: {reason}", node=found, skipped=True, reason=reason)


def unskip(
    context: typer.Context, node: Node, reason: Reason, format: Annotated[Format, FormatOption] = Format.TEXT
) -> None:
    """End 'skip': the node may be restarted or replaced again."""
    options = options_of(context)
    with _journal(options) as (journal, session, _clock):
        found = _find(session, node, options.settings().env.healing)
        journal.unskip(found, reason)
    print_result(format, f"{found} is no longer skipped: {reason}", node=found, skipped=False, reason=reason)


def stop(context: typer.Context, reason: Reason, format: Annotated[Format, FormatOption] = Format.TEXT) -> None:
    """Switch healing off for the whole cluster, until 'go'.

    A restart or replacement that is under way stops before its next step.
    """
    with _journal(options_of(context)) as (journal, _session, clock):
        journal.stop(reason, clock())
    print_result(format, f"healing is switched off: {reason}", stopped=True, reason=reason)


def go(context: typer.Context, reason: Reason, format: Annotated[Format, FormatOption] = Format.TEXT) -> None:
    """Switch healing on again after 'stop'."""
    with _journal(options_of(context)) as (journal, _session, _clock):
        journal.go(reason)
    print_result(format, f"healing is switched on: {reason}", stopped=False, reason=reason)


def history(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many entries, newest first.")] = 20,
    wide: Wide = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Show the journal: decisions about nodes, operations, who made them and how they ended."""
    with _journal(options_of(context)) as (journal, _session, clock):
        entries = journal.entries(limit=limit, now=clock()) if journal.exists() else []
    if format is Format.JSON:
        print_json({"journal": entries})
        return
    if not entries:
        out.print("The journal is empty.")
        return
    rows = table_of("journal", is_wide=wide)
    for entry in entries:
        rows.add_row(
            f"{entry.at:%Y-%m-%d %H:%M:%S}",
            entry.event,
            entry.act + (f" ({entry.rule})" if entry.rule and entry.rule != entry.act else ""),
            escape(entry.node),
            escape(entry.author),
            entry.outcome,
            escape(" ".join(entry.detail.split()) if wide else shortened(entry.detail)),
        )
    out.print(rows)


@contextmanager
def _monitoring(options: Options, *, is_recording: bool) -> Iterator[tuple[Any, Policy]]:
    from cassandra_healing.monitor import ClusterMonitor
    from cassandra_healing.session import ClusterSession
    from cassandra_healing.storage.tables import check_permissions
    from cassandra_views.registry.history import author

    with open_session(options) as (session, settings):
        policy = settings.env.healing
        asked = ClusterSession(session, timeout_seconds=policy.timeout_seconds)
        if is_recording:
            check_permissions(asked, policy.keyspace)
        monitor = ClusterMonitor(asked, policy, author=author(), is_recording=is_recording)
        try:
            yield monitor, policy
        finally:
            monitor.close()


@contextmanager
def _journal(options: Options) -> Iterator[tuple[Any, ClusterSession, Callable[[], datetime]]]:
    from cassandra_healing.session import ClusterSession
    from cassandra_healing.storage.journal import Journal
    from cassandra_views.registry.history import author

    with open_session(options) as (session, settings):
        policy = settings.env.healing
        asked = ClusterSession(session, timeout_seconds=max(5.0, policy.timeout_seconds))
        yield Journal(asked, policy.keyspace, author=author()), asked, options.clock()


def _find(session: ClusterSession, text: str, policy: Policy) -> MemberId:
    from cassandra_healing.model import MemberId

    if text in policy.services:
        return MemberId.of_service(text)
    known = [MemberId(host_id=host.host_id, address=str(host.endpoint.address)) for host in session.hosts()]
    found = [each for each in known if each.address == text or (len(text) >= 4 and str(each.host_id).startswith(text))]
    if len(found) != 1:
        raise ViewsError(
            "there is no such node" if not found else "more than one node's host id begins so",
            on=text,
            next=f"Name one of: {', '.join([*(each.address for each in known), *sorted(policy.services)])}",
        )
    return found[0]
