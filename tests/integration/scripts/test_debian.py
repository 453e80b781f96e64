"""scripts/debian.sh: quick where nothing is missing, clear where it may not install."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import browser, sshd
from tests.integration.scripts.conftest import ROOT

SCRIPT = ROOT / "scripts" / "debian.sh"


def test_nothing_is_said_where_nothing_is_missing() -> None:
    if missing := sshd.find_missing() or browser.find_missing():
        pytest.skip(missing)

    answer = subprocess.run(["sh", str(SCRIPT)], capture_output=True, text=True, timeout=10, check=False)

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


@pytest.fixture
def tools() -> Iterator[Path]:
    """A folder for PATH that others may read, with ``id`` and so without ssh and ssh-keygen."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        program = shutil.which("id")
        assert program is not None
        (folder / "id").symlink_to(program)
        yield folder


def test_without_root_it_names_what_is_missing(tools: Path) -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.getuid() == 0 else []
    found = shutil.which("sh")
    assert found is not None

    with SCRIPT.open() as script:
        answer = subprocess.run(
            [*nobody, "env", f"PATH={tools}", found, "-s"],
            stdin=script,
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
            env={"PATH": os.environ["PATH"]},
        )

    assert answer.returncode == 1
    assert answer.stderr.startswith("Missing on this machine: openssh-client")
    assert "Nothing was installed: that takes root and apt-get." in answer.stderr
    assert "sudo apt-get install openssh-client" in answer.stderr
