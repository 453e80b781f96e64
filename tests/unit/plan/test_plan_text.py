"""A plan as JSON and back, and every kind of step in words."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from cassandra_views.model.data_check import DataCheck
from cassandra_views.model.definition import Project
from cassandra_views.model.errors import StalePlan
from cassandra_views.model.generation import State, Strategy, ViewRecord
from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import (
    AdoptGeneration,
    AuditGeneration,
    AwaitBuild,
    Cause,
    Cost,
    CreateGeneration,
    CreateKeyspace,
    CreateRegistry,
    CreateTable,
    DropGeneration,
    DropRegistry,
    FailGeneration,
    GiveUpName,
    Plan,
    RefusedView,
    ReleaseGeneration,
    RenameView,
    RetireView,
    ServeGeneration,
    Step,
    SweepOrphan,
)
from cassandra_views.plan.cost import costs_of
from cassandra_views.plan.explain import cost_text, explain, explain_all, plan_json, read_plan_json, size_text, summary
from tests.unit.plan.world import World, definition, generation, table_file

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
VIEW = ViewName(keyspace="shop", view="by_day")
STEPS: tuple[Step, ...] = (
    CreateRegistry(keyspace="views_registry", replication="{'class': 'SimpleStrategy'}"),
    CreateKeyspace(keyspace="shop", cql="CREATE KEYSPACE shop"),
    CreateTable(keyspace="shop", table="orders", cql="CREATE TABLE shop.orders"),
    FailGeneration(view=VIEW, number=1, reason="given up"),
    DropGeneration(view=VIEW, number=1, reason="given up", needs_approval=True),
    SweepOrphan(view=VIEW, number=2, reason="unknown"),
    RetireView(view=VIEW, retires=(3,), reason="its file is gone"),
    CreateGeneration(
        view=VIEW,
        number=4,
        base="orders",
        cql="CREATE MATERIALIZED VIEW",
        table_id=uuid.UUID(int=1),
        version="f1:a",
        cause=Cause.SLIDE,
        reason="the window moved",
        window_start=NOW,
    ),
    AwaitBuild(view=VIEW, number=4),
    AuditGeneration(view=VIEW, number=4, checks=(DataCheck(name="none is", query="SELECT * FROM {{ view }}"),)),
    ServeGeneration(
        view=VIEW,
        number=4,
        read_from=(definition(window={"last": "7 days", "step": "1 day"}).serving("by_day__g4", NOW),),
        strategy=Strategy.REBUILD,
        grace_seconds=900,
        next_due=NOW,
        retires=(3,),
    ),
    AdoptGeneration(
        view=VIEW,
        number=5,
        cql="CREATE MATERIALIZED VIEW",
        table_id=uuid.UUID(int=1),
        version="f1:a",
        reason="the registry does not know it",
        window_start=NOW,
    ),
    ReleaseGeneration(view=VIEW, number=0, reason="given up"),
    DropRegistry(keyspace="views_registry", tables=("views", "lease"), drops_keyspace=True),
    RenameView(view=VIEW, former="per_day"),
    GiveUpName(view=VIEW, former="per_day"),
)


def _plan(*steps: Step) -> Plan:
    return Plan(made_at=NOW, target="c", cluster="c", registry="r", environment="dev", project="shop", steps=steps)


def test_every_kind_of_step_is_covered() -> None:
    assert {type(step) for step in STEPS} == set(get_args(Step))


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.kind)
def test_every_step_is_explained(step: Step) -> None:
    sign, subject, text = explain(step)
    assert sign in "+>-"
    assert subject.split()[0] in ("keyspace", "table", "shop.by_day")
    assert text[0].islower()
    assert not text.endswith(".")


def test_a_plan_survives_json() -> None:
    world = World()
    plan = world.plan(Project(name="shop", views=(definition(),), tables=(table_file(),)), NOW)
    for each in (plan, _plan(*STEPS)):
        assert read_plan_json(plan_json(each)) == each
    assert json.loads(plan_json(plan))["format_version"] == 1


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"format_version": 1}', "\0", '{"steps": [{"kind": "x"}]}'])
def test_what_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(StalePlan, match="holds no plan"):
        read_plan_json(text)


def test_a_plan_of_another_format_is_refused() -> None:
    content = json.loads(plan_json(_plan()))
    with pytest.raises(StalePlan, match="format 2"):
        read_plan_json(json.dumps({**content, "format_version": 2}))


def test_an_unknown_step_is_refused() -> None:
    content = json.loads(plan_json(_plan(AwaitBuild(view=VIEW, number=1))))
    content["steps"][0]["kind"] = "await_rain"
    with pytest.raises(StalePlan):
        read_plan_json(json.dumps(content))


def test_lines_group_what_is_done_to_one_generation() -> None:
    assert [(line.sign, line.text) for line in explain_all(STEPS[3:5] + STEPS[7:11])] == [
        ("-", "give it up and drop it: given up"),
        ("+", "create the next one: the window moved"),
        (
            ">",
            "await its build on every node, audit it against its base and by 1 check of its file, "
            "send readers to it and retire generation 3",
        ),
    ]


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ((), "Nothing to do: the cluster is as the files say."),
        (STEPS[7:11], "4 steps. Views: 1 to slide."),
        (STEPS[10:11], "1 step. Views: 1 to finish or switch back."),
        (STEPS[11:12] + STEPS[10:11], "2 steps. Views: 1 to take over."),
        (STEPS[1:3] + STEPS[5:6], "3 steps. 2 base tables and keyspaces to create; 1 generation to drop."),
    ],
)
def test_summary(steps: tuple[Step, ...], text: str) -> None:
    assert summary(_plan(*steps)) == text


def test_a_plan_that_holds_errors_alone_does_not_say_that_all_is_well() -> None:
    refused = RefusedView(view="shop.by_day", error="ProjectError", what="its base is missing", next="Create it")
    assert summary(replace(_plan(), refused=(refused,))) == "Nothing to do beside 1 view that cannot be planned."


def test_costs_know_empty_unknown_and_estimated() -> None:
    world = World(tables={"orders", "known"})
    views = (definition("a"), definition("b", base="fresh"), definition("c", base="known"), definition("d"))
    project = Project(name="shop", views=views, tables=(table_file("fresh"),))
    plan = world.plan(project, NOW)
    found = costs_of(
        plan.steps, world.observed().catalog, {("shop", "known"): (1200, 5 * 1024**2)}, keeps_snapshot=False
    )
    assert [cost_text(cost) for cost in found] == [
        "the nodes have no estimate of its base's size yet; the base then carries 1 view",
        "its base is empty: it is created by this plan; the base then carries 1 view",
        "each node scans its part of about 1,200 partitions (about 5.0 MiB); the base then carries 1 view",
        "the nodes have no estimate of its base's size yet; the base then carries 2 views",
    ]
    assert "snapshot" in cost_text(Cost(view=VIEW, number=1, keeps_snapshot=True))


def test_costs_tell_what_the_former_generation_took() -> None:
    world, view = World(), definition()
    former = generation(
        "by_day",
        1,
        view,
        NOW,
        state=State.SERVING,
        rows_built=360_000,
        created_at=NOW - timedelta(seconds=90),
        built_at=NOW,
    )
    later = generation("by_day", 2, view, NOW, state=State.FAILED, created_at=NOW)
    record = ViewRecord(name=view.name, generations=(former, later))
    create = next(step for step in STEPS if isinstance(step, CreateGeneration))
    (cost,) = costs_of([create], world.observed().catalog, {}, keeps_snapshot=False, records=[record])
    assert (cost.former_rows, cost.former_seconds) == (360_000, 90.0)
    assert "; the former generation had 360,000 rows at its audit and was built in 90 s; " in cost_text(cost)
    taken_over = replace(record, generations=(replace(former, created_at=None, rows_built=1),))
    (cost,) = costs_of([create], world.observed().catalog, {}, keeps_snapshot=False, records=[taken_over])
    assert "; the former generation had 1 row at its audit; " in cost_text(cost)


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (3 * 1024**4, "3.0 TiB")])
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
