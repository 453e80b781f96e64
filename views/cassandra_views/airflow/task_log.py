"""What a manager tells while it works, as lines of an Airflow task's log."""

from __future__ import annotations

import time
from typing import Any, assert_never

from cassandra_views.apply.reports import AuditDone, Notice, Progress, Report, StepBegun, StepDone
from cassandra_views.model.steps import Plan
from cassandra_views.plan.explain import cost_text, explain, explain_all, summary

REPORT_SECONDS = 10.0
"""A log line of progress at most this often, where nothing else has changed."""


class LogListener:
    """Writes reports to a logger; progress at most once in ``REPORT_SECONDS``."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self._reported_at = 0.0

    def __call__(self, report: Report) -> None:
        """Tell one report."""
        match report:
            case StepBegun():
                self._log.info("%s", " ".join(part for part in explain(report.step) if part))
            case StepDone():
                tell = self._log.error if report.is_failed else self._log.info
                _sign, subject, _text = explain(report.step)
                came = "failed" if report.is_failed else "done"
                tell("%s: %s in %.1f s: %s", subject, came, report.seconds, report.text)
            case Progress():
                if time.monotonic() - self._reported_at >= REPORT_SECONDS:
                    self._reported_at = time.monotonic()
                    self._log.info("%s", progress_text(report))
            case AuditDone():
                for each in report.result.examples:
                    self._log.warning("%s generation %s: %s: %s", report.view, report.number, each.kind, each)
            case Notice():
                self._log.warning("%s", report.text)
            case _:
                assert_never(report)


def log_plan(log: Any, plan: Plan) -> None:
    """Write a plan to a log, as the command line shows it."""
    log.info("%s", plan.target)
    for line in explain_all(plan.steps):
        log.info("%s %s: %s", line.sign, line.subject, line.text)
    for cost in plan.costs:
        log.info("  %s generation %s: %s", cost.view, cost.number, cost_text(cost))
    for refusal in plan.refused:
        log.warning("%s", refusal.as_error())
    for note in plan.notes:
        log.info("! %s", note)
    log.info("%s", summary(plan))


def progress_text(report: Progress) -> str:
    """Return a line of a log on how far a step is."""
    share = f" ({report.share:.0%})" if report.share is not None else ""
    left = f", about {report.left_seconds:.0f} s left" if report.left_seconds is not None else ""
    return f"{report.text}{share}{left}"
