"""Healing a real cluster of three nodes under constant reads and writes at QUORUM: nothing lost, nothing wrong done."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator

import pytest

from local_cluster.node_status import MachineState
from tests.nightly.replacement.ground import TERRAFORM, Ground

pytestmark = [pytest.mark.slow, pytest.mark.cassandra, pytest.mark.timeout(600)]


@pytest.fixture(autouse=True)
def _checked(ground: Ground) -> Iterator[None]:
    """After each test no request has failed, and nothing is lost."""
    with ground.checked():
        yield


def ended(ground: Ground, count: int) -> Callable[[], bool]:
    return lambda: [each[2] for each in ground.operations()][count - 1 : count] not in ([], [""])


def check_suspicion(ground: Ground, name: str, former: str) -> None:
    """Check that what serves became suspect since a node was replaced, and that a full audit ended it."""
    assert ground.host_id(name) == former  # under its address it takes its host id, too
    why = f"node {former} was replaced by another of the same address"
    events = ground.events()
    marked = next(place for place, (event, detail) in enumerate(events) if event == "suspect" and why in detail)
    later = events[marked + 1 :]
    assert "audit passed" in [event for event, _detail in later]
    assert any(event == "suspicion ended" and why in detail and "full audit" in detail for event, detail in later)
    (view,) = json.loads(ground.views("status", "--format", "json"))["views"]
    assert view["suspect_since"] is None


def test_a_node_that_hangs_is_restarted_and_not_replaced(ground: Ground) -> None:
    ground.configure("health_hung")
    pid = ground.status("n2").pid
    with ground.healing() as healing:
        healing.wait_until(lambda: "all 3 nodes are up" in healing.said())
        ground.kill("n2", signal.SIGSTOP)
        healing.wait_until(ended(ground, 1))
        assert ground.operations() == [("restart", "n2", "done")]
    after = ground.status("n2")
    assert (after.life, after.pid != pid, after.is_paused) == (1, True, False)
    assert steps(ground) == [("restart", ""), ("restart", "done"), ("normal", ""), ("normal", "done")]
    ground.repair("n2")


def test_a_killed_node_whose_restart_fails_is_replaced(ground: Ground) -> None:
    ground.configure("health_broken")
    others = {name: ground.status(name).pid for name in ("n1", "n2")}
    life, former = ground.lives("n3"), ground.host_id("n3")
    with ground.healing() as healing:
        healing.wait_until(lambda: "all 3 nodes are up" in healing.said())
        ground.kill("n3")
        for path in ground.data("n3").rglob("*-Data.db"):  # its disk has died under it
            path.write_bytes(b"\0" * path.stat().st_size)
        healing.wait_until(ended(ground, 2), 240)
    assert ground.operations() == [("restart", "n3", "failed"), ("replace", "n3", "done")]
    found = ground.status("n3")
    assert (found.life, found.state, found.old_lives) == (life + 1, MachineState.RUNNING, ())
    assert {name: ground.status(name).pid for name in others} == others
    audit = [line for line in ground.lines() if line.rule == "audit" and line.outcome]
    assert [(line.outcome, line.detail) for line in audit] == [("done", "what the cluster serves is as it should be")]
    check_suspicion(ground, "n3", former)


def test_a_machine_that_is_gone_is_replaced_by_healers_that_are_killed_at_each_step(ground: Ground) -> None:
    # Commands that take their time, so that a kill comes in their middle; what they began goes on without the healer.
    script, run = str(TERRAFORM / "node.sh"), ("--run", str(ground.local.run_folder))
    slow = {
        step: ["sh", "-c", 'sleep 1; exec "$0" "$@"', script, step, "{name}", *run]
        for step in ("fence", "repair", "terminate")
    }
    slow["fence"] += ["--why", "{why}"]
    ground.configure("health_killed", slow, mode="approve")
    others = {name: ground.status(name).pid for name in ("n2", "n3")}
    life, former = ground.lives("n1"), ground.host_id("n1")
    killed = []
    with ground.healing() as healing:
        healing.wait_until(lambda: "all 3 nodes are up" in healing.said())
        ground.lose("n1")
        for step in ("plan", "approve", "fence", "apply", "normal", "repair", "terminate", "audit"):
            if step == "approve":
                healing.wait_until(lambda: "waits for 'views cluster approve" in healing.said())
            else:
                healing.wait_until(lambda step=step: (step, "") in steps(ground))
            healing.kill()
            killed.append((step, (step, "done") not in steps(ground)))
            if step == "approve":
                assert ground.lives("n1") == life
                ground.views("cluster", "approve", "--reason", "its machine is gone")
            healing.start()
        healing.wait_until(ended(ground, 1))
    assert ground.operations() == [("replace", "n1", "done")]
    # In their very middle, but for those that take no time.
    assert {step for step, is_cut_off in killed if is_cut_off} >= {"fence", "apply", "repair", "terminate", "audit"}
    found = ground.status("n1")
    assert (found.life, found.state, found.old_lives) == (life + 1, MachineState.RUNNING, ())
    assert {name: ground.status(name).pid for name in others} == others
    approved = next(line for line in ground.lines() if line.event == "approved")
    assert (approved.author, approved.detail) == ("healer", "its machine is gone")
    assert "differs" not in ground.views("audit")
    check_suspicion(ground, "n1", former)


def steps(ground: Ground) -> list[tuple[str, str]]:
    return [(line.rule, line.outcome) for line in ground.lines() if line.event == "step"]
