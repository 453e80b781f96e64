"""Large views are audited in full once a week, and no night does much more than a seventh of it."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cassandra_views.model.audit_result import AuditMethod, AuditResult
from cassandra_views.model.generation import Generation, State
from cassandra_views.model.names import ViewName
from cassandra_views.plan.audit_schedule import NIGHTS, AuditCost, views_for_spark, views_of_tonight
from tests.unit.plan.world import KEYSPACE

FULL_ROWS = 1000
NAME = ViewName(keyspace=KEYSPACE, view="v")
FIRST_NIGHT = datetime(2026, 11, 1, 3, tzinfo=UTC)


def cost(number: int, rows: int | None) -> AuditCost:
    return AuditCost(view=ViewName(keyspace=KEYSPACE, view=f"v{number}"), rows=rows, audited_at=None)


def test_small_views_and_those_of_unknown_size_are_audited_each_night() -> None:
    costs = [cost(1, 5), cost(2, None), cost(3, FULL_ROWS)]
    assert views_of_tonight(costs, full_rows=FULL_ROWS) == [each.view for each in costs]


def test_a_suspect_view_comes_first_however_large() -> None:
    costs = [cost(1, 5), *(cost(number, 10 * FULL_ROWS) for number in range(2, 5))]
    costs += [replace(cost(9, 10**9), is_suspect=True)]
    assert [view.view for view in views_of_tonight(costs, full_rows=FULL_ROWS)][:2] == ["v9", "v1"]


@given(rows=st.lists(st.integers(FULL_ROWS + 1, 10**9), max_size=12))
def test_in_two_weeks_each_large_view_is_audited_and_no_night_does_too_much(rows: list[int]) -> None:
    costs = [cost(number, count) for number, count in enumerate(rows)]
    by_name = {each.view: each for each in costs}
    seen = set()
    for night in range(2 * NIGHTS):
        tonight = views_of_tonight(by_name.values(), full_rows=FULL_ROWS)
        done = [by_name[view].rows or 0 for view in tonight]
        assert sum(done) <= sum(rows) / NIGHTS + max(rows, default=0)
        seen |= set(tonight)
        for view in tonight:
            by_name[view] = replace(by_name[view], audited_at=FIRST_NIGHT + timedelta(days=night))
        if night == NIGHTS - 1:
            assert seen == set(by_name)
    assert seen == set(by_name)


def cost_of(rows: int, method: AuditMethod, *, state: State = State.SERVING) -> AuditCost | None:
    each = Generation(
        number=1,
        physical="v__g1",
        table_id=uuid.UUID(int=1),
        version="a",
        state=state,
        rows_built=rows,
        audited_at=FIRST_NIGHT,
        verdict=AuditResult(base_rows=rows, view_rows=rows, method=method),
    )
    return AuditCost.of(NAME, [each])


def test_only_an_audit_of_every_row_counts() -> None:
    assert cost_of(7, AuditMethod.DIGESTS) == replace(cost(0, 7), view=NAME, audited_at=FIRST_NIGHT)
    assert cost_of(7, AuditMethod.PULSE) == replace(cost(0, 7), view=NAME)
    assert cost_of(7, AuditMethod.ROWS, state=State.RETIRED) is None


def test_spark_audits_views_that_are_known_to_be_very_large() -> None:
    costs = [cost(1, 5), cost(2, None), cost(3, FULL_ROWS), cost(4, FULL_ROWS + 1)]
    assert views_for_spark(costs, spark_rows=FULL_ROWS) == {costs[3].view}
    assert not views_for_spark(costs, spark_rows=0)
