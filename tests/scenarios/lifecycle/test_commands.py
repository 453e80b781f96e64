"""The command on a real cluster: what it prints for people and for machines, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from cassandra_views.cli.main import main
from cassandra_views.model.generation import State
from tests.scenarios.lifecycle.shapes import READINGS
from tests.scenarios.lifecycle.test_changes import VIEW, WINDOW, set_up
from tests.scenarios.lifecycle.workshop import Workshop

Views = Callable[..., str]


@pytest.fixture
def two(command_line: Workshop, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Two views that serve, one with a tag and a promise, in a folder to call the command in."""
    workshop = command_line
    set_up(workshop, READINGS)
    workshop.write_view("late", READINGS.view, window=WINDOW, grace="1 hour", tags="[web]", max_lag="2 hours")
    monkeypatch.setenv("VIEWS_AUTHOR", "ann")
    workshop.apply()
    return workshop


@pytest.fixture
def views(two: Workshop, capsys: pytest.CaptureFixture[str]) -> Views:
    """The command: returns what it prints on standard output, and where it fails its error, too."""

    def call(*arguments: str, code: int = 0) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["--now", two.now.isoformat(), *arguments])
        told = capsys.readouterr()
        assert ended.value.code == code, told.err
        return told.out if code == 0 else told.out + told.err

    return call


def parsed(text: str) -> Any:
    found, _end = json.JSONDecoder().raw_decode(text)
    assert found["format_version"] == 1
    return found


def cells(text: str) -> list[list[str]]:
    """Return the cells of a table that was printed, without its head."""
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()[1:]]


def test_a_decision_is_told_as_a_table_and_as_json(two: Workshop, views: Views) -> None:
    frozen = views("freeze", "--tag", "web", "--reason", "sale", "--until", "2026-03-12")
    assert cells(frozen) == [[two.full("late"), "frozen", "2026-03-12T00:00:00Z", "sale"]]
    found = parsed(views("off", "--tag", "web", two.full(VIEW), "--reason", "quiet", "--format", "json"))
    assert [each["view"] for each in found["views"]] == [two.full(VIEW), two.full("late")]
    assert found["views"][0]["override"] == {"kind": "off", "by": "ann", "reason": "quiet", "until": None}
    ended = views("on", two.full(VIEW), two.full("late"), "--reason", "over")
    assert cells(ended) == [[two.full(each), "its file rules", "-", "over"] for each in (VIEW, "late")]
    found = parsed(views("on", "--tag", "web", "--reason", "again", "--format", "json"))
    assert found["views"] == [{"view": two.full("late"), "override": None}]


def test_what_is_marked_suspect_is_told_with_what_audits_it(two: Workshop, views: Views) -> None:
    told = views("suspect", two.full(VIEW), "--reason", "restored")
    assert "'views audit' compares what serves with its base now" in told
    assert "What does not serve" not in told
    two.manager().refresh(two.full("late"))
    told = views("suspect", two.full("late"), "--reason", "restored")
    assert "What does not serve is compared in full before readers are sent to it." in told


@pytest.mark.usefixtures("own_registry")  # it looks at all views of a registry
def test_the_doctor_finds_what_needs_somebody_and_says_what_it_could_not_see(two: Workshop, views: Views) -> None:
    def found(on: str) -> set[str]:
        report = parsed(views("doctor", "--format", "json"))["report"]
        assert {"nodes", "switches", "versions", "schema agreement", "clocks", "registry", "views"} <= {
            each["topic"] for each in report["checks"]
        }
        assert "disk" in {each["topic"] for each in report["unknown"]}
        assert {each["severity"] for each in report["findings"]} <= {"warning", "note"}
        return {each["code"] for each in report["findings"] if each["on"] == on}

    late = two.full("late")
    assert found(late) <= {"view-unread"}
    two.session.execute(f"SELECT * FROM {two.keyspace}.{two.serving('late')} WHERE ts = '2026-03-10'")
    assert found(late) == set()
    views("suspect", late, "--reason", "restored")
    told = views("doctor", "--detailed-exitcode", code=2)
    assert f"warning {late}: it is suspect: " in told
    assert "Next: 'views audit late' compares it with its base, else the next apply does." in told


