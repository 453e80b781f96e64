"""Finding an OpenTofu or a Terraform for development and tests, and building OpenTofu where there is none.

``python -m local_cluster.tofu`` prints the path of one.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cassandra_healing.errors import BinaryNotFound, TerraformError
from cassandra_healing.operations.terraform import commands
from cassandra_healing.operations.terraform.commands import TerraformBinary, inspect_binary

BUILT_VERSION: Final = "1.12.6"
_GO_NEEDED: Final = (1, 26, 6)
_PACKAGE: Final = "github.com/opentofu/opentofu/cmd/tofu"
# `go install` refuses a module that holds replace directives, so the module that asks for it repeats them.
_GO_MOD: Final = f"""\
module tofubuild
go {".".join(map(str, _GO_NEEDED))}
require github.com/opentofu/opentofu v{BUILT_VERSION}
replace github.com/hashicorp/hcl/v2 v2.20.1 => github.com/opentofu/hcl/v2 v2.20.2-0.20251021132045-587d123c2828
"""
_BUILD_SECONDS: Final = 1800.0


def find_binary(*, products: tuple[str, ...] = ("tofu", "terraform")) -> TerraformBinary | None:
    """Return the first that fits: an installed OpenTofu, the one built here, an installed Terraform; or nothing."""
    if "tofu" in products and (found := commands.find_binary(products=("tofu",)) or inspect_binary(built_path())):
        return found
    return commands.find_binary(products=("terraform",)) if "terraform" in products else None


def get_binary(
    on_progress: Callable[[str], None], *, products: tuple[str, ...] = ("tofu", "terraform")
) -> TerraformBinary:
    """Return what ``find_binary`` finds, else build OpenTofu: five minutes, 2 GB of memory, 3 GB of Go's caches.

    Two processes that ask at once build once. A build that is cut off leaves nothing behind but Go's caches.

    Raises: BinaryNotFound: says what is missing, or how the build ended.
    """
    if (found := find_binary(products=products)) is not None:
        return found
    go = _get_go()
    target = built_path()
    with _locked(target.parent.parent / f"{BUILT_VERSION}.lock", on_progress):
        # Another process may have built it while we waited for the lock.
        if inspect_binary(target) is None:
            _build(go, target, on_progress)
    built = inspect_binary(target)
    if built is None:
        raise BinaryNotFound(
            "the built program does not print its version",
            on=str(target),
            remains="The file is left for inspection",
            next="Remove it and try again, or install OpenTofu by your package manager",
        )
    return built


def built_path() -> Path:
    """Return where the OpenTofu that is built here is kept: in the user's cache, outside of any checkout."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(root) if root and Path(root).is_absolute() else Path.home() / ".cache"
    return base / "cassandra-views" / "tofu" / BUILT_VERSION / "tofu"


def _get_go() -> str:
    missing = "there is neither an OpenTofu (1.6 or newer) nor a Terraform (1.4 or newer) here"
    install = "Install OpenTofu by your package manager (opentofu.org/docs/intro/install)"
    go = shutil.which("go")
    if go is None:
        raise BinaryNotFound(f"{missing}, and no Go to build one with", next=install)
    go_version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout.strip()
    numbers = tuple(int(part) for part in re.findall(r"\d+", go_version)[:3])
    if numbers < _GO_NEEDED:
        needed = ".".join(map(str, _GO_NEEDED))
        raise BinaryNotFound(
            f"{missing}, and {go_version or 'this Go'} is too old to build one (it takes {needed})", on=go, next=install
        )
    return go


def _build(go: str, target: Path, on_progress: Callable[[str], None]) -> None:
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{BUILT_VERSION}-", dir=target.parent.parent))
    try:
        (scratch / "go.mod").write_text(_GO_MOD, encoding="utf-8")
        log = scratch / "build.log"
        on_progress(f"Fetching the sources of OpenTofu {BUILT_VERSION} (1.4 GB in Go's cache, only this once)")
        _go([go, "get", f"{_PACKAGE}@v{BUILT_VERSION}"], scratch, log)
        on_progress(f"Building OpenTofu {BUILT_VERSION} (about five minutes on two cores, only this once)")
        # Without the last flag it calls itself a -dev version.
        flags = "-s -w -X github.com/opentofu/opentofu/version.dev=no"
        _go([go, "build", "-trimpath", "-ldflags", flags, "-o", "tofu", _PACKAGE], scratch, log)
        target.parent.mkdir(exist_ok=True)
        (scratch / "tofu").replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _go(command: list[str], folder: Path, log: Path) -> None:
    variables = {
        name: value for name, value in os.environ.items() if name not in {"GOFLAGS", "GOOS", "GOARCH", "GOWORK"}
    }
    with log.open("ab") as output:
        try:
            ended = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=_BUILD_SECONDS,
                check=False,
                env=variables | {"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false -mod=mod"},
            ).returncode
        except subprocess.TimeoutExpired:
            ended = -1
    if ended != 0:
        last = " ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:])[-400:]
        raise BinaryNotFound(
            f"`go {command[1]}` ended with code {ended} ({last or 'no output'})",
            on=f"OpenTofu {BUILT_VERSION}",
            remains="Nothing was installed",
            next="Check that the Go module proxy can be reached and that 2 GB of memory and 3 GB of disk are free, "
            "then try again; or install OpenTofu by your package manager",
        )


@contextmanager
def _locked(path: Path, on_progress: Callable[[str], None]) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_progress("Waiting: another process is building it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def main(arguments: list[str] | None = None) -> int:
    """Print the path of a binary; progress and errors go to stderr, and the exit code of an error is 1."""
    parser = argparse.ArgumentParser(prog="tofu.sh", description="Print the path of an OpenTofu or Terraform.")
    parser.add_argument("--opentofu", action="store_true", help="no Terraform, even where one is installed")
    parser.add_argument("--no-build", action="store_true", help="only look, build nothing")
    chosen = parser.parse_args(arguments)
    products = ("tofu",) if chosen.opentofu else ("tofu", "terraform")
    try:
        found = find_binary(products=products) if chosen.no_build else get_binary(_print_progress, products=products)
    except TerraformError as error:
        _print_progress(str(error))
        return 1
    if found is None:
        _print_progress(
            "There is no OpenTofu or Terraform that fits. Nothing was built. Leave --no-build away to build one."
        )
        return 1
    print(found.path)
    return 0


def _print_progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
