"""Every kind of bad input: the exact words on standard error and the exit code, in *.yaml beside this file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from cassandra.cluster import Session

from cassandra_embedded.data_folder import find_record
from cassandra_views.cli.main import main
from spark_jobs.__main__ import main as spark_jobs_main
from tests.servers import Server

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted(Path(__file__).parent.glob("*.yaml"))
    for case in yaml.safe_load(path.read_text(encoding="utf-8"))
]
KEYS = {
    "name",
    "program",
    "server",
    "project",
    "files",
    "environment",
    "before",
    "command",
    "error",
    "ends_with",
    "exit_code",
}
PROJECT = {
    "views.toml": (
        'project = "errors"\n[env.dev]\nregistry = "{keyspace}_r"\n[env.dev.keyspaces.shop]\nname = "{keyspace}"\n'
    ),
    "cql_templates/tables/orders.cql.j2": (
        "---\nkeyspace: shop\nmanaged: true\ntime: {column: day, type: date, grain: day}\n---\n"
        "CREATE TABLE {{ table }} (customer text, day date, total int, note text, PRIMARY KEY (customer, day))\n"
    ),
    "cql_templates/views/by_day.cql.j2": (
        "---\nkeyspace: shop\nwindow: {last: 7 days, step: 1 day}\n---\n"
        "CREATE MATERIALIZED VIEW {{ view }} AS\nSELECT customer, day, total, note\nFROM {{ base('orders') }}\n"
        "WHERE {{ in_window() }} AND customer IS NOT NULL\nPRIMARY KEY (day, customer)\n"
    ),
}


def write(folder: Path, files: dict[str, str], names: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        for key, value in names.items():
            text = text.replace(f"{{{key}}}", value)
        path.write_text(text, encoding="utf-8")


PROGRAMS = {"views": main, "spark_jobs": spark_jobs_main}


def run(arguments: list[str], program: str = "views") -> int:
    with pytest.raises(SystemExit) as ended:
        PROGRAMS[program](arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def names(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """What stands for the braces in a case."""
    case = request.node.callspec.params["case"]
    found = {"folder": str(tmp_path), "keyspace": "shop", "host": "127.0.0.1", "port": "1"}
    if case.get("server"):
        server: Server = request.getfixturevalue("server")
        keyspace: str = request.getfixturevalue("keyspace")
        found |= {"host": server.contact_points[0], "port": str(server.port), "keyspace": keyspace}
    return found


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("CASSANDRA_", "VIEWS_")) and "TEST" not in name:
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # main sets its own


@pytest.mark.parametrize("case", CASES)
def test_case(
    case: dict[str, Any],
    names: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert set(case) <= KEYS
    monkeypatch.chdir(tmp_path)
    environment = case.get("environment", {})
    if case.get("server"):
        environment = {"CASSANDRA_CONTACT_POINTS": "{host}", "CASSANDRA_PORT": "{port}"} | environment
    for name, value in environment.items():
        monkeypatch.setenv(name, value.format(**names))
    if case.get("project", True):
        write(tmp_path, PROJECT, names)
    write(tmp_path, {name: text for name, text in case.get("files", {}).items() if text is not None}, names)
    for name in [name for name, text in case.get("files", {}).items() if text is None]:
        (tmp_path / name).unlink()
    for each in case.get("before", []):
        if isinstance(each, dict):
            write(tmp_path, each, names)
        else:
            assert run(each) == 0, capsys.readouterr().err
    capsys.readouterr()
    command = [part.format(**names) for part in case["command"]]
    assert run(command, case.get("program", "views")) == case.get("exit_code", 1)
    told = capsys.readouterr().err
    expected = case["error"]
    for key, value in sorted(names.items(), key=lambda pair: -len(pair[1])):
        expected = expected.replace(f"{{{key}}}", value)
    if case.get("ends_with"):
        assert told.endswith(expected)
    else:
        assert told == expected
    if case.get("exit_code", 1) == 1:
        assert told.count("\n  State: ") == told.count("\n  Next: ") == told.count("Error: ") == 1


def test_ctrl_c_during_a_build(tmp_path: Path, server: Server, keyspace: str, session: Session) -> None:
    """The interrupted run says what stands; the next one goes on with the same generation."""
    names = {"keyspace": keyspace}
    write(tmp_path, PROJECT, names)
    environment = {
        **os.environ,
        "CASSANDRA_CONTACT_POINTS": server.contact_points[0],
        "CASSANDRA_PORT": str(server.port),
    }
    views = [sys.executable, "-m", "cassandra_views.cli.main", "--now", "2026-11-23T06:00:00Z"]
    session.execute(
        f"CREATE TABLE {keyspace}.orders (customer text, day date, total int, note text, PRIMARY KEY (customer, day))"
    )
    insert = session.prepare(
        f"INSERT INTO {keyspace}.orders (customer, day, total, note) VALUES (?, '2026-11-20', 1, 'n')"
    )
    pending = [session.execute_async(insert, [f"c{number}"]) for number in range(20_000)]
    for each in pending:
        each.result()
    process = subprocess.Popen(
        [*views, "apply", "--yes"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A shell's background jobs, and all they start, ignore SIGINT; a terminal's Ctrl-C is not ignored.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert process.stderr is not None
        told = ""
        while "generation 1: create" not in told:
            line = process.stderr.readline()
            assert line, told
            told += line
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _out, rest = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert rest.endswith(
        "Error: interrupted.\n"
        "  On: views apply\n"
        "  State: What was done so far is recorded; the server goes on with a build; readers are served as before.\n"
        "  Next: Run the same command again: it resumes the work.\n"
    )
    assert "Traceback" not in rest
    assert process.returncode == 1
    state = session.execute(f"SELECT number, state FROM {keyspace}_r.views").all()
    assert [(row.number, row.state) for row in state] == [(1, "building")]
    again = subprocess.run(
        [*views, "apply", "--yes"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    names_served = subprocess.run(
        [*views, "name", "by_day"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert names_served.stdout == f"{keyspace}.by_day__g1\n"
    session.execute(f"DROP KEYSPACE {keyspace}_r")


@pytest.mark.slow
def test_ctrl_c_while_a_server_starts(tmp_path: Path) -> None:
    """The interrupted start leaves nothing running."""
    data = tmp_path / "data"
    process = subprocess.Popen(
        [sys.executable, "-m", "cassandra_views.cli.main", "up", "--port", "0", "--data", str(data)],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 60
        while not ((record := find_record(data)) and record.processes):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _out, told = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert told.endswith(
        f"Error: the start was interrupted.\n  On: {data}\n"
        "  State: Nothing is running; the data is kept.\n  Next: Run `views up` again.\n"
    )
    assert process.returncode == 1
    assert [identity for _number, identity in record.processes if identity.is_alive()] == []
