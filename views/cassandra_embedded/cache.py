"""The cache folder of this package, shared by all projects of a user, and its locks."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_folder() -> Path:
    """Return the cache folder: ``$XDG_CACHE_HOME/cassandra-embedded``, else below ``~/.cache``."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(root) if root and Path(root).is_absolute() else Path.home() / ".cache"
    return base / "cassandra-embedded"


@contextmanager
def cache_lock(name: str) -> Iterator[None]:
    """Hold a lock of the cache, so that two processes do not fetch the same thing at once.

    Waits without limit: the other side fetches what we need. A dead holder frees it at once.
    """
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
