"""Every OpenTofu and Terraform of this machine, and a form of three light nodes to be killed in the middle."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cassandra_healing.operations.terraform.commands import TerraformBinary, TerraformTimeouts
from cassandra_healing.operations.terraform.driver import Terraform
from local_cluster.tofu import find_binary, get_binary

FORM = Path(__file__).parent / "form"
_FOUND = [found for product in ("tofu", "terraform") if (found := find_binary(products=(product,)))]


def address(name: str) -> str:
    return f'module.cassandra.terraform_data.node["{name}"]'


@pytest.fixture(scope="session", params=_FOUND or [None], ids=lambda each: each.product if each else "built")
def binary(request: pytest.FixtureRequest) -> TerraformBinary:
    """Each that is installed; where none is, OpenTofu is built once (five minutes)."""
    found: TerraformBinary | None = request.param
    return found or get_binary(lambda text: print(text, file=sys.stderr))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not _FOUND and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(1800))


class Form:
    """Three light nodes in a run folder."""

    def __init__(self, binary: TerraformBinary, run: Path, names: list[str] | None = None) -> None:
        self.binary = binary
        self.run = run
        self.names = names or ["n1", "n2", "n3"]

    def terraform(self, *, own: str = "run", apply_seconds: float = 60.0, folder: Path = FORM) -> Terraform:
        """Return a driver; ``own`` names its folder, so that two on one state have journals of their own."""
        driver = Terraform(
            folder,
            self.binary,
            self.run / own,
            variables={"run_folder": str(self.run), "names": self.names},
            backend={"path": str(self.state)},
            times=TerraformTimeouts(apply_seconds=apply_seconds, lock_seconds=0),
        )
        driver.init()
        return driver

    @property
    def state(self) -> Path:
        return self.run / "terraform.tfstate"

    def create(self) -> Terraform:
        driver = self.terraform()
        plan = driver.plan_create()
        assert plan is not None
        driver.apply(plan)
        return driver

    def pids(self) -> dict[str, int]:
        """Return the processes that live, by node."""
        told = {path.stem: int(path.read_text()) for path in self.run.glob("*.pid")}
        return {name: pid for name, pid in told.items() if lives(pid)}

    def calls(self) -> list[str]:
        return (self.run / "calls").read_text().splitlines()

    def scripts(self) -> list[psutil.Process]:
        """Return the scripts that run for this form; another test may run some for its own."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                is_script = any(word.endswith("light.py") for word in process.cmdline())
                if is_script and str(self.run) in process.environ().get("NODE", ""):
                    found.append(process)
        return found

    def forget_calls(self) -> None:
        (self.run / "calls").write_text("")

    def fence(self, name: str) -> None:
        (self.run / f"fence-{name}").touch()

    def slow(self, verb: str, name: str, seconds: float) -> None:
        (self.run / f"slow-{verb}-{name}").write_text(str(seconds))

    def fast(self, verb: str, name: str) -> None:
        (self.run / f"slow-{verb}-{name}").unlink()

    def kill_nodes(self) -> None:
        for pid in self.pids().values():
            os.kill(pid, signal.SIGKILL)


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def applying(plan: Path) -> list[psutil.Process]:
    """Return the processes that apply a plan."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if "apply" in words and str(plan) in words:
            found.append(process)
    return found


@pytest.fixture
def form(binary: TerraformBinary, tmp_path: Path) -> Iterator[Form]:
    made = Form(binary, tmp_path)
    yield made
    made.kill_nodes()
