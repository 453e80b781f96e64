"""The operator's commands: filled in without a shell, ended in time, believed only by their exit code."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from cassandra_healing.operations.hooks import HookFailed, Hooks, run_hook
from tests.integration.healing.terraform.conftest import lives
from tests.waiting import wait_until

WORDS = {"name": "n3", "address": "10.0.0.3", "why": "it's dead; $(touch nothing) {name}"}


def test_words_are_filled_in_as_they_are(tmp_path: Path) -> None:
    out = tmp_path / "out"
    script = 'printf "%s\\n" "$@" >"$0"'
    run_hook("fence", ("sh", "-c", script, str(out), "{name}", "ssh:{address}", "{why}", "${x}{y}"), WORDS, 10)
    assert out.read_text().splitlines() == ["n3", "ssh:10.0.0.3", WORDS["why"], "${x}{y}"]


def test_a_command_that_fails_is_told_in_four_parts() -> None:
    with pytest.raises(HookFailed) as caught:
        run_hook("fence", ("sh", "-c", "echo no such instance >&2; exit 3"), WORDS, 10)
    assert "n3 (sh -c echo no such instance >&2; exit 3): the command for fence ended with code 3" in str(caught.value)
    assert "no such instance" in caught.value.what
    assert (caught.value.remains, caught.value.next.startswith("Do its work by hand")) == (
        "What it did by then is unknown",
        True,
    )
    with pytest.raises(HookFailed, match=r"cannot be run \(No such file or directory\)"):
        run_hook("repair", ("/nowhere/repair",), WORDS, 10)


def test_a_command_that_hangs_is_ended_with_what_it_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    begun = time.monotonic()
    with pytest.raises(HookFailed, match=r"did not end in 0\.5 s"):
        run_hook("fence", ("sh", "-c", f"sleep 600 & echo $! >{pid}; wait"), WORDS, 0.5)
    assert time.monotonic() - begun < 5
    left = int(pid.read_text())
    wait_until(lambda: not lives(left))  # its end is ordered by then; a busy machine takes its time to carry it out


def test_a_child_that_lives_on_does_not_hold_us() -> None:
    begun = time.monotonic()
    run_hook("fence", ("sh", "-c", "sleep 30 & exit 0"), WORDS, 20)
    assert time.monotonic() - begun < 5


def test_each_step_has_its_time() -> None:
    hooks = Hooks(fence=("a",), repair=("b",))
    assert [hooks.seconds(step) for step in ("fence", "repair", "terminate")] == [300.0, 86400.0, 600.0]
