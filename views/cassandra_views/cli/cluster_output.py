"""What ``views cluster`` and the commands below it print."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_client.errors import as_sentence
from cassandra_views.cli.context import Format
from cassandra_views.cli.output import coloured, err, escape, out, print_json, shortened, table_of

if TYPE_CHECKING:
    from cassandra_healing.model import MemberAssessment
    from cassandra_healing.monitor import HealthReport, TargetReport
    from cassandra_healing.operation_progress import OperationProgress

Reason = Annotated[str, typer.Option(help="Why; recorded in the journal and shown by 'views cluster'.", metavar="TEXT")]

_COLOURS = {"up": "green", "slow": "yellow", "flapping": "yellow", "down": "red", "gone": "red", "unseen": "dim"}


def print_result(format: Format, text: str, **content: Any) -> None:
    """Print what was recorded."""
    if format is Format.JSON:
        print_json(content)
    else:
        out.print(f"{escape(text[:1].upper() + text[1:])}.")


def show(
    report: HealthReport, format: Format, operations: Sequence[OperationProgress], *, is_wide: bool = False
) -> None:
    """Show what a check found, and the progress of the operations that are under way."""
    assessment, decision = report.assessment, report.decision
    by_target = {each.node.target: each for each in operations}
    if format is Format.JSON:
        print_json(
            {
                "cluster": assessment.cluster.name,
                "at": assessment.at,
                "nodes": [_plain(each) for each in assessment.nodes],
                "cut_off": assessment.cut_off,
                "decision": decision,
                "operation": _plain_operation(by_target.get(report.cluster.target)),
                "services": [_plain_service(each, by_target.get(each.target)) for each in report.services],
                "stopped": report.cluster.journal_state.stopped,
                "skips": report.cluster.journal_state.skips,
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
            *(_cell(health.detail_of(observer), is_wide) for observer in ("cql", "tcp", "machine")),
        )
    out.print(rows)
    if assessment.cut_off is not None:
        cut = assessment.cut_off
        out.print(f"[red]This host reaches {len(cut.reached)} of {cut.of} nodes.[/red]")
    mode = f" ({decision.mode.value})" if decision.mode else ""
    out.print(f"[bold]{coloured(decision.act.value)}[/bold]{mode}: {escape(as_sentence(decision.what))}")
    if not decision.is_well:
        for label, text in (("On", decision.on), ("State", decision.remains), ("Next", decision.next)):
            if text:
                out.print(f"  [bold]{label}:[/bold] {escape(text if label == 'On' else as_sentence(text))}")
    _show_services(report.services, is_wide=is_wide)
    for progress in operations:
        waits = f"waits for 'views cluster approve {progress.short_id}'"
        step = waits if progress.is_waiting else f"its next step is {progress.next}"
        out.print(
            f"  [bold]Operation:[/bold] {progress.short_id}, {progress.act} of {escape(str(progress.node))}: {step}."
        )
    for note in report.notes:
        err.print(f"  [yellow]note[/yellow] {escape(note)}")


def _show_services(reports: Sequence[TargetReport], *, is_wide: bool) -> None:
    """Show each service on a line, and below what is to be done about those that something is wrong with."""
    from cassandra_views.plan.status import age_text

    if not reports:
        return
    rows = table_of("services", is_wide=is_wide)
    for each in reports:
        health = each.health
        assert health is not None
        colour = _COLOURS[health.verdict.value]
        rows.add_row(
            escape(str(health.node.id)),
            f"[{colour}]{health.verdict.value}[/{colour}]",
            age_text(health.since, each.decision.at) if health.checks > 1 else "-",
            escape("; ".join(map(str, health.observations))),
        )
    out.print(rows)
    for each in reports:
        decision = each.decision
        if not decision.is_well:
            mode = f" ({decision.mode.value})" if decision.mode else ""
            what = f"{escape(decision.on)}: {escape(as_sentence(decision.what))} {escape(as_sentence(decision.next))}"
            out.print(f"[bold]{coloured(decision.act.value)}[/bold]{mode} {what}")


def _plain_service(report: TargetReport, progress: OperationProgress | None) -> dict[str, Any]:
    health = report.health
    assert health is not None
    return {
        "service": health.node.id.address,
        "verdict": health.verdict,
        "since": health.since,
        "checks": health.checks,
        "seen": [str(each) for each in health.observations],
        "decision": report.decision,
        "operation": _plain_operation(progress),
    }


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


def _plain(health: MemberAssessment) -> dict[str, Any]:
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


def _cell(text: str, is_wide: bool) -> str:
    return escape(text if is_wide else shortened(text, 40)) or "-"
