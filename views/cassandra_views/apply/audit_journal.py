"""What a full audit has read so far, kept in a file: one that is killed is resumed where it stopped.

Digests are the same in every process, so those of finished token ranges can be kept. Rows that were written since the
first run began are left out to the end, and every difference is looked at again by its key, so what is kept can be
old. What else changes a table, such as a restore, makes the generation suspect, and that is part of the identity. A
file that is damaged, of another version, or of something else is done without.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from cassandra_client.decoding import RawRow
from cassandra_views.apply.digests import Digest
from cassandra_views.apply.range_rows import SideDigest
from cassandra_views.apply.token_ranges import TokenRange, missing_ranges
from cassandra_views.model.names import counted
from cassandra_views.model.times import EPOCH, instant_text
from cassandra_views.project.checked_file import read_checked, write_checked

_VERSION = 2
_MOST_SECONDS = 43_200.0
"""What is older is not used: writes since then are left out of the comparison, and would be too many."""
_SAVE_SHARE = 50
"""The file of a large audit takes a while to write: that may take a fiftieth of the time."""
_SUM = struct.Struct(">HQ")


@dataclass(slots=True)
class _KeptSide:
    done: list[TokenRange] = field(default_factory=list)
    found: SideDigest = field(default_factory=SideDigest)


class AuditJournal:
    """The finished token ranges of one audit.

    Args:
        path: the file; written whole each time, in place of the former.
        identity: everything that the digests depend on: generation, schema, conditions, consistency, and what made
            it suspect. What was kept under another one is not used.
        is_restart: what is kept is not used.
        saved_seconds: the file is written no more often; 0 is after each range.
        on_resumed: is told in words what was kept.
    """

    def __init__(
        self,
        path: Path,
        identity: Sequence[object],
        *,
        is_restart: bool = False,
        saved_seconds: float = 1.0,
        on_resumed: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._on_resumed = on_resumed
        self._is_restart = is_restart
        self._path = path
        self._identity = hashlib.sha256(json.dumps([_VERSION, *map(repr, identity)]).encode()).hexdigest()
        self._saved_seconds = saved_seconds
        self._saved_at = 0.0
        self._pause_seconds = saved_seconds
        self._began = 0
        self._sides = {"base": _KeptSide(), "view": _KeptSide()}

    def open(self, now: int) -> int:
        """Read what was kept, and return when the audit began: ``now``, or when the one that is resumed did.

        Args:
            now: by the servers' clock, in microseconds since 1970.
        """
        self._began, self._saved_at = now, time.monotonic()
        self._remove_old()
        if self._is_restart:
            self.close()
            return now
        content = read_checked(self._path)
        if content is None:
            return now
        with suppress(ValueError, KeyError, TypeError, struct.error):
            kept = json.loads(content)
            is_fresh = 0 <= now - kept["began"] <= _MOST_SECONDS * 1e6
            if kept["identity"] == self._identity and is_fresh:
                sides = {label: _side_of(kept["sides"][label]) for label in self._sides}
                self._sides, self._began = sides, int(kept["began"])
                self._on_resumed(self._resumed_text())
        return self._began

    def _resumed_text(self) -> str:
        """Say what is kept."""
        sides = " and ".join(
            f"{sum(each.share for each in side.done):.0%} of the {label} ({counted(side.found.rows, 'row')})"
            for label, side in self._sides.items()
        )
        began = instant_text(EPOCH + timedelta(microseconds=self._began))
        return f"the audit of {began}, which was stopped, is resumed: {sides} were read before"

    def kept(self, label: str) -> SideDigest:
        """Return what was made of a side's finished ranges."""
        return self._sides[label].found

    def missing(self, label: str) -> list[TokenRange] | None:
        """Return a side's ranges that are still to be read; None is the whole ring."""
        done = self._sides[label].done
        return missing_ranges(done) if done else None

    def note(self, label: str, span: TokenRange, found: SideDigest) -> None:
        """Keep that a range is done; nothing happens where the file cannot be written.

        Args:
            found: what was made of all ranges of this side that are done.
        """
        side = self._sides[label]
        side.done.append(span)
        side.found = found
        begun = time.monotonic()
        if begun - self._saved_at >= self._pause_seconds:
            self._save()
            self._saved_at = time.monotonic()
            if self._saved_seconds:
                self._pause_seconds = max(self._saved_seconds, _SAVE_SHARE * (self._saved_at - begun))

    def _remove_old(self) -> None:
        """Remove what audits left behind that were never resumed, of dropped generations among them."""
        with suppress(OSError):
            for path in self._path.parent.glob("*.json"):
                if time.time() - path.stat().st_mtime > _MOST_SECONDS:
                    path.unlink(missing_ok=True)

    def close(self) -> None:
        """Forget it: the audit has ended."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _save(self) -> None:
        sides = {label: _json_of(side) for label, side in self._sides.items()}
        content = json.dumps({"identity": self._identity, "began": self._began, "sides": sides}).encode()
        write_checked(self._path, content)


def _json_of(side: _KeptSide) -> dict[str, Any]:
    found = side.found
    sums = b"".join(_SUM.pack(bucket, value) for bucket, value in found.digest.sums())
    return {
        "done": [[each.first, each.last] for each in side.done],
        "rows": found.digest.rows,
        "sums": base64.b64encode(sums).decode(),
        "samples": [[_text_of(value) for value in row] for row in found.samples],
        "newer_rows": found.newer_rows,
        "ahead_rows": found.ahead_rows,
        "has_bare": found.has_bare,
    }


def _side_of(kept: dict[str, Any]) -> _KeptSide:
    digest = Digest.of(int(kept["rows"]), _SUM.iter_unpack(base64.b64decode(kept["sums"])))
    return _KeptSide(
        done=[TokenRange(first=int(first), last=int(last)) for first, last in kept["done"]],
        found=SideDigest(
            digest=digest,
            samples=[_row_of(row) for row in kept["samples"]],
            newer_rows=int(kept["newer_rows"]),
            ahead_rows=int(kept["ahead_rows"]),
            has_bare=bool(kept["has_bare"]),
        ),
    )


def _text_of(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _row_of(row: list[str | None]) -> RawRow:
    return tuple(None if value is None else base64.b64decode(value) for value in row)