def test_a_select_is_explained_by_the_keys_of_table_and_views(two: Workshop, views: Views) -> None:
    table = f"{two.keyspace}.{READINGS.table[0]}"
    told = views("explain", f"SELECT sensor, value FROM {table} WHERE ts = ?")
    assert f"answers by filtering: table {table}\n  'sensor' of its partition key is not given\n" in told
    assert f"answers in part: view {two.full('late')}\n  serves {two.serving('late')} from " in told
    assert "\n  it holds only rows where ts >= " in told
    found = parsed(views("explain", f"SELECT sensor FROM {table} WHERE value = 3", "--format", "json"))["explanation"]
    assert {each["name"] for each in found["candidates"]} == {table, two.full("late"), two.full(VIEW)}
    assert found["verdict"] == found["candidates"][0]["verdict"] == "answers by filtering"
    assert "PRIMARY KEY ((value), sensor, ts)" in found["proposals"][0]["text"]


def test_plan_apply_status_and_refresh_take_tags(two: Workshop, views: Views) -> None:
    two.now += timedelta(days=1)
    steps = parsed(views("plan", "--tag", "web", "--format", "json"))["steps"]
    assert {each["view"]["view"] for each in steps} == {"late"}
    assert parsed(views("apply", "--tag", "web", "--yes", "--format", "json"))["failures"] == []
    assert two.serving("late") == "late__g2"
    assert two.serving(VIEW) == f"{VIEW}__g1"
    assert [each["name"] for each in parsed(views("status", "--tag", "web", "--format", "json"))["views"]] == [
        two.full("late")
    ]
    assert parsed(views("refresh", "--tag", "web", two.full(VIEW), "--yes", "--format", "json"))["failures"] == []
    assert (two.serving("late"), two.serving(VIEW)) == ("late__g3", f"{VIEW}__g2")


def test_views_are_listed_and_chosen_by_what_is_known_of_them(two: Workshop, views: Views) -> None:
    both = [two.full(VIEW), two.full("late")]
    base = ("--base", f"{two.keyspace}.{READINGS.table[0]}")  # the registry knows the views of other tests too
    assert [row[:2] for row in cells(views("list", *base))] == [[each, "serving"] for each in both]
    assert views("list", "-q", *base).split() == both
    (each,) = parsed(views("list", "--tag", "web", "--format", "json"))["views"]
    assert (each["name"], each["tags"], each["base"]) == (two.full("late"), ["web"], READINGS.table[0])
    assert views("list", "-q", *base, "--exclude", "la*").split() == both[:1]
    assert views("list", "-q", *base, "--state", "stale") == ""
    two.now += timedelta(days=1)
    assert views("list", "-q", *base, "--state", "stale", "--exclude", two.full(VIEW)).split() == both[1:]
    for command in ("status", "plan", "apply", "refresh", "audit"):
        views(command, *base, "--exclude", "lat", code=1)
    only = (*base, "--exclude", two.full(VIEW))
    steps = parsed(views("plan", *only, "--state", "stale", "--format", "json"))["steps"]
    assert {each["view"]["view"] for each in steps} == {"late"}
    assert parsed(views("apply", *only, "--yes", "--format", "json"))["failures"] == []
    assert (two.serving("late"), two.serving(VIEW)) == ("late__g2", f"{VIEW}__g1")
    assert parsed(views("apply", *base, "--state", "off", "--yes", "--format", "json"))["done"] == 0
    for command in ("plan", "apply", "refresh"):
        told = views(command, *base, "--state", "off")
        assert "! no view matches" in told
        assert "the cluster is as the files say" not in told
    assert views("audit", *base, "--state", "off") == "No view that matches serves, so there is nothing to audit.\n"
    assert [row[0] for row in cells(views("audit", *only))] == both[1:]
    assert parsed(views("audit", *base, "--state", "off", "--format", "json"))["audits"] == []
    views("refresh", *only, "--yes")
    assert (two.serving("late"), two.serving(VIEW)) == ("late__g3", f"{VIEW}__g1")


