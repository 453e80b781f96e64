"""``make demo`` as a person runs it: the whole of it for as long as it takes, the small one, and how both end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from cassandra_embedded import find_running
from followers.demo.environment import DATA, ROOT

pytestmark = [pytest.mark.cassandra, pytest.mark.slow]

STAND_SECONDS = 600
"""How long anything may take; on two cores all of it stands after 90."""
END_SECONDS = 120
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Demo:
    """A running demo and what it has printed."""

    def __init__(self, process: psutil.Popen, out: Path) -> None:
        self.process = process
        self.out = out
        self.family: dict[int, psutil.Process] = {}

    def text(self) -> str:
        return self.out.read_text(encoding="utf-8")

    def await_text(self, pattern: str) -> re.Match[str]:
        found: re.Match[str] = self.await_that(lambda: re.search(pattern, self.text()), pattern)
        return found

    def await_that(self, look: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + STAND_SECONDS
        while not (found := look()):
            assert self.process.poll() is None, f"it ended with {self.process.returncode}:\n{self.text()}"
            assert time.monotonic() < deadline, f"no {what} in {STAND_SECONDS} s:\n{self.text()}"
            self.note_family()
            time.sleep(0.5)
        return found

    def note_family(self) -> None:
        """Remember its processes: whose parent has ended is nobody's child afterwards."""
        for each in self.process.children(recursive=True):
            self.family[each.pid] = each

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.note_family()
        self.process.send_signal(number)
        return int(self.process.wait(END_SECONDS))

    def left(self) -> list[str]:
        """Return what still runs of all that ran; psutil knows a process from a later one with its number."""
        return [" ".join(each.cmdline())[:200] for each in self.family.values() if is_alive(each)]


def is_alive(process: psutil.Process) -> bool:
    return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE


