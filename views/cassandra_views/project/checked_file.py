"""Files that are replaced as a whole and hold a digest of their content, so that a damaged one is recognized."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path


def read_checked(path: Path) -> bytes | None:
    """Return the content of a file; None where it is missing, damaged or cannot be read."""
    try:
        digest, _newline, content = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    return content if digest == _digest(content) else None


def write_checked(path: Path, content: bytes) -> bool:
    """Replace a file and make its folder; return whether that could be done."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(_digest(content) + b"\n" + content)
        Path(temporary).replace(path)
    except OSError:
        with suppress(OSError):
            Path(temporary).unlink()
        return False
    return True


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).hexdigest().encode()
