"""Installing on a Spark master over SSH: for the first time, again, anew, and where something is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.scripts.conftest import empty, settings
from tests.integration.scripts.installing import install, make_checkout, start_line, use_caches_of_this_machine
from tests.sshd import SshServer, make_key

SCRIPTS = ["aggregations", "audit", "connect", "hour_to_day", "live_to_minute", "minute_to_hour"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that the tests may change."""
    return make_checkout(tmp_path_factory.mktemp("checkout"))


def current(host: SshServer) -> str:
    return os.readlink(host.home / ".cassandra-views" / "current").removeprefix("releases/")


def releases(host: SshServer) -> set[str]:
    return {path.name for path in (host.home / ".cassandra-views" / "releases").iterdir()}


def change(checkout: Path, text: str) -> None:
    """Make another release of the checkout."""
    with (checkout / "README.md").open("a") as readme:
        readme.write(f"{text}\n")


def works(host: SshServer) -> bool:
    """Say whether the jobs start: their own usage is theirs to print."""
    answer = host.run("bash", "spark_live_to_minute.sh", "--help")
    return answer.returncode == 0 and "live_to_minute" in answer.stdout


@pytest.mark.slow
def test_a_release_comes_serves_and_goes(host: SshServer, checkout: Path) -> None:
    (host.home / "spark_live_to_minute.sh").write_text("echo the seed's own\n")
    use_caches_of_this_machine(host)

    # The first time.
    answer = install(host, checkout)
    assert answer.returncode == 0, answer.stderr
    first = current(host)
    assert f"Release {first} is current on " in answer.stderr
    assert sorted(path.name for path in host.home.glob("spark_*.sh")) == [f"spark_{name}.sh" for name in SCRIPTS]
    assert (host.home / "spark_live_to_minute.sh.former").read_text() == "echo the seed's own\n"
    assert works(host)

    # Again, with nothing changed.
    written = (host.home / ".cassandra-views" / "env").read_text()
    made = (host.home / ".cassandra-views" / "releases" / first / ".venv").stat().st_mtime_ns
    again = install(host, checkout)
    assert again.returncode == 0, again.stderr
    assert f"Release {first} is already there." in again.stderr
    assert "Making the environment" not in again.stderr
    assert "Put " not in again.stderr
    assert releases(host) == {first}
    assert (host.home / ".cassandra-views" / "releases" / first / ".venv").stat().st_mtime_ns == made
    assert (host.home / ".cassandra-views" / "env").read_text() == written

    # A new release that cannot be made: the first goes on.
    change(checkout, "second")
    settings(host, UV_OFFLINE="1", UV_CACHE_DIR=str(host.home / "no-cache"))
    failed = install(host, checkout)
    assert failed.returncode == 1
    assert "install.sh: the environment could not be made (see above), on " in failed.stderr
    assert "The former release goes on working. Let the host reach PyPI" in failed.stderr
    assert current(host) == first
    assert works(host)

    # It can be made now, and two make it at once.
    use_caches_of_this_machine(host)
    both = [
        subprocess.Popen(start_line(host, checkout), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=280)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted("is already there" in text for text in said) == [False, True]
    second = current(host)
    assert releases(host) == {first, second}

    # The last two stay; what runs out of an older one keeps that one until it ends.
    marker = f".cassandra-views/releases/{first}/.complete"
    with subprocess.Popen(
        host.argv("sh", "-c", f"flock --shared {marker} sh -c 'echo held; read end'"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == "held\n"
        change(checkout, "third")
        assert install(host, checkout).returncode == 0
        third = current(host)
        assert releases(host) == {first, second, third}
        job.communicate("end\n", timeout=30)
    removed = install(host, checkout)
    assert f"Removed the old release {first}." in removed.stderr
    assert releases(host) == {second, third}
    assert works(host)

    # Back to the one before: it is still there. A warm server that runs out of the other is told of.
    lock = host.home / ".cassandra-views" / "run" / "spark_connect.lock"
    lock.write_text(f"1\n{host.home}/.cassandra-views/releases/{third}\n127.0.0.1:1\n")
    with subprocess.Popen(
        host.argv("sh", "-c", f"flock {lock} sh -c 'echo held; read end'"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == "held\n"
        readme = checkout / "README.md"
        readme.write_text(readme.read_text().removesuffix("third\n"))
        back = install(host, checkout)
        server.communicate("end\n", timeout=30)
    assert back.returncode == 0, back.stderr
    assert f"Release {second} is already there." in back.stderr
    assert (
        f"The warm server still runs the release {third}. When no job runs: bash spark_connect.sh stop" in back.stderr
    )
    assert current(host) == second
    assert works(host)
    assert not list((host.home / ".cassandra-views").glob("incoming.*"))


@pytest.mark.slow
def test_without_maven_central_nothing_is_switched(host: SshServer, checkout: Path) -> None:
    empty(host.home)
    nowhere = "http://127.0.0.1:9"
    use_caches_of_this_machine(
        host, UV_OFFLINE="1", XDG_CACHE_HOME=str(host.home / "no-cache"), HTTPS_PROXY=nowhere, HTTP_PROXY=nowhere
    )

    answer = install(host, checkout)

    assert answer.returncode == 1
    assert "install.sh: the jars could not be fetched (see above), on " in answer.stderr, answer.stderr
    assert "Nothing was installed before, so nothing works yet. Let the host reach Maven Central" in answer.stderr
    assert not (host.home / ".cassandra-views" / "current").exists()
    assert not list(host.home.glob("spark_*.sh"))


def test_an_example_of_the_settings_is_written_for_its_owner_alone(host: SshServer, checkout: Path) -> None:
    empty(host.home)
    # A uv that fails at once: the settings come before it.
    tools = host.home / ".cassandra-views" / ".tools" / "bin"
    tools.mkdir(parents=True)
    (tools / "uv").symlink_to("/bin/false")

    answer = install(host, checkout)

    env = host.home / ".cassandra-views" / "env"
    assert answer.returncode == 1
    assert f"Wrote {env}: name your Cassandra there." in answer.stderr
    assert env.stat().st_mode & 0o777 == 0o600
    assert "#CASSANDRA_CONTACT_POINTS=" in env.read_text()
    assert all(line.startswith("#") for line in env.read_text().split("\n") if line)


def test_a_home_that_cannot_be_written_to_is_told(host: SshServer, checkout: Path) -> None:
    empty(host.home)
    (host.home / ".cassandra-views").touch()  # a file where the folder should be stops root too

    answer = install(host, checkout)

    assert answer.returncode == 1
    assert "mkdir: " in answer.stderr
    assert f"install.sh: the files could not be written to {host.home}/.cassandra-views (see above)." in answer.stderr
    assert "Let this account write there" in answer.stderr
    assert (host.home / ".cassandra-views").read_bytes() == b""


def test_a_host_without_python_and_uv_is_told(host: SshServer, checkout: Path) -> None:
    empty(host.home)
    programs = host.home / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "cat", "chmod", "cmp", "cp", "date", "dirname", "env", "find", "flock", "grep", "gzip"):
        (programs / name).symlink_to(str(shutil.which(name)))
    for name in ("hostname", "id", "ln", "mkdir", "mktemp", "mv", "readlink", "rm", "sed", "tar", "touch"):
        (programs / name).symlink_to(str(shutil.which(name)))
    (host.home / ".bashrc").write_text(f"PATH={programs}\n")  # bash reads it where sshd starts it

    answer = install(host, checkout)

    assert answer.returncode == 1
    assert "no Python 3.11 or newer was found" in answer.stderr
    assert "install.sh: there is no uv and it could not be installed (see above), on " in answer.stderr
    assert "Nothing was installed before, so nothing works yet." in answer.stderr
    assert not (host.home / ".cassandra-views" / "current").exists()


def test_a_host_that_does_not_answer_is_named(host: SshServer, checkout: Path) -> None:
    options = [option if option != str(host.port) else "1" for option in host.options]

    answer = install(host, checkout, *options)

    assert answer.returncode == 255
    assert "Connection refused" in answer.stderr
    assert f"install.sh: the connection to {host.target} failed or was lost" in answer.stderr
    assert "What is installed there still works." in answer.stderr


def test_another_host_key_stops_the_installation(host: SshServer, checkout: Path, tmp_path: Path) -> None:
    other = " ".join(make_key(tmp_path / "host").split()[:2])
    (tmp_path / "known").write_text(f"[{host.address}]:{host.port} {other}\n")
    options = [option.replace(str(host.known_hosts), str(tmp_path / "known")) for option in host.options]
    empty(host.home)

    answer = install(host, checkout, *options)

    assert answer.returncode == 255
    assert "Host key verification failed" in answer.stderr
    assert not (host.home / ".cassandra-views").exists()


def test_a_folder_that_is_no_checkout_is_refused(host: SshServer, checkout: Path, tmp_path: Path) -> None:
    shutil.copytree(checkout / "spark_jobs", tmp_path / "spark_jobs")

    answer = install(host, tmp_path)

    assert answer.returncode == 1
    assert f"install.sh: {tmp_path} is not a git checkout" in answer.stderr
    assert "Nothing was copied." in answer.stderr


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["-p", "22", "spark@host"], 2), (["--help"], 0)])
def test_it_says_how_it_is_called(checkout: Path, arguments: list[str], code: int) -> None:
    script = checkout / "spark_jobs" / "install.sh"

    answer = subprocess.run(["bash", str(script), *arguments], capture_output=True, text=True, timeout=30, check=False)

    assert answer.returncode == code
    assert answer.stderr.startswith("Usage: spark_jobs/install.sh user@host")