def test_times_ahead_of_the_clock_are_told_in_words(two: Workshop, views: Views) -> None:
    two.now -= timedelta(hours=23)
    told = views("status", two.full("late"))
    assert cells(told)[0][4] == "in 23 h"
    assert "Some times are up to 23 h ahead of this clock" in told


def test_a_lag_that_cannot_be_measured_is_told_after_the_others(two: Workshop, views: Views) -> None:
    key = "{sensor: __canary__, ts: '2026-03-10T11:00:00Z'}"
    lag = f"{{promise: 5 seconds, probe: {{key: {key}}}}}"
    two.write_view("late", READINGS.view, window=WINDOW, grace="1 hour", tags="[web]", max_lag="2 hours", lag=lag)
    two.session.execute(
        f"INSERT INTO {two.keyspace}.readings (sensor, ts) VALUES ('__canary__', '2026-03-10T11:00:00Z')"
    )
    told = views("lag", "--timeout", "0.5", code=1)
    assert f"{two.full(VIEW)}: nodes say:" in told
    assert "Error: table" in told
    assert "State: Nothing was written or deleted." in told
    reports = {each["view"]: each for each in parsed(views("lag", "--format", "json", code=1))["lags"]}
    assert reports[two.full("late")]["lag_promise"] == "unknown"
    assert "holds a row of 'lag.probe.key'" in reports[two.full("late")]["error"]
    assert (reports[two.full(VIEW)]["error"], reports[two.full(VIEW)]["lag_promise"]) == (None, "")


def test_a_broken_promise_is_told_until_the_slide(two: Workshop, views: Views) -> None:
    both = (two.full(VIEW), two.full("late"))
    assert cells(views("status", *both))[1][-1] == "kept"
    two.now += timedelta(days=1)  # the window of three days moved at midnight, twelve hours ago
    told = views("status", *both)
    assert told.splitlines()[0].split()[-1] == "PROMISE"
    assert [row[-1] for row in cells(told)[:2]] == ["-", "broken"]
    assert f"{two.full('late')}: promise broken its slide is 12 h late, 10 h more than max_lag" in told
    (each,) = parsed(views("status", two.full("late"), "--format", "json"))["views"]
    assert (each["promise"], each["slide_lag_seconds"], each["broken_by_seconds"]) == ("broken", 12 * 3600, 10 * 3600)
    note = f"{two.full('late')} breaks its promise: its slide is 12 hours late, and max_lag is 2 hours"
    assert parsed(views("plan", "--tag", "web", "--format", "json"))["notes"] == [note]
    views("apply", "--tag", "web", "--yes")
    assert parsed(views("plan", "--tag", "web", "--format", "json"))["notes"] == []
    (each,) = parsed(views("status", two.full("late"), "--format", "json"))["views"]
    assert (each["promise"], each["slide_lag_seconds"], each["broken_by_seconds"]) == ("kept", None, None)


def test_audits_are_told_as_a_table_and_as_json_and_by_the_exit_code(two: Workshop, views: Views) -> None:
    (row,) = cells(views("audit", "--tag", "web"))
    assert row[:3] == [two.full("late"), "1", "passed"]
    assert "rows of" in row[-1]
    two.session.execute(f'DROP MATERIALIZED VIEW {two.keyspace}."late__g1"')
    found = parsed(views("audit", two.full(VIEW), "--tag", "web", "--format", "json", code=1))["audits"]
    assert [(each["view"], each["generation"], each["audit"]) for each in found] == [
        (two.full(VIEW), 1, "passed"),
        (two.full("late"), 1, "failed"),
    ]
    assert found[1]["found"] == "it differs from its base: it is no longer in the schema"
    told = views("status", two.full("late"))
    assert cells(told)[0][1] == "broken"
    assert "its last audit, 0 s ago, found that it differs from its base" in told


