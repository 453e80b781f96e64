"""An installed OpenTofu or Terraform, and its calls: init, plan, show, apply, untaint, state list. Decides nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cassandra_healing.errors import BinaryNotFound, StateLocked, TerraformError
from cassandra_healing.operations.terraform.plan import PlannedChange, changes, check_errored

_TERM_SECONDS: Final = 15.0
"""After SIGTERM it saves its state in 0.2 s; this is for a loaded machine."""

_FORMAT_MAJOR: Final = "1"


OLDEST: Final = {"tofu": (1, 6), "terraform": (1, 4)}
"""OpenTofu's first version, and the first Terraform that has ``terraform_data``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerraformBinary:
    """A program that was found.

    Attributes:
        path: where it is.
        product: ``tofu`` or ``terraform``.
        version: as the program prints it.
    """

    path: Path
    product: str
    version: str

    def __str__(self) -> str:
        name = "OpenTofu" if self.product == "tofu" else "Terraform"
        return f"{name} {self.version} ({self.path})"


def find_binary(*, products: tuple[str, ...] = ("tofu", "terraform")) -> TerraformBinary | None:
    """Return the first on the search path that fits, an OpenTofu before a Terraform; or nothing."""
    paths = (shutil.which(product) for product in products)
    found = (inspect_binary(Path(path)) for path in paths if path is not None)
    return next((binary for binary in found if binary is not None), None)


def get_binary(path: Path | None = None) -> TerraformBinary:
    """Return the program at a path; without one that which ``find_binary`` finds.

    Raises: BinaryNotFound: says how to install one.
    """
    found = find_binary() if path is None else inspect_binary(path)
    if found is None:
        raise BinaryNotFound(
            "there is neither an OpenTofu (1.6 or newer) nor a Terraform (1.4 or newer) here",
            on="PATH" if path is None else str(path),
            next="Install OpenTofu by your package manager (opentofu.org/docs/intro/install), or set binary in "
            "[env.NAME.healing.machines] of views.toml",
        )
    return found


