"""`uv build`: one wheel that holds the whole program and works in an environment with nothing else."""

from __future__ import annotations

import subprocess
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.integration.scripts.conftest import ROOT
from tests.integration.scripts.installing import make_checkout

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = [Path(name) for name in PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]]
DIST_INFO = f"cassandra_views-{PYPROJECT['project']['version']}.dist-info"
VERSION = f"cassandra-views {PYPROJECT['project']['version']}\n"


def run(*command: str | Path, folder: Path) -> str:
    """Run a command that must succeed, and return what it prints."""
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def uv() -> str:
    """The uv of this machine."""
    return run("sh", "scripts/uv.sh", folder=ROOT).strip()


@pytest.fixture(scope="module")
def wheel(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built from its source distribution."""
    checkout = make_checkout(tmp_path_factory.mktemp("checkout"))
    run(uv, "build", "--quiet", folder=checkout)
    (built,) = (checkout / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(uv: str, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment: the wheel with the extra `embedded`, in the versions of uv.lock."""
    folder = tmp_path_factory.mktemp("installed")
    exported = ("export", "--quiet", "--frozen", "--no-default-groups", "--extra", "embedded", "--no-emit-project")
    (folder / "versions.txt").write_text(run(uv, *exported, "--no-hashes", folder=ROOT), encoding="utf-8")
    run(uv, "venv", "--quiet", folder / ".venv", folder=folder)
    python = ("--python", folder / ".venv" / "bin" / "python")
    run(
        uv, "pip", "install", "--quiet", *python, "-c", "versions.txt", f"cassandra-views[embedded] @ {wheel.as_uri()}",
        folder=folder,
    )  # fmt: skip
    return folder / ".venv" / "bin"


def test_the_wheel_holds_every_file_of_the_packages_their_types_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        licence = archive.read(f"{DIST_INFO}/licenses/LICENSE")

    tracked = run("git", "ls-files", *map(str, PACKAGES), folder=ROOT).splitlines()
    assert [name for name in tracked if (ROOT / name).exists() and name.removeprefix("views/") not in names] == []
    assert [package.name for package in PACKAGES if f"{package.name}/py.typed" not in names] == []
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert {name.partition("/")[0] for name in names} == {DIST_INFO, *(package.name for package in PACKAGES)}


def test_a_project_starts_in_an_environment_with_nothing_else(installed: Path, tmp_path: Path) -> None:
    views = installed / "views"

    assert run(views, "--version", folder=tmp_path) == VERSION
    assert "views up" in run(views, "up", "--help", folder=tmp_path)
    run(views, "init", "shop", folder=tmp_path)
    assert run(views, "lint", folder=tmp_path / "shop") == "1 view and 1 table: 0 errors, 0 warnings.\n"


def test_a_module_of_the_project_named_views_is_its_own(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "views.py").write_text("import cassandra_views\nORDERS = 'orders_by_day'\n", encoding="utf-8")

    assert run(installed / "python", "-c", "import views; print(views.ORDERS)", folder=tmp_path) == "orders_by_day\n"
    run(installed / "views", "init", ".", folder=tmp_path)
    assert run(installed / "views", "lint", folder=tmp_path) == "1 view and 1 table: 0 errors, 0 warnings.\n"
    # The folder is on the path of each `python -m`, as the commands start cqlsh and the servers.
    assert run(installed / "python", "-m", "cassandra_views.cli.main", "--version", folder=tmp_path) == VERSION
