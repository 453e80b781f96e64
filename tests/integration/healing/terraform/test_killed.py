"""Killed anywhere, the next run goes on: the driver, OpenTofu, a script, and each two of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from cassandra_healing.errors import ApplyFailed, ApplyTimedOut, TerraformError
from cassandra_healing.operations.terraform.driver import Recovery, Terraform
from cassandra_healing.operations.terraform.plan import REPLACE, SavedPlan
from local_cluster.tofu import find_binary
from tests.integration.healing.terraform.background import in_background
from tests.integration.healing.terraform.conftest import FORM, Form, address, applying
from tests.waiting import wait_until

N2 = address("n2")
BOTH = pytest.mark.parametrize("verb", ["stop", "start"])


def began(form: Form, verb: str) -> bool:
    return f"{verb} n2" in form.calls()


def prepare(form: Form, verb: str, seconds: float) -> tuple[Terraform, SavedPlan]:
    """Plan the replacement of n2, with a script that takes its time."""
    driver = form.create()
    form.forget_calls()
    form.fence("n2")
    form.slow(verb, "n2", seconds)
    return driver, driver.plan_replace(N2)


def go_on(form: Form, driver: Terraform, verb: str, told: list[str] | None = None) -> None:
    """Recover, and plan again where the plan no longer applies: Terraform writes its state between stop and start."""
    told = [] if told is None else told
    is_overtaken = form.binary.product == "terraform" and verb == "start"
    outcome = driver.recover(lambda: False, on_progress=told.append)
    assert outcome is (Recovery.REPLAN if is_overtaken else Recovery.APPLIED)
    if is_overtaken:
        driver.apply(driver.plan_replace(N2, missing_ok=True))


@BOTH
def test_opentofu_killed(form: Form, verb: str) -> None:
    driver, plan = prepare(form, verb, 2)
    before = form.pids()

    def apply() -> None:
        with pytest.raises(ApplyFailed, match="cut off"):
            driver.apply(plan)

    with in_background(apply):
        wait_until(lambda: began(form, verb))
        assert form.scripts()
        for process in applying(plan.path):
            process.kill()
    # The state says what was before, and a new plan would find nothing to do: it is not asked.
    with pytest.raises(TerraformError, match="Recover first"):
        driver.plan_replace(N2)
    form.fast(verb, "n2")
    go_on(form, driver, verb)
    after = form.pids()
    assert after["n2"] != before["n2"]
    assert form.calls()[-1] == "start n2 done"
    assert driver.recover(lambda: False) is Recovery.NOTHING
    # The script that outlived its apply was ended: it comes back after nothing.
    assert form.scripts() == []
    assert driver.plan_replace(N2).actions == REPLACE


def apply_elsewhere(form: Form, plan: SavedPlan) -> subprocess.Popen[bytes]:
    """Apply a plan in a process of its own, as a run of Airflow does."""
    code = f"""
        from pathlib import Path
        from cassandra_healing.operations.terraform.commands import TerraformBinary
        from cassandra_healing.operations.terraform.driver import Terraform
        from cassandra_healing.operations.terraform.plan import SavedPlan
        driver = Terraform(
            Path({str(FORM)!r}),
            TerraformBinary(path=Path({str(form.binary.path)!r}), product="", version=""),
            Path({str(form.run / "run")!r}),
        )
        driver.apply(SavedPlan(path=Path({str(plan.path)!r}), address={plan.address!r},
                               actions={plan.actions!r}, digest={plan.digest!r}))
    """
    paths = os.pathsep.join(sys.path)
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], env=os.environ | {"PYTHONPATH": paths})


@BOTH
def test_the_driver_killed_while_opentofu_goes_on(form: Form, verb: str) -> None:
    driver, plan = prepare(form, verb, 2)
    before = form.pids()
    other = apply_elsewhere(form, plan)
    wait_until(lambda: began(form, verb))
    other.kill()
    other.wait()
    assert applying(plan.path)
    told: list[str] = []
    # It is waited for, and what it did is seen.
    assert driver.recover(lambda: form.pids().get("n2") not in (None, before["n2"]), on_progress=told.append) is (
        Recovery.SETTLED
    )
    assert any("still applies it" in text for text in told)
    assert form.calls() == ["stop n2", "stop n2 done", "start n2", "start n2 done"]
    assert driver.plan_replace(N2).actions == REPLACE


@BOTH
def test_the_driver_killed_while_opentofu_goes_on_and_nobody_can_tell_whether_the_node_is_up(
    form: Form, verb: str
) -> None:
    driver, plan = prepare(form, verb, 2)
    other = apply_elsewhere(form, plan)
    wait_until(lambda: began(form, verb))
    other.kill()
    other.wait()
    assert driver.recover(lambda: False) is Recovery.REPLAN
    assert form.calls().count("start n2") == 1
    assert driver.plan_replace(N2).actions == REPLACE


@BOTH
def test_the_driver_and_opentofu_killed(form: Form, verb: str) -> None:
    driver, plan = prepare(form, verb, 3)
    before = form.pids()
    other = apply_elsewhere(form, plan)
    wait_until(lambda: began(form, verb))
    other.kill()
    other.wait()
    for process in applying(plan.path):
        process.kill()
    form.fast(verb, "n2")
    told: list[str] = []
    go_on(form, driver, verb, told)
    assert any("ending script" in text for text in told)
    assert form.pids()["n2"] != before["n2"]
    assert {name: pid for name, pid in form.pids().items() if name != "n2"} == {
        name: pid for name, pid in before.items() if name != "n2"
    }


def test_killed_between_the_journal_and_the_start_of_opentofu(form: Form) -> None:
    driver = form.create()
    form.fence("n2")
    plan = driver.plan_replace(N2)
    before = form.pids()
    driver.journal.write(
        "applying", plan=str(plan.path), address=plan.address, actions=plan.actions, digest=plan.digest
    )
    assert driver.recover(lambda: False) is Recovery.APPLIED
    assert form.pids()["n2"] != before["n2"]


def test_killed_between_the_end_of_opentofu_and_the_journal(form: Form) -> None:
    driver = form.create()
    form.fence("n2")
    plan = driver.plan_replace(N2)
    driver.apply(plan)
    lines = (form.run / "run" / "terraform.jsonl").read_text().splitlines(keepends=True)
    assert '"how": "applied"' in lines[-1]
    # The last line is cut off in its middle, as a full disk or a dying machine does.
    (form.run / "run" / "terraform.jsonl").write_text("".join(lines[:-1]) + lines[-1][:20])
    after = form.pids()
    assert driver.recover(lambda: False) is Recovery.REPLAN
    assert driver.recover(lambda: False) is Recovery.NOTHING
    assert form.pids() == after


def test_a_node_that_is_up_is_not_replaced_again(form: Form) -> None:
    driver, plan = prepare(form, "start", 1)
    other = apply_elsewhere(form, plan)
    wait_until(lambda: began(form, "start"))
    other.kill()
    other.wait()
    for process in applying(plan.path):
        process.kill()
    wait_until(lambda: form.calls()[-1] == "start n2 done")
    up = form.pids()
    assert driver.recover(lambda: True) is Recovery.SETTLED
    assert form.pids() == up
    assert driver.recover(lambda: False) is Recovery.NOTHING


@BOTH
def test_an_apply_that_takes_too_long_is_ended_with_its_scripts(form: Form, verb: str) -> None:
    _, plan = prepare(form, verb, 30)
    hasty = form.terraform(apply_seconds=2)
    with pytest.raises(ApplyTimedOut, match="took more than 2 s"):
        hasty.apply(plan)
    assert form.scripts() == []
    form.fast(verb, "n2")
    assert hasty.recover(lambda: False) is Recovery.NOTHING
    # Cut off in its start, the node is tainted: without care its end would be left away from now on.
    form.forget_calls()
    again = form.terraform().plan_replace(N2)
    assert again.actions == REPLACE
    form.terraform().apply(again)
    assert form.calls() == ["stop n2", "stop n2 done", "start n2", "start n2 done"]


# Not with Terraform: it may write that the node is made before its script began, and what a recovery finds is chance.
@pytest.mark.parametrize("binary", [find_binary(products=("tofu",))], indirect=True, ids=["tofu"])
def test_the_first_creation_killed(form: Form) -> None:
    for name in ("n1", "n2", "n3"):  # none is made when all end with the kill: no test waits for them
        form.slow("start", name, 30)
    driver = form.terraform()
    plan = driver.plan_create()
    assert plan is not None

    def apply() -> None:
        with pytest.raises(ApplyFailed, match="cut off"):
            driver.apply(plan)

    with in_background(apply):
        wait_until(lambda: (form.run / "calls").exists() and began(form, "start"))
        for process in applying(plan.path):
            process.kill()
    assert form.state.stat().st_size == 0
    for name in ("n1", "n2", "n3"):
        form.fast("start", name)
    assert driver.recover(lambda: False) is Recovery.APPLIED
    assert set(form.pids()) == {"n1", "n2", "n3"}
    assert len(driver.addresses()) == 3


def test_a_deposed_object_is_refused(form: Form) -> None:
    # Made by hand: what create_before_destroy leaves when the new node cannot start.
    driver = form.create()
    text = form.state.read_text()
    state = json.loads(text)
    for resource in state["resources"]:
        old = [dict(each, deposed="9e9947d2") for each in resource["instances"] if each["index_key"] == "n2"]
        resource["instances"] += old
    form.state.write_text(json.dumps(state | {"serial": state["serial"] + 1}))
    with pytest.raises(TerraformError, match="deposed object 9e9947d2"):
        driver.plan_replace(N2)


def test_files_are_where_they_are_said_to_be(form: Form) -> None:
    driver = form.create()
    assert driver.journal.read()[0]["event"] == "applying"
    assert {path.name for path in (form.run / "run").iterdir()} == {
        ".terraform",
        "lock",
        "logs",
        "plans",
        "terraform.jsonl",
        "variables.tfvars.json",
    }
    assert {path.name for path in FORM.iterdir()} == {"main.tf", "light.py"}
    assert Path(driver.journal.read()[0]["plan"]).is_relative_to(form.run / "run" / "plans")
