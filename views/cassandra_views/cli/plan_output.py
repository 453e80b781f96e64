"""Plans and runs as people read them, and plans as files hold them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from types import TracebackType

from rich.status import Status

from cassandra_views.apply.reports import Notice, Progress, Report, StepBegun, StepDone
from cassandra_views.cli.output import err, escape, out, raise_last, shortened
from cassandra_views.model.errors import ApprovalNeeded, ProjectError, StalePlan
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import Plan
from cassandra_views.plan.explain import explain, plan_json
from cassandra_views.plan.status import span_text


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
            "the file is not a plan: it is not text in UTF-8",
            on=str(file),
            next="Name the file of 'views plan --out FILE'",
        ) from error
    except StalePlan as error:
        error.on = str(file)
        raise


def show_plan(found: Plan) -> None:
    """Print a plan for people: target, steps by view, costs, notes, what waits for approval."""
    from cassandra_views.model.names import HAND_MADE_NUMBER
    from cassandra_views.plan.explain import cost_text, explain_all, summary

    out.print(f"[bold]{escape(found.target)}[/bold]")
    colours = {"+": "green", ">": "cyan", "-": "red"}
    costs = {(cost.view, cost.number): cost for cost in found.costs}
    for line in explain_all(found.steps):
        out.print(f"  [{colours[line.sign]}]{line.sign}[/] {escape(line.subject)}  {escape(line.text)}")
        if line.made in costs:
            out.print(f"      [dim]{escape(cost_text(costs[line.made]))}[/dim]")
    for drop in found.withheld:
        kind = "the hand-made view is " if drop.number == HAND_MADE_NUMBER else ""
        text = f"{drop.view} generation {drop.number}  {kind}not dropped without --allow-drop: {drop.reason}"
        out.print(f"  [dim]- {escape(text)}[/dim]")
    for note in found.notes:
        out.print(f"  [yellow]![/yellow] {escape(note)}")
    out.print(escape(summary(found)))


def refuse_drop(found: Plan, *, is_json: bool) -> None:
    """Print a plan that drops all views, and refuse it; nothing happens where nothing is to be done.

    Raises:
        ApprovalNeeded: nobody allowed it.
    """
    if not found.has_changes:
        return
    if is_json:
        print(plan_json(found))
    else:
        show_plan(found)
    error = ApprovalNeeded("the plan drops all views of the project", on="views drop --all", next="Add --allow-drop")
    raise_last([*(each.as_error() for each in found.refused), error])


class ProgressLine:
    """Listens to a run and shows it; use as a context manager around the run."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._heads: dict[ViewName | None, str] = {}
        """What each view is at: several are finished at once."""

    def __enter__(self) -> ProgressLine:
        if err.console.is_terminal:
            self._status = err.console.status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def __call__(self, report: Report) -> None:
        """Show one report."""
        match report:
            case StepBegun(index=index, count=count, step=step):
                _sign, subject, text = explain(step)
                head = f"[{index}/{count}] {subject}: {text.partition(': ')[0]}"
                self._heads[getattr(step, "view", None)] = head
                self._show(head)
            case StepDone(index=index, count=count, step=step, seconds=seconds, text=text, is_failed=is_failed):
                _sign, subject, what = explain(step)
                mark = "[red]failed[/red]" if is_failed else "[green]done[/green]"
                came = f" [dim]{escape(text)}[/dim]" if text and not is_failed else ""
                what = escape(what.partition(": ")[0])
                err.print(
                    f"  {mark} [{index}/{count}] {escape(subject)}: {what} ({seconds:.1f} s){came}".replace(
                        f"[{index}/", rf"\[{index}/"
                    )
                )
            case Progress(view=view, text=text, share=share, left_seconds=left):
                shown = "" if share is None else f" {share:.0%}"
                estimate = "" if left is None else f", about {span_text(timedelta(seconds=left))} left"
                self._show(f"{self._heads.get(view, '')}{shown}{estimate} {text}")
            case Notice(text=text):
                err.print(f"  [yellow]note[/yellow] {escape(text)}")

    def _show(self, text: str) -> None:
        if self._status is not None:
            # One line: a longer one would be cut inside a word, and the terminal would jump.
            self._status.update(escape(shortened(text, max(20, err.console.width - 4))))
