"""The audit command."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from cassandra_client.errors import ClusterError, ConfigurationError
from cassandra_views.cli.context import Format, FormatOption, Wide, find_selected, open_manager, selects_views
from cassandra_views.cli.help import add_commands
from cassandra_views.cli.output import coloured, escape, out, print_json, raise_last, table_of
from cassandra_views.model.errors import AuditFailed

if TYPE_CHECKING:
    from cassandra_client.errors import ViewsError
    from cassandra_views.apply.audit_outcomes import AuditOutcome
    from cassandra_views.apply.reports import Report
    from cassandra_views.manager import ViewManager
    from cassandra_views.model.audit_request import AuditRequest
    from cassandra_views.model.steps import Plan
    from cassandra_views.plan.selection import Selection


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    add_commands(
        app,
        "Look",
        {
            audit: (
                "views audit",
                "views audit orders_by_day --rate 50000",
                "views audit orders_by_day --spark",
                "views audit --tag flask --pulse --format json",
                "views audit orders_by_day --sample 3000",
            )
        },
    )


@selects_views("Only these views; else all that serve.")
def audit(
    context: typer.Context,
    selection: Selection,
    pulse: Annotated[
        bool, typer.Option("--pulse", help="Compare totals alone: quick, and tells only that they differ.")
    ] = False,
    sample: Annotated[
        int | None,
        typer.Option(
            metavar="ROWS", min=100, max=1_000_000, help="Compare so many rows of each side, drawn at random."
        ),
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="ROWS", min=1, help="Read at most so many rows a second.")
    ] = None,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start from the beginning; otherwise a stopped audit resumes.")
    ] = False,
    spark: Annotated[
        bool, typer.Option("--spark", help="Compare on the Spark master (audit.spark_master), not in this process.")
    ] = False,
    wide: Wide = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Compare what serves with its base table, again; exit 1 where one differs.

    Every row is compared: keys, values, write times and TTLs. Readers stay where they are. The verdict is kept, and
    where one differs the next apply builds another generation beside it. An audit that was stopped resumes with the
    token ranges that are left.
    """
    from cassandra_views.apply.audit_outcomes import AuditCollector
    from cassandra_views.cli.plan_output import ProgressLine

    request = _audit_request(pulse, sample, rate, is_restart=restart, is_spark=spark)
    line = ProgressLine()
    collector = AuditCollector()

    def listen(report: Report) -> None:
        collector(report)
        line(report)

    with open_manager(context, listen) as manager:
        manager.find_suspects()
        if selection.is_narrowed:
            chosen = [str(each.name) for each in find_selected(manager.planner, selection) if each.serving]
            plan = manager.plan_audit(chosen, request=request) if chosen else manager.plan(only=())
        else:
            plan = manager.plan_audit(selection.names or None, tags=selection.tags, request=request)
        errors = [each.as_error() for each in plan.refused]
        if spark:
            audits, seconds, failures = _on_spark(manager, plan, request)
        else:
            with line:
                outcome = manager.carry_out(plan)
            audits, seconds = collector.outcomes(outcome.failures), outcome.seconds
            failures = [error for _view, error in outcome.failures]
        suspects = _left_suspect(manager, plan) if pulse or sample is not None else []
    if format is Format.JSON:
        print_json({"audits": [each.as_json() for each in audits], "seconds": round(seconds, 3)})
    elif not audits:
        what = "No view that matches serves" if selection.is_narrowed else "Nothing serves"
        out.print(f"{what}, so there is nothing to audit.")
    else:
        rows = table_of("audit", is_wide=wide)
        for each in audits:
            row = (escape(each.view), str(each.number), coloured(each.word))
            rows.add_row(*row, f"{each.seconds:.1f}", escape(each.text))
        out.print(rows)
        _print_differences(audits, is_wide=wide)
        for name in suspects:
            out.print(f"{escape(name)} stays [yellow]suspect[/yellow]: a full audit ends that, and no other kind.")
    raise_last([*failures, *errors])


