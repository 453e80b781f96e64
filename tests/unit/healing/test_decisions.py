"""The decision table: each case of decisions/*.yaml, minute by minute, by the pure functions alone."""

from __future__ import annotations

import json

import pytest

from cassandra_healing.assessment import assess
from cassandra_healing.decision import Rule
from cassandra_healing.model import HealingAction, HealthCheck
from cassandra_healing.policy import Mode
from cassandra_healing.rules.engine import decide
from tests.unit.healing import service_cases
from tests.unit.healing.cases import FOLDER, Case, Now, load

CASES = load()


@pytest.mark.parametrize("case", [case for _id, case in CASES], ids=[name for name, _case in CASES])
def test_case(case: Case) -> None:
    checks: list[HealthCheck] = []
    found: list[Now] = []
    for minute, check in case.checks():
        checks.append(check)
        decision = decide(assess(checks, case.policy), case.read_state(minute), case.policy)
        assert decision.what
        assert decision.remains
        assert decision.next
        assert (decision.mode is None) == (decision.act in (HealingAction.WAIT, HealingAction.PAGE))
        assert decision.rule is Rule.WELL or decision.on or decision.rule is Rule.STOPPED
        node = ", ".join(case.name_of(each) for each in decision.nodes)
        now = Now(minute=minute, act=decision.act, rule=decision.rule, node=node)
        if not found or now != found[-1].model_copy(update={"minute": minute}):
            found.append(now)
    assert [str(each) for each in found] == [str(each) for each in case.decisions]


def test_every_rule_has_a_case() -> None:
    told = {each.rule for _id, case in CASES for each in case.decisions}
    told |= {each.rule for _id, case in service_cases.load() for each in case.decisions}
    assert [rule for rule in Rule if rule not in told] == []


def test_names_tell_cases_apart() -> None:
    names = [name for name, _case in CASES]
    assert sorted(set(names)) == sorted(names)


def test_the_mode_is_what_the_policy_says_and_asks_by_default() -> None:
    case = next(case for _id, case in CASES if case.decisions[-1].act is HealingAction.REPLACE)
    assert type(case.policy)().mode is Mode.APPROVE
    checks = [check for _minute, check in case.checks()]
    for mode in Mode:
        policy = case.policy.model_copy(update={"mode": mode})
        decision = decide(assess(checks, policy), case.read_state(case.length - 1), policy)
        assert (decision.act, decision.mode) == (HealingAction.REPLACE, mode)


def test_the_schema_of_cases_is_current() -> None:
    text = (FOLDER / "case.schema.json").read_text(encoding="utf-8")
    expected = {"type": "array", "items": {"$ref": "#/$defs/Case"}}
    assert json.loads(text) == _schema(expected)


def _schema(head: dict[str, object]) -> dict[str, object]:
    schema = Case.model_json_schema()
    definitions = schema.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **head,
        "$defs": {**definitions, "Case": schema},
    }


if __name__ == "__main__":
    shape = _schema({"type": "array", "items": {"$ref": "#/$defs/Case"}})
    (FOLDER / "case.schema.json").write_text(json.dumps(shape, indent=2) + "\n", encoding="utf-8")