def words_of(process: psutil.Process) -> str:
    """Return a process's command line, empty where it has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@contextmanager
def running(out: Path, *options: str) -> Iterator[Demo]:
    """Run a demo and leave nothing of it behind."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CASSANDRA_", "VIEWS_"))}
    with out.open("wb") as output:
        process = psutil.Popen(
            [sys.executable, "-m", "followers.demo", *options],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    demo = Demo(process, out)
    try:
        yield demo
    finally:
        if process.poll() is None:
            demo.end(signal.SIGTERM)


class Pages:
    """Airflow as a person with the printed address and password meets it."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        token = self._ask("POST", "/auth/token", {"username": user, "password": password})["access_token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Return the DAG's runs; none where Airflow has no time to answer (SQLite)."""
        try:
            found: list[dict[str, Any]] = self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns")["dag_runs"]
        except OSError:
            return []
        return found

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json", **getattr(self, "headers", {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        with _DIRECT.open(request, timeout=30) as answer:
            return json.load(answer)


def is_open(url: str) -> bool:
    try:
        return bool(opened(url))
    except urllib.error.URLError:
        return False


def opened(url: str) -> str:
    with _DIRECT.open(url, timeout=30) as answer:
        return str(answer.read().decode())


@pytest.mark.timeout(1500)
def test_the_whole_system_rolls_up_and_keeps_views_and_one_signal_ends_it(tmp_path: Path) -> None:
    pytest.importorskip("airflow", reason="Airflow is not installed (it takes Python before 3.14)")
    with running(tmp_path / "out") as demo:
        demo.await_text(r"Views serve after \d+ s\.")
        url = demo.await_text(r"Pages: (\S+)")[1]
        ranking, live = opened(f"{url}/"), opened(f"{url}/streamer/72hrs")
        with pytest.raises(urllib.error.HTTPError, match="503"):  # its view is left for Airflow
            opened(f"{url}/categories")
        second = subprocess.run(
            [sys.executable, "-m", "followers.demo"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
        login = demo.await_text(r"Airflow: (\S+)\s+user (\S+), password (\S+)")
        pages = Pages(*login.groups())
        with pytest.raises(urllib.error.HTTPError, match="401"):
            Pages(login[1], login[2], "another")

        def succeeded(runs: list[dict[str, Any]], mark: str) -> bool:
            return any(each["state"] == "success" and each["dag_run_id"].startswith(mark) for each in runs)

        demo.await_that(lambda: succeeded(pages.runs("spark_live_to_minute"), "scheduled"), "minute by Airflow")
        demo.await_that(lambda: succeeded(pages.runs("~"), "reconcile__"), "view by Airflow")
        demo.await_text(r"the last minute: \d\d:\d\d to \d\d:\d\d UTC, [\d,]+ rows")
        demo.await_that(lambda: is_open(f"{url}/categories"), "categories, whose view Airflow makes")
        memory = float(demo.await_text(r"([\d.]+) GB in all: .*Airflow")[1])
        code = demo.end(signal.SIGINT)

    assert ranking.count('<th scope="row">') == 25
    assert "Out of date" not in ranking + live
    assert live.count('class="line') == 4
    assert (second.returncode, second.stdout) == (1, "")
    assert "a demo of this checkout is already running" in second.stderr
    assert code == 0, demo.text()
    assert "Stopped; nothing runs any more." in demo.text()
    assert "Traceback" not in demo.text()
    assert len(demo.family) > 10
    assert demo.left() == []
    assert not DATA.exists()
    assert memory < 8.0


def test_the_small_demo_restarts_a_killed_cassandra_and_ends_by_itself(tmp_path: Path) -> None:
    with running(tmp_path / "out", "--no-airflow", "--seconds", "10") as demo:
        url = demo.await_text(r"Pages: (\S+)")[1]
        categories = opened(f"{url}/categories")
        server = find_running(DATA / "cassandra")
        assert server is not None
        psutil.Process(server.pids[0]).kill()
        demo.await_text(r"Cassandra on 127\.0\.0\.1:\d+ ended\. Its last lines:\n  \S")
        demo.await_text(r"Cassandra works again after \d+ s\.")
        code = demo.process.wait(STAND_SECONDS)

    assert code == 0, demo.text()
    assert "Views serve after" in demo.text()
    assert 'select("unified_day_view"' in demo.text()
    assert "Games over time" in categories
    assert "0 failed, 0 empty" in demo.text()
    assert "Airflow" not in demo.text()
    assert not DATA.exists()


def has_restarted(demo: Demo, times: int) -> bool:
    return demo.text().count(" works again after ") == times


@pytest.mark.timeout(1800)
def test_each_killed_process_of_the_whole_demo_is_restarted_and_a_second_death_ends_it(tmp_path: Path) -> None:
    pytest.importorskip("airflow", reason="Airflow is not installed (it takes Python before 3.14)")
    with running(tmp_path / "out") as demo:
        demo.await_text(r"Everything runs after \d+ s\.")
        parts = demo.process.children()
        for number, each in enumerate(parts, start=1):
            each.kill()
            demo.await_that(partial(has_restarted, demo, number), "restart")
        ended = re.findall(
            r"^(\S+) (?:was killed by SIGKILL|on \S+ ended)\. Its last lines:", demo.text(), re.MULTILINE
        )
        twice = next(each for each in demo.process.children() if is_alive(each) and "gunicorn" in words_of(each))
        demo.note_family()
        twice.kill()
        code = demo.process.wait(END_SECONDS)

    assert {"Cassandra", "pages", "warm-spark"} < set(ended)
    assert sum(name.startswith("airflow-") for name in ended) == 4
    assert len(ended) == len(set(ended)) == len(parts)
    assert code == 1, demo.text()
    assert "for the second time" in demo.text()
    assert demo.left() == []
    assert (DATA / "log" / "pages.log").is_file(), "the logs of a demo that failed stay"


def test_a_term_in_the_middle_ends_it_too(tmp_path: Path) -> None:
    with running(tmp_path / "out", "--no-airflow") as demo:
        demo.await_text("Keyspace and base tables")
        code = demo.end(signal.SIGTERM)

    assert code == 0, demo.text()
    assert demo.left() == []
    assert not DATA.exists()
