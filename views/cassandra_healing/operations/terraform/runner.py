"""One call of OpenTofu: its environment, its output in files, its end in time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cassandra_healing.operations.terraform.errors import TerraformError

_TERM_SECONDS: Final = 15.0
"""After SIGTERM it saves its state in 0.2 s; this is for a loaded machine."""

_FORMAT_MAJOR: Final = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandResult:
    """How a call ended.

    Attributes:
        code: the exit code; negative for the signal that ended it.
        messages: what it printed with ``-json``, line by line.
        output: all of stdout.
        errors: all of stderr.
        timed_out: it was ended by us.
    """

    code: int
    messages: tuple[dict[str, Any], ...]
    output: str
    errors: str
    timed_out: bool = False

    @property
    def diagnostics(self) -> tuple[dict[str, Any], ...]:
        """Return the errors among the messages."""
        found = [m.get("diagnostic", {}) for m in self.messages if m.get("type") == "diagnostic"]
        return tuple(each for each in found if each.get("severity") == "error")

    @property
    def summaries(self) -> tuple[str, ...]:
        """Return the first line of each error."""
        return tuple(str(each.get("summary", "")) for each in self.diagnostics)

    def error_text(self) -> str:
        """Return its errors in one line, cut at 600 characters."""
        texts = [f"{each.get('summary', '')}: {each.get('detail', '')}" for each in self.diagnostics]
        text = "; ".join(texts) or self.errors or self.output
        return " ".join(text.split())[:600] or "no output"


def clean_environment(data_folder: Path) -> dict[str, str]:
    """Return the environment of a call: ours without what would change what OpenTofu does."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "TOFU_"))}
    return variables | {
        # A missing file named here would be warned of on stdout, before the JSON.
        "TF_CLI_CONFIG_FILE": os.devnull,
        "TF_DATA_DIR": str(data_folder),
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
    }


def call(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    timeout_seconds: float,
    on_start: Callable[[int], None] | None = None,
) -> CommandResult:
    """Run OpenTofu and wait for it.

    Its output goes to ``log`` with .out and .err: a pipe whose reader dies would kill it in the middle of its work. It
    has a session of its own, so it outlives us where we are killed; ``on_start`` is told its pid, to find it again.
    In ``timeout_seconds`` it is asked to end (it then saves its state), and what is left is killed with its scripts.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    out, err = log.with_name(f"{log.name}.out"), log.with_name(f"{log.name}.err")
    with out.open("wb") as output, err.open("wb") as errors:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        if on_start is not None:
            on_start(process.pid)
        timed_out = False
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
            end(process)
    text = out.read_text(encoding="utf-8", errors="replace")
    return CommandResult(
        code=process.returncode,
        messages=parse_lines(text),
        output=text,
        errors=err.read_text(encoding="utf-8", errors="replace"),
        timed_out=timed_out,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """End a call and its scripts: SIGTERM, a wait, SIGKILL; nodes have sessions of their own and live on."""
    process.terminate()
    try:
        process.wait(_TERM_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def parse_lines(text: str) -> tuple[dict[str, Any], ...]:
    """Return the JSON objects among the lines; others (a plain warning, the last one cut off) are skipped.

    Raises: TerraformError: the lines are of a format that came after this program.
    """
    messages = []
    for line in text.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if not isinstance(message, dict):
            continue
        if message.get("type") == "version" and str(message.get("ui", "1.0")).partition(".")[0] != _FORMAT_MAJOR:
            raise TerraformError(
                f"it prints its messages in format {message['ui']}, and only format {_FORMAT_MAJOR} is known here",
                on=str(message.get("@message", "OpenTofu")),
                remains="What it was asked for may have been done",
                next="Use an OpenTofu or Terraform 1.x",
            )
        messages.append(message)
    return tuple(messages)