def test_failed_runs_are_told(two: Workshop, views: Views) -> None:
    for _ in range(2):
        two.manager().note_failed_run(two.full("late"), "no room")
    two.now += timedelta(minutes=5)
    told = views("status", two.full("late"))
    assert f"{two.full('late')}: 2 runs in a row failed, the last 5 min ago" in told
    assert "failures    2 runs in a row failed, the last 2026-03-10 12:00:00" in views("show", two.full("late"))
    assert "2 runs in a row failed, the last 2026-03-10 12:00:00" in views("explain", two.full("late"))
    record = parsed(views("show", two.full("late"), "--format", "json"))["view"]
    assert (record["failures"], record["failed_at"]) == (2, "2026-03-10T12:00:00Z")


def test_a_view_of_which_nothing_is_left_is_told_by_every_command(two: Workshop, views: Views) -> None:
    late = two.full("late")
    views("drop", late, "--yes", "--reason", "nobody reads it")
    dropped = "dropped 2026-03-10T12:00:00Z by ann: nobody reads it"
    assert f"{late} was {dropped}" in views("status", late), "it still has a file, and is off"
    two.remove_view("late")
    assert late not in views("status")
    told = views("status", late)
    assert cells(told)[0][:2] == [late, "dropped"]
    assert f"{late} was {dropped}" in told
    (each,) = parsed(views("status", late, "--format", "json"))["views"]
    assert each["dropped"] == {"at": "2026-03-10T12:00:00Z", "by": "ann", "reason": "nobody reads it"}
    for command in ("explain", "show"):
        assert f"nothing of it exists: it was {dropped}" in views(command, late).replace(
            "exists      nothing:", "nothing of it exists:"
        )
    assert parsed(views("explain", late, "--format", "json"))["status"]["condition"] == "dropped"
    assert "dropped" in views("history", late)
    for command in ("rollback", "refresh", "name", "query", "freeze", "off", "audit"):
        more = ("--reason", "x") if command in ("freeze", "off") else ()
        assert f"it was {dropped}" in views(command, late, *more, code=1)
    assert cells(views("on", late, "--reason", "tidy")) == [[late, "it has no file", "-", "tidy"]]
    assert two.record("late").override is None
    # It is made again as any other, and nothing of the past is told of it then.
    two.write_view("late", READINGS.view, window=WINDOW)
    two.apply()
    assert two.record("late").dropped is None
    assert cells(views("status", late))[0][1] == "serving"


def test_a_wrong_file_stops_only_its_own_view(views: Views, two: Workshop) -> None:
    good, late = two.full(VIEW), two.full("late")
    views("refresh", good, "--yes")
    two.write_view("late", READINGS.view.replace("SELECT", "SELEC"), tags="[web]")
    two.write_table("unused", "{column: day, type: dat}")
    commands = ["status", "show", "explain", "name", "history", "audit", "rollback --yes", "refresh --yes", "plan"]
    for command in [*commands, "freeze --reason r", "on --reason r", "apply --yes"]:
        verb, *options = command.split()
        views(verb, good, *options)
    # What needs only the registry works for the view of the wrong file, too.
    for command in ["status", "show", "name", "history", "audit", "freeze --reason r", "on --reason r"]:
        verb, *options = command.split()
        views(verb, late, *options)
    assert "late" in views("status")
    views("plan", late, code=1)
    served = two.serving("late")
    found = parsed(views("plan", "--format", "json", code=1))
    assert sorted(each["view"] for each in found["refused"]) == [f"{two.keyspace}.late", "table unused"]
    two.write_view("more", READINGS.view, window=WINDOW)
    done = parsed(views("apply", "--yes", "--format", "json", code=1))
    assert [each["view"] for each in done["failures"]] == [f"{two.keyspace}.late", "table unused"], done
    assert two.serving("more").startswith("more__g")
    assert two.serving("late") == served
    views("drop", late, "--yes")
    assert two.record("late").read_from == ()
    assert str(two.record("late").override).startswith("off")


