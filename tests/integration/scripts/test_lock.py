"""One interval of a task never runs twice at a time; other intervals run side by side."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.scripts.conftest import diary, hold, release, wait_for
from tests.sshd import SshServer

HOUR = ("2026-03-01T10:00:00Z", "2026-03-01T11:00:00Z")
SAME_HOUR = ("2026-03-01 10:00", "2026-03-01T12:00:00.000+01:00")
DAY = ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")
MINUTE = ("2026-03-01T10:15:00Z", "2026-03-01T10:16:00Z")
NEXT_MINUTE = ("2026-03-01T10:16:00Z", "2026-03-01T10:17:00Z")


def start(master: SshServer, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        master.argv("bash", *command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


@pytest.fixture
def running_hour(master: SshServer) -> Iterator[subprocess.Popen[str]]:
    """A job of 10:00 to 11:00 that has started, and ends when it is released."""
    hold(master)
    with start(master, "spark_minute_to_hour.sh", *HOUR) as job:
        wait_for(master, "start")
        yield job
        if (master.home / "hold").exists():
            release(master)
        assert job.wait(30) == 0


@pytest.mark.parametrize("interval", [HOUR, SAME_HOUR, DAY, MINUTE])
def test_a_second_run_of_an_interval_or_of_a_part_of_it_waits_and_then_runs(
    master: SshServer, running_hour: subprocess.Popen[str], interval: tuple[str, str]
) -> None:
    with start(master, "spark_minute_to_hour.sh", *interval) as second:
        assert second.stderr is not None
        said = second.stderr.readline()
        release(master)

        assert second.wait(30) == 0

    assert said.startswith("spark_minute_to_hour.sh: this interval already runs (process ")
    assert said.endswith("Waiting up to 600 s for it.\n")
    assert [entry["event"] for entry in diary(master)] == ["start", "end", "start", "end"]


@pytest.mark.parametrize(
    ("script", "interval"),
    [
        ("spark_minute_to_hour.sh", ("2026-03-01T11:00:00Z", "2026-03-01T12:00:00Z")),
        ("spark_minute_to_hour.sh", ("2026-03-01T09:00:00Z", "2026-03-01T10:00:00Z")),
        ("spark_live_to_minute.sh", HOUR),
    ],
)
def test_a_neighbour_and_another_task_run_beside_it(
    master: SshServer, running_hour: subprocess.Popen[str], script: str, interval: tuple[str, str]
) -> None:
    with start(master, script, *interval) as second:
        wait_for(master, "start", times=2)
        release(master)
        _out, said = second.communicate(timeout=30)

    assert second.returncode == 0
    assert "Waiting" not in said


@pytest.mark.parametrize("wait", ["0", "1"])
def test_when_the_wait_is_over_it_says_busy_and_exits_75(
    master: SshServer, running_hour: subprocess.Popen[str], wait: str
) -> None:
    answer = master.run("env", f"SPARK_JOBS_WAIT={wait}", "bash", "spark_minute_to_hour.sh", *MINUTE)

    assert answer.returncode == 75
    last = answer.stderr.splitlines()[-1]
    pid = diary(master)[0]["pid"]
    assert last.startswith(
        "spark_minute_to_hour.sh: busy: minute_to_hour for 2026-03-01T10:00Z to 2026-03-01T11:00Z still runs"
    )
    assert f"(process {pid} since 20" in last
    assert f"after {wait} s of waiting. Nothing was run; that run goes on. Try again when it has ended" in last
    assert [entry["event"] for entry in diary(master)] == ["start"]


def test_a_wait_that_is_no_number_is_refused(master: SshServer) -> None:
    answer = master.run("env", "SPARK_JOBS_WAIT=10m", "bash", "spark_minute_to_hour.sh", *HOUR)

    assert answer.returncode == 2
    assert "SPARK_JOBS_WAIT is '10m', and not a number of seconds. Nothing was run." in answer.stderr


def test_a_killed_run_frees_its_interval_at_once(master: SshServer) -> None:
    hold(master)
    with start(master, "spark_minute_to_hour.sh", *HOUR) as job:
        os.kill(wait_for(master, "start")["pid"], signal.SIGKILL)
        assert job.wait(30) not in (0, 75)
    release(master)

    answer = master.run("bash", "spark_minute_to_hour.sh", *HOUR)

    assert answer.returncode == 0
    assert "Waiting" not in answer.stderr


def test_five_at_once_run_one_after_the_other(master: SshServer) -> None:
    hold(master)
    jobs = [start(master, "spark_minute_to_hour.sh", *interval) for interval in (HOUR, SAME_HOUR, DAY, HOUR, MINUTE)]
    wait_for(master, "start")
    release(master)
    for job in jobs:
        job.communicate(timeout=60)

    assert [job.returncode for job in jobs] == [0] * 5
    entries = [(entry["event"], entry["pid"]) for entry in diary(master)]
    assert [event for event, _pid in entries] == ["start", "end"] * 5
    assert [pid for _event, pid in entries[::2]] == [pid for _event, pid in entries[1::2]]


def test_the_locks_of_past_intervals_do_not_pile_up(master: SshServer) -> None:
    for minute in range(3):
        interval = (f"2026-03-01T10:{minute:02}:00Z", f"2026-03-01T10:{minute + 1:02}:00Z")
        assert master.run("bash", "spark_live_to_minute.sh", *interval).returncode == 0

    locks = sorted(path.name for path in (master.home / ".cassandra-views" / "locks").iterdir())

    assert len(locks) == 2  # the mutex of the task, and the last interval
    assert locks[1] == "live_to_minute.mutex"
