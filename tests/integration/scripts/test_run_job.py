"""The scripts in the home folder: what they pass on, and what they say where they cannot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import psutil
import pytest
from airflow.providers.ssh.utils.remote_job import (
    RemoteJobPaths,
    build_posix_kill_command,
    build_posix_wrapper_command,
)

from tests.integration.scripts.conftest import diary, hold, release, settings, wait_for
from tests.sshd import SshServer

MINUTE = ("2026-03-01T10:15:00Z", "2026-03-01T10:16:00Z")
TASKS = ("live_to_minute", "minute_to_hour", "hour_to_day", "aggregations")


@pytest.mark.parametrize("task", TASKS)
def test_a_script_runs_its_job_with_the_interval_and_gives_its_output_back(master: SshServer, task: str) -> None:
    answer = master.run("bash", f"spark_{task}.sh", *MINUTE, "--keyspace", "other one")

    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert told["arguments"] == [task, *MINUTE, "--keyspace", "other one"]
    assert told["folder"] == str(master.home / ".cassandra-views" / "run")
    assert answer.stderr == "working\n"


@pytest.mark.parametrize("code", [1, 2, 75, 200])
def test_the_exit_code_is_the_jobs_own(master: SshServer, code: int) -> None:
    settings(master, STAND_IN_CODE=str(code))

    assert master.run("bash", "spark_live_to_minute.sh", *MINUTE).returncode == code


def test_settings_reach_the_job_as_they_are_written(master: SshServer) -> None:
    (master.home / ".cassandra-views" / "env").write_bytes(
        b"# a comment\n\n  # another\nCASSANDRA_CONTACT_POINTS=10.0.0.1,10.0.0.2\r\n"
        b"SHOWN_QUOTED=\"a b\"\nSHOWN_SINGLE='a $HOME'\nexport SHOWN_EXPORTED=x=y\n"
        b"SHOWN_PLAIN=$(touch bad) `id` $HOME # no comment\nSHOWN_FILE=~/secret\nSHOWN_EMPTY=\nSHOWN_LAST=no newline"
    )

    told = json.loads(master.run("bash", "spark_live_to_minute.sh", *MINUTE).stdout)["environment"]

    assert told == {
        "CASSANDRA_CONTACT_POINTS": "10.0.0.1,10.0.0.2",
        "SHOWN_QUOTED": "a b",
        "SHOWN_SINGLE": "a $HOME",
        "SHOWN_EXPORTED": "x=y",
        "SHOWN_PLAIN": "$(touch bad) `id` $HOME # no comment",
        "SHOWN_FILE": str(master.home / "secret"),
        "SHOWN_EMPTY": "",
        "SHOWN_LAST": "no newline",
    }


def test_the_environment_counts_more_than_the_settings(master: SshServer) -> None:
    settings(master, SPARK_MASTER="spark://file:7077")

    answer = master.run("env", "SPARK_MASTER=spark://here:7077", "bash", "spark_live_to_minute.sh", *MINUTE)

    assert json.loads(answer.stdout)["environment"] == {"SPARK_MASTER": "spark://here:7077"}


def test_a_line_that_is_no_setting_is_refused_and_not_shown(master: SshServer) -> None:
    (master.home / ".cassandra-views" / "env").write_text("SHOWN_X=1\nhunter2\n")

    answer = master.run("bash", "spark_hour_to_day.sh", *MINUTE)

    assert answer.returncode == 2
    assert f"line 2 of {master.home}/.cassandra-views/env is not KEY=value. Nothing was run." in answer.stderr
    assert "hunter2" not in answer.stderr
    assert diary(master) == []


def test_without_an_interval_it_says_how_it_is_called(master: SshServer) -> None:
    answer = master.run("bash", "spark_aggregations.sh", MINUTE[0])

    assert answer.returncode == 2
    assert "START and END are missing. Nothing was run. Usage: bash spark_aggregations.sh 2026" in answer.stderr


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("soon", "later"),
        ("2026-02-30", "2026-03-01"),
        ("20260301T1015", "20260301T1016"),  # 10:15 to the job, and 17:15 to the `date` that the lock is made by
        ("2026-W09-7", "2026-03-02"),  # a Sunday to the job, nothing to `date`
        ("--keyspace", "insight"),  # the interval would be somewhere behind, and not be locked
    ],
)
def test_what_is_no_time_is_refused_before_the_job(master: SshServer, start: str, end: str) -> None:
    answer = master.run("bash", "spark_live_to_minute.sh", start, end, *MINUTE)

    assert answer.returncode == 2
    assert f"spark_live_to_minute.sh: '{start}' and '{end}' are not two times in UTC. Nothing was run." in answer.stderr
    assert "Write START and END like 2026-03-01T10:15:00Z, before all options." in answer.stderr
    assert diary(master) == []


@pytest.mark.parametrize("script", [*(f"spark_{task}.sh" for task in TASKS), "spark_connect.sh"])
def test_without_an_installation_it_says_so(master: SshServer, script: str) -> None:
    (master.home / ".cassandra-views" / "current").unlink()

    answer = master.run("bash", script, *MINUTE)

    assert answer.returncode == 1
    assert answer.stderr.startswith(f"{script}: the jobs are not installed on ")
    assert "Run spark_jobs/install.sh" in answer.stderr


def test_an_installation_that_is_not_whole_is_refused(master: SshServer) -> None:
    (master.home / ".cassandra-views" / "releases" / "r1" / ".complete").unlink()

    answer = master.run("bash", "spark_live_to_minute.sh", *MINUTE)

    assert answer.returncode == 1
    assert "is not whole. Nothing was run." in answer.stderr
    assert diary(master) == []


def test_modules_that_lie_in_the_home_folder_do_not_reach_the_job(master: SshServer) -> None:
    for folder in (master.home, master.home / ".cassandra-views" / "run"):
        folder.mkdir(exist_ok=True)
        (folder / "json.py").write_text("raise SystemExit('the wrong json')")

    assert master.run("bash", "spark_live_to_minute.sh", *MINUTE).returncode == 0


def test_a_signal_to_the_script_is_a_signal_to_the_job(master: SshServer) -> None:
    hold(master)
    with subprocess.Popen(
        master.argv("sh", "-c", f"echo $$; exec bash spark_live_to_minute.sh {' '.join(MINUTE)}"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as client:
        assert client.stdout is not None
        pid = int(client.stdout.readline())
        assert wait_for(master, "start")["pid"] == pid

        os.kill(pid, signal.SIGTERM)

        assert client.wait(15) == 33  # the job's own answer to the signal
    assert [entry["event"] for entry in diary(master)] == ["start", "signal"]


def test_a_lost_connection_leaves_the_job_to_its_end_and_a_retry_waits_for_it(master: SshServer) -> None:
    hold(master)
    with subprocess.Popen(
        master.argv("bash", "spark_live_to_minute.sh", *MINUTE), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as client:
        wait_for(master, "start")
        master.drop_connections()
        assert client.wait(30) == 255

    with subprocess.Popen(
        master.argv("bash", "spark_live_to_minute.sh", *MINUTE), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as retry:
        assert retry.stderr is not None
        assert b"Waiting up to" in retry.stderr.readline()
        release(master)
        assert retry.wait(30) == 0

    assert [entry["event"] for entry in diary(master)] == ["start", "end", "start", "end"]


def test_with_a_terminal_the_job_ends_with_its_connection(master: SshServer) -> None:
    hold(master)
    argv = master.argv("bash", "spark_live_to_minute.sh", *MINUTE)
    with subprocess.Popen(
        [argv[0], "-tt", *argv[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as client:
        job = psutil.Process(wait_for(master, "start")["pid"])
        master.drop_connections()
        assert client.wait(30) == 255

    assert psutil.wait_procs([job], timeout=30)[1] == []
    assert [entry["event"] for entry in diary(master)] == ["start"]


def test_airflows_wrapper_gets_the_exit_code_and_the_last_lines(master: SshServer) -> None:
    settings(master, STAND_IN_CODE="3")
    paths = RemoteJobPaths(job_id="job", remote_os="posix", base_dir=str(master.home / "jobs"))
    command = f"bash spark_live_to_minute.sh {' '.join(MINUTE)}"

    submitted = master.run("bash", "-c", build_posix_wrapper_command(command, paths))

    assert submitted.returncode == 0, submitted.stderr
    exit_code = master.home / "jobs" / "job" / "exit_code"
    deadline = time.monotonic() + 15
    while not exit_code.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert exit_code.read_text() == "3"
    assert '"live_to_minute"' in (master.home / "jobs" / "job" / "stdout.log").read_text()


def test_airflows_kill_ends_the_job(master: SshServer) -> None:
    hold(master)
    paths = RemoteJobPaths(job_id="job", remote_os="posix", base_dir=str(master.home / "jobs"))
    command = f"bash spark_live_to_minute.sh {' '.join(MINUTE)}"
    master.run("bash", "-c", build_posix_wrapper_command(command, paths))
    pid = wait_for(master, "start")["pid"]

    master.run("bash", "-c", build_posix_kill_command(paths.pid_file))

    wait_for(master, "signal")
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=10)
    release(master)
    assert master.run("bash", "spark_live_to_minute.sh", *MINUTE).returncode == 0