def inspect_binary(path: Path) -> TerraformBinary | None:
    """Return the version of a program; nothing where it is missing, something else, or too old."""
    try:
        done = subprocess.run(
            [path, "version", "-json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            # Terraform otherwise asks its maker for a newer version.
            env=os.environ | {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull},
        )
        version = str(json.loads(done.stdout)["terraform_version"])
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return None
    # Both tell their version under the same key; only the name of the file, or its help, tells them apart.
    product = "terraform" if path.name.startswith("terraform") else "tofu"
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None or (int(numbers[1]), int(numbers[2])) < OLDEST[product]:
        return None
    return TerraformBinary(path=path, product=product, version=version)


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


_LOCKED: Final = "Error acquiring the state lock"
_HOLDER: Final = "Lock Info:"
_STALE: Final = "Saved plan is stale"
_LOOK: Final = "See the message, and the folder logs in the run folder"
_SHORT_SECONDS: Final = 120.0
"""For all but apply, which takes as long as a node's start: they take tenths of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TerraformTimeouts:
    """How long things may take.

    Attributes:
        apply_seconds: a whole apply; longer than the longest stream of a node's data.
        lock_seconds: waiting for another run that holds the state.
    """

    apply_seconds: float = 4 * 3600.0
    lock_seconds: int = 30


class TerraformCommands:
    """The calls on one configuration and its state. Not for use by itself: see ``Terraform``.

    Args: as ``Terraform``, with a backend.
    """

    def __init__(
        self,
        folder: Path,
        binary: TerraformBinary,
        run_folder: Path,
        *,
        variables: Mapping[str, Any],
        backend: Mapping[str, str],
        times: TerraformTimeouts,
    ) -> None:
        self.folder = folder
        self._binary = binary
        self._run_folder = run_folder
        self._variables = variables
        self._backend = backend
        self._times = times
        self._lock = f"-lock-timeout={times.lock_seconds}s"

    def init(self) -> None:
        """Make the configuration ready.

        Raises: TerraformError: it says why it cannot.
        """
        settings = [f"-backend-config={key}={value}" for key, value in sorted(self._backend.items())]
        outcome = self._call("init", ["init", "-reconfigure", "-no-color", *settings])
        if outcome.code != 0:
            raise TerraformError(
                f"terraform init failed: {outcome.error_text()}",
                on=str(self.folder),
                next="See the message; a provider is downloaded at the first time",
            )

    def plan(self, name: str, options: Sequence[str]) -> tuple[Path, tuple[PlannedChange, ...]]:
        """Save a plan; return its file and what it changes.

        Raises:
            StateLocked: another run holds the state.
            TerraformError: planning failed; no file is left.
        """
        plans = self._run_folder / "plans"
        plans.mkdir(parents=True, exist_ok=True)
        number = 1 + max((int(path.stem.partition("-")[0]) for path in plans.glob("*-*.plan")), default=0)
        path = plans / f"{number:04d}-{name}.plan"
        variables = self._run_folder / "variables.tfvars.json"
        variables.write_text(json.dumps(dict(self._variables), indent=1), encoding="utf-8")
        arguments = ["plan", "-json", "-no-color", "-detailed-exitcode", self._lock]
        outcome = self._call(path.stem, [*arguments, f"-out={path}", f"-var-file={variables}", *options])
        if outcome.code not in (0, 2) or outcome.timed_out:
            # The file of a plan that failed is written all the same.
            path.unlink(missing_ok=True)
            refuse_locked(outcome, str(self.folder))
            raise TerraformError(f"planning failed: {outcome.error_text()}", on=str(self.folder), next=_LOOK)
        shown = self._call(f"{path.stem}-show", ["show", "-json", "-no-color", str(path)])
        try:
            plan_json = json.loads(shown.output) if shown.code == 0 else {}
        except ValueError:
            plan_json = {}
        if str(plan_json.get("format_version", "")).partition(".")[0] != "1":
            path.unlink(missing_ok=True)
            raise TerraformError(f"the plan could not be read: {shown.error_text()}", on=str(path), next=_LOOK)
        check_errored(plan_json, str(self.folder))
        return path, changes(plan_json)

    def apply(self, plan: Path, on_start: Callable[[int], None]) -> CommandResult:
        """Apply a saved plan, and return how that ended."""
        arguments = ["apply", "-json", "-no-color", self._lock, str(plan)]
        return self._call("apply", arguments, timeout_seconds=self._times.apply_seconds, on_start=on_start)

    def untaint(self, address: str) -> None:
        """Let a resource count as whole again, so that the script that ends it is run.

        Raises: TerraformError: it says why it cannot.
        """
        outcome = self._call("untaint", ["untaint", "-no-color", self._lock, address])
        if outcome.code != 0:
            raise TerraformError(f"it could not be untainted: {outcome.error_text()}", on=address, next=_LOOK)

    def addresses(self) -> tuple[str, ...]:
        """Return what the state knows.

        Raises: TerraformError: it cannot be read.
        """
        outcome = self._call("state", ["state", "list"])
        if outcome.code != 0 and "No state file was found" not in outcome.errors:
            raise TerraformError(
                f"the state could not be read: {outcome.error_text()}", on=str(self._run_folder), next=_LOOK
            )
        return tuple(outcome.output.split("\n")[:-1]) if outcome.code == 0 else ()

    def _call(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        timeout_seconds: float = _SHORT_SECONDS,
        on_start: Callable[[int], None] | None = None,
    ) -> CommandResult:
        logs = self._run_folder / "logs"
        numbers = (path.name.partition("-")[0] for path in logs.glob("*-*.out"))
        number = 1 + max((int(each) for each in numbers if each.isdigit()), default=0)
        return call(
            [str(self._binary.path), *arguments],
            folder=self.folder,
            environment=clean_environment(self._run_folder / ".terraform"),
            log=logs / f"{number:04d}-{name}",
            timeout_seconds=timeout_seconds + self._times.lock_seconds,
            on_start=on_start,
        )


def is_stale(outcome: CommandResult) -> bool:
    """Say whether a plan was not applied because the state has changed since."""
    return _STALE in outcome.summaries


def refuse_locked(outcome: CommandResult, on: str) -> None:
    """Say so where a call failed because another run holds the state.

    Raises: StateLocked: names the other run.
    """
    for each in outcome.diagnostics:
        # A state that cannot be read fails under the same arguments, and names no holder.
        if each.get("summary") == _LOCKED and _HOLDER in str(each.get("detail")):
            raise StateLocked(
                f"another run holds the state ({' '.join(str(each['detail']).split())[:300]})",
                on=on,
                remains="Nothing was done, and the other run continues",
                next=f"Wait for it, then try again (this is process {os.getpid()})",
            )
