"""The wheel, the action, the hook and the image as strangers take them: each installed where nothing else is."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.integration.scripts.installing import make_checkout
from tests.paths import ROOT
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

FINE = "1 view and 1 table: 0 errors, 0 warnings.\n"
EXTRAS = {
    "": "import cassandra_views.healing, cassandra_client",
    "embedded": "import cassandra_embedded.server, cqlshlib",
    "web": "import cassandra_views.web, gunicorn",
    "airflow": "import cassandra_views.airflow.provider as found; print(found.get_provider_info()['name'])",
    "airflow-celery": "import cassandra_views.airflow, airflow.providers.celery",
    "spark": "import cassandra_views, pyspark, pandas",
}
"""What each extra is installed for."""


def run(*command: str | Path, folder: Path, **variables: str) -> str:
    """Run a command that must succeed, with nothing of this environment, and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def uv() -> str:
    """The uv of this machine."""
    return run("sh", "scripts/uv.sh", folder=ROOT).strip()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of its own with one commit: what git knows of this checkout, as it is now."""
    folder = make_checkout(tmp_path_factory.mktemp("checkout"))
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@example.invalid")
    run("git", *identity, "commit", "--quiet", "--no-verify", "--message", "All", folder=folder)
    return folder


@pytest.fixture(scope="module")
def wheel(uv: str, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    out = tmp_path_factory.mktemp("wheel")
    run(uv, "build", "--quiet", "--wheel", "--out-dir", out, folder=checkout)
    (built,) = out.glob("*.whl")
    return built


def test_every_extra_is_tried() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(EXTRAS) - {""} == set(pyproject["project"]["optional-dependencies"])


@pytest.mark.parametrize("extra", EXTRAS)
def test_the_wheel_with_an_extra_works_where_nothing_else_is(extra: str, uv: str, wheel: Path, tmp_path: Path) -> None:
    exported = ("export", "--quiet", "--frozen", "--no-default-groups", "--all-extras", "--no-emit-project")
    (tmp_path / "versions.txt").write_text(run(uv, *exported, "--no-hashes", folder=ROOT), encoding="utf-8")
    run(uv, "venv", "--quiet", ".venv", folder=tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    name = f"cassandra-views[{extra}]" if extra else "cassandra-views"
    install = (uv, "pip", "install", "--quiet", "--python", python, "-c", "versions.txt", f"{name} @ {wheel.as_uri()}")
    run(*install, folder=tmp_path)
    run(uv, "pip", "check", "--quiet", "--python", python, folder=tmp_path)
    home = tmp_path / "airflow"
    run(python, "-c", EXTRAS[extra], folder=tmp_path, AIRFLOW_HOME=str(home))
    run(python.parent / "views", "init", "shop", folder=tmp_path)
    assert run(python.parent / "views", "lint", folder=tmp_path / "shop") == FINE
    if extra == "airflow":
        listed = run(
            python.parent / "airflow", "providers", "list", "-o", "json", folder=tmp_path, AIRFLOW_HOME=str(home)
        )
        assert re.search(r'"package_name": "cassandra-views"', listed)


def test_the_hook_lints_before_a_commit(checkout: Path, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    programs = Path(sys.executable).parent
    variables = {"PATH": f"{programs}:{os.environ['PATH']}", "PRE_COMMIT_HOME": str(tmp_path / "hooks")}
    run("views", "init", str(project), folder=tmp_path, **variables)
    commit = run("git", "rev-parse", "HEAD", folder=checkout).strip()
    hook = {"repo": str(checkout), "rev": commit, "hooks": [{"id": "views-lint"}]}
    (project / ".pre-commit-config.yaml").write_text(yaml.safe_dump({"repos": [hook]}), encoding="utf-8")
    run("git", "init", "--quiet", folder=project)
    run("git", "add", "--all", folder=project)
    assert "Passed" in run("pre-commit", "run", "--all-files", folder=project, **variables)
    (view,) = (project / "cql_templates" / "views").glob("*.j2")
    view.write_text(view.read_text(encoding="utf-8").replace("customer IS NOT NULL", "TRUE"), encoding="utf-8")
    run("git", "add", "--all", folder=project)
    with pytest.raises(AssertionError, match="Failed"):
        run("pre-commit", "run", folder=project, **variables)


def test_the_action_installs_the_program_of_its_own_commit(checkout: Path, tmp_path: Path) -> None:
    steps = yaml.safe_load((checkout / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"]
    install, lint = (next(each["run"] for each in steps if each.get("name") == name) for name in ("Install", "Lint"))
    path = tmp_path / "path"
    shell = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
    run(*shell, install, folder=tmp_path, SOURCE=str(checkout), RUNNER_TEMP=str(tmp_path), GITHUB_PATH=str(path))
    added = path.read_text(encoding="utf-8").strip()
    run(Path(added) / "views", "init", "shop", folder=tmp_path)
    assert run(*shell, lint, folder=tmp_path / "shop", PATH=f"{added}:/usr/bin:/bin") == FINE


def instructions(path: Path) -> list[tuple[str, str]]:
    """Return the instructions of a container file with what follows them."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _space, rest in (line.partition(" ") for line in lines)]


