"""Installing on a host of the tests: a checkout to install from, and settings that use this machine's caches."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.integration.scripts.conftest import ROOT, settings
from tests.sshd import SshServer

_PASSED_ON = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


def make_checkout(folder: Path) -> Path:
    """Copy what git knows of this checkout, as it is now, into a repository of its own."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (source := ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    return folder


def install(server: SshServer, checkout: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the installation from a checkout to a host."""
    return subprocess.run(
        start_line(server, checkout, *options), capture_output=True, text=True, timeout=280, check=False
    )


def start_line(server: SshServer, checkout: Path, *options: str) -> list[str]:
    """Return the command line of an installation."""
    return ["bash", str(checkout / "spark_jobs" / "install.sh"), server.target, *(options or server.options)]


def use_caches_of_this_machine(server: SshServer, **more: str) -> None:
    """Give a host the caches and the way to the network that this process has: its home is new and knows neither."""
    uv = subprocess.run(["sh", str(ROOT / "scripts" / "uv.sh")], capture_output=True, text=True, check=True)
    tools = server.home / ".cassandra-views" / ".tools" / "bin"
    tools.mkdir(parents=True, exist_ok=True)
    if not (tools / "uv").exists():
        (tools / "uv").symlink_to(uv.stdout.strip())
    cache = subprocess.run([uv.stdout.strip(), "cache", "dir"], capture_output=True, text=True, check=True)
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    own_cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    settings(server, **{**passed_on, "UV_CACHE_DIR": cache.stdout.strip(), "XDG_CACHE_HOME": own_cache, **more})
