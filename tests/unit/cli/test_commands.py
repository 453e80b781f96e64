"""The commands' help and page, exit codes, and arguments of every kind: never a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cassandra_views
from cassandra_client import errors as client_errors
from cassandra_views.cli.completion import view_names, view_tags
from cassandra_views.cli.main import app, main
from cassandra_views.model import errors
from scripts.cli_reference import PAGE, page

COMMAND: Any = typer.main.get_command(app)
NAMES = sorted(COMMAND.commands)


def _run(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture(autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own to stand in, and no cluster."""
    folder = tmp_path_factory.mktemp("project")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    for name in list(os.environ):
        if name.startswith(("CASSANDRA_", "VIEWS_")):
            monkeypatch.delenv(name)
    assert _run(["init"]) == 0
    return folder


def test_the_page_of_commands_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python scripts/cli_reference.py"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_teaches_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run([name, "--help"]) == 0
    told = capsys.readouterr().out
    assert "Examples" in told
    assert f"views {name}" in told.partition("Examples")[2]
    assert f"### views {name}\n" in PAGE.read_text(encoding="utf-8")


def test_every_class_of_errors_is_on_its_page() -> None:
    text = (PAGE.parent / "errors.md").read_text(encoding="utf-8")
    values = [*vars(client_errors).values(), *vars(errors).values()]
    found = [each.__name__ for each in values if isinstance(each, type) and issubclass(each, Exception)]
    assert len(found) > 10
    assert [name for name in found if f"`{name}`" not in text] == []


def test_a_new_project_is_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert _run(["lint"]) == 0
    assert capsys.readouterr().out == "1 view and 1 table: 0 errors, 0 warnings.\n"
    assert _run(["--now", "2026-11-23T06:00:00Z", "render"]) == 0
    assert "WHERE day >= '2026-10-26' AND" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["lint"], ["render"]])
def test_json_has_its_format_version(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert _run([*command, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["format_version"] == 1


def test_names_of_views_are_completed_from_files(project: Path) -> None:
    assert view_names("ord") == ["orders_by_day"]
    assert view_names("x") == []
    (project / "views.toml").write_text("nonsense", encoding="utf-8")
    assert view_names("") == []


def test_tags_of_views_are_completed_from_files(project: Path) -> None:
    file = project / "cql_templates/views/orders_by_day.cql.j2"
    text = file.read_text(encoding="utf-8")
    other = text.replace("---\n", "---\ntags: [spark, flask]\n", 1)
    (file.parent / "other.cql.j2").write_text(other, encoding="utf-8")
    (file.parent / "wrong.cql.j2").write_text("---\ntags: [\n", encoding="utf-8")
    (file.parent / "no_text.cql.j2").write_bytes(b"\xff")
    assert view_tags("") == sorted({"spark", "flask", *view_tags("")})
    assert view_tags("fl") == ["flask"]
    (project / "views.toml").write_text("nonsense", encoding="utf-8")
    assert view_tags("") == []


@pytest.mark.parametrize("command", ["plan", "apply", "status", "refresh", "freeze", "off", "on"])
def test_views_are_chosen_by_names_or_tags_that_shells_complete(command: str) -> None:
    names, tags = (
        next(each for each in COMMAND.commands[command].params if each.name == name) for name in ("names", "tags")
    )
    assert (names.nargs, tags.multiple, tags.opts) == (-1, True, ["--tag"])
    for parameter, word, found in ((names, "ord", "orders_by_day"), (tags, "", None)):
        items = parameter.shell_complete(
            COMMAND.make_context("views", [command, "--help"], resilient_parsing=True), word
        )
        assert found is None or [item.value for item in items] == [found]


def test_without_arguments_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert _run([]) == 0
    told = capsys.readouterr()
    assert "views plan" in told.out
    assert told.err == ""


WORDS = st.sampled_from(
    [*NAMES, "--now", "--env", "--templates", "--format", "json", "--limit", "0", "-1", "--yes", "--plan", "--out", "/",
     "", "orders_by_day", "2026-11-23", "9999-12-31T23:59:59-23:59", "0001-01-01", "--reason", "--tag", "\0", "é", "--",
     "-x", "day = '2026-11-23'", "day = = 1", "[bold]", "cql_templates", "--page", "--until", "none", "frozen"]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arguments=st.lists(WORDS, max_size=5).filter(lambda words: not {"up", "down", "cqlsh"} & set(words)))
def test_no_arguments_give_a_traceback(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = _run(arguments)
    told = capsys.readouterr().err
    assert code in (0, 1, 2)
    assert "Traceback" not in told
    if code == 1:
        assert told.startswith("Error: ")
        assert "  On: " in told or re.match(r"Error: \S+\.(j2|toml)\b", told)
        assert "  State: " in told
        assert "  Next: " in told


def _environment() -> dict[str, str]:
    """Let the program be found from a folder elsewhere."""
    return {**os.environ, "PYTHONPATH": str(Path(cassandra_views.__file__).parents[1])}


def _shell(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    script = text.replace("VIEWS ", f"{sys.executable} -m cassandra_views.cli.main ")
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )


def test_a_reader_that_leaves_is_no_error(project: Path) -> None:
    for number in range(400):
        text = (project / "cql_templates/views/orders_by_day.cql.j2").read_text(encoding="utf-8")
        (project / f"cql_templates/views/v{number}.cql.j2").write_text(text, encoding="utf-8")
    found = _shell("set -o pipefail; VIEWS render | head -1", project)
    assert found.stderr == ""
    assert found.stdout.startswith("-- cql_templates/views/")


def test_what_is_piped_has_no_colours(project: Path) -> None:
    found = _shell("VIEWS render; VIEWS lint; VIEWS plan", project)
    assert "\x1b" not in found.stdout + found.stderr
    assert found.returncode == 1


def test_an_error_without_words_is_told_in_four_parts(project: Path) -> None:
    broken = """from cassandra_views.cli.main import app, main

@app.command()
def fail() -> None:
    raise TypeError("nobody foresaw this")

main(["fail"])
"""
    (project / "broken.py").write_text(broken, encoding="utf-8")
    found = _shell(f"{sys.executable} broken.py", project)
    assert found.returncode == 1
    assert found.stderr.startswith("Error: unexpected error (TypeError: ")
    assert "Traceback" not in found.stderr
    assert "Traceback" in _shell(f"VIEWS_DEBUG=1 {sys.executable} broken.py", project).stderr
