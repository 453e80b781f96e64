"""Real servers of several processes, clients in another one, and a manager that changes everything meanwhile."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Self

import psutil
import pytest

from tests.integration.web.clock import clock, today
from tests.integration.web.place import PARKS, Place

pytestmark = [pytest.mark.cassandra, pytest.mark.slow, pytest.mark.timeout(300)]

GUNICORN = ("gunicorn", "--workers", "2", "--threads", "4")
WAITRESS = ("waitress", "--threads", "4", "--connection-limit", "1000")
BIND = {"gunicorn": "--bind", "waitress": "--listen"}
ENDS = {"gunicorn": 0, "waitress": -signal.SIGTERM}
"""How each ends on SIGTERM."""
ROWS = "/api/views/parks_by_day/rows"
_MATTER = 'window: {last: 7 days, step: 1 day, at: "00:10"}\ngrace: 1 minute'
_SELECT = (
    "SELECT {columns} FROM {{{{ base('visits_day') }}}} WHERE {{{{ in_window() }}}} AND park IS NOT NULL "
    "PRIMARY KEY (day, park)"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(place: Place, log: Path, *words: str, port: int) -> Iterator[psutil.Popen]:
    """Run a WSGI server on the tests' app."""
    variables = {key: str(value) for key, value in place.config.items() if key.startswith("VIEWS_")}
    variables["VIEWS_CONTACT_POINTS"] = ",".join(place.contact_points)
    with log.open("wb") as output:
        process = psutil.Popen(
            [sys.executable, "-m", *words, f"{BIND[words[0]]}=127.0.0.1:{port}", "tests.integration.web.api.wsgi:app"],
            env={**os.environ, **variables},
            stdout=output,
            stderr=output,
        )
    try:
        await_answer(port, process, log)
        yield process
    finally:
        process.terminate()
        assert process.wait(20) == ENDS[words[0]], log.read_text()


def await_answer(port: int, process: psutil.Popen, log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        assert process.is_running(), log.read_text()
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)


