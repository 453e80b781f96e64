"""Which program is taken, and how one is built where there is none (by a Go that writes down its calls)."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cassandra_healing.errors import BinaryNotFound
from cassandra_healing.operations.terraform import commands
from cassandra_healing.operations.terraform.commands import inspect_binary
from local_cluster.tofu import BUILT_VERSION, built_path, find_binary, get_binary
from tests.paths import ROOT

SCRIPT = ROOT / "scripts" / "tofu.sh"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def telling(version: str) -> str:
    return f"""echo '{{"terraform_version": "{version}"}}'"""


# Builds a "tofu" that tells its version; each call is a line in $CALLS.
GO = f"""
echo "$1" >>"$CALLS"
case $1 in
  env) echo "${{GO_TELLS:-go1.26.8}}" ;;
  get) [ -z "${{GO_FAILS:-}}" ] || {{ echo "no route to host" >&2; exit 1; }} ;;
  build)
    sleep 0.5
    printf '#!/bin/sh\\n%s\\n' 'echo "{{\\"terraform_version\\": \\"{BUILT_VERSION}\\"}}"' >tofu
    chmod +x tofu ;;
esac
"""


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty cache, and nothing on the path but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return folder


def test_opentofu_comes_before_terraform(bare: Path) -> None:
    assert find_binary() is None
    program(bare / "terraform", telling("1.9.0"))
    found = find_binary()
    assert found is not None
    assert (found.product, found.version) == ("terraform", "1.9.0")
    built = program(built_path(), telling(BUILT_VERSION))
    assert getattr(find_binary(), "path", None) == built
    program(bare / "tofu", telling("1.8.1"))
    assert str(find_binary()) == f"OpenTofu 1.8.1 ({bare / 'tofu'})"
    assert find_binary(products=("terraform",)) == found


def test_the_library_takes_what_is_set_or_installed_and_builds_nothing(bare: Path, tmp_path: Path) -> None:
    program(bare / "go", GO)
    program(built_path(), telling(BUILT_VERSION))
    with pytest.raises(BinaryNotFound, match=r"on: PATH|PATH.*Install OpenTofu") as told:
        commands.get_binary()
    assert "set binary in [env.NAME.healing.machines]" in told.value.next
    own = program(tmp_path / "own" / "tofu", telling("1.8.1"))
    assert commands.get_binary(own).path == own
    with pytest.raises(BinaryNotFound):
        commands.get_binary(tmp_path / "missing")
    program(bare / "terraform", telling("1.9.0"))
    assert commands.get_binary().product == "terraform"
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("text", [telling("1.3.9"), "exit 1", "echo nonsense", telling("x")])
def test_what_is_too_old_or_something_else_is_not_taken(bare: Path, text: str) -> None:
    assert inspect_binary(program(bare / "terraform", text)) is None
    assert inspect_binary(program(bare / "tofu", text)) is None
    assert inspect_binary(bare / "missing") is None


def test_two_that_ask_at_once_build_once(bare: Path, tmp_path: Path) -> None:
    program(bare / "go", GO)
    told: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: get_binary(told.append), range(2))
    assert one == two
    assert one.version == BUILT_VERSION
    assert (tmp_path / "calls").read_text().split().count("build") == 1
    assert any("Building OpenTofu" in text for text in told)
    # Nothing but the program and the lock stays.
    assert {path.name for path in built_path().parent.parent.iterdir()} == {BUILT_VERSION, f"{BUILT_VERSION}.lock"}


def test_what_is_missing_is_told(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BinaryNotFound, match=r"no Go to build one with\. Nothing was changed\. Install OpenTofu"):
        get_binary(print)
    program(bare / "go", GO)
    monkeypatch.setenv("GO_TELLS", "go1.22.1")
    with pytest.raises(BinaryNotFound, match=r"go1\.22\.1 is too old to build one \(it takes 1\.26\.6\)"):
        get_binary(print)
    monkeypatch.setenv("GO_TELLS", "go1.26.6")
    monkeypatch.setenv("GO_FAILS", "yes")
    with pytest.raises(
        BinaryNotFound, match=r"`go get` ended with code 1 \(no route to host\)\. Nothing was installed"
    ):
        get_binary(print)
    assert not built_path().exists()


def test_the_script_prints_a_path_and_tells_the_rest_apart(bare: Path) -> None:
    environment = {**os.environ, "PYTHON": sys.executable}
    none = subprocess.run(
        ["sh", str(SCRIPT), "--no-build"], env=environment, capture_output=True, text=True, check=False
    )
    assert (none.returncode, none.stdout) == (1, "")
    assert "There is no OpenTofu or Terraform" in none.stderr
    program(bare / "terraform", telling("1.9.0"))
    found = subprocess.run(["sh", str(SCRIPT)], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout == f"{bare / 'terraform'}\n"
    program(bare / "go", GO)
    built = subprocess.run(
        ["sh", str(SCRIPT), "--opentofu"], env=environment, capture_output=True, text=True, check=True
    )
    assert built.stdout == f"{built_path()}\n"
    assert "Building OpenTofu" in built.stderr
