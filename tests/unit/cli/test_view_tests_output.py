"""How results of ``views test`` are told: as a table, as JSON and as JUnit XML."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cassandra_client.errors import Place
from cassandra_views.cli.output import plain
from cassandra_views.cli.view_tests_command import print_results, result_json, write_junit
from cassandra_views.cql.parse import parse_table
from cassandra_views.model.errors import ProjectError
from cassandra_views.model.view_test import MismatchKind, RowMismatch, ViewTest, ViewTestResult
from tests.unit.plan.world import BASE_CQL, definition

TEST = ViewTest(
    view=definition(),
    base=parse_table(BASE_CQL),
    key=("day", "customer"),
    name="a [day] shows its orders",
    place=Place(file="cql_templates/views/by_day.test.yaml", line=2),
)
KEY = {"day": "2026-11-30", "customer": "<ada>"}
RESULTS = (
    ViewTestResult(test=TEST, seconds=0.25),
    ViewTestResult(
        test=TEST,
        mismatches=(
            RowMismatch(kind=MismatchKind.WRONG_VALUE, key=KEY, column="total", expected=Decimal("13.50"), found=None),
            RowMismatch(kind=MismatchKind.EXTRA, key=KEY),
        ),
    ),
    ViewTestResult(test=TEST, error=ProjectError("the server refuses the row", place=TEST.place, next="Correct it")),
)


def test_a_table_tells_what_differs_and_a_line_how_many_passed(capsys: pytest.CaptureFixture[str]) -> None:
    print_results(RESULTS, 1.25)
    head, wrong, extra, empty, last = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert head == "VIEW TEST DIFFERS KEY COLUMN EXPECTED VIEW HAS"
    row = "shop.by_day a [day] shows its orders"
    assert wrong == f"{row} wrong value day=2026-11-30, customer=<ada> total 13.50 null"
    assert extra == f"{row} extra day=2026-11-30, customer=<ada>"
    assert (empty, last) == ("", "3 tests of 1 view: 1 passed, 1 failed, 1 could not be run; 1.2 seconds.")


def test_json_has_what_differs_as_data() -> None:
    passed, failed, error = (plain(result_json(each)) for each in RESULTS)
    assert (passed["result"], passed["differences"], passed["error"]) == ("passed", [], None)
    assert (failed["view"], failed["file"], failed["line"]) == (
        "shop.by_day",
        "cql_templates/views/by_day.test.yaml",
        2,
    )
    assert failed["differences"][0] == {
        "kind": "wrong value",
        "key": KEY,
        "column": "total",
        "expected": "13.50",
        "found": None,
    }
    assert error["error"] == {
        "message": "the server refuses the row",
        "place": "cql_templates/views/by_day.test.yaml:2",
        "next": "Correct it",
    }


def test_junit_counts_failures_and_errors(tmp_path: Path) -> None:
    write_junit(tmp_path / "build" / "views.xml", RESULTS)
    suite = ElementTree.parse(tmp_path / "build" / "views.xml").getroot()
    assert {key: suite.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "3",
        "failures": "1",
        "errors": "1",
    }
    passed, failed, error = suite
    assert (passed.get("classname"), passed.get("time"), len(passed)) == ("shop.by_day", "0.250", 0)
    assert failed[0].text == (
        "wrong value: day=2026-11-30, customer=<ada>; total: expected 13.50, found null\n"
        "extra: day=2026-11-30, customer=<ada>"
    )
    assert (failed[0].tag, error[0].tag) == ("failure", "error")


def test_junit_has_a_case_for_each_wrong_file(tmp_path: Path) -> None:
    write_junit(
        tmp_path / "views.xml", RESULTS[:1], (ProjectError("unknown key", place=TEST.place, next="Correct it"),)
    )
    suite = ElementTree.parse(tmp_path / "views.xml").getroot()
    assert (suite.get("tests"), suite.get("errors"), len(suite)) == ("2", "1", 2)
    assert suite[0].get("classname") == "cql_templates/views/by_day.test.yaml"
    assert (suite[0][0].tag, suite[0][0].get("message")) == ("error", "unknown key")


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="the results cannot be written"):
        write_junit(tmp_path, RESULTS)
