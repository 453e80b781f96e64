"""A PostgreSQL and a Redis of the tests' own, on the loopback, from Debian's packages."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

ADDRESS = "127.0.0.1"
START_SECONDS = 60


def _find_postgres() -> Path | None:
    """Return the folder of PostgreSQL's programs; Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


@contextmanager
def postgres() -> Iterator[str]:
    """Run a server with an empty database ``airflow``; yield ``user@host:port/database``."""
    programs = _find_postgres()
    if programs is None:
        pytest.skip("PostgreSQL is missing: make install-system installs it")
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="views-postgres-"))
    as_other = _other_user(folder)
    try:
        data = folder / "data"
        _run([*as_other, str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "airflow", "-N"])
        words = ["-D", str(data), "-k", str(folder), "-h", ADDRESS, "-p", str(port), "-c", "fsync=off"]
        with _process([*as_other, str(programs / "postgres"), *words], port):
            _run([str(programs / "createdb"), "-h", ADDRESS, "-p", str(port), "-U", "airflow", "airflow"])
            yield f"airflow@{ADDRESS}:{port}/airflow"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def on_postgres(database: str) -> dict[str, str]:
    """Return the setting of an Airflow that keeps what it knows there."""
    return {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}"}


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Run a server that keeps nothing; yield its address."""
    if shutil.which("redis-server") is None:
        pytest.skip("Redis is missing: make install-system installs it")
    port = free_port()
    words = ["redis-server", "--bind", ADDRESS, "--port", str(port), "--save", "", "--dir", str(folder)]
    with _process(words, port):
        yield f"redis://{ADDRESS}:{port}/0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        return int(probe.getsockname()[1])


def _other_user(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: then it is another account that owns the folder."""
    if os.getuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


@contextmanager
def _process(words: Sequence[str], port: int) -> Iterator[None]:
    with tempfile.TemporaryFile() as output:
        process = psutil.Popen(list(words), stdout=output, stderr=output, cwd="/")
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _listens(port):
                assert process.poll() is None, f"{words[0]} ended"
                assert time.monotonic() < deadline, f"{words[0]} does not listen"
                time.sleep(0.1)
            yield
        finally:
            process.terminate()
            _, alive = psutil.wait_procs([process], timeout=15)
            for each in alive:
                each.kill()


def _listens(port: int) -> bool:
    try:
        with socket.create_connection((ADDRESS, port), timeout=0.5):
            return True
    except OSError:
        return False


def _run(words: Sequence[str]) -> None:
    subprocess.run(list(words), check=True, capture_output=True, timeout=START_SECONDS, cwd="/")
