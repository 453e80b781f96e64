"""What the command imports before it has anything to do: what takes long is imported by what uses it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cassandra_views.cli.completion import VARIABLE

HEAVY = {
    "airflow",
    "cassandra",
    "cassandra_embedded",
    "cassandra_healing",
    "flask",
    "jinja2",
    "lark",
    "orjson",
    "prometheus_client",
    "psutil",
    "pydantic",
    "pygments",
    "pyspark",
    "rich",
}
PLANNER = {"cassandra_views.manager", "cassandra_views.plan", "cassandra_views.model.steps"}
PROGRAM = """
import sys
from cassandra_views.cli.main import main
sys.argv[0] = "views"
try:
    main()
except SystemExit:
    pass
sys.stdout.flush()
sys.stderr.write("\\n".join(sys.modules))
"""


def run(folder: Path, *arguments: str, **variables: str) -> tuple[str, set[str]]:
    """Return what a call of the command in a process of its own prints, and which modules it imports."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CASSANDRA_", "VIEWS_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=folder,
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, set(done.stderr.splitlines())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of two views, one of them tagged."""
    folder = tmp_path_factory.mktemp("project")
    views = folder / "shop" / "views"
    views.mkdir(parents=True)
    (folder / "views.toml").write_text('templates = "shop"\n', encoding="utf-8")
    (views / "orders_by_day.cql.j2").write_text("---\ntags: [flask]\n---\n", encoding="utf-8")
    (views / "orders_by_shop.cql.j2").write_text("", encoding="utf-8")
    return folder


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ()])
def test_help_and_version_import_nothing_heavy(project: Path, arguments: tuple[str, ...]) -> None:
    printed, modules = run(project, *arguments)
    assert "cassandra-views" in printed if arguments == ("--version",) else "Usage: views" in printed
    assert modules & (HEAVY | PLANNER) == set()


def test_the_help_of_a_command_imports_no_more_than_typer_does(project: Path) -> None:
    printed, modules = run(project, "plan", "--help")
    assert "Usage: views plan" in printed
    assert modules & (HEAVY | PLANNER) == {"pydantic"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("views st", "status"),
        ("views plan orders_by_d", "orders_by_day"),
        ("views --env prod plan --tag fl", "flask"),
        ("views plan --state st", "stale"),
        ("views plan --allow-s", "--allow-shrink"),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_imports_nothing_heavy(project: Path, shell: str, words: str, found: str) -> None:
    asked = {
        "bash": {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))},
        "zsh": {"_TYPER_COMPLETE_ARGS": words},
        "fish": {"_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }
    printed, modules = run(project, **{VARIABLE: f"complete_{shell}"}, **asked[shell])
    assert found in printed
    assert modules & (HEAVY | PLANNER) == set()


def test_completions_tell_what_each_command_does(project: Path) -> None:
    printed, _modules = run(project, **{VARIABLE: "complete_zsh"}, _TYPER_COMPLETE_ARGS="views stat")
    assert printed.strip() == '_arguments \'*: :(("status":"Show each view on a line\\\\: what serves, its..."))\''


def test_a_command_without_cluster_imports_no_driver(project: Path) -> None:
    _printed, modules = run(project, "lint")
    assert modules & {"airflow", "cassandra", "cassandra_embedded", "flask", "pyspark"} == set()


def test_a_command_imports_the_driver_without_numpy_and_nothing_that_only_changes_need(project: Path) -> None:
    nobody = {"CASSANDRA_CONTACT_POINTS": "127.0.0.99", "CASSANDRA_PORT": "1"}
    for command in ("status", "list"):
        printed, modules = run(project, command, **nobody)
        assert printed == ""
        assert "cassandra.cluster" in modules
        assert modules & {"airflow", "cassandra_views.apply", "flask", "jinja2", "lark", "numpy", "yaml"} == set()


def test_numpy_can_be_imported_after_the_driver(project: Path) -> None:
    program = "; ".join(
        [
            "from cassandra_views.cli.driver import import_driver_without_numpy",
            "import_driver_without_numpy()",
            "from cassandra.cython_deps import HAVE_NUMPY",
            "assert not HAVE_NUMPY",
            "import numpy",
        ]
    )
    subprocess.run([sys.executable, "-c", program], cwd=project, check=True)


def test_a_plan_of_files_that_have_not_changed_imports_no_parser(project: Path) -> None:
    program = "; ".join(
        [
            "import sys",
            "import cassandra_views.plan.planner",
            "assert not {'jinja2', 'lark', 'yaml', 'cassandra_views.apply.audit'} & set(sys.modules)",
        ]
    )
    subprocess.run([sys.executable, "-c", program], cwd=project, check=True)
