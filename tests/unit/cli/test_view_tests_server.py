"""Which server ``views test`` uses: one that stays, a new one that stays, or one of its own; none is started here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from filelock import FileLock

import cassandra_client.connect
import cassandra_embedded
from cassandra_views.cli import view_tests_command
from cassandra_views.cli.output import err
from cassandra_views.project.project_folder import view_test_data

SERVER = SimpleNamespace(contact_points=("127.0.0.1",), port=9042)


class Machine:
    """Stands for the servers of the machine, and keeps what was asked of them.

    Args:
        answers: whether a server is found to be running, one after another.
    """

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.calls: list[str] = []

    def find(self, folder: Path) -> SimpleNamespace | None:
        return SERVER if self.answers.pop(0) else None

    def server(self, **options: Any) -> SimpleNamespace:
        return SimpleNamespace(start=lambda: self.calls.append("start"))

    @contextmanager
    def session(self, *places: Any, **options: Any) -> Iterator[str]:
        yield "kept"

    @contextmanager
    def own_session(self) -> Iterator[str]:
        yield "own"

    def open(self, monkeypatch: pytest.MonkeyPatch, *, keep: bool) -> str:
        monkeypatch.setattr(cassandra_embedded, "find_running", self.find, raising=False)
        monkeypatch.setattr(cassandra_embedded, "EmbeddedCassandra", self.server, raising=False)
        for name in ("stop_running", "drop_data"):
            monkeypatch.setattr(
                cassandra_embedded, name, lambda folder, name=name: self.calls.append(name), raising=False
            )
        monkeypatch.setattr(cassandra_client.connect, "connected", self.session)
        monkeypatch.setattr(view_tests_command, "embedded_session", self.own_session)
        with view_tests_command._server_session(keep=keep) as session:
            return str(session)


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileLock:
    """The lock of the server that stays; not held."""
    monkeypatch.chdir(tmp_path)
    folder = view_test_data(tmp_path)
    folder.parent.mkdir()
    return FileLock(folder.with_suffix(".lock"))


def test_what_a_killed_start_left_is_ended_before_its_data_goes(
    lock: FileLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(False, True)
    assert machine.open(monkeypatch, keep=True) == "kept"
    assert machine.calls == ["stop_running", "drop_data", "start"]


def test_a_server_that_ended_while_a_call_waited_is_not_left_running_anew(
    lock: FileLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine(True, False)
    assert machine.open(monkeypatch, keep=False) == "own"
    assert machine.calls == []


def test_a_call_that_waits_says_so(lock: FileLock, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    def tell(text: str, **options: Any) -> None:
        told.append(text)
        lock.release()

    monkeypatch.setattr(err, "print", tell)
    lock.acquire()
    assert Machine(True, True).open(monkeypatch, keep=False) == "kept"
    assert told == ["Waiting for another 'views test' ..."]
