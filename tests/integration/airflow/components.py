"""Airflow as it runs for its users: API server, scheduler, DAG processor and triggerer, each a process of its own.

`airflow standalone` is not used: told to end, it leaves its children running.
"""

from __future__ import annotations

import json
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.integration.airflow.airflow_process import settings

ADDRESS = "127.0.0.1"
ENDED = ("success", "failed", "skipped", "upstream_failed")
PARTS = ("api-server", "scheduler", "dag-processor", "triggerer")
START_SECONDS = 480  # 20 s on two cores, 150 where eight others wanted them
RUN_SECONDS = 300  # 10 s on two cores; two minutes where eight others wanted them


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """A running Airflow, spoken to as its web pages do: over the REST API.

    Args:
        start_logs: what its processes had logged when they had started and knew their DAGs, by file.
    """

    home: Path
    url: str
    headers: dict[str, str]
    environment: dict[str, str] = field(repr=False)
    processes: dict[str, psutil.Popen] = field(default_factory=dict)
    start_logs: dict[str, str] = field(default_factory=dict, repr=False)

    def start(self, part: str) -> None:
        """Start one of the four."""
        port = self.url.rpartition(":")[2]
        more = {
            "api-server": ("--host", ADDRESS, "--port", port, "--workers", "1"),
            "scheduler": ("--skip-serve-logs",),
            "triggerer": ("--skip-serve-logs",),
            "celery": ("worker", "--skip-serve-logs"),
        }
        self.processes[part] = _start(self.home, (part, *more.get(part, ())), self.environment)

    def kill(self, part: str) -> None:
        """Kill one of the four with all its children, at once."""
        process = self.processes.pop(part)
        family = [process, *process.children(recursive=True)]
        for each in family:
            with suppress(psutil.NoSuchProcess):  # it ended by itself between the list and the signal
                each.kill()
        psutil.wait_procs(family, timeout=10)

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, Any]:
        """Return the status and the parsed answer."""
        return _request(method, f"{self.url}/api/v2/{path}", self.headers, body)

    def get(self, path: str) -> Any:
        """Return what is there. On SQLite a read that meets a long write is an internal error: then look again."""

        def look() -> Any:
            status, answer = self.request("GET", path)
            assert status == 200 or status >= 500, (path, status, answer)
            return [answer] if status == 200 else None

        return await_that(look, START_SECONDS)[0]

    def unpause(self, dag_id: str, paused: bool = False) -> None:
        await_that(lambda: self.request("PATCH", f"dags/{dag_id}", {"is_paused": paused})[0] == 200, START_SECONDS)

    def trigger(self, dag_id: str, **body: Any) -> str:
        """Make a run as the form does and return its id."""
        status, answer = self.request("POST", f"dags/{dag_id}/dagRuns", {"logical_date": None, **body})
        assert status == 200, answer
        return str(answer["dag_run_id"])

    def await_run(
        self, dag_id: str, run_id: str, state: str = "success", seconds: float = RUN_SECONDS
    ) -> dict[str, Any]:
        """Wait until a run has ended in a state, and return it."""
        run = self.await_end(dag_id, run_id, seconds)
        assert run["state"] == state, self.log(dag_id, run_id)
        return run

    def await_end(self, dag_id: str, run_id: str, seconds: float = RUN_SECONDS) -> dict[str, Any]:
        """Wait until a run has ended, well or not, and return it."""

        def look() -> Any:
            run = self.get(f"dags/{dag_id}/dagRuns/{run_id}")
            return run if run["state"] in ("success", "failed") else None

        found: dict[str, Any] = await_that(look, seconds)
        return found

    def await_task(self, dag_id: str, run_id: str, task: str, *states: str) -> dict[str, Any]:
        """Wait until a task of a run is in one of these states and return it; fail where it ended in another."""

        def look() -> Any:
            instance = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}")
            if instance["state"] in states:
                return instance
            assert instance["state"] not in ENDED, f"{task} is {instance['state']}:\n{self.log(dag_id, run_id, task)}"
            return None

        found: dict[str, Any] = await_that(look, RUN_SECONDS)
        return found

    def log(self, dag_id: str, run_id: str, task: str | None = None, attempt: int = 1) -> str:
        """Return the log of a task as the web page shows it: of the worker and the triggerer; of all tasks if None."""
        tasks = [task] if task else [each["task_id"] for each in self._tasks(dag_id, run_id)]
        text = []
        for each in tasks:
            _, answer = self.request("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{each}/logs/{attempt}")
            text += [json.dumps(line, ensure_ascii=False) for line in answer.get("content", [answer])]
        return "\n".join(text)

    def _tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return found


@contextmanager
def components(
    home: Path, dags: Path, variables: Mapping[str, str], parts: Sequence[str] = PARTS, *, user: str | None = None
) -> Iterator[Components]:
    """Run the parts with some more variables, such as connections, for the length of a block, on the loopback alone.

    ``user`` is who speaks to it, where the variables name users and so not everybody is an admin.
    """
    url = f"http://{ADDRESS}:{_free_port()}"
    environment = {
        **settings(home, dags),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__SCHEDULER__TRIGGER_TIMEOUT_CHECK_INTERVAL": "2",
        **variables,
    }
    headers: dict[str, str] = {}
    running = Components(home=home, url=url, headers=headers, environment=environment)
    try:
        for part in parts:
            running.start(part)
        await_that(lambda: _are_running(home, running.processes) and _is_healthy(url), START_SECONDS)
        known = None if user is None else {"username": user, "password": password_of(home, user)}
        token = _request("GET" if known is None else "POST", f"{url}/auth/token", {}, known)[1]["access_token"]
        headers["Authorization"] = f"Bearer {token}"
        yield running
    finally:
        _end(list(running.processes.values()))


def password_of(home: Path, user: str) -> str:
    """Return the password that Airflow made for a user."""
    found: dict[str, str] = json.loads((home / "simple_auth_manager_passwords.json.generated").read_text())
    return found[user]


def await_that(look: Callable[[], Any], seconds: float) -> Any:
    """Look until something is found and return it."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.5)
    return found


def _start(home: Path, words: tuple[str, ...], environment: Mapping[str, str]) -> psutil.Popen:
    with (home / f"{words[0]}.log").open("wb") as log:
        return psutil.Popen(
            [sys.executable, "-m", "airflow", *words], env=dict(environment), cwd=home, stdout=log, stderr=log
        )


def _end(processes: list[psutil.Popen]) -> None:
    family = [child for each in processes if each.is_running() for child in each.children(recursive=True)]
    for each in processes:
        each.terminate()
    _, alive = psutil.wait_procs([*processes, *family], timeout=5)
    for each in alive:
        each.kill()
    psutil.wait_procs(alive, timeout=5)


def _are_running(home: Path, processes: Mapping[str, psutil.Popen]) -> bool:
    for name, each in processes.items():
        assert each.poll() is None, f"{name} ended:\n{(home / f'{name}.log').read_text()[-3000:]}"
    return True


def _is_healthy(url: str) -> bool:
    try:
        _, health = _request("GET", f"{url}/api/v2/monitor/health", {}, None)
    except OSError:
        return False
    return all(health[part]["status"] == "healthy" for part in ("scheduler", "dag_processor", "triggerer"))


def _request(method: str, url: str, headers: Mapping[str, str], body: Mapping[str, Any] | None) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    content = {"Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(url, data, {**content, **headers}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode(errors="replace")
            is_json = "json" in error.headers.get("Content-Type", "")
            return error.code, json.loads(text) if is_json else text


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])
