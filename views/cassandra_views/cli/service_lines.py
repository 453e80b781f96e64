"""Services among the answers of ``views cluster``: how each is, and what becomes of what is decided about it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from cassandra_client.errors import ended
from cassandra_views.cli.output import coloured, err, escape, out, table_of

if TYPE_CHECKING:
    from cassandra_healing.policy import Policy
    from cassandra_healing.services.monitor import ServiceMonitor, ServiceReport

_COLOURS = {"up": "green", "down": "red", "gone": "red", "unseen": "dim"}


def show_services(reports: Sequence[ServiceReport], *, is_wide: bool = False) -> None:
    """Show each service on a line, and below what is to be done about those that something is wrong with."""
    from cassandra_views.plan.status import age_text

    if not reports:
        return
    rows = table_of("services", is_wide=is_wide)
    for each in reports:
        health = each.health
        colour = _COLOURS[health.verdict.value]
        rows.add_row(
            escape(health.service),
            f"[{colour}]{health.verdict.value}[/{colour}]",
            age_text(health.since, health.at) if health.checks > 1 else "-",
            escape("; ".join(health.seen)),
        )
    out.print(rows)
    for each in reports:
        decision = each.decision
        if decision.rule.value == "well":
            continue
        mode = f" ({decision.mode.value})" if decision.mode else ""
        what = f"{escape(decision.service)}: {escape(ended(decision.what))} {escape(ended(decision.next))}"
        out.print(f"[bold]{coloured(decision.act.value)}[/bold]{mode} {what}")


def plain_services(reports: Sequence[ServiceReport]) -> list[dict[str, Any]]:
    """Return the same for programs."""
    return [
        {
            "service": each.health.service,
            "verdict": each.health.verdict,
            "since": each.health.since,
            "checks": each.health.checks,
            "seen": each.health.seen,
            "decision": each.decision,
        }
        for each in reports
    ]


def heal_services(
    reports: Sequence[ServiceReport], monitor: ServiceMonitor, policy: Policy, *, yes: bool, is_text: bool
) -> bool:
    """Restart or replace what is decided to be, as far as its mode allows; tell whether all are well then.

    Raises: ViewsError: as ``execute_service_operation``, of the last that failed; the others were seen to.
    """
    from cassandra_client.errors import ViewsError
    from cassandra_healing.operations.service_executor import execute_service_operation

    is_well, failed = True, None
    for each in reports:
        decision = each.decision
        is_well = is_well and decision.rule.value == "well"
        if decision.mode is None or decision.mode.value == "dry-run":
            continue
        if decision.mode.value == "approve" and not yes:
            if not (is_text and sys.stdin.isatty()):
                err.print(
                    f"  [yellow]note[/yellow] {escape(decision.service)} is waiting for approval: "
                    "run 'views cluster heal --yes'"
                )
                continue
            if not typer.confirm(f"Carry out the {decision.act} of {decision.service}?", err=True):
                monitor.journal.refuse(decision, "said no to 'views cluster heal'")
                continue
        try:
            execute_service_operation(decision, monitor.journal, policy)
        except ViewsError as error:
            failed = error
    if failed is not None:
        raise failed
    return is_well
