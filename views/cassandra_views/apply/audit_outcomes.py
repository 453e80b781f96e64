"""What a command's audits came to, as data: gathered from reports, and sent from the Spark master as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cassandra_client.errors import ViewsError
from cassandra_views.apply.reports import AuditDone, Report, StepDone
from cassandra_views.model.audit_result import AuditResult
from cassandra_views.model.errors import AuditFailed
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import AuditGeneration

PASSED, FAILED, ERROR = "passed", "failed", "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditOutcome:
    """One audit.

    Args:
        word: ``passed``, ``failed`` (it differs from its base), or ``error`` (it could not be compared).
        text: what was found, or what failed.
        result: None where nothing was compared.
    """

    view: str
    number: int
    word: str
    text: str
    seconds: float
    result: AuditResult | None

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "view": self.view,
            "generation": self.number,
            "audit": self.word,
            "found": self.text,
            "seconds": round(self.seconds, 3),
            "result": None if self.result is None else self.result.as_json(),
        }

    @classmethod
    def of_json(cls, found: Mapping[str, Any]) -> AuditOutcome:
        """Return what ``as_json`` was made of."""
        result = found["result"]
        return cls(
            view=found["view"],
            number=found["generation"],
            word=found["audit"],
            text=found["found"],
            seconds=found["seconds"],
            result=None if result is None else AuditResult.of_json(result),
        )


class AuditCollector:
    """Gathers the audits among the reports of a run; it is a listener, or part of one."""

    def __init__(self) -> None:
        self._done: list[tuple[StepDone, AuditGeneration]] = []
        self._results: dict[tuple[ViewName, int], AuditResult] = {}

    def __call__(self, report: Report) -> None:
        """Take a report."""
        if isinstance(report, StepDone) and isinstance(report.step, AuditGeneration):
            self._done.append((report, report.step))
        if isinstance(report, AuditDone):
            self._results[report.view, report.number] = report.result

    def outcomes(self, failures: Iterable[tuple[Any, ViewsError]]) -> list[AuditOutcome]:
        """Return the audits in the order of their steps.

        Args:
            failures: of the run, by view.
        """
        errors = dict(failures)

        def word(done: StepDone, step: AuditGeneration) -> str:
            if not done.is_failed:
                return PASSED
            return FAILED if isinstance(errors.get(step.view), AuditFailed) else ERROR

        return [
            AuditOutcome(
                view=str(step.view),
                number=step.number,
                word=word(done, step),
                text=done.text,
                seconds=done.seconds,
                result=self._results.get((step.view, step.number)),
            )
            for done, step in sorted(self._done, key=lambda pair: pair[0].index)
        ]
