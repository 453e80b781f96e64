"""The Spark master of the demo: a home folder with this checkout's scripts, reached over SSH on the loopback.

By OpenSSH where there is one. Else a small SSH server of our own runs the same scripts, so that Airflow's DAGs are the
same: ``python -m followers.demo.spark_master PORT KEYS HOME`` runs each command by bash in HOME, for the one key in
KEYS/authorized_keys. No account is made and no home folder of a person is touched.
"""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from followers.demo.environment import ADDRESS, ROOT, DemoError, console, find_port
from followers.demo.process_group import ManagedProcess, ProcessGroup

_START_SECONDS = 20.0
_PACKAGES = ("openssh-client", "openssh-server")
_JAILS = Path("/run/sshd")
_SBIN = ("/usr/sbin", "/sbin")


@dataclass(frozen=True, slots=True, kw_only=True)
class SparkMaster:
    """How the Spark master is reached.

    Args:
        without_sshd: why there is no OpenSSH; empty where there is.
    """

    port: int
    user: str
    key_file: Path
    host_key: str
    without_sshd: str = ""

    @property
    def connection(self) -> str:
        """Return it as Airflow's connection ``spark_master``, by key, host key checked."""
        return json.dumps(
            {
                "conn_type": "ssh",
                "host": ADDRESS,
                "port": self.port,
                "login": self.user,
                "extra": json.dumps({"key_file": str(self.key_file), "host_key": self.host_key}),
            }
        )


def make_home(home: Path, settings: Mapping[str, str]) -> None:
    """Install the scripts as ``spark_jobs/install.sh`` does, with this checkout's environment in place of a second one.

    Args:
        settings: go to ``~/.cassandra-views/env``.
    """
    state = home / ".cassandra-views"
    release = state / "releases" / "checkout"
    scripts = release / "spark_jobs" / "scripts"
    shutil.copytree(ROOT / "spark_jobs" / "scripts", scripts)
    (release / ".venv").symlink_to(sys.prefix)  # the jobs themselves are imported from the checkout
    (release / ".complete").touch()
    (state / "current").symlink_to("releases/checkout")
    (state / "env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    for script in scripts.glob("spark_*.sh"):
        shutil.copy(script, home)


def open_master(
    processes: ProcessGroup, folder: Path, home: Path, environment: Mapping[str, str], *, sshd: str | None
) -> SparkMaster:
    """Start the SSH server, with keys made for it.

    Args:
        sshd: the path of OpenSSH's server, if there is one.

    Raises:
        DemoError: neither of the two servers starts.
    """
    for each in (folder, home):
        each.mkdir(parents=True, exist_ok=True)
    host_key, key = _make_key(folder / "host_key"), _make_key(folder / "key")
    (folder / "authorized_keys").write_text(f"{key}\n")
    missing = _find_hindrance(sshd)
    if sshd and not missing:
        port = find_port()
        server = processes.start(
            "sshd",
            [sshd, "-D", "-e", "-f", str(_configure(folder, home, port))],
            group="Spark",
            env=environment,
        )
        user = pwd.getpwuid(os.getuid()).pw_name
        found = SparkMaster(port=port, user=user, key_file=folder / "key", host_key=host_key)
        if _answers(server, port) and _lets_in(found, folder):
            processes.supervise(server, lambda: _answers(server, port), seconds=_START_SECONDS)
            return found
        missing = f"the OpenSSH here lets nobody in: {server.last_lines().strip().splitlines()[-1].strip()}"
        processes.stop(server)
    port = find_port()
    server = processes.start(
        "ssh-stand-in",
        [sys.executable, "-m", "followers.demo.spark_master", str(port), str(folder), str(home)],
        group="Spark",
        env=environment,
        cwd=ROOT,
    )
    if not _answers(server, port):
        raise DemoError(
            f"no SSH server could be started. The last lines of ours:\n{server.last_lines()}\n",
            on=server.log,
            remains="Everything was stopped",
            next="Mend that, or run the small demo: make demo ARGS=--no-airflow",
        )
    processes.supervise(server, lambda: _answers(server, port), seconds=_START_SECONDS)
    return SparkMaster(port=port, user="spark", key_file=folder / "key", host_key=host_key, without_sshd=missing)


def install_sshd(processes: ProcessGroup) -> None:
    """Install OpenSSH as root on Debian where it is missing; without root, or where that fails, nothing happens."""
    if find_sshd() is None and os.getuid() == 0 and shutil.which("apt-get"):
        console.print(
            f"  Installing the Debian packages {' and '.join(_PACKAGES)} with apt-get, since sshd is missing here and "
            "this runs as root. make demo ARGS=--no-system-packages does without"
        )
        try:
            processes.run("apt-get", ["sh", str(ROOT / "scripts" / "debian.sh"), *_PACKAGES], env=os.environ)
        except DemoError:
            return


def _find_hindrance(sshd: str | None) -> str:
    """Return why OpenSSH cannot be used; empty where it can."""
    if sshd is None:
        return "openssh-server is not installed here, and that takes root (sudo apt-get install openssh-server)"
    if os.getuid() == 0 and not _JAILS.exists():
        # Where its processes are locked in before a login; the service makes it at each boot, and /run forgets it.
        _JAILS.mkdir(mode=0o755)
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return f"the user {os.getuid()} has no name on this machine, and OpenSSH lets in nobody without one"
    return ""


def find_sshd() -> str | None:
    """Return the path of OpenSSH's server, which is in no ordinary PATH."""
    return shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), *_SBIN]))