@pytest.fixture(scope="module")
def image(uv: str, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of the image, made as its container file says from the files that it copies, and nothing else."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("image") / "cassandra-views"
    found = instructions(checkout / "Containerfile")
    for word, rest in found:
        *names, where = rest.split()
        if word == "COPY" and not names[0].startswith("--from"):
            for name in names:
                to = source / where / (name if where.endswith("/") else "")
                shutil.copytree(checkout / name, to) if (checkout / name).is_dir() else shutil.copy(checkout / name, to)
    (sync,) = [rest for word, rest in found if word == "RUN" and rest.startswith("uv sync")]
    command = [uv, *sync.replace("--no-cache ", "").split()[1:]]
    run(*command, folder=source, UV_PROJECT_ENVIRONMENT=str(target), UV_LINK_MODE="hardlink")
    shutil.rmtree(source)
    return target


def test_the_entry_point_of_the_image_takes_commands(image: Path, tmp_path: Path) -> None:
    last = dict(instructions(ROOT / "Containerfile"))
    (entry,) = json.loads(last["ENTRYPOINT"])
    path = f"{image / 'bin'}:/usr/bin:/bin"
    assert "apply" in run(image / "bin" / entry, *json.loads(last["CMD"]), folder=tmp_path, PATH=path)
    run(image / "bin" / entry, "init", "shop", folder=tmp_path, PATH=path)
    assert run(image / "bin" / entry, "lint", folder=tmp_path / "shop", PATH=path) == FINE
    with pytest.raises(AssertionError, match=r"cassandra-views\[embedded\]"):
        run(image / "bin" / entry, "up", folder=tmp_path / "shop", PATH=path)


@contextmanager
def served(image: Path, project: Path) -> Iterator[str]:
    """Serve the pages of kubernetes/views-pages.yaml by its own command, and yield their address."""
    documents = yaml.safe_load_all((ROOT / "kubernetes" / "views-pages.yaml").read_text(encoding="utf-8"))
    (container,) = next(documents)["spec"]["template"]["spec"]["containers"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [each.replace("0.0.0.0:8000", f"127.0.0.1:{port}") for each in container["args"]]
    assert arguments != container["args"]
    environment = {
        **{each["name"]: each.get("value", "secret") for each in container["env"]},
        "PATH": f"{image / 'bin'}:/usr/bin:/bin",
        "CASSANDRA_CONTACT_POINTS": "127.0.0.1",
        "CASSANDRA_PORT": "1",
        "CASSANDRA_PASSWORD_FILE": str(project / "password"),
        "VIEWS_ENV": "dev",
    }
    (project / "password").write_text("secret", encoding="utf-8")
    with (project / "log").open("wb") as log:
        command = [str(image / "bin" / container["command"][0]), *arguments]
        process = subprocess.Popen(command, cwd=project, env=environment, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def status(address: str) -> int:
    """Return the status of a page, 0 where nobody answers."""
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except urllib.error.URLError:
        return 0


def test_the_pages_of_the_manifest_are_alive_and_not_ready_without_a_cluster(image: Path, tmp_path: Path) -> None:
    project = tmp_path / "shop"
    run(image / "bin" / "views", "init", str(project), folder=tmp_path)
    with served(image, project) as address:
        wait_until(lambda: status(f"{address}/healthz") == 200, seconds=60)
        assert status(f"{address}/readyz") == 503
        assert status(f"{address}/metrics") == 200
