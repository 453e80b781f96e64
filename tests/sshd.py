"""A real OpenSSH server on 127.0.0.1 for the tests, with a user of its own. Makes no account and touches no home.

The user ``spark`` exists for this server alone: nss_wrapper gives the process its own passwd and shadow file, with the
uid of whoever runs the tests and a home in a temporary folder. So it works as root and as anybody else.
"""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import psutil
import pytest

ADDRESS = "127.0.0.1"
USER = "spark"
_START_SECONDS = 10.0
_NSS_WRAPPER = ("/usr/lib/*/libnss_wrapper.so", "/usr/lib/libnss_wrapper.so", "/usr/lib64/libnss_wrapper.so")


@dataclass(frozen=True, slots=True, kw_only=True)
class SshServer:
    """A running server and what a client needs to use it.

    ``key_file`` is the client's private key; ``password`` is None where only the key is accepted; ``host_key`` is the
    server's public key as a known_hosts line has it after the address ("ssh-ed25519 AAAA...").
    """

    port: int
    home: Path
    key_file: Path
    host_key: str
    password: str | None
    known_hosts: Path
    log: Path
    listener: psutil.Process
    address: str = ADDRESS
    user: str = USER

    @property
    def target(self) -> str:
        """Return ``user@host``."""
        return f"{self.user}@{self.address}"

    @property
    def options(self) -> list[str]:
        """Return the options of ``ssh`` that reach this server by key, with its host key checked."""
        return [
            *("-p", str(self.port), "-i", str(self.key_file), "-F", "none", "-o", "IdentitiesOnly=yes"),
            *("-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "StrictHostKeyChecking=yes"),
        ]

    def argv(self, *command: str) -> list[str]:
        """Return the local command line that runs a command there, each argument as it is given."""
        return ["ssh", *self.options, self.target, shlex.join(command)]

    def run(self, *command: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command there by the real client and return its exit code and outputs."""
        return subprocess.run(self.argv(*command), capture_output=True, text=True, timeout=timeout, check=False)

    def connections(self) -> list[psutil.Process]:
        """Return the server's processes that hold a connection, one each."""
        return self.listener.children()

    def drop_connections(self) -> int:
        """Kill the connections that are open now, as a lost network would end them; return how many.

        What was started through them is not touched, and new connections are accepted.
        """
        dropped = self.connections()
        for process in dropped:
            process.kill()
        psutil.wait_procs(dropped, timeout=10)
        return len(dropped)


def find_missing() -> str | None:
    """Say what this machine lacks for a server, or None where everything is there."""
    if _find_sshd() is None or shutil.which("ssh") is None or shutil.which("ssh-keygen") is None:
        return "there is no OpenSSH server and client (make install-system)"
    if _find_nss_wrapper() is None:
        return "there is no libnss_wrapper.so (make install-system)"
    return None


@contextmanager
def ssh_server(folder: Path, *, password: str | None = None) -> Iterator[SshServer]:
    """Run a server on a free port of 127.0.0.1 until the end of the block; its files go to ``folder``.

    The home of the user is ``folder/home``, empty but for ``.ssh/authorized_keys``. Skips where a part is missing.

    Args: password: also accept this password; None accepts the key alone.
    """
    if missing := find_missing():
        pytest.skip(missing)
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / "home"
    (home / ".ssh").mkdir(mode=0o700, parents=True)
    host_key, key = folder / "host_key", folder / "key"
    make_key(host_key)
    (home / ".ssh" / "authorized_keys").write_text(make_key(key) + "\n")
    log = folder / "sshd.log"
    process, port = _start(folder, home, host_key, log, password)
    public = " ".join(host_key.with_suffix(".pub").read_text().split()[:2])
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"[{ADDRESS}]:{port} {public}\n")
    server = SshServer(
        port=port,
        home=home,
        key_file=key,
        host_key=public,
        password=password,
        known_hosts=known_hosts,
        log=log,
        listener=psutil.Process(process.pid),
    )
    try:
        yield server
    finally:
        server.drop_connections()
        process.terminate()
        process.wait(10)


def make_key(path: Path) -> str:
    """Make a key pair (``path`` and ``path.pub``, no passphrase) and return the public line."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(path)], check=True)
    return path.with_suffix(".pub").read_text().strip()


def _start(
    folder: Path, home: Path, host_key: Path, log: Path, password: str | None
) -> tuple[subprocess.Popen[bytes], int]:
    sshd, nss_wrapper = _find_sshd(), _find_nss_wrapper()
    assert sshd is not None
    assert nss_wrapper is not None
    if os.getuid() == 0:
        # Where its processes are locked in before a login. The service makes it at each boot; /run is emptied by one.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    environment = {**os.environ, "LD_PRELOAD": nss_wrapper, **_write_accounts(folder, home, password)}
    for _ in range(3):  # another process may take the port between the look and the start
        port = _free_port()
        config = folder / "sshd_config"
        config.write_text(_config(sshd, port, host_key, password))
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sshd, "-D", "-e", "-f", str(config)],  # an absolute path: sshd starts itself again by it
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
            )
        if _answers(process, port):
            return process, port
        process.kill()
        process.wait(10)
    raise AssertionError(f"sshd did not start. Its log says:\n{log.read_text()}")


def _write_accounts(folder: Path, home: Path, password: str | None) -> dict[str, str]:
    uid, gid = os.getuid(), os.getgid()
    hashed = "*" if password is None else bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    files = {
        "PASSWD": f"{USER}:x:{uid}:{gid}::{home}:/bin/bash\nsshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n",
        "GROUP": f"{USER}:x:{gid}:\nnogroup:x:65534:\n",
        "SHADOW": f"{USER}:{hashed}:19000::::::\nsshd:*:19000::::::\n",
    }
    for name, text in files.items():
        (folder / name.lower()).write_text(text)
    return {f"NSS_WRAPPER_{name}": str(folder / name.lower()) for name in files}


def _config(sshd: str, port: int, host_key: Path, password: str | None) -> str:
    lines = [
        f"ListenAddress {ADDRESS}",
        f"Port {port}",
        f"HostKey {host_key}",
        "PidFile none",
        "UsePAM no",
        "StrictModes no",  # temporary folders lie below one that all may write to
        "PermitRootLogin yes",  # the user has the uid of whoever runs the tests, which may be 0
        f"PasswordAuthentication {'no' if password is None else 'yes'}",
        "KbdInteractiveAuthentication no",
        "MaxStartups 100",
        "Subsystem sftp internal-sftp",
        "LogLevel VERBOSE",
    ]
    # From 9.8 on a server shuts out an address that failed to log in; all tests come from one address.
    version = subprocess.run([sshd, "-V"], capture_output=True, text=True, check=False).stderr
    number = version.partition("OpenSSH_")[2].partition(",")[0].partition("p")[0]
    if tuple(int(part) for part in number.split(".") if part.isdigit()) >= (9, 8):
        lines.append("PerSourcePenalties no")
    return "\n".join(lines) + "\n"


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection((ADDRESS, port), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            time.sleep(0.02)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def _find_sshd() -> str | None:
    return shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


def _find_nss_wrapper() -> str | None:
    found: Sequence[Path] = [path for pattern in _NSS_WRAPPER for path in Path("/").glob(pattern.lstrip("/"))]
    return str(found[0]) if found else None
