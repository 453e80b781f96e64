"""Golden cases of planning, in cases/*.yaml."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from cassandra_views.model.definition import Project, ViewDefinition
from cassandra_views.model.names import ViewName
from cassandra_views.model.replication import Keyspace
from cassandra_views.model.steps import CreateGeneration
from cassandra_views.model.times import parse_instant
from cassandra_views.plan import Request
from tests.unit.plan.world import KEYSPACE, definition, short, table_file, world_of

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for case in yaml.safe_load(path.read_text(encoding="utf-8"))
]
KEYS = {
    "name",
    "now",
    "desired",
    "observed",
    "request",
    "target",
    "plan",
    "plan_again",
    "notes",
    "withheld",
    "deferred",
    "error",
    "reasons",
}


def _names(found: list[str]) -> frozenset[ViewName]:
    return frozenset(ViewName(keyspace=KEYSPACE, view=name) for name in found)


def _request(found: dict[str, Any]) -> Request:
    return Request(
        only=_names(found["only"]) if "only" in found else None,
        refresh=_names(found.get("refresh", [])),
        drop=_names(found.get("drop", [])),
        abort=_names(found.get("abort", [])),
        is_drop_allowed=found.get("allow_drop", False),
        unless_run=found.get("unless_run"),
    )


def _project(desired: dict[str, Any], views: dict[str, ViewDefinition]) -> Project:
    tables = [table_file(name, managed=desired.get("managed", True)) for name in desired.get("tables", [])]
    if "table_cql" in desired:
        tables = [replace(table, text=desired["table_cql"]) for table in tables]
    return Project(name="shop", views=tuple(views.values()), tables=tuple(tables))


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    assert set(case) <= KEYS
    now = parse_instant(case.get("now", "2026-11-23T06:00:00Z"))
    views = {name: definition(name, **(given or {})) for name, given in case["desired"]["views"].items()}
    project = _project(case["desired"], views)
    world = world_of(case["observed"], views, now)
    target = dict(case.get("target", {}))
    if "keyspaces" in target:
        target["keyspaces"] = tuple(Keyspace.of(name, each) for name, each in target["keyspaces"].items())
    request = _request(case.get("request", {}))
    if "error" in case:
        plan = world.plan(project, now, request, **target)
        assert [each.what for each in plan.refused] == [case["error"]]
        assert plan.refused[0].remains == "Nothing was changed"
        assert plan.refused[0].next
        assert [short(step) for step in plan.steps] == case.get("plan", [])
        return
    plan = world.plan(project, now, request, **target)
    assert [each.view for each in plan.refused] == []
    assert [short(step) for step in plan.steps] == case["plan"]
    assert [short(drop) for drop in plan.withheld] == case.get("withheld", [])
    assert [each.view.view for each in plan.deferred] == case.get("deferred", [])
    assert list(plan.notes) == case.get("notes", [])
    if "reasons" in case:
        assert [step.reason for step in plan.steps if isinstance(step, CreateGeneration)] == case["reasons"]
    assert {each.view for each in plan.preconditions} == set(plan.views)
    world.apply(plan, now)
    is_told_once = request.unless_run is None  # else the caller asks again, as it does when it is tried again
    asked = replace(request, refresh=frozenset()) if is_told_once else request
    again = world.plan(project, now, asked, **target)
    assert [short(step) for step in again.steps] == case.get("plan_again", [])
