"""The journal of applies: one line of JSON an event, each on disk before the work continues."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cassandra_healing.operations.terraform.errors import TerraformError

_FILE: Final = "terraform.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApply:
    """An apply whose end is not in the journal.

    Attributes:
        pid: the process that carried it out; 0 where we died before that was known.
        since: when it was begun.
    """

    plan: Path
    address: str
    actions: tuple[str, ...]
    digest: str
    pid: int
    since: datetime


class ApplyJournal:
    """The journal in a run folder. Lines are added and never changed."""

    def __init__(self, folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = folder / _FILE
        self._clock = clock

    def write(self, event: str, **facts: Any) -> None:
        """Add a line, and return when it is on disk."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self._path.exists()
        line = json.dumps({"at": self._clock().isoformat(), "event": event, **facts}, default=str)
        with self._path.open("a+b") as handle:
            size = handle.seek(0, os.SEEK_END)
            if size:
                # A kill may have cut the last line off: ours must not become its end.
                handle.seek(size - 1)
                line = line if handle.read(1) == b"\n" else f"\n{line}"
            handle.write(f"{line}\n".encode())
            handle.flush()
            os.fsync(handle.fileno())
        if is_new:
            entry = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(entry)
            finally:
                os.close(entry)

    def read(self) -> tuple[dict[str, Any], ...]:
        """Return all lines; one that a kill cut off is left out."""
        try:
            text = self._path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ()
        lines = []
        for line in text.splitlines():
            try:
                lines.append(dict(json.loads(line)))
            except ValueError:
                continue
        return tuple(lines)

    def find_open(self) -> OpenApply | None:
        """Return the apply that was interrupted, the oldest first."""
        found: dict[str, OpenApply] = {}
        for line in self.read():
            plan = str(line.get("plan", ""))
            match line["event"]:
                case "applying":
                    found[plan] = OpenApply(
                        plan=Path(plan),
                        address=line["address"],
                        actions=tuple(line["actions"]),
                        digest=line["digest"],
                        pid=0,
                        since=datetime.fromisoformat(line["at"]),
                    )
                case "running" if plan in found:
                    found[plan] = replace(found[plan], pid=int(line["pid"]))
                case "ended":
                    found.pop(plan, None)
        return next(iter(found.values()), None)

    def refuse_open(self) -> None:
        """Refuse to continue while an apply is open.

        Raises: TerraformError: names it.
        """
        if (found := self.find_open()) is not None:
            raise TerraformError(
                f"an apply of {found.since:%Y-%m-%d %H:%M:%S} was interrupted",
                on=found.address or str(found.plan),
                remains="What it did is unknown",
                next="Recover first",
            )