def _left_suspect(manager: ViewManager, plan: Plan) -> list[str]:
    """Return the views that a plan audits and that are suspect still."""
    records = [manager.planner.observer.record(view) for view in sorted(plan.views)]
    return [str(record.name) for record in records if any(each.suspicion for each in record.generations)]


def _on_spark(
    manager: ViewManager, plan: Plan, request: AuditRequest
) -> tuple[list[AuditOutcome], float, list[ViewsError]]:
    """Have each view's audit done on the Spark master, one after another; return audits, seconds and errors."""
    from cassandra_views.apply.audit_outcomes import PASSED
    from cassandra_views.apply.spark_master import audit_on_spark
    from cassandra_views.model.steps import AuditGeneration

    settings, registry = manager.settings.env.audit, manager.planner.registry.keyspace
    if settings.spark_master is None:
        raise ConfigurationError(
            "no Spark master is named", on="--spark", next="Set audit.spark_master in views.toml to user@host"
        )
    found: list[AuditOutcome] = []
    errors: list[ViewsError] = []
    begun = time.monotonic()
    for view in dict.fromkeys(step.view for step in plan.steps if isinstance(step, AuditGeneration)):
        rate = request.rows_per_second or settings.rows_per_second
        try:
            outcomes = audit_on_spark(settings.spark_master, view, registry=registry, rows_per_second=rate)
        except ClusterError as error:
            errors.append(error)
            continue
        found += outcomes
        errors += [_error_of(each) for each in outcomes if each.word != PASSED]
    return found, time.monotonic() - begun, errors


def _error_of(audit: AuditOutcome) -> ViewsError:
    """Return the error of an audit on the Spark master that did not pass."""
    from cassandra_views.apply.audit_outcomes import FAILED

    on = f"{audit.view} generation {audit.number}"
    if audit.word != FAILED:
        remains, step = "No verdict was written", "See the lines above, then run it again"
        return ClusterError(f"it could not be compared: {audit.text}", on=on, remains=remains, next=step)
    remains, step = "The verdict is recorded, and it still serves", "Run apply: it builds the next generation beside it"
    return AuditFailed(f"it differs from its base: {audit.text}", on=on, remains=remains, next=step)


def _audit_request(
    pulse: bool, sample: int | None, rate: float | None, *, is_restart: bool, is_spark: bool
) -> AuditRequest:
    from cassandra_views.model.audit_request import AuditKind, AuditRequest

    if pulse and sample is not None:
        raise ConfigurationError("--pulse and --sample are two kinds of audit", next="Give one of them")
    if pulse and rate is not None:
        raise ConfigurationError("--pulse reads no rows, so --rate means nothing", next="Leave one of them out")
    if is_restart and is_spark:
        raise ConfigurationError("--spark keeps nothing, so --restart means nothing", next="Leave one of them out")
    if (is_restart or is_spark) and (pulse or sample is not None):
        option = "--restart" if is_restart else "--spark"
        raise ConfigurationError(f"{option} is for full audits alone", next="Leave out --pulse or --sample")
    kind = AuditKind.PULSE if pulse else AuditKind.FULL if sample is None else AuditKind.SAMPLE
    return AuditRequest(kind=kind, sample_rows=sample or 0, rows_per_second=rate or 0.0, is_restart=is_restart)


def _print_differences(audits: Sequence[AuditOutcome], *, is_wide: bool) -> None:
    """Show some of the rows that differ, with both values and their write times."""
    rows = table_of("differences", is_wide=is_wide)
    differences = [(audit, each) for audit in audits if audit.result for each in audit.result.examples]
    for audit, each in differences:
        head = (escape(audit.view), str(audit.number), each.kind.value, escape(each.key))
        for cell in each.cells:
            rows.add_row(
                *head,
                escape(cell.column),
                escape(cell.base),
                cell.base_write_text,
                escape(cell.view),
                cell.view_write_text,
            )
        if not each.cells:
            rows.add_row(*head, *[""] * 5)
    if differences:
        out.print()
        out.print(rows)
