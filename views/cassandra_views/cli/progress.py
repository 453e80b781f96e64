"""What a run tells, on standard error: a moving line on a terminal, plain lines elsewhere."""

from __future__ import annotations

from datetime import timedelta
from types import TracebackType

from rich.status import Status

from cassandra_views.apply.reports import Notice, Progress, Report, StepBegun, StepDone
from cassandra_views.cli.output import err, escape, shortened
from cassandra_views.model.names import ViewName
from cassandra_views.plan.explain import explain
from cassandra_views.plan.status import stands_for


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
                estimate = "" if left is None else f", about {stands_for(timedelta(seconds=left))} left"
                self._show(f"{self._heads.get(view, '')}{shown}{estimate} {text}")
            case Notice(text=text):
                err.print(f"  [yellow]note[/yellow] {escape(text)}")

    def _show(self, text: str) -> None:
        if self._status is not None:
            # One line: a longer one would be cut inside a word, and the terminal would jump.
            self._status.update(escape(shortened(text, max(20, err.console.width - 4))))
