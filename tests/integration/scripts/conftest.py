"""A Spark master's host for the tests: a real SSH server, and a home folder of its own."""

from __future__ import annotations

import json
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT
from tests.sshd import SshServer, ssh_server

SCRIPTS = ROOT / "spark_jobs" / "scripts"

# Stands in for the jobs where a test is about the scripts around them: it says what it was given and does what it is
# told. The real jobs run in test_real_jobs.py.
STAND_IN = """
import json, os, pathlib, signal, sys, time

diary = pathlib.Path.home() / "diary"

def note(event):
    with diary.open("a") as file:
        file.write(json.dumps({"event": event, "pid": os.getpid(), "at": time.time()}) + "\\n")

def end(number, frame):
    note("signal")
    sys.exit(33)

signal.signal(signal.SIGTERM, end)
note("start")
print("working", file=sys.stderr, flush=True)
while (pathlib.Path.home() / "hold").exists():
    time.sleep(0.02)
note("end")
shown = {name: value for name, value in os.environ.items() if name.startswith(("SHOWN_", "CASSANDRA_", "SPARK_"))}
print(json.dumps({"arguments": sys.argv[1:], "environment": shown, "folder": os.getcwd()}))
sys.exit(int(os.environ.get("STAND_IN_CODE", "0")))
"""


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """A host of this module with nothing installed."""
    with ssh_server(tmp_path_factory.mktemp("host")) as running:
        yield running
        empty(running.home)  # pytest keeps its folders for a while, and an environment is large


@pytest.fixture
def master(host: SshServer) -> Iterator[SshServer]:
    """The host with the real scripts and a stand-in for the jobs; its home is emptied after the test."""
    release = host.home / ".cassandra-views" / "releases" / "r1"
    (release / ".venv" / "bin").mkdir(parents=True)
    (release / "spark_jobs").mkdir()
    (release / "spark_jobs" / "__init__.py").touch()
    (release / "spark_jobs" / "__main__.py").write_text(STAND_IN)
    shutil.copytree(SCRIPTS, release / "spark_jobs" / "scripts")
    python = release / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{release}" exec "{sys._base_executable}" "$@"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    (release / ".complete").touch()
    (host.home / ".cassandra-views" / "current").symlink_to("releases/r1")
    for script in SCRIPTS.glob("spark_*.sh"):
        shutil.copy(script, host.home)
    yield host
    empty(host.home)


def empty(home: Path) -> None:
    """Remove everything from a home but what SSH needs."""
    for entry in home.iterdir():
        if entry.name == ".ssh":
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def hold(master: SshServer) -> None:
    """Let the jobs that start from now on run until ``release``."""
    (master.home / "hold").touch()


def release(master: SshServer) -> None:
    """Let the jobs that are held end."""
    (master.home / "hold").unlink()


def settings(master: SshServer, **values: str) -> None:
    """Write the settings file of a host."""
    folder = master.home / ".cassandra-views"
    folder.mkdir(exist_ok=True)
    (folder / "env").write_text("".join(f"{name}={value}\n" for name, value in values.items()))


def diary(master: SshServer) -> list[dict[str, Any]]:
    """Return what the stand-in has noted, oldest first."""
    path = master.home / "diary"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for(master: SshServer, event: str, *, times: int = 1, seconds: float = 30) -> dict[str, Any]:
    """Wait until the stand-in has noted an event that often, and return the last such note."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = [entry for entry in diary(master) if entry["event"] == event]
        if len(found) >= times:
            return found[times - 1]
        time.sleep(0.02)
    raise AssertionError(f"the job has not noted {event!r} {times} times: {diary(master)}")
