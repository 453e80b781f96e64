"""``node.json`` in a node's folder: which life of the node this is, its process, whether it is fenced; its errors."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from cassandra_embedded.process import Identity
from cassandra_healing.errors import HealingError

_FILE: Final = "node.json"
_FORMAT: Final = 1


class NodeError(HealingError):
    """The root of all errors of this package."""


class NodeFenced(NodeError):
    """The node was fenced: what runs under its name must not be started again."""


class NodeNotFenced(NodeError):
    """A node is not ended before it is fenced."""


class ReplacementServing(NodeError):
    """A new life of the node is up already; the fence was for the one before."""


class NodeNotStarted(NodeError):
    """The node ended while it was being started, or did not answer in time."""


class LocalNodeNotFound(NodeError):
    """There is no node of this name here."""


class Purpose(StrEnum):
    """Why a node is fenced."""

    REPLACE = "replace"
    """Another one takes its place in the cluster."""
    END = "end"
    """It goes for good, with its data: the whole cluster is taken down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Says that one life of a node is over.

    Attributes:
        life: which.
        why: the reason, in words.
        at: when, ISO 8601 in UTC.
    """

    purpose: Purpose
    life: int
    why: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """What is known of a node.

    Attributes:
        settings: what it is started with, as the configuration gave it.
        life: counts from 1; a replacement is the next life under the same name.
        replaces: the address that this life takes the place of, until it is up.
        process: what was started; it may have ended since.
        is_up: it has answered in this life.
    """

    name: str
    kind: str
    address: str
    settings: dict[str, Any] = field(default_factory=dict)
    life: int = 1
    replaces: str = ""
    process: Identity | None = None
    is_up: bool = False
    fence: Fence | None = None

    @property
    def is_fenced(self) -> bool:
        """Say whether this very life is over."""
        return self.fence is not None and self.fence.life == self.life


class NodeFolder:
    """The folder of one node: ``node.json``, ``script.log``, and ``life-1`` and so on with what the node wrote.

    Args:
        run_folder: the folder of the whole cluster.
        name: the node's name.
    """

    def __init__(self, run_folder: Path, name: str) -> None:
        self.path = run_folder.absolute() / "nodes" / name

    def life(self, number: int) -> Path:
        """Return the folder of one life."""
        return self.path / f"life-{number}"

    def lives(self) -> list[int]:
        """Return the lives whose data is still here, oldest first."""
        return sorted(int(path.name.partition("-")[2]) for path in self.path.glob("life-*"))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other scripts off this node; waits for them. A dead holder frees it at once."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def find(self) -> NodeRecord | None:
        """Return the record, or nothing where the node was never started.

        Raises: NodeError: it cannot be read.
        """
        try:
            raw: dict[str, Any] = json.loads((self.path / _FILE).read_text(encoding="utf-8"))
            if raw.pop("format") != _FORMAT:
                raise ValueError("another format")
            process, fence = raw.pop("process"), raw.pop("fence")
            return NodeRecord(
                **raw,
                process=Identity(**process) if process else None,
                fence=Fence(**{**fence, "purpose": Purpose(fence["purpose"])}) if fence else None,
            )
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise NodeError(
                f"its record cannot be read ({error})",
                on=str(self.path / _FILE),
                next="See whether its process runs, then mend or remove the file",
            ) from error

    def write(self, record: NodeRecord) -> None:
        """Write the record, in one step, on disk when this returns."""
        scratch = self.path / f"{_FILE}.tmp"
        with scratch.open("w", encoding="utf-8") as handle:
            handle.write(json.dumps({"format": _FORMAT, **asdict(record)}, indent=1))
            handle.flush()
            os.fsync(handle.fileno())
        scratch.replace(self.path / _FILE)

    def remove_record(self) -> None:
        """Forget the node."""
        (self.path / _FILE).unlink(missing_ok=True)


def find_name(run_folder: Path, name_or_address: str) -> str:
    """Return the name of the node with this address, or what was given where no node has it."""
    for path in sorted((run_folder.absolute() / "nodes").glob("*")):
        record = NodeFolder(run_folder, path.name).find()
        if record is not None and record.address == name_or_address:
            return record.name
    return name_or_address
