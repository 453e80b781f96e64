"""`make docs`: the site is built from a clone, and a page or link that is wrong is an error."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.scripts.conftest import ROOT
from tests.integration.scripts.installing import make_checkout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout that the tests may change, with nothing installed."""
    return make_checkout(tmp_path_factory.mktemp("checkout"))


def make_docs(checkout: Path) -> subprocess.CompletedProcess[str]:
    """Run `make docs` with the uv of this machine."""
    uv = subprocess.run(["sh", "scripts/uv.sh"], cwd=ROOT, capture_output=True, text=True, check=True)
    path = f"{Path(uv.stdout.strip()).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["make", "docs"], cwd=checkout, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


def test_the_site_is_built_from_a_clone(checkout: Path) -> None:
    result = make_docs(checkout)

    assert result.returncode == 0, result.stderr
    site = checkout / "build" / "docs" / "site"
    assert "<title>cassandra-views</title>" in (site / "index.html").read_text(encoding="utf-8")
    assert (site / "docs" / "guides" / "operator.html").exists()
    # What a forge shows as a list or table without an empty line before it would be plain text here.
    pages = {path: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    assert [
        path.name for path, page in pages.items() if re.search(r"<p>(?:(?!</p>).)*\n(?:- |\|)", page, re.DOTALL)
    ] == []
    status = subprocess.run(["git", "status", "--short"], cwd=checkout, capture_output=True, text=True, check=True)
    assert "??" not in status.stdout
    assert not (checkout / ".venv").exists()


def test_wrong_pages_and_links_are_errors(checkout: Path) -> None:
    (checkout / "docs" / "left-out.md").write_text("# Left out\n", encoding="utf-8")
    with (checkout / "README.md").open("a", encoding="utf-8") as readme:
        readme.write("[1](docs/missing.md) [2](docs/tutorial.md#missing) [3](docs/guides)\n")

    result = make_docs(checkout)

    assert result.returncode != 0
    warnings = [line for line in result.stderr.splitlines() if line.startswith("WARNING")]
    for wrong in ("'docs/missing.md'", "'docs/tutorial.md#missing'", "relative link 'docs/guides'"):
        assert [line for line in warnings if wrong in line], result.stderr
    assert "- docs/left-out.md" in result.stderr
    assert len(warnings) == 4
