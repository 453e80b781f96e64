"""No session, job or read changes what belongs to the whole process; programs do, at their start."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "followers" / "demo"
"""All of it is the demo's own process."""

PROGRAMS = {
    "views/cassandra_views/cli/main.py": "the command",
    "views/cassandra_views/cli/server_commands.py": "commands, and the process that one becomes",
    "views/cassandra_views/json_log.py": "what an app calls to have its logs so",
    "views/cassandra_embedded/guard.py": "a process of its own",
    "spark_jobs/__main__.py": "the command",
    "spark_jobs/connect_server.py": "a process of its own",
    "spark_jobs/errors.py": "what the two above call at their start",
    "spark_jobs/session.py": "puts back what Spark changes, and what Spark takes from the environment alone",
    "followers/__main__.py": "the command",
}
"""The files that may, and why."""

CALLS = {
    "setLevel",
    "basicConfig",
    "addFilter",
    "addHandler",
    "disable",
    "captureWarnings",
    "filterwarnings",
    "simplefilter",
    "setdefaulttimeout",
    "setrecursionlimit",
    "set_int_max_str_digits",
    "setlocale",
    "tzset",
    "umask",
    "chdir",
    "putenv",
    "unsetenv",
}
SETTERS = {("signal", "signal"), ("random", "seed"), ("os", "environ")}


def changes(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            if node.func.attr in CALLS:
                yield f"{file.relative_to(ROOT)}:{node.lineno} {node.func.attr}"
            if isinstance(of, ast.Name) and (of.id, node.func.attr) in SETTERS:
                yield f"{file.relative_to(ROOT)}:{node.lineno} {of.id}.{node.func.attr}"
            if _is_environment(of) and node.func.attr in ("update", "setdefault", "pop", "clear"):
                yield f"{file.relative_to(ROOT)}:{node.lineno} os.environ"
        if not isinstance(node, ast.Assign | ast.Delete):
            continue
        for target in node.targets:
            if isinstance(target, ast.Subscript) and _is_environment(target.value):
                yield f"{file.relative_to(ROOT)}:{node.lineno} os.environ"
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "sys":
                yield f"{file.relative_to(ROOT)}:{node.lineno} sys.{target.attr}"


def _is_environment(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "environ"


def test_libraries_change_nothing_of_the_process() -> None:
    files = [
        file
        for folder in ("views", "followers", "spark_jobs", "dags")
        for file in (ROOT / folder).rglob("*.py")
        if str(file.relative_to(ROOT)) not in PROGRAMS and not file.is_relative_to(DEMO)
    ]
    assert len(files) > 200
    assert [change for file in files for change in changes(file)] == []


def test_every_program_that_may_is_there() -> None:
    assert [name for name in PROGRAMS if not list(changes(ROOT / name))] == []
