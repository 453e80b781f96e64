"""One node is replaced and no other, on the real program; what would do more or less is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cassandra_healing.errors import (
    ApplyFailed,
    BadPlan,
    StaleSavedPlan,
    StateLocked,
    TerraformError,
)
from cassandra_healing.operations.terraform.driver import Recovery
from cassandra_healing.operations.terraform.plan import CREATE, REPLACE
from tests.integration.healing.terraform.background import in_background
from tests.integration.healing.terraform.conftest import FORM, Form, address
from tests.paths import ROOT
from tests.waiting import wait_until


def test_one_node_is_ended_and_then_started_and_the_others_are_left_alone(form: Form) -> None:
    driver = form.create()
    before = form.pids()
    assert set(before) == {"n1", "n2", "n3"}
    form.forget_calls()
    form.fence("n2")
    plan = driver.plan_replace(address("n2"))
    assert (plan.address, plan.actions) == (address("n2"), REPLACE)
    driver.apply(plan)
    after = form.pids()
    assert form.calls() == ["stop n2", "stop n2 done", "start n2", "start n2 done"]
    assert after["n2"] != before["n2"]
    assert {name: pid for name, pid in after.items() if name != "n2"} == {
        name: pid for name, pid in before.items() if name != "n2"
    }
    assert driver.recover(lambda: False) is Recovery.NOTHING
    assert driver.plan_create() is None


@pytest.mark.parametrize(
    "wrong", [address("n9"), "module.cassandra.terraform_data.node", 'module.nothing.terraform_data.node["n1"]']
)
def test_an_address_that_names_no_node_is_refused(form: Form, wrong: str) -> None:
    driver = form.create()
    with pytest.raises(BadPlan, match="no such node in the configuration"):
        driver.plan_replace(wrong)
    assert list((form.run / "run" / "plans").glob("*-replace.plan")) == []


def test_an_address_that_cannot_be_read_is_an_error(form: Form) -> None:
    with pytest.raises(TerraformError, match="planning failed"):
        form.create().plan_replace("module.cassandra.terraform_data.node[n2]")


def test_a_plan_that_would_do_more_is_refused(form: Form) -> None:
    form.create()
    form.names.append("n4")
    with pytest.raises(BadPlan, match=r"more than replace this one: create .*n4"):
        form.terraform().plan_replace(address("n2"))
    form.names = ["n1", "n2"]
    with pytest.raises(BadPlan, match=r"delete .*n3.*delete_because_each_key"):
        form.terraform().plan_replace(address("n2"))
    assert form.pids().keys() == {"n1", "n2", "n3"}


def test_a_configuration_that_starts_the_new_node_first_is_refused(form: Form, tmp_path: Path) -> None:
    folder = tmp_path / "terraform" / "form"
    shutil.copytree(FORM, folder)
    module = tmp_path / "terraform" / "module"
    shutil.copytree(ROOT / "terraform" / "modules" / "node", module)
    main = module / "main.tf"
    main.write_text(main.read_text().replace("  for_each = var.nodes\n", _BEFORE_DESTROY))
    text = (folder / "main.tf").read_text()
    (folder / "main.tf").write_text(text.replace("../../../../../terraform/modules/node", "../module"))
    driver = form.terraform(folder=folder)
    plan = driver.plan_create()
    assert plan is not None
    driver.apply(plan)
    with pytest.raises(BadPlan, match="Remove create_before_destroy"):
        driver.plan_replace(address("n2"))


_BEFORE_DESTROY = "  for_each = var.nodes\n  lifecycle {\n    create_before_destroy = true\n  }\n"


def test_a_node_that_is_not_fenced_is_not_ended(form: Form) -> None:
    driver = form.create()
    before = form.pids()
    with pytest.raises(ApplyFailed, match="is not fenced"):
        driver.apply(driver.plan_replace(address("n2")))
    assert form.pids() == before
    form.fence("n2")
    driver.apply(driver.plan_replace(address("n2")))
    assert form.pids()["n2"] != before["n2"]


def test_a_start_that_failed_is_planned_again_and_its_leftover_ended_first(form: Form) -> None:
    driver = form.create()
    form.fence("n2")
    (form.run / "fail-start-n2").touch()
    with pytest.raises(ApplyFailed, match="told to fail"):
        driver.apply(driver.plan_replace(address("n2")))
    (form.run / "fail-start-n2").unlink()
    form.forget_calls()
    plan = driver.plan_replace(address("n2"))
    assert plan.actions == REPLACE
    driver.apply(plan)
    # The program itself leaves `stop` away for a node whose creation failed.
    assert form.calls()[0] == "stop n2"
    assert "n2" in form.pids()


def test_a_first_creation_that_failed_is_done_again(form: Form) -> None:
    (form.run / "fail-start-n2").touch()
    with pytest.raises(ApplyFailed, match="told to fail"):
        form.create()
    (form.run / "fail-start-n2").unlink()
    before = form.pids()
    form.forget_calls()
    form.create()
    assert form.calls() == ["start n2", "start n2 done"]
    assert set(form.pids()) == {"n1", "n2", "n3"}
    assert before.items() <= form.pids().items()


def test_a_node_that_the_state_does_not_know_is_created_only_where_that_is_allowed(form: Form) -> None:
    driver = form.create()
    state = json.loads(form.state.read_text())
    for resource in state["resources"]:
        resource["instances"] = [each for each in resource["instances"] if each["index_key"] != "n2"]
    form.state.write_text(json.dumps(state | {"serial": state["serial"] + 1}))
    with pytest.raises(BadPlan, match="would create"):
        driver.plan_replace(address("n2"))
    plan = driver.plan_replace(address("n2"), missing_ok=True)
    assert plan.actions == CREATE
    driver.apply(plan)
    assert len(driver.addresses()) == 3


def test_a_plan_is_applied_once(form: Form) -> None:
    driver = form.create()
    form.fence("n2")
    one, two = driver.plan_replace(address("n2")), driver.plan_replace(address("n2"))
    driver.apply(one)
    between = form.pids()
    for plan in (one, two):
        with pytest.raises(StaleSavedPlan, match="the state has changed"):
            driver.apply(plan)
    assert form.pids() == between
    assert driver.recover(lambda: False) is Recovery.NOTHING


def test_a_plan_whose_file_was_changed_is_not_applied(form: Form) -> None:
    driver = form.create()
    form.fence("n2")
    plan, other = driver.plan_replace(address("n2")), driver.plan_replace(address("n1"))
    plan.path.write_bytes(other.path.read_bytes())
    before = form.pids()
    with pytest.raises(StaleSavedPlan, match="gone or was changed"):
        driver.apply(plan)
    assert form.pids() == before


def test_a_state_that_another_run_holds_is_left_to_it(form: Form) -> None:
    driver = form.create()
    form.fence("n2")
    form.slow("start", "n2", 50)
    plan = driver.plan_replace(address("n2"))
    other = form.terraform(own="other")
    waiting = other.plan_replace(address("n3"))
    with in_background(lambda: driver.apply(plan)):
        wait_until(lambda: form.calls().count("start n2") == 2)  # the first was its creation
        with pytest.raises(StateLocked, match="another run holds the state"):
            other.plan_replace(address("n3"))
        with pytest.raises(StateLocked, match="another run holds the state"):
            other.apply(waiting)
        with pytest.raises(StateLocked, match="another process plans or applies there"):
            driver.plan_replace(address("n3"))
        form.fast("start", "n2")
    with pytest.raises(StaleSavedPlan):
        other.apply(waiting)
    assert "stop n3" not in form.calls()


def test_an_empty_state_replaces_nothing_and_is_filled_again(form: Form) -> None:
    driver = form.create()
    form.state.write_bytes(b"")
    form.fence("n2")
    with pytest.raises(BadPlan, match=r"create .*n1.*create .*n3|would do more"):
        driver.plan_replace(address("n2"), missing_ok=True)
    assert "stop n2" not in form.calls()
    plan = driver.plan_create()
    assert plan is not None
    driver.apply(plan)
    assert len(driver.addresses()) == 3
    assert driver.plan_replace(address("n2")).actions == REPLACE


def test_a_broken_state_is_an_error(form: Form) -> None:
    driver = form.create()
    form.state.write_text(form.state.read_text()[:100])
    with pytest.raises(TerraformError, match="planning failed"):
        driver.plan_replace(address("n2"))


def test_nothing_of_the_environment_changes_what_is_done(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = form.create()
    form.fence("n2")
    monkeypatch.setenv("TF_CLI_ARGS_plan", "-destroy")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", "/nowhere/tofurc")
    monkeypatch.setenv("TF_LOG", "trace")
    plan = driver.plan_replace(address("n2"))
    driver.apply(plan)
    assert len(form.pids()) == 3