def test_readers_are_not_sent_to_far_fewer_rows_without_a_person(views: Views, two: Workshop) -> None:
    good, served = two.full(VIEW), two.serving(VIEW)
    held = two.record(VIEW).in_state(State.SERVING)[0].rows_built
    few = READINGS.view.replace("sensor IS NOT NULL", "sensor = 'nobody'")
    assert held
    two.write_view(VIEW, few, window=WINDOW, grace="1 hour")
    views("apply", good, "--yes", code=1)
    (waiting,) = two.record(VIEW).in_state(State.BUILT)
    assert (waiting.rows_built, waiting.compared_rows) == (0, held)
    history = views("history", good, "--format", "json")
    assert "serve withheld" in history
    for command in ("plan", "apply --yes", "refresh --yes"):
        verb, *options = command.split()
        views(verb, good, *options, code=1)
        assert two.serving(VIEW) == served
        assert two.record(VIEW).in_state(State.BUILT) == (waiting,), "neither dropped nor built again"
    (found,) = [each for each in parsed(views("status", "--format", "json"))["views"] if each["name"] == good]
    assert f"it holds 0 rows, and generation 1, which serves, holds {held} rows" in found["waiting"]
    views("apply", good, "--yes", "--allow-shrink")
    assert two.serving(VIEW) == waiting.physical
    # Rows that left by deletes are no loss that a new generation brings: it holds as many as the one that serves.
    two.write_view("late", READINGS.view, window=WINDOW, grace="2 hours", tags="[web]")
    two.session.execute(f"TRUNCATE {two.keyspace}.{READINGS.name}")
    views("refresh", two.full("late"), "--yes")


def test_a_plan_is_refused_whose_files_have_changed(views: Views, two: Workshop) -> None:
    good = two.full(VIEW)
    two.write_view(
        VIEW, READINGS.view.replace("sensor IS NOT NULL", "sensor IN ('s1', 's2')"), window=WINDOW, grace="1 hour"
    )
    views("plan", "--out", "plan.json")
    two.write_view(VIEW, READINGS.view, window=WINDOW, grace="3 hours")
    before = two.record(VIEW)
    views("apply", "--plan", "plan.json", "--yes", code=1)
    assert two.record(VIEW) == before, "nothing was begun"
    views("plan", good)


def test_a_rename_moves_the_file_and_keeps_both_names_served(views: Views, two: Workshop) -> None:
    refused = views("rename", "late", VIEW, "--yes", code=1)
    assert f"there is a file of a view {VIEW} already" in refused
    assert "yes" in views("rename", "late", "later", code=1), "nobody can be asked here"
    assert (two.folder / "views" / "late.cql.j2").exists(), "the file is put back where it was not approved"

    told = views("rename", "late", "later", "--yes")
    assert "rename it from late, which is served as well" in told
    assert not (two.folder / "views" / "late.cql.j2").exists()
    assert [entry.name for entry in two.record("late").read_from] == ["late__g1"] == [two.serving("later")]
    assert "also served under its former names late" in views("explain", "later")
    assert "it is a former name of later, and served as well" in views("explain", two.full("late"))
    assert "create" in views("history", "later"), "what was before the rename, too"

    told = views("rename", "late", "later", "--finish", "--files-only")
    assert "names no former name any longer" in told
    assert "serve its former name late no longer" in views("rename", "late", "later", "--finish", "--yes")
    assert two.record("late").read_from == ()
    assert "it is a former name of later, and no longer served" in views("explain", two.full("late"))
