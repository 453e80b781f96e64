"""Airflow as the demo runs it: four processes on the loopback, a database of its own, a login made for this run."""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from followers.demo.environment import ADDRESS, ROOT, find_port
from followers.demo.process_group import ManagedProcess, ProcessGroup

USER = "admin"
USUAL_PORT = 8080
GROUP = "Airflow"
START_SECONDS = 240.0
_ANSWER_SECONDS = 10.0
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks for addresses of this machine, never by way of a proxy."""

_PARTS = ("scheduler", "dag_processor", "triggerer")
# As docs/guides/airflow-rollups.md gives it.
_LOCAL_SETTINGS = """\
import logging

for name in ("asyncssh", "paramiko"):
    logging.getLogger(name).setLevel(logging.WARNING)
"""


class Airflow:
    """Prepares, starts and asks one Airflow. Its processes are the processes's.

    Args:
        home: a folder that becomes its AIRFLOW_HOME.
        url: where it is to listen, on the loopback (``choose_url``).
        connections: what each of its connections is, as JSON, by its id.
    """

    def __init__(self, processes: ProcessGroup, home: Path, url: str, connections: Mapping[str, str]) -> None:
        self._processes = processes
        self._home = home
        self._members: list[ManagedProcess] = []
        self._token = ""
        self.password = secrets.token_urlsafe(9)
        self.url = url
        self._environment = self._settings(connections)

    def prepare(self) -> ManagedProcess:
        """Make the home and begin to make the database in it; to be finished before ``start``."""
        (self._home / "config").mkdir(parents=True)
        (self._home / "config" / "airflow_local_settings.py").write_text(_LOCAL_SETTINGS)
        passwords = self._home / "passwords.json"
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({USER: self.password}))
        return self._start("airflow-database", "db", "migrate", ends=True)

    def start(self) -> None:
        """Start the four processes and wait until each of them says that it is well.

        Raises:
            DemoError: one of them ended, or they took too long.
        """
        port = self.url.rpartition(":")[2]
        members = [
            self._start("airflow-api-server", "api-server", "--host", ADDRESS, "--port", port, "--workers", "1"),
            self._start("airflow-scheduler", "scheduler", "--skip-serve-logs"),
            self._start("airflow-dag-processor", "dag-processor"),
            self._start("airflow-triggerer", "triggerer", "--skip-serve-logs"),
        ]
        self._processes.await_that(self._is_healthy, seconds=START_SECONDS, what="Airflow")
        for member in members:
            self._processes.supervise(member, self._is_healthy, seconds=START_SECONDS)

    def stop(self) -> None:
        """End its processes, and the tasks that they run."""
        self._processes.stop(*self._members)

    def dag_ids(self, tag: str) -> list[str]:
        """Return the ids of the DAGs with this tag."""
        return [each["dag_id"] for each in self.ask("GET", f"dags?tags={tag}&limit=100")["dags"]]

    def count_runs(self, dag_ids: Sequence[str], *states: str) -> int:
        """Return how many runs of these DAGs are in one of these states.

        Raises:
            OSError: Airflow does not answer.
        """
        if not dag_ids:
            return 0
        body = {"dag_ids": list(dag_ids), "states": list(states), "page_limit": 1}
        return int(self.ask("POST", "dags/~/dagRuns/list", body)["total_entries"])

    def last_event(self, dag_id: str) -> Mapping[str, Any] | None:
        """Return what the newest asset event of a DAG says; errors as ``count_runs``."""
        found = self.ask("GET", f"assets/events?source_dag_id={dag_id}&order_by=-timestamp&limit=1")
        return next((each["extra"] for each in found["asset_events"]), None)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the REST API, as its web pages do; errors as ``count_runs``."""
        if not self._token:
            login = {"username": USER, "password": self.password}
            self._token = _request("POST", f"{self.url}/auth/token", {}, login)["access_token"]
        try:
            return _request(method, f"{self.url}/api/v2/{path}", {"Authorization": f"Bearer {self._token}"}, body)
        except urllib.error.HTTPError as error:
            if error.code == 401:
                self._token = ""  # it was for a day
            raise

    def _start(self, name: str, *words: str, ends: bool = False) -> ManagedProcess:
        argv = [sys.executable, "-m", "airflow", *words]
        member = self._processes.start(name, argv, group=GROUP, env=self._environment, cwd=self._home, ends=ends)
        self._members.append(member)
        return member

    def _is_healthy(self) -> bool:
        try:
            health = _request("GET", f"{self.url}/api/v2/monitor/health", {}, None)
        except OSError:
            return False
        return all(health[each]["status"] == "healthy" for each in _PARTS)

    def _settings(self, connections: Mapping[str, str]) -> dict[str, str]:
        home = self._home
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "_AIRFLOW"))},
            **{f"AIRFLOW_CONN_{name.upper()}": value for name, value in connections.items()},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(32),
            "AIRFLOW__CASSANDRA_VIEWS__CONN_ID": "cassandra_insight",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            # SQLite in write-ahead mode, which Airflow sets itself.
            # A write that meets another one waits for it: on a busy machine longer than SQLite's five seconds.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db?timeout=60",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "60",
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            # As the guide says: with the five seconds of Airflow's default the first tasks of a slow start end in
            # tracebacks of timeouts.
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
            # Nobody's keys and known hosts but those of the connections.
            "HOME": str(home),
            # The loopback is never asked for by way of a proxy.
            **{name: ",".join(filter(None, [os.environ.get(name), ADDRESS])) for name in ("NO_PROXY", "no_proxy")},
        }


def choose_url() -> str:
    """Return an address on the loopback that is free for an Airflow."""
    return f"http://{ADDRESS}:{find_port(USUAL_PORT)}"


def _request(method: str, url: str, headers: Mapping[str, str], body: Any) -> Any:
    data = None if body is None else json.dumps(body).encode()
    content = {"Content-Type": "application/json", "Accept": "application/json"}
    request = urllib.request.Request(url, data, {**content, **headers}, method=method)
    with DIRECT.open(request, timeout=_ANSWER_SECONDS) as answer:
        return json.load(answer)
