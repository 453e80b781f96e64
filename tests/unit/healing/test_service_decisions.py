"""The decision table of services: each case of decisions/services, minute by minute, by the pure functions alone."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from cassandra_healing.assessment import assess
from cassandra_healing.decision import Rule
from cassandra_healing.model import HealingAction, HealthCheck
from cassandra_healing.monitor import report_targets
from cassandra_healing.policy import Policy
from tests.unit.healing.service_cases import FOLDER, Case, Now, load

CASES = load()


@pytest.mark.parametrize("case", [case for _id, case in CASES], ids=[name for name, _case in CASES])
def test_case(case: Case) -> None:
    policy = case.all_policy()
    checks: list[HealthCheck] = []
    found: list[Now] = []
    last: dict[str, tuple[HealingAction, Rule]] = {}
    for minute, check in case.checks():
        checks.append(check)
        reports = report_targets(assess(checks, policy), case.read_state(minute), policy)[1:]
        decisions = {each.decision.on: each.decision for each in reports}
        assert set(decisions) == set(case.services)
        for name in case.services:
            decision = decisions[name]
            assert decision.what
            assert decision.next
            assert (decision.mode is None) == (decision.act in (HealingAction.WAIT, HealingAction.PAGE))
            if name not in case.fates:
                assert decision.act is HealingAction.WAIT, "nothing is done to the others"
            elif (decision.act, decision.rule) != last.get(name):
                last[name] = (decision.act, decision.rule)
                found.append(Now(minute=minute, service=name, act=decision.act, rule=decision.rule))
    assert [str(each) for each in found] == [str(each) for each in case.decisions]


def test_names_tell_cases_apart() -> None:
    names = [name for name, _case in CASES]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize(
    ("services", "told"),
    [
        ({"w1": {"kind": "spark-worker", "page": "http://a:1"}}, "needs address"),
        ({"feed": {"kind": "heartbeat"}}, "needs newest"),
        ({"feed": {"kind": "probe", "probe_command": ["x"], "needs": ["fed"]}}, "'fed', which is not there"),
        (
            {
                "a": {"kind": "probe", "probe_command": ["x"], "needs": ["b"]},
                "b": {"kind": "probe", "probe_command": ["x"], "needs": ["a"]},
            },
            "needs itself",
        ),
        ({"w": {"kind": "spark-master", "page": "10.0.0.1"}}, "page is an address"),
    ],
)
def test_what_cannot_work_is_refused(services: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Policy.model_validate({"services": services})


def test_the_schema_of_cases_is_current() -> None:
    assert json.loads((FOLDER / "case.schema.json").read_text(encoding="utf-8")) == _schema()


def _schema() -> dict[str, object]:
    schema = Case.model_json_schema()
    definitions = schema.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "array",
        "items": {"$ref": "#/$defs/Case"},
        "$defs": {**definitions, "Case": schema},
    }


if __name__ == "__main__":
    (FOLDER / "case.schema.json").write_text(json.dumps(_schema(), indent=2) + "\n", encoding="utf-8")
