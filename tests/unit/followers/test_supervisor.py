"""What dies is restarted once, or ends the demo with the reason: on real processes."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from cassandra_client.errors import ClusterError
from followers.demo.environment import DemoError
from followers.demo.process_group import ManagedProcess, ProcessGroup
from followers.demo.supervisor import Supervisor, exit_text, required

SECONDS = 10.0


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def processes(tmp_path: Path, lines: list[str]) -> Iterator[ProcessGroup]:
    with ProcessGroup(tmp_path) as processes:
        processes.adopt("others")
        processes.supervisor = Supervisor(lines.append)
        yield processes


def test_what_is_killed_is_restarted_once_and_its_second_death_ends_the_demo(
    processes: ProcessGroup, lines: list[str]
) -> None:
    member = started(processes, "echo working; exec sleep 1000")
    processes.supervise(member, lambda: running(member), seconds=SECONDS)
    first = member.process.pid

    member.process.kill()
    await_that(lambda: member.find_end())
    processes.check()

    assert running(member)
    assert member.process.pid != first
    assert lines[0].startswith("part was killed by SIGKILL. Its last lines:\n  working\nRestarting it")
    assert lines[1].startswith("part works again after ")

    member.process.kill()
    await_that(lambda: member.find_end())
    with pytest.raises(
        DemoError, match=r"part was killed by SIGKILL, for the second time\. Its last lines:\n  working"
    ):
        processes.check()


def test_each_part_has_a_restart_of_its_own(processes: ProcessGroup, lines: list[str]) -> None:
    members = [started(processes, "exec sleep 1000", name=name) for name in ("one", "two")]
    for member in members:
        processes.supervise(member, lambda: True, seconds=SECONDS)
        member.process.kill()
    for member in members:
        await_that(member.find_end)

    processes.check()

    assert all(running(member) for member in members)
    assert sum("Restarting" in line for line in lines) == 2


def test_what_never_worked_is_not_restarted(processes: ProcessGroup, lines: list[str]) -> None:
    member = started(processes, "echo no such table >&2; exit 3")
    await_that(member.find_end)

    with pytest.raises(DemoError, match=r"part ended with code 3\. Its last lines:\n  no such table"):
        processes.check()
    assert lines == []


def test_what_ends_by_itself_may_end(processes: ProcessGroup) -> None:
    done = processes.start("done", ["true"], group="others", env=os.environ, ends=True)
    broken = processes.start(
        "broken", ["sh", "-c", "echo disk full; exit 5"], group="others", env=os.environ, ends=True
    )
    await_that(done.find_end)
    await_that(broken.find_end)

    processes.check()
    processes.finish(done)
    with pytest.raises(DemoError, match=r"broken ended with code 5\. Its last lines:\n  disk full"):
        processes.finish(broken)


def test_a_restart_that_does_not_work_ends_the_demo(processes: ProcessGroup, tmp_path: Path) -> None:
    marker = tmp_path / "was-here"
    member = started(
        processes, f"[ -e {shlex.quote(str(marker))} ] && exit 4; touch {shlex.quote(str(marker))}; sleep 1000"
    )
    await_that(marker.exists)
    processes.supervise(member, lambda: False, seconds=SECONDS)
    member.process.kill()
    await_that(member.find_end)

    with pytest.raises(DemoError, match="part ended with code 4, for the second time"):
        processes.check()


def test_a_restart_that_hangs_ends_the_demo(processes: ProcessGroup) -> None:
    member = started(processes, "exec sleep 1000")
    processes.supervise(member, lambda: False, seconds=0.1)
    member.process.kill()
    await_that(member.find_end)

    with pytest.raises(DemoError, match="part, restarted, did not come within"):
        processes.check()


def test_what_a_dead_process_left_does_not_hold_the_port_of_the_next(processes: ProcessGroup, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = (
        "import os, socket, time\n"
        f"listening = socket.create_server(('127.0.0.1', {port}))\n"
        "os.fork() or time.sleep(1000)\n"
        "time.sleep(1000)\n"
    )
    member = processes.start("part", [sys.executable, "-c", server], group="others", env=os.environ)

    def answers() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    processes.await_that(answers, seconds=SECONDS, what="the server")
    await_that(lambda: psutil.Process(member.process.pid).children())
    processes.supervise(member, answers, seconds=SECONDS)
    worker = psutil.Process(member.process.pid).children()[0]

    member.process.kill()
    await_that(member.find_end)
    processes.check()

    await_that(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    assert running(member)
    for child in psutil.Process(member.process.pid).children():
        child.kill()  # it would wait for its parent


def test_a_block_that_waits_is_left_when_its_part_dies(processes: ProcessGroup) -> None:
    member = started(processes, "echo out of memory; exec sleep 1000")
    threading.Timer(0.2, member.process.kill).start()
    never = threading.Event()
    begun = time.monotonic()

    with (
        pytest.raises(DemoError, match=r"part was killed by SIGKILL\. Its last lines:\n  out of memory"),
        required(member),
    ):
        never.wait(60)

    assert time.monotonic() - begun < 10
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL


def test_the_death_of_the_part_is_the_reason_of_what_failed_at_it(processes: ProcessGroup) -> None:
    member = started(processes, "exec sleep 1000")
    lost = ClusterError("the cluster cannot be reached", next="See its log")

    def fail() -> None:
        with required(member):
            member.process.kill()
            raise lost

    with pytest.raises(DemoError, match="part was killed by SIGKILL") as told:
        fail()
    assert told.value.__cause__ is lost


def test_an_error_of_the_block_stays_what_it_is_while_the_part_lives(processes: ProcessGroup) -> None:
    member = started(processes, "exec sleep 1000")
    with pytest.raises(ClusterError, match="refused"), required(member):
        raise ClusterError("refused", next="Correct it")
    with required(member):
        pass
    assert running(member)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "ended with code 0"),
        (1, "ended with code 1"),
        (-9, "was killed by SIGKILL"),
        (-63, "was killed by signal 63"),
    ],
)
def test_how_a_process_ended_is_told(code: int, text: str) -> None:
    assert exit_text(code) == text


def started(processes: ProcessGroup, script: str, name: str = "part") -> ManagedProcess:
    member = processes.start(name, ["sh", "-c", script], group="others", env=os.environ)
    if "echo" in script:
        await_that(lambda: member.log_file.stat().st_size)
    return member


def running(member: ManagedProcess) -> bool:
    return member.process.poll() is None


def await_that(look: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.01)
