"""Files of tests: what they say, and what is wrong with them, before any server is asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cassandra_views.cli.main import main
from cassandra_views.project.loader import ProjectLoader
from cassandra_views.project.view_tests import ProjectTests, load_tests

TABLE = """---
keyspace: shop
time: {column: day, type: date}
---
CREATE TABLE {{ table }} (customer text, day date, number int, "Note" text, PRIMARY KEY ((customer), day, number))
"""
VIEW = """---
keyspace: shop
window: {last: 28 days, step: 1 day}
---
CREATE MATERIALIZED VIEW {{ view }} AS SELECT day, number, customer, "Note" FROM {{ base('orders') }}
WHERE {{ in_window() }} AND number IS NOT NULL AND customer IS NOT NULL PRIMARY KEY ((day), number, customer)
"""
GOOD = """tests:
  - name: orders of the window are shown
    now: 2026-12-01T06:00:00Z
    rows:
      - {customer: 010, day: 2026-11-30, number: 1, Note: yes}
      - {customer: "null", day: 2026-10-01, number: 2, Note: null}
    expect:
      - {day: 2026-11-30, number: 1, customer: 010, Note: yes}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with one table and one view."""
    for folder, name, text in (("tables", "orders", TABLE), ("views", "by_day", VIEW)):
        (tmp_path / "templates" / folder).mkdir(parents=True)
        (tmp_path / "templates" / folder / f"{name}.cql.j2").write_text(text, encoding="utf-8")
    return tmp_path / "templates"


def load(root: Path, text: str, name: str = "by_day.test.yaml") -> ProjectTests:
    (root / "views" / name).write_text(text, encoding="utf-8")
    return load_tests(root, ProjectLoader(root).load(skip_broken=True))


def test_values_are_the_texts_that_are_written_and_null_is_null(root: Path) -> None:
    found = load(root, GOOD)
    assert found.errors == ()
    (test,) = found.tests
    assert [dict(row.values) for row in test.rows] == [
        {"customer": "010", "day": "2026-11-30", "number": "1", "Note": "yes"},
        {"customer": "null", "day": "2026-10-01", "number": "2", "Note": None},
    ]
    assert (test.place.line, test.rows[1].place.line, test.expected[0].place.line) == (2, 6, 8)
    assert test.key == ("day", "number", "customer")
    assert str(test.now) == "2026-12-01 06:00:00+00:00"


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (("number: 1, Note", "number: 1, note"), 5, "the base table orders has no column 'note'; did you mean 'Note'?"),
        (("expect:", "expects:"), 7, "unknown key 'tests.0.expects' in the file; did you mean 'expect'?"),
        (("    now: 2026-12-01T06:00:00Z\n", ""), 2, "lacks 'now', and the view has a window"),
        (("2026-12-01T06:00:00Z", "tomorrow"), 3, "'tomorrow' is no time"),
        (("2026-12-01T06:00:00Z", "0001-01-01T00:00:00Z"), 3, "whose window begins before the first time there is"),
        (("Note: null", "Note: !!set {a, b}"), 6, "the file has the tag !!set"),
        (("Note: null", "Note: !!binary aGVsbG8="), 6, "the file has the tag !!binary"),
        (("Note: null", "Note: !!timestamp 2026-12-01"), 6, "the file has the tag !!timestamp"),
        (("Note: null", "Note: [!!float .nan]"), 6, "the file has the tag !!float"),
        (("Note: null", "Note: !own x"), 6, "the file has the tag !own"),
        (("number: 2, ", ""), 6, "the row lacks number, and the key of the base table orders is customer, day, number"),
        (("number: 2", "number: null"), 6, "the row lacks number"),
        (("number: 2,", "number: 2, number: 3,"), 6, "'number' is given twice in the file"),
        (
            ("    expect:\n      - {day: 2026-11-30, number: 1, customer: 010, Note: yes}\n", ""),
            2,
            "lacks 'tests.0.expect'",
        ),
        ((GOOD, "tests: []"), 1, "'tests' in the file: it must have at least one entry"),
        ((GOOD.partition("    rows:")[2].partition("    expect:")[0], " []\n"), 4, "it must have at least one entry"),
        (("expect:\n      - {", "expect: {"), 7, "'tests.0.expect' in the file: it must be a list"),
        (("tests:", "tests: [}"), 1, "the file is not YAML"),
        ((GOOD, "- 1"), 1, "the file is not a mapping"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(root: Path, change: tuple[str, str], line: int, what: str) -> None:
    assert change[0] in GOOD
    found = load(root, GOOD.replace(*change, 1))
    assert found.tests == ()
    assert found.errors[0].place is not None
    assert (found.errors[0].place.file, found.errors[0].place.line) == ("templates/views/by_day.test.yaml", line)
    assert what in found.errors[0].what


def test_what_is_wrong_names_its_test_and_an_empty_view_may_be_expected(root: Path) -> None:
    (error,) = load(root, GOOD.replace("expect:\n      - {", "expect: {")).errors
    assert error.on == "test 'orders of the window are shown'"
    (test,) = load(root, GOOD.partition("    expect:")[0] + "    expect: []\n").tests
    assert test.expected == ()


def test_two_tests_of_one_name_are_refused(root: Path) -> None:
    text = GOOD + GOOD.partition("\n")[2]
    assert "two tests have the name" in load(root, text).errors[0].what


@pytest.mark.parametrize(
    ("name", "next"),
    [("by_day.test.yml", "Rename it to by_day.test.yaml"), ("by_dai.test.yaml", "Give the file of tests the name")],
)
def test_a_file_of_tests_is_named_like_its_view(root: Path, name: str, next: str) -> None:
    found = load(root, GOOD, name)
    assert (found.tests, [error.next.startswith(next) for error in found.errors]) == ((), [True])


def test_tests_need_the_file_of_the_base_table(root: Path) -> None:
    view = VIEW.replace("window: {last: 28 days, step: 1 day}\n", "").replace("{{ in_window() }}", "day IS NOT NULL")
    (root / "views" / "by_day.cql.j2").write_text(view, encoding="utf-8")
    (root / "tables" / "orders.cql.j2").unlink()
    assert "no file says what the base table orders is" in load(root, GOOD).errors[0].what


def test_tests_of_a_view_whose_file_is_wrong_wait_for_it(root: Path) -> None:
    (root / "views" / "by_day.cql.j2").write_text(VIEW.replace("day IS", "dai IS").replace("last", "lst"))
    assert load(root, GOOD) == ProjectTests()


def test_lint_checks_files_of_tests(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root.parent)
    load(root, GOOD.replace("expect:", "expects:"))
    with pytest.raises(SystemExit) as ended:
        main(["--templates", "templates", "lint", "--format", "json"])
    told = json.loads(capsys.readouterr().out)
    assert (ended.value.code, [each["line"] for each in told["errors"]]) == (1, [7])


def test_the_command_tells_wrong_files_to_machines_too(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root.parent)
    load(root, GOOD.replace("expect:", "expects:"))
    with pytest.raises(SystemExit) as ended:
        main(["--templates", "templates", "test", "--format", "json"])
    told = json.loads(capsys.readouterr().out)
    assert (ended.value.code, told["tests"], [each["line"] for each in told["errors"]]) == (1, [], [7])
    with pytest.raises(SystemExit):
        main(["--templates", "templates", "test"])
    assert "There is no test" not in capsys.readouterr().out


def test_the_command_starts_no_server_where_there_is_nothing_to_run(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root.parent)
    with pytest.raises(SystemExit) as ended:
        main(["--templates", "templates", "test"])
    assert (ended.value.code, "There is no test" in capsys.readouterr().out) == (0, True)
    with pytest.raises(SystemExit) as ended:
        main(["--templates", "templates", "test", "by_day"])
    assert (ended.value.code, "it has no tests" in capsys.readouterr().err) == (1, True)
