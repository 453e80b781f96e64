"""Plans as people read them, and as files hold them."""

from __future__ import annotations

from pathlib import Path

from cassandra_views.cli.output import escape, out
from cassandra_views.model.errors import ProjectError, StalePlan
from cassandra_views.model.steps import Plan


def read_plan(file: Path) -> Plan:
    """Read the plan that ``plan --out`` wrote.

    Raises:
        ProjectError: the file cannot be read.
        StalePlan: it holds no plan of this program.
    """
    from cassandra_views.plan.explain import read_plan_json

    try:
        return read_plan_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProjectError(
            f"the plan cannot be read: {error.strerror}", on=str(file), next="Name the file of 'views plan --out FILE'"
        ) from error
    except UnicodeDecodeError as error:
        raise ProjectError(
            "the file is no text, so no plan", on=str(file), next="Name the file of 'views plan --out FILE'"
        ) from error
    except StalePlan as error:
        error.on = str(file)
        raise


def show_plan(found: Plan) -> None:
    """Print a plan for people: target, steps by view, costs, notes, what waits for approval."""
    from cassandra_views.plan.explain import cost_text, explain_all, summary

    out.print(f"[bold]{escape(found.target)}[/bold]")
    colours = {"+": "green", ">": "cyan", "-": "red"}
    costs = {(cost.view, cost.number): cost for cost in found.costs}
    for line in explain_all(found.steps):
        out.print(f"  [{colours[line.sign]}]{line.sign}[/] {escape(line.subject)}  {escape(line.text)}")
        if line.made in costs:
            out.print(f"      [dim]{escape(cost_text(costs[line.made]))}[/dim]")
    for drop in found.withheld:
        text = f"{drop.view} generation {drop.number}  not dropped without --allow-drop: {drop.reason}"
        out.print(f"  [dim]- {escape(text)}[/dim]")
    for note in found.notes:
        out.print(f"  [yellow]![/yellow] {escape(note)}")
    out.print(escape(summary(found)))
