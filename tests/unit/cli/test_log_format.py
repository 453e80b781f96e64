"""Standard error as lines of JSON: what commands note, and how they end."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cassandra_views.cli.main import main
from cassandra_views.cli.output import err


@pytest.fixture(autouse=True)
def _plain_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CASSANDRA_CONTACT_POINTS", raising=False)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    err.log = None


def lines(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    assert ended.value.code == 1
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "on"),
    [(("status",), "environment dev"), (("plan", "--nonsense"), "views plan"), (("query",), "views query")],
)
def test_an_error_is_one_line_with_its_four_parts(
    arguments: tuple[str, ...], on: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (found,) = lines(capsys, "--log-format", "json", *arguments)
    assert (found["level"], found["logger"], found["on"]) == ("error", "cassandra_views.cli", on)
    assert found["what"] in found["text"]
    assert found["remains"]
    assert found["next"]


def test_the_variable_counts_as_the_option_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIEWS_LOG_FORMAT", "json")
    assert [each["level"] for each in lines(capsys, "status")] == ["error"]


def test_notes_are_lines_without_markup_and_so_is_the_log_of_the_driver(capsys: pytest.CaptureFixture[str]) -> None:
    lines(capsys, "--log-format", "json", "status")
    err.print(r"  [yellow]note[/yellow] \[1/2] insight.top" + "\nof two lines", style="dim")
    err.write("3 rows from top__g1")
    logging.getLogger("cassandra.cluster").warning("a node is down")
    logging.getLogger("cassandra.cluster").info("a node is up")
    found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(each["level"], each["text"]) for each in found] == [
        ("info", "note [1/2] insight.top\nof two lines"),
        ("info", "3 rows from top__g1"),
        ("warning", "a node is down"),
    ]
