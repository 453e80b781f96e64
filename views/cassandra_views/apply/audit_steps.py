"""Carries out the audits of a plan, with the checks of view files, and writes each verdict into the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cassandra_client.errors import ClusterError
from cassandra_views.apply.audit import Auditor, SchemaMatch
from cassandra_views.apply.data_checks import DataChecker
from cassandra_views.model.audit_result import AuditResult
from cassandra_views.model.data_check import CheckFailure
from cassandra_views.model.errors import AuditFailed
from cassandra_views.model.generation import AUDIT_REASON, Audit, Generation, State
from cassandra_views.model.lag import MeasuredLag
from cassandra_views.model.names import ViewName, counted
from cassandra_views.model.steps import AuditGeneration
from cassandra_views.model.times import TimeColumn
from cassandra_views.registry.facts import FactWriter
from cassandra_views.registry.store import Registry

_GIVEN_UP = "It is marked failed and serves nobody; what served before still serves"
_AFTER_AUDIT = {
    State.SERVING: "It still serves, since readers are better off with it than with none",
    State.RETIRED: "It is retired, and readers are where they were",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judgement:
    """What the audit of a generation found, and the checks of its view's file.

    Args:
        failures: of checks; none where the audit found differences, which are told first.
        checks: how many there are.
    """

    verdict: AuditResult
    failures: tuple[CheckFailure, ...]
    checks: int

    @property
    def is_passed(self) -> bool:
        return self.verdict.is_passed and not self.failures

    def __str__(self) -> str:
        if self.failures:
            return "; ".join(map(str, self.failures))
        asked = f"; {counted(self.checks, 'check')} passed" if self.checks and self.is_passed else ""
        return f"{self.verdict}{asked}"


class AuditSteps:
    """Carries out the audits of one run; several threads may use it, each for another view.

    Args:
        clock: aware UTC; written into the registry.
    """

    def __init__(
        self, registry: Registry, auditor: Auditor, checker: DataChecker, *, clock: Callable[[], datetime]
    ) -> None:
        self._registry = registry
        self._facts = FactWriter(registry)
        self._auditor = auditor
        self._checker = checker
        self._clock = clock

    def execute(self, step: AuditGeneration) -> str:
        """Ask a generation the checks of its file, compare it with its base, and return the verdict in words.

        Raises:
            AuditFailed: it differs, or a check returned rows; the error says what remains.
        """
        return self._run_served(step) if step.is_again else self._run_new(step)

    def _run_new(self, step: AuditGeneration) -> str:
        """Compare a generation that does not serve yet with its base, check it, and write the verdict down."""
        view, number = step.view, step.number
        record, each = self._registry.get_held(view, number, State.BUILT)
        found = self.get_in_schema(view, each)
        judgement = self._judge(step, each, found, remains="It was not served", time=step.time, lag=record.lag)
        verdict, text = judgement.verdict, str(judgement)
        rows: dict[str, object] = {
            "audit": Audit.PASSED if judgement.is_passed else Audit.FAILED,
            "audited_at": self._clock(),
            "rows_built": verdict.rows_or(each.rows_built),
            **verdict.facts,
        }
        if judgement.is_passed:
            self._registry.change_held(view, generations={number: rows})
            self._end_suspicion(view, each, verdict)
        else:
            self._registry.fail_generation(view, number, f"{AUDIT_REASON}{text}", **rows)
        self._note_audit(view, number, is_passed=judgement.is_passed, text=text)
        if judgement.failures:
            raise _check_error(view, number, text, _GIVEN_UP)
        if not judgement.is_passed:
            raise AuditFailed(
                f"it differs from its base: {text}",
                on=f"{view} generation {number}",
                remains=_GIVEN_UP,
                next="Run the command again: it drops this generation and builds the next. If that differs, too, "
                "repair the base table first ('nodetool repair')",
            )
        return text

    def _run_served(self, step: AuditGeneration) -> str:
        """Compare a generation that serves, or is to serve again, with its base, and write the verdict down.

        Takes no lease, and a fence only where it is to serve again, so that it stops nobody.
        """
        view, number = step.view, step.number
        # The end of a suspicion changes what the plan was made from: the row is taken before, for the switch after it.
        record = self._registry.hold(view) if step.is_return else self._registry.read(view)
        each = record.find(number)
        if each is None or each.state is not (State.RETIRED if step.is_return else State.SERVING):
            return "it is retired no longer" if step.is_return else "it serves no longer"
        found = self._auditor.find_in_schema(view, each)
        rows = each.rows_built
        facts: dict[str, Any] = {}
        judgement: _Judgement | None = None
        if isinstance(found, SchemaMatch):
            time = next((entry.time for entry in record.read_from if entry.name == each.physical), None)
            remains = "Its state is as before, unaudited this time"
            judgement = self._judge(step, each, found, remains=remains, time=time, lag=record.lag)
            text, is_passed, facts = str(judgement), judgement.is_passed, judgement.verdict.facts
            rows = judgement.verdict.rows_or(each.rows_built)
        else:
            text, is_passed = found, False
        # A check is no word on the comparison: 'views rollback' still finds what agrees with its base.
        is_same = judgement is not None and judgement.verdict.is_passed
        audit = Audit.PASSED if is_same else Audit.FAILED
        if not self._facts.write_verdict(
            view, number, audit, at=self._clock(), rows=rows, facts=facts, state=each.state
        ):
            return f"it is {each.state.value} no longer"
        self._note_audit(view, number, is_passed=is_passed, text=text)
        if judgement is not None:
            self._end_suspicion(view, each, judgement.verdict)
            if judgement.failures:
                raise _check_error(view, number, text, _AFTER_AUDIT[each.state], then="apply")
        if not is_passed:
            raise AuditFailed(
                f"it differs from its base: {text}",
                on=f"{view} generation {number}",
                remains=_AFTER_AUDIT[each.state],
                next="Run apply: it builds the next generation beside it. If that differs, too, repair the base table "
                "first ('nodetool repair')",
            )
        return text

    def _judge(
        self,
        step: AuditGeneration,
        each: Generation,
        found: SchemaMatch,
        *,
        remains: str,
        time: TimeColumn | None,
        lag: MeasuredLag | None,
    ) -> _Judgement:
        """Ask a generation the checks of its view's file, and compare it with its base.

        The checks come first: one that is not answered must not cost a long comparison that was done.
        """
        view = step.view
        failures = self._checker.find_failures(view, each, step.checks)
        verdict = self._auditor.compare(view, each, found, step.request, remains=remains, time=time, lag=lag)
        return _Judgement(verdict=verdict, failures=failures if verdict.is_passed else (), checks=len(step.checks))

    def _end_suspicion(self, view: ViewName, each: Generation, verdict: AuditResult) -> None:
        """End the mark that a generation had when its audit began, where every row was compared and none differs."""
        if each.suspicion is None or not (verdict.is_passed and verdict.is_whole):
            return
        if self._facts.write_suspicion(view, each, None):
            detail = f"a full audit passed ({verdict.covered}); it was {each.suspicion}"
            self._registry.note_event(view, "suspicion ended", number=each.number, detail=detail)

    def _note_audit(self, view: ViewName, number: int, *, is_passed: bool, text: str) -> None:
        self._registry.note_event(view, "audit passed" if is_passed else "audit failed", number=number, detail=text)

    def get_in_schema(self, view: ViewName, each: Generation) -> SchemaMatch:
        """Return what the schema holds of a generation and its base.

        Raises:
            ClusterError: it holds something else than what was asked for; the generation is marked failed.
        """
        found = self._auditor.find_in_schema(view, each)
        if isinstance(found, SchemaMatch):
            return found
        self._registry.fail_generation(view, each.number, found)
        raise ClusterError(
            found,
            on=f"{view} generation {each.number}",
            remains=_GIVEN_UP,
            next="Run the command again: it drops this generation and builds the next",
        )


def _check_error(view: ViewName, number: int, found: str, remains: str, *, then: str = "refresh") -> AuditFailed:
    return AuditFailed(
        f"it matches its base, but {found}",
        on=f"{view} generation {number}",
        remains=remains,
        next="Correct these rows in the base table, or the check in the view's file; then run "
        f"'views {then} {view.view}'",
    )


__all__ = ["AuditSteps"]
