"""The planning cases of cases/*.yaml, as the pure planner and a real server are asked about them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from cassandra_views.model.names import ViewName
from cassandra_views.model.steps import CreateGeneration, Plan
from cassandra_views.model.times import parse_instant
from cassandra_views.plan.inputs import PlanRequest
from tests.unit.plan.world import KEYSPACE, short

FOLDER = Path(__file__).parent / "cases"
KEYS = {
    "name",
    "only_on_paper",
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
"""``only_on_paper`` is the reason why the shared server cannot be brought into the state of a case."""


def cases(order: Callable[[dict[str, Any]], Any] = lambda case: 0) -> list[Any]:
    """Return every case as a parameter of a test, in the order of the files where ``order`` says nothing else."""
    found = [
        (case, f"{path.stem}: {case['name']}")
        for path in sorted(FOLDER.glob("*.yaml"))
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]
    assert {key for case, _id in found for key in case} <= KEYS
    return [pytest.param(case, id=name) for case, name in sorted(found, key=lambda each: order(each[0]))]


def moment(case: dict[str, Any]) -> datetime:
    """Return the case's now."""
    return parse_instant(case.get("now", "2026-11-23T06:00:00Z"))


def request_of(case: dict[str, Any]) -> PlanRequest:
    """Return what is asked for in a case."""
    found = case.get("request", {})
    return PlanRequest(
        only=_names(found["only"]) if "only" in found else None,
        refresh=_names(found.get("refresh", [])),
        drop=_names(found.get("drop", [])),
        abort=_names(found.get("abort", [])),
        is_drop_allowed=found.get("allow_drop", False),
        unless_run=found.get("unless_run"),
    )


def check_plan(case: dict[str, Any], plan: Plan) -> None:
    """Compare a plan with what the case expects of it."""
    if "error" in case:
        assert [short(step) for step in plan.steps] == case.get("plan", [])
        assert {each.what for each in plan.refused} == {case["error"]}
        assert all(each.remains == "Nothing was changed" and each.next for each in plan.refused)
        return
    assert [each.view for each in plan.refused] == []
    assert [short(step) for step in plan.steps] == case["plan"]
    assert [short(drop) for drop in plan.withheld] == case.get("withheld", [])
    assert [each.view.view for each in plan.deferred] == case.get("deferred", [])
    assert list(plan.notes) == case.get("notes", [])
    if "reasons" in case:
        assert [step.reason for step in plan.steps if isinstance(step, CreateGeneration)] == case["reasons"]
    assert {each.view for each in plan.preconditions} == {*plan.views, *plan.former_names}


def _names(found: list[str]) -> frozenset[ViewName]:
    return frozenset(ViewName(keyspace=KEYSPACE, view=view) for view in found)
