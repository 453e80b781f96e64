"""What a plan must look like to be applied, row by row; and which apply is open, line by line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cassandra_healing.errors import BadPlan, TerraformError
from cassandra_healing.operations.terraform.commands import CommandResult, parse_lines
from cassandra_healing.operations.terraform.journal import ApplyJournal
from cassandra_healing.operations.terraform.plan import (
    CREATE,
    REPLACE,
    changes,
    check_creates,
    check_errored,
    check_replaces,
    is_tainted,
)

N2 = 'module.cassandra.terraform_data.node["n2"]'


def row(address: str, *actions: str, reason: str = "", deposed: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"address": address, "change": {"actions": list(actions)}}
    return found | ({"action_reason": reason} if reason else {}) | ({"deposed": deposed} if deposed else {})


WANTED = row(N2, "delete", "create", reason="replace_by_request")
SAME = row("n1", "no-op")


def test_exactly_one_replacement_by_request_is_accepted() -> None:
    rows = changes({"resource_changes": [SAME, WANTED]})
    assert check_replaces(rows, N2, missing_ok=False) == REPLACE
    created = changes({"resource_changes": [SAME, row(N2, "create")]})
    assert check_replaces(created, N2, missing_ok=True) == CREATE


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([SAME], "no such node"),
        ([], "no such node"),
        ([WANTED, row("n3", "delete")], "delete n3"),
        ([WANTED, row("n1", "update")], "update n1"),
        ([WANTED, row("data.x", "read")], "read data.x"),
        ([WANTED, row(N2, "delete", deposed="9e9947d2")], "deposed object 9e9947d2"),
        ([row(N2, "delete")], "would delete"),
        ([row(N2, "create")], "would create"),
        ([row(N2, "update")], "would update"),
        ([row(N2, "create", "delete", reason="replace_by_request")], "Remove create_before_destroy"),
        ([row(N2, "delete", "create", reason="replace_because_tainted")], "replace_because_tainted"),
        ([row(N2, "delete", "create", reason="replace_because_cannot_update")], "replace_because_cannot_update"),
        ([row(N2, "delete", "create")], "would delete and create"),
        ([WANTED, *(row(f"n{number}", "update") for number in range(10, 20))], "and 5 more"),
    ],
)
def test_anything_else_is_refused(rows: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(BadPlan, match=told):
        check_replaces(changes({"resource_changes": rows}), N2, missing_ok=False)


def test_a_plan_that_creates_may_create_again_what_failed_and_nothing_else() -> None:
    tainted = row(N2, "delete", "create", reason="replace_because_tainted")
    assert is_tainted(changes({"resource_changes": [tainted]}), N2)
    assert not is_tainted(changes({"resource_changes": [tainted]}), "n3")
    check_creates(changes({"resource_changes": [row("n3", "create"), tainted]}), "folder")
    for other in (WANTED, row("n1", "delete"), row("n1", "update")):
        with pytest.raises(BadPlan, match="more than create what is missing"):
            check_creates(changes({"resource_changes": [row("n3", "create"), other]}), "folder")


@pytest.mark.parametrize("shown", [{"errored": True}, {}])
def test_a_plan_that_is_not_whole_is_refused(shown: dict[str, Any]) -> None:
    check_errored({"errored": False}, "folder")
    with pytest.raises(BadPlan, match="not whole"):
        check_errored(shown, "folder")


def begin(journal: ApplyJournal, plan: str) -> None:
    journal.write("applying", plan=plan, address=N2, actions=REPLACE, digest="d")


def test_an_apply_is_open_until_its_own_end(tmp_path: Path) -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    journal = ApplyJournal(tmp_path / "run", clock=lambda: at)
    assert journal.find_open() is None
    begin(journal, "/p1")
    begin(journal, "/p2")
    journal.write("running", pid=12, plan="/p1")
    found = journal.find_open()
    assert found is not None
    assert (found.plan, found.pid, found.since, found.actions) == (Path("/p1"), 12, at, REPLACE)
    with pytest.raises(TerraformError, match=r"interrupted\. What it did is unknown\. Recover first"):
        journal.refuse_open()
    journal.write("ended", how="applied", plan="/p1")
    assert getattr(journal.find_open(), "plan", None) == Path("/p2")
    journal.write("ended", how="applied", plan="/p2")
    assert journal.find_open() is None
    begin(journal, "/p1")
    assert journal.find_open() is not None


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path, cut: int) -> None:
    journal = ApplyJournal(tmp_path)
    begin(journal, "/p1")
    path = tmp_path / "terraform.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"at": "2026-03-01T12:00:00+00:00", "event": "ended", "plan": "/p1"}'[:cut])
    assert getattr(journal.find_open(), "plan", None) == Path("/p1")
    journal.write("ended", how="settled", plan="/p1")
    assert journal.find_open() is None
    assert [line["event"] for line in journal.read()] == ["applying", "ended"]


def test_lines_that_are_no_messages_are_skipped() -> None:
    error = {"type": "diagnostic", "diagnostic": {"severity": "error", "summary": "S", "detail": "in\ntwo lines"}}
    warning = {"type": "diagnostic", "diagnostic": {"severity": "warning", "summary": "W"}}
    lines = ["", "Warning: no JSON", '"text"', json.dumps(warning), json.dumps(error), json.dumps(error)[:30]]
    outcome = CommandResult(code=1, messages=parse_lines("\n".join(lines)), output="", errors="")
    assert (outcome.summaries, outcome.error_text()) == (("S",), "S: in two lines")
    assert CommandResult(code=1, messages=(), output="", errors="").error_text() == "no output"


def test_messages_of_a_later_format_are_not_guessed_at() -> None:
    assert len(parse_lines('{"type": "version", "ui": "1.9"}')) == 1
    with pytest.raises(TerraformError, match=r"format 2\.0, and only format 1 is known"):
        parse_lines('{"type": "version", "ui": "2.0", "@message": "OpenTofu 3.0.0"}')
