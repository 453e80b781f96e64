"""The jars of a server: from Maven Central through ``jgo``, once; afterwards from disk with no network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from cassandra_embedded.cache import cache_folder, cache_lock
from cassandra_embedded.errors import DownloadFailed
from cassandra_embedded.versions import ServerVersion


def server_jars(version: ServerVersion, on_progress: Callable[[str], None]) -> tuple[Path, ...]:
    """Return the jars of a version, fetching them (about 70 MB) if this user has never started it.

    The list is remembered in the cache folder of this package; it counts only while each file is there.

    Raises: DownloadFailed: they are not in the cache and cannot be fetched.
    """
    listing = cache_folder() / "jars" / f"{version.name}.json"
    if jars := _find_listed(listing):
        return jars
    with cache_lock(f"jars-{version.name}"):
        if jars := _find_listed(listing):
            return jars
        on_progress(f"Downloading Cassandra {version.name} (about 100 jars, 70 MB, only this once)")
        jars = _fetch(version)
        listing.parent.mkdir(parents=True, exist_ok=True)
        scratch = listing.with_suffix(".tmp")
        scratch.write_text(json.dumps([str(jar) for jar in jars], indent=1), encoding="utf-8")
        scratch.replace(listing)
    return jars


def _find_listed(listing: Path) -> tuple[Path, ...]:
    try:
        jars = tuple(Path(name) for name in json.loads(listing.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError):
        return ()
    return jars if all(jar.is_file() for jar in jars) else ()


def _fetch(version: ServerVersion) -> tuple[Path, ...]:
    # Imported here: it brings requests along, and a second start needs neither.
    import jgo

    try:
        jars = tuple(sorted(jgo.build(version.endpoint).all_jars))
    except (OSError, RuntimeError, ValueError) as error:  # requests' own errors are OSErrors
        raise DownloadFailed(
            f"the server's jars are not in the cache and could not be fetched ({_first_line(error)})",
            on=f"Cassandra {version.name}",
            next=f"Check that Maven Central can be reached for {version.endpoint} and try again",
        ) from error
    if not any(jar.name.startswith("apache-cassandra-") or jar.name.startswith("cassandra-all") for jar in jars):
        raise DownloadFailed(
            f"the resolved jars hold no server ({len(jars)} jars)",
            on=f"Cassandra {version.name}",
            next="Remove the folders jgo and cassandra-embedded in your cache folder and try again",
        )
    return jars


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__
