"""The operator's commands that fence, repair and terminate a node."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cassandra_healing.errors import HealingError

_TAIL: Final = 600


class HookFailed(HealingError):
    """A command failed, or did not finish in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Commands; ``{name}``, ``{address}`` and ``{why}`` in them are filled in. Exit code 0 means: done, and seen so.

    Attributes:
        fence: ends the node and keeps it from coming back; done only when it is known to have ended.
        repair: a full repair of all that the node holds.
        terminate: removes what is left of the former node; empty where ending a machine removes all.
        folder: where they are run; else where this process is.
        fence_seconds, repair_seconds, terminate_seconds: how long each may take.
    """

    fence: tuple[str, ...]
    repair: tuple[str, ...]
    terminate: tuple[str, ...] = ()
    folder: Path | None = None
    fence_seconds: float = 300.0
    repair_seconds: float = 24 * 3600.0
    terminate_seconds: float = 600.0

    def seconds(self, step: str) -> float:
        """Return how long a step may take."""
        return {
            "fence": self.fence_seconds,
            "repair": self.repair_seconds,
            "terminate": self.terminate_seconds,
        }[step]


def run_hook(
    step: str,
    command: tuple[str, ...],
    values: Mapping[str, str],
    timeout_seconds: float,
    folder: Path | None = None,
) -> None:
    """Run a command of the operator's, without a shell, in a folder or where this process is.

    It is ended with all that it started where it takes too long. Its output goes to a file, not to a pipe: a child that
    lives on would keep that open, and us waiting.

    Raises: HookFailed: it ended with another code than 0, or not in time, or cannot be run.
    """
    filled = [_fill(part, values) for part in command]
    on = f"{values.get('name', '')} ({' '.join(filled)})"
    next_step = "Do its work by hand or fix the command, then continue"
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                filled,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd=folder,
            )
        except OSError as error:
            raise HookFailed(
                f"the command for {step} cannot be run ({error.strerror})", on=on, next=next_step
            ) from error
        try:
            code = process.wait(timeout_seconds)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise HookFailed(
                f"the command for {step} did not end in {timeout_seconds:g} s",
                on=on,
                remains="What it did by then is unknown",
                next=next_step,
            ) from error
        output.seek(0)
        output_text = " ".join(output.read().decode("utf-8", "replace").split())[-_TAIL:]
    if code != 0:
        raise HookFailed(
            f"the command for {step} ended with code {code}: {output_text or 'no output'}",
            on=on,
            remains="What it did by then is unknown",
            next=next_step,
        )


def _fill(part: str, values: Mapping[str, str]) -> str:
    # Not str.format: a command may hold braces of its own, and what is filled in is not filled in again.
    for key in values:
        if part == f"{{{key}}}":
            return values[key]
    for key in ("name", "address"):
        part = part.replace(f"{{{key}}}", values.get(key, ""))
    return part