class Readers:
    """Clients in another process that read until a block ends; then ``counts`` is what they found."""

    def __init__(self, port: int, path: str = ROWS) -> None:
        self._words = (f"http://127.0.0.1:{port}", path, today(), "3")
        self._seen = 0
        self._more = threading.Condition()
        self.lines: list[str] = []
        self.counts: dict[str, int] = {}

    def __enter__(self) -> Self:
        words = [sys.executable, "-m", "tests.integration.web.api.readers", *self._words]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._collect, name="readers")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._thread.join(60)
        assert self._process.wait(10) == 0
        self.counts = json.loads(self.lines.pop())

    def _collect(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                with self._more:
                    self.lines.append(line.strip())
                    self._more.notify_all()

    def await_line(self, begin: str, *, seconds: float = 30) -> None:
        """Wait until a client's answers have changed to such, since the last wait was over."""

        def is_there() -> bool:
            return any(line.startswith(begin) for line in self.lines[self._seen :])

        with self._more:
            assert self._more.wait_for(is_there, seconds), (begin, self.lines[self._seen :])
            self._seen = len(self.lines)

    @property
    def wrong(self) -> dict[str, int]:
        """What was wrong with the answers, and how often."""
        words = ("failed", "untold", "broken", "empty", "doubled", "missing")
        return {word: self.counts[word] for word in words if self.counts.get(word)}


def get(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def connections(process: psutil.Process, port: int) -> int:
    return sum(bool(each.raddr) and each.raddr.port == port for each in process.net_connections("tcp"))


def test_each_process_has_a_session_of_its_own_made_after_the_fork(reader_server: Place, tmp_path: Path) -> None:
    port = free_port()
    with server(reader_server, tmp_path / "log", *GUNICORN, "--preload", port=port) as master:
        assert connections(master, reader_server.port) == 0
        until = time.monotonic() + 60
        while len(workers := master.children()) < 2:
            assert time.monotonic() < until
            time.sleep(0.1)
        while not all(connections(each, reader_server.port) for each in workers):
            assert get(f"http://127.0.0.1:{port}/api/views/parks_by_city/rows?city=city1")[0] == 200
            assert time.monotonic() < until
        assert connections(master, reader_server.port) == 0
        workers[0].kill()
        until = time.monotonic() + 60
        while len(alive := [each for each in master.children() if each not in workers[:1]]) < 2 or not all(
            connections(each, reader_server.port) for each in alive
        ):
            get(f"http://127.0.0.1:{port}/api/views/parks_by_city/rows?city=city1")
            assert time.monotonic() < until


def test_nobody_notices_what_the_manager_does(reader_server: Place, tmp_path: Path) -> None:
    place, port = reader_server, free_port()
    with (
        place.more_view("parks_by_day", _MATTER, _SELECT.format(columns="*")) as manager,
        server(place, tmp_path / "log", *GUNICORN, port=port),
        Readers(port) as readers,
    ):
        readers.await_line("200 parks_by_day__g1")
        manager.refresh(["parks_by_day"])
        readers.await_line("200 parks_by_day__g2")
        tomorrow = place.manager(clock=lambda: clock() + timedelta(days=1))
        slide = tomorrow.plan(["parks_by_day"])
        assert slide.has_changes
        tomorrow.apply(slide)
        readers.await_line("200 parks_by_day__g3")
        place.write_view("parks_by_day", _MATTER, _SELECT.format(columns="day, park, total"))
        tomorrow.apply(tomorrow.plan(["parks_by_day"]))
        readers.await_line("200 parks_by_day__g4")
        tomorrow.rollback("parks_by_day", reason="a test")
        readers.await_line("200 parks_by_day__g3")
        # The managers' clock runs ahead by more than grace: whoever still read what is dropped now would fail.
        for minutes in (3, 9):
            time.sleep(2)  # longer than any of the readers keeps what serves
            later = place.manager(clock=lambda minutes=minutes: clock() + timedelta(days=1, minutes=minutes))
            later.override("parks_by_day", None, reason="a test")
            later.apply(later.plan(["parks_by_day"]))
        readers.await_line("200 parks_by_day__g5")
        assert [each.number for each in place.record("parks_by_day").generations] == [5]
        time.sleep(1)
    assert readers.wrong == {}, readers.lines
    assert readers.counts["reads"] > 50


def test_a_cluster_that_is_killed_and_started_under_load(reader_server: Place, tmp_path: Path) -> None:
    place, port = reader_server, free_port()
    path = "/api/views/top_parks_by_day/rows"
    with server(place, tmp_path / "log", *GUNICORN, port=port), Readers(port, path) as readers:
        readers.await_line("200")
        place.server.kill_node(1)
        try:
            readers.await_line("503")
            url = f"http://127.0.0.1:{port}"
            assert get(f"{url}/healthz")[0] == 200
            assert get(f"{url}/readyz")[0] == 503
            assert get(f"{url}/views/")[0] == 503
        finally:
            place.restart()
        readers.await_line("200", seconds=60)
        until = time.monotonic() + 60
        while get(f"{url}/readyz")[0] != 200:
            assert time.monotonic() < until
            time.sleep(0.2)
        time.sleep(1)
    # Not one answer was wrong, late or without a word; those that could not be given were 503.
    assert readers.wrong.keys() <= {"failed"}
    assert {line.partition(" ")[0] for line in readers.lines} == {"200", "503"}
    assert readers.counts["slowest_ms"] < 10_000  # at most three requests of two seconds, and slack


def test_slow_clients_keep_nobody_from_reading(reader_server: Place, tmp_path: Path) -> None:
    port = free_port()
    with server(reader_server, tmp_path / "log", *WAITRESS, port=port) as process:
        url = f"http://127.0.0.1:{port}/api/views/parks_by_city/rows?city=city1"
        assert get(url)[0] == 200
        before = process.memory_info().rss
        slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(500)]
        try:
            for number, each in enumerate(slow):
                each.sendall(b"GET /api/views HTTP/1.1\r\nHost: slow\r\n" + b"X-A: b\r\n" * (number % 3))
            for _ in range(20):
                status, body = get(url)
                assert status == 200
                assert len(json.loads(body)["rows"]) == PARKS // 8
            assert process.memory_info().rss - before < 64 * 2**20
        finally:
            for each in slow:
                each.close()
        assert get(url)[0] == 200
