"""The audit command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cassandra_client.errors import ConfigurationError
from cassandra_views.cli.context import Format, FormatOption, Wide, find_selected, open_manager, selects_views
from cassandra_views.cli.help import add_commands
from cassandra_views.cli.output import coloured, escape, out, print_json, raise_last, table_of
from cassandra_views.model.errors import AuditFailed

if TYPE_CHECKING:
    from cassandra_client.errors import ViewsError
    from cassandra_views.apply.reports import Report, StepDone
    from cassandra_views.model.audit_request import AuditRequest
    from cassandra_views.model.audit_result import AuditResult
    from cassandra_views.model.steps import AuditGeneration
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
    wide: Wide = False,
    format: Annotated[Format, FormatOption] = Format.TEXT,
) -> None:
    """Compare what serves with its base table, again; exit 1 where one differs.

    Every row is compared: keys, values, write times and TTLs. Readers stay where they are. The verdict is kept, and
    where one differs the next apply builds another generation beside it.
    """
    from cassandra_views.apply.reports import AuditDone, StepDone
    from cassandra_views.cli.plan_output import ProgressLine
    from cassandra_views.model.steps import AuditGeneration

    request = _audit_request(pulse, sample, rate)
    line = ProgressLine()
    done: list[tuple[StepDone, AuditGeneration]] = []
    results: dict[Any, AuditResult] = {}

    def listen(report: Report) -> None:
        if isinstance(report, StepDone) and isinstance(report.step, AuditGeneration):
            done.append((report, report.step))
        if isinstance(report, AuditDone):
            results[report.view, report.number] = report.result
        line(report)

    with open_manager(context, listen) as manager:
        manager.find_suspects()
        if selection.is_narrowed:
            chosen = [str(each.name) for each in find_selected(manager.planner, selection) if each.serving]
            plan = manager.plan_audit(chosen, request=request) if chosen else manager.plan(only=())
        else:
            plan = manager.plan_audit(selection.names or None, tags=selection.tags, request=request)
        with line:
            outcome = manager.carry_out(plan)
    failures = dict(outcome.failures)
    audits = [
        _AuditLine(step=step, done=each, result=results.get((step.view, step.number)), failure=failures.get(step.view))
        for each, step in sorted(done, key=lambda pair: pair[0].index)
    ]
    if format is Format.JSON:
        print_json({"audits": [each.as_json() for each in audits], "seconds": round(outcome.seconds, 3)})
    elif not audits:
        what = "No view that matches serves" if selection.is_narrowed else "Nothing serves"
        out.print(f"{what}, so there is nothing to audit.")
    else:
        rows = table_of("audit", is_wide=wide)
        for each in audits:
            row = (escape(str(each.step.view)), str(each.step.number), coloured(each.word))
            rows.add_row(*row, f"{each.done.seconds:.1f}", escape(each.done.text))
        out.print(rows)
        _print_differences(audits, is_wide=wide)
    raise_last([*(error for _view, error in outcome.failures), *(each.as_error() for each in plan.refused)])


def _audit_request(pulse: bool, sample: int | None, rate: float | None) -> AuditRequest:
    from cassandra_views.model.audit_request import AuditKind, AuditRequest

    if pulse and sample is not None:
        raise ConfigurationError("--pulse and --sample are two kinds of audit", next="Give one of them")
    if pulse and rate is not None:
        raise ConfigurationError("--pulse reads no rows, so --rate means nothing", next="Leave one of them out")
    kind = AuditKind.PULSE if pulse else AuditKind.FULL if sample is None else AuditKind.SAMPLE
    return AuditRequest(kind=kind, sample_rows=sample or 0, rows_per_second=rate or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _AuditLine:
    """One audit of this command."""

    step: AuditGeneration
    done: StepDone
    result: AuditResult | None
    failure: ViewsError | None

    @property
    def word(self) -> str:
        """How it ended."""
        if not self.done.is_failed:
            return "passed"
        return "failed" if isinstance(self.failure, AuditFailed) else "error"

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "view": str(self.step.view),
            "generation": self.step.number,
            "audit": self.word,
            "found": self.done.text,
            "seconds": round(self.done.seconds, 3),
            "result": None if self.result is None else self.result.as_json(),
        }


def _print_differences(audits: Sequence[_AuditLine], *, is_wide: bool) -> None:
    """Show some of the rows that differ, with both values and their write times."""
    from cassandra_views.model.audit_result import write_text

    rows = table_of("differences", is_wide=is_wide)
    differences = [(audit.step, each) for audit in audits if audit.result for each in audit.result.examples]
    for step, each in differences:
        head = (escape(str(step.view)), str(step.number), each.kind.value, escape(each.key))
        for cell in each.cells:
            rows.add_row(
                *head,
                escape(cell.column),
                escape(cell.base),
                write_text(cell.base_written, is_expiring=cell.is_base_expiring),
                escape(cell.view),
                write_text(cell.view_written, is_expiring=cell.is_view_expiring),
            )
        if not each.cells:
            rows.add_row(*head, *[""] * 5)
    if differences:
        out.print()
        out.print(rows)
