"""What files said the last time, kept beside views.toml: unchanged files need not be read into values again.

An entry is found by the bytes of its file and of all that its meaning depends on, so a cache can be old,
of another folder or missing, and never wrong; one that is damaged or cannot be written is done without.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from cassandra_views.model.definition import TableDefinition, ViewDefinition
from cassandra_views.project.checked_file import read_checked, write_checked

FOLDER = ".views/cache"
_FILE = "files.json"
_KEPT = 20_000
"""Entries of each kind: several environments and some history of a thousand views; beyond, only what is used stays."""


class FileCache:
    """Definitions by the mark of what they were made from; ``passed`` holds the planner's marks.

    Args:
        folder: where it is kept between runs; None keeps it in memory alone.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._path = folder / _FILE if folder is not None else None
        self._views: dict[str, ViewDefinition] = {}
        self._tables: dict[str, TableDefinition] = {}
        self.passed: set[str] = set()
        self._used: set[str] = set()
        self._written = self._state()
        if self._path is not None:
            self._read(self._path)

    def find_view(self, mark: str) -> ViewDefinition | None:
        """Return the view that was made from just this, or None."""
        self._used.add(mark)
        return self._views.get(mark)

    def find_table(self, mark: str) -> TableDefinition | None:
        """Return the table that was made from just this, or None."""
        self._used.add(mark)
        return self._tables.get(mark)

    def keep_view(self, mark: str, view: ViewDefinition) -> None:
        """Remember a view."""
        self._views[mark] = view

    def keep_table(self, mark: str, table: TableDefinition) -> None:
        """Remember a table."""
        self._tables[mark] = table

    def save(self) -> None:
        """Write what is new; nothing happens where it cannot be written."""
        if self._path is None or self._state() == self._written:
            return
        if max(len(self._views), len(self._tables), len(self.passed)) > _KEPT:
            self._views = {mark: view for mark, view in self._views.items() if mark in self._used}
            self._tables = {mark: table for mark, table in self._tables.items() if mark in self._used}
            self.passed = set()
        content = _adapter().dump_json((self._views, self._tables, self.passed))
        if write_checked(self._path, content):
            self._written = self._state()

    def _read(self, path: Path) -> None:
        content = read_checked(path)
        if content is None:
            return
        with suppress(ValidationError):
            self._views, self._tables, self.passed = _adapter().validate_json(content)
            self._written = self._state()

    def _state(self) -> tuple[int, int, int]:
        return (len(self._views), len(self._tables), len(self.passed))


def mark_of(*parts: str | bytes) -> str:
    """Return the mark of some texts and bytes, each of them apart."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


@lru_cache(maxsize=1)
def program_mark() -> str:
    """Return a mark of this program's own files, so that no entry outlives the code that made it."""
    import cassandra_client
    import cassandra_views

    root = Path(cassandra_views.__file__).parent
    folders = [root / part for part in ("cql", "model", "project", "plan")]
    folders.append(Path(cassandra_client.__file__).parent)
    files = sorted(path for folder in folders for path in folder.iterdir())
    found = [(path.name, (stat := path.stat()).st_size, stat.st_mtime_ns) for path in files if path.is_file()]
    return mark_of(cassandra_views.__version__, json.dumps(found))


def folder_mark(paths: Iterable[Path]) -> str:
    """Return the mark of the names and bytes of some files."""
    parts: list[str | bytes] = []
    for path in paths:
        with suppress(OSError):
            parts += [path.as_posix(), path.read_bytes()]
    return mark_of(*parts)


@lru_cache(maxsize=1)
def _adapter() -> TypeAdapter[tuple[dict[str, ViewDefinition], dict[str, TableDefinition], set[str]]]:
    return TypeAdapter(tuple[dict[str, ViewDefinition], dict[str, TableDefinition], set[str]])
