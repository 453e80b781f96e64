"""The SSH server that other tests rely on is a real one, with a home of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from tests.sshd import SshServer, make_key, ssh_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with ssh_server(tmp_path_factory.mktemp("sshd"), password="se cret'$x") as running:
        yield running


def test_a_key_logs_in_and_finds_an_empty_home(server: SshServer) -> None:
    answer = server.run("sh", "-c", 'echo "$USER $HOME"; pwd; ls; id -u')

    assert answer.stdout.splitlines() == [f"spark {server.home}", str(server.home), str(os.getuid())]
    assert answer.returncode == 0


def test_exit_code_and_standard_error_come_back(server: SshServer) -> None:
    answer = server.run("sh", "-c", "echo no >&2; exit 75")

    assert (answer.returncode, answer.stdout, answer.stderr) == (75, "", "no\n")


def test_another_key_is_refused(server: SshServer, tmp_path: Path) -> None:
    make_key(tmp_path / "other")
    argv = [str(tmp_path / "other") if part == str(server.key_file) else part for part in server.argv("true")]

    answer = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

    assert answer.returncode == 255
    assert "Permission denied" in answer.stderr


def test_another_host_key_is_refused(server: SshServer, tmp_path: Path) -> None:
    other = " ".join(make_key(tmp_path / "host").split()[:2])
    (tmp_path / "known").write_text(f"[{server.address}]:{server.port} {other}\n")
    argv = [part.replace(str(server.known_hosts), str(tmp_path / "known")) for part in server.argv("true")]

    answer = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)

    assert answer.returncode == 255
    assert "Host key verification failed" in answer.stderr


@pytest.mark.parametrize(("password", "accepted"), [("se cret'$x", True), ("secret", False)])
def test_the_password_logs_in_and_another_does_not(server: SshServer, password: str, accepted: bool) -> None:
    client = paramiko.SSHClient()
    client.load_host_keys(str(server.known_hosts))
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    arguments = {"port": server.port, "username": server.user, "allow_agent": False, "look_for_keys": False}
    try:
        if accepted:
            client.connect(server.address, password=password, **arguments)
            assert client.exec_command("pwd")[1].read().decode().strip() == str(server.home)
        else:
            with pytest.raises(paramiko.AuthenticationException):
                client.connect(server.address, password=password, **arguments)
    finally:
        client.close()


def test_a_dropped_connection_ends_the_client_and_not_what_it_started(server: SshServer) -> None:
    done = server.home / "done"
    with subprocess.Popen(
        server.argv("sh", "-c", f"(sleep 1; touch {done}) & echo started; sleep 5"), stdout=subprocess.PIPE
    ) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"started\n"

        assert server.drop_connections() == 1

        assert client.wait(10) == 255
    assert (
        server.run("sh", "-c", f"for i in $(seq 50); do [ -e {done} ] && exit 0; sleep 0.1; done; exit 1").returncode
        == 0
    )
