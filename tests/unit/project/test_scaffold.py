"""What ``views init`` writes: a workflow that installs nothing by a name that anyone could register, no secrets."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from cassandra_views.cli.main import main
from cassandra_views.model.errors import ProjectError
from cassandra_views.project.loader import ProjectLoader
from cassandra_views.project.scaffold import scaffold
from cassandra_views.project.view_tests import load_tests


@pytest.fixture
def workflow(tmp_path: Path) -> dict[str, Any]:
    scaffold(tmp_path)
    found: dict[str, Any] = yaml.safe_load((tmp_path / ".github" / "workflows" / "views.yml").read_text())
    return found


def commands(workflow: dict[str, Any], job: str) -> list[str]:
    return [step["run"] for step in workflow["jobs"][job]["steps"] if "run" in step]


def test_the_workflow_installs_from_a_repository_alone(workflow: dict[str, Any]) -> None:
    for job in workflow["jobs"]:
        installs = [line for run in commands(workflow, job) for line in run.splitlines() if "pip install" in line]
        assert installs == ['pip install "cassandra-views @ $CASSANDRA_VIEWS_GIT"']


def test_the_test_of_the_view_is_one_that_can_be_run(tmp_path: Path) -> None:
    scaffold(tmp_path)
    folder = tmp_path / "cql_templates"
    found = load_tests(folder, ProjectLoader(folder).load())
    assert ([each.name for each in found.tests], found.errors) == (["orders of the window are shown by their day"], ())


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("", 1),
        ("cassandra-views", 1),
        ("https://example.com/cassandra-views", 1),
        ("git+https://example.com/owner/cassandra-views", 1),
        ("git+ssh://git@example.com/owner/cassandra-views", 1),
        ("git+https://example.com/owner/cassandra-views@0123abc", 0),
        ("git+ssh://git@example.com/owner/cassandra-views@0123abc", 0),
    ],
)
def test_it_fails_before_it_installs_what_is_no_commit_of_a_repository(
    workflow: dict[str, Any], value: str, code: int
) -> None:
    check = commands(workflow, "lint")[0]
    environment = {**os.environ, "CASSANDRA_VIEWS_GIT": value}
    done = subprocess.run(["bash", "-e", "-c", check], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert ("Set the variable CASSANDRA_VIEWS_GIT" in done.stdout) == bool(code)


def test_the_plan_becomes_a_comment_on_the_change(workflow: dict[str, Any]) -> None:
    plan = workflow["jobs"]["plan"]
    assert any("views plan" in run for run in commands(workflow, "plan"))
    assert any(run.startswith("gh pr comment") for run in commands(workflow, "plan"))
    assert plan["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert workflow["permissions"] == {"contents": "read"}
    assert "head.repo.full_name == github.repository" in plan["if"]  # a fork's files meet no cluster
    # What an author of a change writes reaches no shell as code.
    assert not any(re.search(r"\$\{\{\s*github\.(event|head)", run) for run in commands(workflow, "plan"))


def test_git_ignores_the_password_file_of_its_own_example(tmp_path: Path) -> None:
    scaffold(tmp_path)
    named = re.findall(r'password_file = "(.+)"', (tmp_path / "views.toml").read_text())
    assert named
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    for name in named:
        subprocess.run(["git", "check-ignore", "--quiet", name], cwd=tmp_path, check=True)


@pytest.mark.parametrize("name", ['a"b', "c{d}", "e\\f", "g\nh", "i'j"])
def test_any_folder_may_hold_a_project(tmp_path: Path, name: str) -> None:
    scaffold(tmp_path / name)
    assert tomllib.loads((tmp_path / name / "views.toml").read_text())["project"] == name


def test_a_file_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    there = tmp_path / "shop"
    there.write_text("mine")
    for path in (there, there / "below"):
        with pytest.raises(SystemExit) as ended:
            main(["init", str(path)])
        told = capsys.readouterr().err
        assert ended.value.code == 1
        assert re.search("this is a file|cannot be written", told)
        assert "unknown" not in told
    assert there.read_text() == "mine"


def test_what_was_written_before_a_failure_is_named(tmp_path: Path) -> None:
    (tmp_path / "dags").write_text("a file in the place of a folder")
    with pytest.raises(ProjectError) as told:
        scaffold(tmp_path)
    assert told.value.on == str(tmp_path / "dags" / "views.py")
    assert "views.toml" in told.value.remains
