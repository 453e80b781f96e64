"""The plan of auditing what serves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cassandra_views.model.audit_request import AUDIT_BY_SIZE, FULL_AUDIT
from cassandra_views.model.audit_result import AuditResult
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.generation import Audit, State
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import AuditGeneration, AwaitBuild, CreateGeneration, DropGeneration, Plan
from cassandra_views.model.suspicion import Suspicion
from cassandra_views.plan.explain import explain
from cassandra_views.plan.inputs import PlanContext, PlanTarget
from cassandra_views.plan.project_plan import is_suspect_audit, make_audits, work_by_view
from cassandra_views.plan.status import view_statuses
from cassandra_views.plan.view_plan import plan_view
from tests.unit.plan.world import KEYSPACE, definition, world_of

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
WISHES = {name: definition(name) for name in ("by_day", "by_shop", "idle", "theirs")}
PROJECT = Project(name="shop", views=tuple(WISHES.values()))
WORLD = world_of(
    {
        "records": {
            "by_shop": {"generations": {3: {"state": "retired"}, 4: {"state": "serving"}, 5: {"state": "building"}}},
            "by_day": {"generations": {1: {"state": "serving", "audit": "failed"}}},
            "idle": {"generations": {1: {"state": "retired"}}},
            "theirs": {"project": "another", "generations": {1: {"state": "serving"}}},
        }
    },
    WISHES,
    NOW,
)


def audits(*only: str) -> Plan:
    names = frozenset(ViewName(keyspace=KEYSPACE, view=view) for view in only) if only else None
    target = PlanTarget(cluster="c", registry="r", environment="dev", project="shop", line="c")
    return make_audits(PROJECT, WORLD.records.values(), target, names, NOW)


def numbers(plan: Plan) -> list[tuple[str, int]]:
    assert all(isinstance(step, AuditGeneration) and step.is_again for step in plan.steps)
    return [(step.view.view, step.number) for step in plan.steps if isinstance(step, AuditGeneration)]


def test_all_that_serves_in_the_project_is_audited() -> None:
    plan = audits()
    assert numbers(plan) == [("by_day", 1), ("by_shop", 4)]
    assert plan.preconditions == (), "a view that changes meanwhile stops no audit of another one"
    assert explain(plan.steps[0]) == (
        ">",
        "shop.by_day generation 1",
        "audit it against its base again, while it serves",
    )


def test_views_that_are_named_are_audited_whoevers_they_are() -> None:
    assert numbers(audits("theirs", "by_shop")) == [("by_shop", 4), ("theirs", 1)]


def test_a_view_that_is_named_must_serve() -> None:
    with pytest.raises(ProjectError, match=r"nothing of it serves.*views explain idle"):
        audits("by_day", "idle")


def test_an_audit_changes_no_state() -> None:
    states = [each.state for record in WORLD.records.values() for each in record.generations]
    WORLD.apply(audits(), NOW)
    assert [each.state for record in WORLD.records.values() for each in record.generations] == states
    by_day = WORLD.records[ViewName(keyspace=KEYSPACE, view="by_day")].find(1)
    assert by_day is not None
    assert (by_day.state, by_day.audit, by_day.audited_at) == (State.SERVING, Audit.PASSED, NOW)


@pytest.mark.parametrize(
    ("record", "condition"),
    [
        ({"generations": {1: {"state": "serving", "audit": "failed"}}}, "differs"),
        ({"generations": {1: {"state": "serving", "audit": "failed", "version": "f1:old"}}}, "differs"),
        ({"generations": {1: {"state": "serving", "audit": "failed"}, 2: {"state": "building"}}}, "building"),
        ({"generations": {1: {"state": "serving", "audit": "failed", "physical": False}}}, "broken"),
        ({"override": {"kind": "frozen"}, "generations": {1: {"state": "serving", "audit": "failed"}}}, "frozen"),
    ],
)
def test_status_says_that_it_differs(record: dict[str, object], condition: str) -> None:
    world = world_of({"records": {"by_day": record}}, WISHES, NOW)
    observed = world.observed()
    found = view_statuses(PROJECT, observed.records, observed.catalog, NOW)
    (status,) = (each for each in found if each.name.view == "by_day")
    assert (status.condition, status.audit) == (condition, "failed")


def with_facts(name: str, **facts: Any) -> Any:
    """Return a world where two views differ from their bases, and the registry holds these facts of one."""
    failed = {"generations": {1: {"state": "serving", "audit": "failed"}}}
    wishes = {each: WISHES[each] for each in ("by_day", "by_shop")}
    world = world_of({"records": {"by_day": failed, "by_shop": failed}}, wishes, NOW)
    key = ViewName(keyspace=KEYSPACE, view=name)
    record = world.records[key]
    world.records[key] = replace(record, generations=(replace(record.generations[0], **facts),))
    return world, Project(name="shop", views=tuple(wishes.values()))


def test_a_view_that_lost_all_its_rows_is_rebuilt_first_and_says_so() -> None:
    facts = {"rows_built": 0, "verdict": AuditResult(base_rows=2000, view_rows=0, missing_rows=2000)}
    world, project = with_facts("by_shop", **facts)
    creates = [step for step in world.plan(project, NOW).steps if isinstance(step, CreateGeneration)]
    assert [step.view.view for step in creates] == ["by_shop", "by_day"]
    assert creates[0].reason.endswith("differs from its base: all 2,000 rows are MISSING")
    observed = world.observed()
    found = {each.name.view: each for each in view_statuses(project, observed.records, observed.catalog, NOW)}
    status = found["by_shop"]
    assert (status.condition, status.found) == ("differs", "all 2,000 rows are MISSING")
    assert (status.rows, status.audit_base_rows, status.audit_missing_rows) == (0, 2000, 2000)
    assert (found["by_day"].found, found["by_day"].audit_missing_rows) == ("", None)


def test_a_window_that_holds_none_of_the_rows_is_told_by_every_plan_and_status() -> None:
    verdict = AuditResult(base_rows=0, view_rows=0, first_time="1970-01-21T18:48:57Z")
    facts = {"audit": Audit.PASSED, "rows_built": 0, "verdict": verdict}
    world, project = with_facts("by_shop", **facts)
    text = "the base has rows, and the window holds none: by its table's file the base's first row is of 1970-01-21T18"
    assert any(f"by_shop generation 1: {text}" in note for note in world.plan(project, NOW).notes)
    observed = world.observed()
    found = {each.name.view: each for each in view_statuses(project, observed.records, observed.catalog, NOW)}
    assert found["by_shop"].audit_first_time == "1970-01-21T18:48:57Z"
    assert text in found["by_shop"].found


def test_suspects_are_audited_first() -> None:
    suspicion = Suspicion(since=NOW, reason="restored", by="ann")
    records = [
        replace(each, generations=tuple(replace(one, suspicion=suspicion) for one in each.generations))
        if each.name.view == "by_shop"
        else each
        for each in WORLD.records.values()
    ]
    target = PlanTarget(cluster="c", registry="r", environment="dev", project="shop", line="c")
    assert numbers(make_audits(PROJECT, records, target, None, NOW)) == [("by_shop", 4), ("by_day", 1)]
    world, project = with_facts("by_shop", audit=Audit.PASSED, suspicion=suspicion)
    plan = world.plan(project, NOW)
    assert "shop.by_shop generation 1 is suspect since 2026-11-23T06:00:00Z: restored (by ann)" in plan.notes
    (audit,) = (step for step in plan.steps if isinstance(step, AuditGeneration) and step.is_again)
    assert (audit.view.view, audit.request) == ("by_shop", FULL_AUDIT)
    observed = world.observed()
    found = {each.name.view: each for each in view_statuses(project, observed.records, observed.catalog, NOW)}
    assert (found["by_shop"].condition, found["by_shop"].suspect_reason) == ("suspect", "restored")


SUSPECT = Suspicion(since=NOW, reason="restored", by="ann")


def suspect_world(generations: dict[int, Any], suspect: int) -> Any:
    """Return a world of one view that has these generations, one of them suspect, and its project."""
    world = world_of({"records": {"by_day": {"generations": generations}}}, WISHES, NOW)
    name = ViewName(keyspace=KEYSPACE, view="by_day")
    record = world.records[name]
    marked = (replace(each, suspicion=SUSPECT) if each.number == suspect else each for each in record.generations)
    world.records[name] = replace(record, generations=tuple(marked))
    return world, Project(name="shop", views=(WISHES["by_day"],))


def audit_of(plan: Plan) -> AuditGeneration:
    (audit,) = (step for step in plan.steps if isinstance(step, AuditGeneration))
    return audit


@pytest.mark.parametrize("state", ["building", "built"])
def test_one_that_is_suspect_before_it_serves_is_audited_in_full(state: str) -> None:
    world, project = suspect_world({1: {"state": state}}, 1)
    assert audit_of(world.plan(project, NOW)).request == FULL_AUDIT
    world, project = suspect_world({1: {"state": state}}, 2)
    assert audit_of(world.plan(project, NOW)).request == AUDIT_BY_SIZE


def test_one_that_is_suspect_and_returns_is_audited_in_full() -> None:
    served = {"state": "serving", "version": "f1:old"}
    world, project = suspect_world({1: {"state": "retired", "retired": "5 minutes"}, 2: served}, 1)
    audit = audit_of(world.plan(project, NOW))
    assert (audit.number, audit.is_return, audit.request) == (1, True, FULL_AUDIT)


def test_a_plan_from_before_the_mark_is_stale() -> None:
    record = WORLD.records[ViewName(keyspace=KEYSPACE, view="by_shop")]
    marked = [replace(record, generations=(replace(record.generations[0], suspicion=SUSPECT),))]
    again = replace(SUSPECT, since=NOW + timedelta(minutes=1))
    marked.append(replace(record, generations=(replace(record.generations[0], suspicion=again),)))
    first = replace(record, generations=record.generations[:1])
    assert len({each.revision() for each in (first, *marked)}) == 3


def test_work_that_is_only_an_audit_of_what_is_suspect_is_told_from_others() -> None:
    world, project = suspect_world({1: {"state": "serving"}}, 1)
    (work,) = work_by_view(world.plan(project, NOW))
    assert work.without_suspect_audits().steps == ()
    # After a rollback: its own run audits that at once.
    later = {"state": "serving", "audited": "2026-11-23T01:00:00Z", "served": "2026-11-23T05:00:00Z"}
    world, project = suspect_world({1: later}, 2)
    (work,) = work_by_view(world.plan(project, NOW))
    assert work.steps
    assert work.without_suspect_audits() == work
    world, project = suspect_world({1: {"state": "serving", "version": "f1:old"}}, 1)
    plan = world.plan(project, NOW)
    assert any(isinstance(step, AwaitBuild) for step in plan.steps)
    assert not any(map(is_suspect_audit, plan.steps))
    replaced = {"state": "retired", "retired": "30 days"}
    world, project = suspect_world({1: replaced, 2: {"state": "serving"}}, 2)
    plan = world.plan(project, NOW)
    assert [(type(step), is_suspect_audit(step)) for step in plan.steps] == [
        (DropGeneration, False),
        (AuditGeneration, True),
    ]
    (work,) = work_by_view(plan)
    assert [type(step) for step in work.without_suspect_audits().steps] == [DropGeneration]


def test_a_view_is_suspect_also_where_only_the_older_of_two_that_serve_is() -> None:
    world, _project = suspect_world({1: {"state": "serving"}, 2: {"state": "serving"}}, 1)
    returned: dict[str, Any] = {"audited_at": NOW - timedelta(hours=5), "served_at": NOW}
    name = ViewName(keyspace=KEYSPACE, view="by_day")
    record = world.records[name]
    record = replace(record, generations=(record.generations[0], replace(record.generations[1], **returned)))
    target = PlanTarget(cluster="c", registry="r", environment="dev", project="shop", line="c")
    context = PlanContext(now=NOW, catalog=world.observed().catalog, target=target)
    steps = plan_view(name, WISHES["by_day"], record, context)
    audits = [step for step in steps.finish if isinstance(step, AuditGeneration)]
    assert [(step.number, step.request) for step in audits] == [(1, FULL_AUDIT), (2, AUDIT_BY_SIZE)]
    assert steps.is_suspect
