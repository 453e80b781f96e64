"""Build the site of the documentation into build/docs/site: make docs

The pages keep their places in the checkout, so a link that works on a forge works on the site: README.md is its home,
and docs/ a folder below. Any warning of MkDocs, such as a link or an anchor that leads nowhere, is an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "build" / "docs" / "pages"
SITE = ROOT / "build" / "docs" / "site"

# docs/ goes whole. What its pages link to outside of it stands here.
OUTSIDE = (
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "terraform/local/variables.tf"),
    "examples/airflow/orders_report.py",
    "examples/readers/java/src/main/java/ViewReader.java",
    "examples/readers/go/viewreader.go",
    "examples/readers/node/view-reader.js",
)


def copy_pages() -> None:
    """Copy the pages to where MkDocs reads them, and nothing that is no longer in the checkout."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(ROOT / "docs", PAGES / "docs", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name in OUTSIDE:
        target = PAGES / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)


def main() -> int:
    """Build the site and return the exit code of MkDocs."""
    copy_pages()
    # The theme's advice about MkDocs 2, which pyproject.toml excludes.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--clean"]
    code = subprocess.call(command, cwd=ROOT, env=environment)
    if code == 0:
        print(f"Open {SITE.relative_to(ROOT)}/index.html. Its search needs a server:")
        print(f"  python3 -m http.server --bind 127.0.0.1 --directory {SITE.relative_to(ROOT)}")
    return code


if __name__ == "__main__":
    sys.exit(main())
