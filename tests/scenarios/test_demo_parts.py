"""Parts of the demo by themselves: its processes and what they leave, its SSH servers, its folder."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from followers.demo.environment import DATA, ROOT, DemoError, demo_folder
from followers.demo.process_group import ProcessGroup
from followers.demo.spark_master import SparkMaster, find_sshd, make_home, open_master

SLEEP = ["sleep", "1000"]


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[ProcessGroup]:
    logs = tmp_path / "log"
    logs.mkdir()
    with ProcessGroup(logs) as processes:
        # What the tests have running is none of its business.
        processes.adopt("others")
        yield processes


def test_a_process_that_dies_is_told_with_its_last_lines(processes: ProcessGroup) -> None:
    other = processes.start("other", SLEEP, group="others", env=os.environ)
    processes.start("broken", ["sh", "-c", "echo no such table >&2; exit 3"], group="others", env=os.environ)

    with pytest.raises(DemoError) as told:
        processes.await_that(lambda: None, seconds=10, what="an answer")
    processes.end()

    assert "broken ended with code 3. Its last lines:\n  no such table" in str(told.value)
    assert other.process.returncode is not None


def test_what_detached_itself_ends_too(processes: ProcessGroup, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    line = f"setsid sh -c 'echo $$ > {shlex.quote(str(pid_file))}; exec sleep 1000' & sleep 0.5"
    processes.run("detaching", ["sh", "-c", line], env=os.environ)
    detached = psutil.Process(int(pid_file.read_text()))
    assert detached.ppid() == os.getpid()
    assert processes.memory()["jobs"] > 0

    processes.end()

    assert not detached.is_running()


def test_orphans_go_to_others_once_it_is_over(tmp_path: Path) -> None:
    with ProcessGroup(tmp_path) as processes:
        processes.adopt("others")
    pid_file = tmp_path / "pid"
    line = f"setsid sh -c 'echo $$ > {shlex.quote(str(pid_file))}; exec sleep 2' & sleep 0.5"
    subprocess.run(["sh", "-c", line], check=True)
    assert psutil.Process(int(pid_file.read_text())).ppid() != os.getpid()


def test_nothing_in_time_is_an_error(processes: ProcessGroup) -> None:
    with pytest.raises(DemoError, match=r"Godot did not come within 1 s\."):
        processes.await_that(lambda: None, seconds=1, what="Godot")


@pytest.fixture(params=["sshd", "stand-in"])
def master(request: pytest.FixtureRequest, processes: ProcessGroup, tmp_path: Path) -> SparkMaster:
    """A Spark master by OpenSSH, and one on a machine that has none."""
    pytest.importorskip("asyncssh")
    if shutil.which("ssh") is None:
        pytest.skip("there is no OpenSSH client (make install-system)")
    sshd = find_sshd() if request.param == "sshd" else None
    if request.param == "sshd" and sshd is None:
        pytest.skip("there is no OpenSSH server (make install-system)")
    home = tmp_path / "home of ours"
    make_home(home, {"CASSANDRA_CONTACT_POINTS": "127.0.0.1"})
    found = open_master(processes, tmp_path / "ssh", home, os.environ, sshd=sshd)
    assert bool(found.without_sshd) == (request.param == "stand-in")
    return found


def run(master: SparkMaster, folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    known = folder / "known"
    known.write_text(f"[127.0.0.1]:{master.port} {master.host_key}\n")
    argv = ["ssh", "-F", "none", "-p", str(master.port), "-i", str(master.key_file), "-o", "BatchMode=yes"]
    argv += ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes", f"{master.user}@127.0.0.1"]
    return subprocess.run([*argv, command], capture_output=True, text=True, timeout=60, check=False)


def test_the_spark_master_runs_scripts_in_a_home_of_its_own(master: SparkMaster, tmp_path: Path) -> None:
    done = run(master, tmp_path, "pwd; echo $HOME; echo oh >&2; exit 7")
    home = str(tmp_path / "home of ours")
    assert (done.stdout.splitlines(), done.stderr.splitlines()[-1], done.returncode) == ([home, home], "oh", 7)

    done = run(master, tmp_path, "bash spark_live_to_minute.sh")
    assert done.returncode == 2
    assert "START and END are missing" in done.stderr

    done = run(master, tmp_path, "bash spark_live_to_minute.sh --help")
    assert done.returncode == 0
    assert "live_to_minute" in done.stdout


def test_a_second_demo_is_refused(tmp_path: Path) -> None:
    with demo_folder() as folder:
        assert folder == DATA
        with pytest.raises(DemoError, match="a demo of this checkout is already running"), demo_folder():
            pass
        assert DATA.exists()
    assert not DATA.exists()


def fail() -> None:
    with demo_folder() as folder:
        (folder / "log" / "it.log").write_text("why")
        raise DemoError("it failed for the test", next="Nothing")


def test_logs_stay_where_a_demo_failed() -> None:
    with pytest.raises(DemoError, match="for the test"):
        fail()
    assert (DATA / "log" / "it.log").read_text() == "why"

    with demo_folder():
        assert not (DATA / "log" / "it.log").exists()


def test_the_help_teaches() -> None:
    argv = [sys.executable, "-m", "followers.demo", "--help"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    for word in ("--no-airflow", "--seconds", "Ctrl-C", ".views/demo", "SSH"):
        assert word in done.stdout