def _configure(folder: Path, home: Path, port: int) -> Path:
    # Whoever logs in is the person who runs the demo. This gives them another home, as if they were "spark".
    enter = folder / "enter.sh"
    enter.write_text(
        f"HOME={shlex.quote(str(home))}\nexport HOME\n"
        'cd "$HOME" && exec /bin/bash -c "${SSH_ORIGINAL_COMMAND:-true}"\n'
    )
    config = folder / "sshd_config"
    lines = [
        f"ListenAddress {ADDRESS}",
        f"Port {port}",
        f'HostKey "{folder / "host_key"}"',
        f'AuthorizedKeysFile "{folder / "authorized_keys"}"',
        f"ForceCommand /bin/sh {shlex.quote(str(enter))}",
        "PidFile none",
        "UsePAM no",
        "StrictModes no",  # the checkout may lie below a folder that others may write to
        "PermitRootLogin yes",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "AllowTcpForwarding no",
        "MaxStartups 100",
    ]
    config.write_text("\n".join(lines) + "\n")
    return config


def _make_key(path: Path) -> str:
    """Make a key pair and return the public line."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _answers(server: ManagedProcess, port: int) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while server.process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection((ADDRESS, port), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            time.sleep(0.05)
    return False


def _lets_in(master: SparkMaster, folder: Path) -> bool:
    """Log in once: a locked account, or a rule of this machine, would show in Airflow only."""
    known = folder / "known_hosts"
    known.write_text(f"[{ADDRESS}]:{master.port} {master.host_key}\n")
    argv = ["ssh", "-F", "none", "-p", str(master.port), "-i", str(master.key_file), "-o", "IdentitiesOnly=yes"]
    argv += ["-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes"]
    try:
        done = subprocess.run(
            [*argv, f"{master.user}@{ADDRESS}", "true"], capture_output=True, timeout=_START_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


async def serve_ssh(port: int, keys: Path, home: Path) -> None:
    """Serve SSH until this process is ended."""
    import asyncssh

    environment = {**os.environ, "HOME": str(home)}

    async def handle(process: asyncssh.SSHServerProcess[bytes]) -> None:
        child = await asyncio.create_subprocess_exec(
            "/bin/bash",
            "-c",
            process.command or "true",
            cwd=home,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        # Written at the end: what Airflow asks for is short, and its jobs detach themselves and write to files.
        output, errors = await child.communicate()
        process.stdout.write(output)
        process.stderr.write(errors)
        process.exit(child.returncode if child.returncode is not None and child.returncode >= 0 else 255)

    server = await asyncssh.listen(
        ADDRESS,
        port,
        server_host_keys=[str(keys / "host_key")],
        authorized_client_keys=str(keys / "authorized_keys"),
        process_factory=handle,
        encoding=None,
    )
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve_ssh(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3])))
