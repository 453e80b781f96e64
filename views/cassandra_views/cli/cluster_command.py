"""The command ``views cluster``: how the nodes are, what is decided about them, and what people say over it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_client.errors import ViewsError, ended
from cassandra_views.cli.context import Format, FormatOption, Options, Wide, opened, options_of
from cassandra_views.cli.help import PanelGroup, help_of
from cassandra_views.cli.output import coloured, err, escape, out, print_json, shortened, table_of
from cassandra_views.cli.service_lines import plain_services, show_services

if TYPE_CHECKING:
    from cassandra_healing.model import NodeAssessment, NodeId
    from cassandra_healing.monitor import HealthReport
    from cassandra_healing.operation_progress import OperationProgress
    from cassandra_healing.policy import Policy
    from cassandra_healing.session import ClusterSession

Reason = Annotated[str, typer.Option(help="Why; recorded in the journal and shown by 'views cluster'.", metavar="TEXT")]
Node = Annotated[str, typer.Argument(help="The node: its address, or the beginning of its host id.", metavar="NODE")]

_COLOURS = {"up": "green", "slow": "yellow", "flapping": "yellow", "down": "red", "gone": "red", "unseen": "dim"}


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
    from cassandra_views.cli import heal_command

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
            report = monitor.check()
            if report.is_first_check and any(each.verdict != "up" for each in report.assessment.nodes):
                time.sleep(policy.still_seconds + 1)
                report = monitor.check()
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
    said(format, f"{found} is skipped: {reason}", node=found, skipped=True, reason=reason)


def unskip(
    context: typer.Context, node: Node, reason: Reason, format: Annotated[Format, FormatOption] = Format.TEXT
) -> None:
    """End 'skip': the node may be restarted or replaced again."""
    options = options_of(context)
    with _journal(options) as (journal, session, _clock):
        found = _find(session, node, options.settings().env.healing)
        journal.unskip(found, reason)
    said(format, f"{found} is no longer skipped: {reason}", node=found, skipped=False, reason=reason)


def stop(context: typer.Context, reason: Reason, format: Annotated[Format, FormatOption] = Format.TEXT) -> None:
    """Switch healing off for the whole cluster, until 'go'.

    A restart or replacement that is under way stops before its next step.
    """
    with _journal(options_of(context)) as (journal, _session, clock):
        journal.stop(reason, clock())
    said(format, f"healing is switched off: {reason}", stopped=True, reason=reason)


def go(context: typer.Context, reason: Reason, format: Annotated[Format, FormatOption] = Format.TEXT) -> None:
    """Switch healing on again after 'stop'."""
    with _journal(options_of(context)) as (journal, _session, _clock):
        journal.go(reason)
    said(format, f"healing is switched on: {reason}", stopped=False, reason=reason)


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
    from cassandra_views.registry.history import author

    with opened(options) as (session, settings):
        policy = settings.env.healing
        asked = ClusterSession(session, timeout_seconds=policy.timeout_seconds)
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

    with opened(options) as (session, settings):
        policy = settings.env.healing
        asked = ClusterSession(session, timeout_seconds=max(5.0, policy.timeout_seconds))
        yield Journal(asked, policy.keyspace, author=author()), asked, options.clock()


def _find(session: ClusterSession, text: str, policy: Policy) -> NodeId:
    from cassandra_healing.model import NodeId
    from cassandra_healing.services.model import service_id

    if text in policy.services:
        return service_id(text)
    known = [NodeId(host_id=host.host_id, address=str(host.endpoint.address)) for host in session.hosts()]
    found = [each for each in known if each.address == text or (len(text) >= 4 and str(each.host_id).startswith(text))]
    if len(found) != 1:
        raise ViewsError(
            "there is no such node" if not found else "more than one node's host id begins so",
            on=text,
            next=f"Name one of: {', '.join([*(each.address for each in known), *sorted(policy.services)])}",
        )
    return found[0]


def said(format: Format, text: str, **content: Any) -> None:
    """Answer what was written down."""
    if format is Format.JSON:
        print_json(content)
    else:
        out.print(f"{escape(text[:1].upper() + text[1:])}.")


def show(report: HealthReport, format: Format, progress: OperationProgress | None, *, is_wide: bool = False) -> None:
    """Show what a check found, and the progress of the operation that is under way."""
    assessment, decision = report.assessment, report.decision
    if format is Format.JSON:
        print_json(
            {
                "cluster": assessment.cluster.name,
                "at": assessment.at,
                "nodes": [_plain(each) for each in assessment.nodes],
                "cut_off": assessment.cut_off,
                "decision": decision,
                "operation": _plain_operation(progress),
                "services": plain_services(report.services),
                "stopped": report.journal_state.stopped,
                "skips": report.journal_state.skips,
                "notes": report.notes,
            }
        )
        sys.stdout.flush()
        return
    from cassandra_views.plan.status import age_text

    rows = table_of("cluster", is_wide=is_wide)
    for health in assessment.nodes:
        node = health.node
        is_new = health.verdict == "up" and not health.is_settled
        verdict = health.verdict.value + (", not settled" if is_new else "")
        colour = _COLOURS[health.verdict.value]
        rows.add_row(
            escape(node.id.address),
            f"[{colour}]{verdict}[/{colour}]",
            age_text(health.since, assessment.at) if health.checks > 1 else "-",
            escape(node.status) or "-",
            escape(f"{node.data_center}/{node.rack}"),
            health.peers or "-",
            *(_told(health.detail_of(observer), is_wide) for observer in ("cql", "tcp", "machine")),
        )
    out.print(rows)
    if assessment.cut_off is not None:
        cut = assessment.cut_off
        out.print(f"[red]This host reaches {len(cut.reached)} of {cut.of} nodes.[/red]")
    mode = f" ({decision.mode.value})" if decision.mode else ""
    out.print(f"[bold]{coloured(decision.act.value)}[/bold]{mode}: {escape(ended(decision.what))}")
    if not decision.is_well:
        for label, text in (("On", decision.on), ("State", decision.remains), ("Next", decision.next)):
            if text:
                out.print(f"  [bold]{label}:[/bold] {escape(text if label == 'On' else ended(text))}")
    if progress is not None:
        waits = f"waits for 'views cluster approve {progress.short_id}'"
        step = waits if progress.is_waiting else f"its next step is {progress.next}"
        out.print(
            f"  [bold]Operation:[/bold] {progress.short_id}, {progress.act} of {escape(str(progress.node))}: {step}."
        )
    show_services(report.services, is_wide=is_wide)
    for note in report.notes:
        err.print(f"  [yellow]note[/yellow] {escape(note)}")


def _plain_operation(progress: OperationProgress | None) -> dict[str, Any] | None:
    if progress is None:
        return None
    return {
        "id": progress.id,
        "act": progress.act,
        "node": progress.node,
        "begun_at": progress.begun_at,
        "mode": progress.mode,
        "what": progress.what,
        "next_step": progress.next,
        "is_waiting": progress.is_waiting,
        "failures": progress.failures,
        "plan": progress.plan,
    }


def _plain(health: NodeAssessment) -> dict[str, Any]:
    return {
        "address": health.node.id.address,
        "host_id": health.node.id.host_id,
        "verdict": health.verdict,
        "since": health.since,
        "checks": health.checks,
        "settled": health.is_settled,
        "status": health.node.status,
        "data_center": health.node.data_center,
        "rack": health.node.rack,
        "started_at": health.node.started_at,
        "observations": [
            {"observer": each.source, "result": each.result, "detail": each.detail} for each in health.observations
        ],
    }


def _told(text: str, is_wide: bool) -> str:
    return escape(text if is_wide else shortened(text, 40)) or "-"
