"""Planning cases on paper; tests/integration/cassandra/test_planning_cases.py plans them on a server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cassandra_views.model.definition import BrokenView, Project, ViewDefinition
from cassandra_views.model.schema import Keyspace
from cassandra_views.project.renames import find_rename_faults
from tests.unit.plan.planning_cases import cases, check_plan, moment, request_of
from tests.unit.plan.world import definition, short, table_file, world_of


def _project(desired: dict[str, Any], views: dict[str, ViewDefinition]) -> Project:
    tables = [table_file(name, managed=desired.get("managed", True)) for name in desired.get("tables", [])]
    if "table_cql" in desired:
        tables = [replace(table, text=desired["table_cql"]) for table in tables]
    faults = find_rename_faults(views.values(), ())
    right = tuple(view for name, view in views.items() if name not in faults)
    broken = tuple(
        BrokenView(view=name, error=error, keyspace="shop", renamed_from=views[name].renamed_from)
        for name, error in faults.items()
    )
    return Project(name="shop", views=right, tables=tuple(tables), broken=broken)


@pytest.mark.parametrize("case", cases())
def test_case(case: dict[str, Any]) -> None:
    now, request = moment(case), request_of(case)
    views = {name: definition(name, **(given or {})) for name, given in case["desired"]["views"].items()}
    project = _project(case["desired"], views)
    world = world_of(case["observed"], views, now)
    target = dict(case.get("target", {}))
    if "keyspaces" in target:
        target["keyspaces"] = tuple(Keyspace.of(name, each) for name, each in target["keyspaces"].items())
    plan = world.plan(project, now, request, **target)
    check_plan(case, plan)
    if "error" in case:
        return
    world.apply(plan, now)
    is_told_once = request.unless_run is None  # else the caller asks again, as it does when it is tried again
    asked = replace(request, refresh=frozenset()) if is_told_once else request
    again = world.plan(project, now, asked, **target)
    assert [short(step) for step in again.steps] == case.get("plan_again", [])
