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

from followers.demo.errors import DemoError
from followers.demo.family import Family
from followers.demo.master import Master, find_sshd, make_home, open_master
from followers.demo.place import DATA, ROOT, held_place

SLEEP = ["sleep", "1000"]


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    logs = tmp_path / "log"
    logs.mkdir()
    with Family(logs) as family:
        # What the tests have running is none of its business.
        family.adopt("others")
        yield family


def test_a_process_that_dies_is_told_with_its_last_lines(family: Family) -> None:
    other = family.start("other", SLEEP, group="others", env=os.environ)
    family.start("broken", ["sh", "-c", "echo no such table >&2; exit 3"], group="others", env=os.environ)

    with pytest.raises(DemoError) as told:
        family.await_that(lambda: None, seconds=10, what="an answer")
    family.end()

    assert "broken ended with code 3. Its last lines:\n  no such table" in str(told.value)
    assert other.process.returncode is not None


def test_what_detached_itself_ends_too(family: Family, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    line = f"setsid sh -c 'echo $$ > {shlex.quote(str(pid_file))}; exec sleep 1000' & sleep 0.5"
    family.run("detaching", ["sh", "-c", line], env=os.environ)
    detached = psutil.Process(int(pid_file.read_text()))
    assert detached.ppid() == os.getpid()
    assert family.memory()["jobs"] > 0

    family.end()

    assert not detached.is_running()


def test_orphans_go_to_others_once_it_is_over(tmp_path: Path) -> None:
    with Family(tmp_path) as family:
        family.adopt("others")
    pid_file = tmp_path / "pid"
    line = f"setsid sh -c 'echo $$ > {shlex.quote(str(pid_file))}; exec sleep 2' & sleep 0.5"
    subprocess.run(["sh", "-c", line], check=True)
    assert psutil.Process(int(pid_file.read_text())).ppid() != os.getpid()


def test_nothing_in_time_is_an_error(family: Family) -> None:
    with pytest.raises(DemoError, match=r"Godot did not come within 1 s\."):
        family.await_that(lambda: None, seconds=1, what="Godot")


@pytest.fixture(params=["sshd", "stand-in"])
def master(request: pytest.FixtureRequest, family: Family, tmp_path: Path) -> Master:
    """A Spark master by OpenSSH, and one on a machine that has none."""
    pytest.importorskip("asyncssh")
    if shutil.which("ssh") is None:
        pytest.skip("there is no OpenSSH client (make install-system)")
    uses_openssh = request.param == "sshd"
    if uses_openssh and find_sshd() is None:
        pytest.skip("there is no OpenSSH server (make install-system)")
    home = tmp_path / "home of ours"
    make_home(home, {"CASSANDRA_CONTACT_POINTS": "127.0.0.1"})
    found = open_master(family, tmp_path / "ssh", home, os.environ, uses_openssh=uses_openssh)
    assert bool(found.without_sshd) is not uses_openssh
    return found


def run(master: Master, folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    known = folder / "known"
    known.write_text(f"[127.0.0.1]:{master.port} {master.host_key}\n")
    argv = ["ssh", "-F", "none", "-p", str(master.port), "-i", str(master.key_file), "-o", "BatchMode=yes"]
    argv += ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes", f"{master.user}@127.0.0.1"]
    return subprocess.run([*argv, command], capture_output=True, text=True, timeout=60, check=False)


def test_the_spark_master_runs_scripts_in_a_home_of_its_own(master: Master, tmp_path: Path) -> None:
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
    with held_place() as folder:
        assert folder == DATA
        with pytest.raises(DemoError, match="a demo of this checkout is already running"), held_place():
            pass
        assert DATA.exists()
    assert not DATA.exists()


def fail() -> None:
    with held_place() as folder:
        (folder / "log" / "it.log").write_text("why")
        raise DemoError("it failed for the test", next="Nothing")


def test_logs_stay_where_a_demo_failed() -> None:
    with pytest.raises(DemoError, match="for the test"):
        fail()
    assert (DATA / "log" / "it.log").read_text() == "why"

    with held_place():
        assert not (DATA / "log" / "it.log").exists()


def test_the_help_teaches() -> None:
    argv = [sys.executable, "-m", "followers.demo", "--help"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    for word in ("--no-airflow", "--seconds", "Ctrl-C", ".views/demo", "SSH"):
        assert word in done.stdout
