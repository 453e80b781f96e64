"""What an audit step writes down where checks of the view's file fail, or are not answered; no server is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest

from cassandra_client.errors import ClusterError
from cassandra_views.apply.audit import SchemaMatch
from cassandra_views.apply.audit_steps import AuditSteps
from cassandra_views.model.audit_result import AuditResult
from cassandra_views.model.data_check import CheckFailure, DataCheck
from cassandra_views.model.errors import AuditFailed
from cassandra_views.model.generation import Audit, Generation, State, ViewRecord
from cassandra_views.model.steps import AuditGeneration
from cassandra_views.registry.facts import FactWriter
from tests.unit.plan.world import World, definition, world_of

if TYPE_CHECKING:
    from cassandra_views.apply.audit import Auditor
    from cassandra_views.apply.data_checks import DataChecker
    from cassandra_views.registry.store import Registry

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
VIEW = definition().name
CHECK = DataCheck(name="no empty customer", query="SELECT day FROM {{ view }}")
FAILURE = CheckFailure(check="no empty customer", rows=({"day": 1},))


class FakeRegistry:
    """Keeps a record, and what is noted in the history."""

    database, keyspace = None, "views_registry"

    def __init__(self, record: ViewRecord) -> None:
        self.record = record
        self.events: list[tuple[str, str]] = []

    def hold(self, view: object) -> ViewRecord:
        return self.record

    def get_held(self, view: object, number: int, state: State) -> tuple[ViewRecord, Generation]:
        (each,) = [each for each in self.record.in_state(state) if each.number == number]
        return self.record, each

    def note_event(self, view: object, event: str, *, number: int, detail: str) -> None:
        self.events.append((event, detail))


class FakeAuditor:
    """Finds nothing, and counts how often it is asked."""

    def __init__(self) -> None:
        self.comparisons = 0

    def find_in_schema(self, view: object, each: Generation) -> SchemaMatch:
        return object.__new__(SchemaMatch)

    def compare(self, *args: Any, **kinds: Any) -> AuditResult:
        self.comparisons += 1
        return AuditResult(base_rows=2, view_rows=2)


class FakeChecker:
    """Has one answer for all checks."""

    def __init__(self, answer: tuple[CheckFailure, ...] | ClusterError) -> None:
        self.answer = answer

    def find_failures(self, view: object, each: object, checks: Sequence[DataCheck]) -> tuple[CheckFailure, ...]:
        if isinstance(self.answer, ClusterError):
            raise self.answer
        return self.answer


def world(state: str) -> World:
    generations = {1: {"state": state, "retired": "1 minute", "audit": "passed"}, 2: {"state": "serving"}}
    return world_of({"records": {"by_day": {"generations": generations}}}, {"by_day": definition()}, NOW)


def steps(registry: FakeRegistry, auditor: FakeAuditor, checker: FakeChecker) -> AuditSteps:
    parts = cast("Registry", registry), cast("Auditor", auditor), cast("DataChecker", checker)
    return AuditSteps(*parts, clock=lambda: NOW)


def test_a_check_that_fails_leaves_a_former_generation_to_rollback(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = FakeRegistry(world("retired").records[VIEW])
    written: list[Audit] = []

    def write(self: object, view: object, number: int, audit: Audit, **facts: Any) -> bool:
        written.append(audit)
        return True

    monkeypatch.setattr(FactWriter, "write_verdict", write)
    step = AuditGeneration(view=VIEW, number=1, is_again=True, is_return=True, checks=(CHECK,))
    with pytest.raises(AuditFailed, match="the check 'no empty customer' found 1 row") as raised:
        steps(registry, FakeAuditor(), FakeChecker((FAILURE,))).execute(step)
    assert written == [Audit.PASSED]
    assert registry.events == [("audit failed", str(FAILURE))]
    assert raised.value.next.endswith("then run 'views apply by_day'")


def test_a_check_without_an_answer_costs_no_comparison() -> None:
    record = world("built").records[VIEW]
    registry = FakeRegistry(replace(record, generations=record.generations[:1]))
    auditor, unanswered = FakeAuditor(), ClusterError("the check was not answered", next="Correct it")
    step = AuditGeneration(view=VIEW, number=1, checks=(CHECK,))
    with pytest.raises(ClusterError, match="was not answered"):
        steps(registry, auditor, FakeChecker(unanswered)).execute(step)
    assert (auditor.comparisons, registry.events) == (0, [])
