"""The project's own server, where it has ended by itself: named with its log, by the commands and by a Flask app."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cassandra_client.errors import ClusterError
from cassandra_embedded.data_folder import Record, release_folder, write_record
from cassandra_embedded.process import Identity
from cassandra_views.cli.main import main
from cassandra_views.project.own_server import find_ended_error, register_data
from cassandra_views.web.options import WebOptions


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose server was killed."""
    (tmp_path / "views.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("CASSANDRA_", "VIEWS_")):
            monkeypatch.delenv(name)
    data = tmp_path / ".views" / "cassandra"
    log = data / "node1" / "logs" / "system.log"
    log.parent.mkdir(parents=True)
    log.write_text("starting\nready\nOutOfMemoryError\n")
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    node = Identity.of(process.pid)
    process.kill()
    process.wait()
    record = Record(
        version="5.0.9",
        nodes=1,
        addresses=("127.0.0.9",),
        port=9999,
        storage_port=7000,
        cluster_name="embedded",
        owner=node,
        detached=True,
        is_up=True,
        processes=((1, node),),
    )
    write_record(data, record)
    return tmp_path


def test_status_names_a_server_that_died_with_its_log(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["status"])
    told = " ".join(capsys.readouterr().err.split())

    assert ended.value.code == 1
    assert "the server that 'views up' started has ended by itself" in told
    assert "OutOfMemoryError" in told
    assert "127.0.0.9:9999" in told
    assert "start it again with 'views up'" in told
    assert "system.log" in told


def test_a_flask_app_says_the_same(project: Path) -> None:
    with pytest.raises(ClusterError, match="has ended by itself"):
        WebOptions().settings(project)


def test_its_data_folder_is_part_of_the_way_to_start_it_again(project: Path) -> None:
    other = project / "other"
    (project / ".views" / "cassandra").rename(other)
    register_data(project, other)

    error = find_ended_error(project)

    assert error is not None
    assert f"'views up --data {other}'" in error.next


def test_one_that_was_stopped_has_not_died(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    release_folder(project / ".views" / "cassandra")
    assert find_ended_error(project) is None
    with pytest.raises(SystemExit):
        main(["status"])
    assert "no 'views up' is running here" in " ".join(capsys.readouterr().err.split())
