"""The tutorial is run, block by block, on a server of its own; outputs are compared where they are stable."""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.paths import ROOT

TUTORIAL = ROOT / "docs" / "tutorial.md"

# What differs from run to run; the same masks are laid over the page and over what was printed.
MASKS = (
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "TIME"),
    (r"\d{4}-\d\d-\d\d", "DAY"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"\bf1:[0-9a-f]{8}\b", "VERSION"),
    (r"\b[0-9a-f]{12}\b", "RUN"),
    (r"\S+@\S+?(?=[:\s]|$)", "AUTHOR"),
    (r"127\.0\.0\.1:\d+", "ADDRESS"),
    (r"/\S+/\.views/cassandra", "DATA"),
    (r"\d+(\.\d+)? (s|min|h|d)\b", "SPAN"),
    (r" +", " "),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command of the page and what the page says it prints."""

    line: int
    command: str
    expected: str


def steps_of(text: str) -> Iterator[Step]:
    """Yield the commands of the console blocks: ``$`` begins one, ``>`` goes on with it."""
    is_inside, number = False, 0
    command: list[str] = []
    expected: list[str] = []
    for at, line in enumerate(text.splitlines(), start=1):
        if line.startswith("```"):
            if command:
                yield Step(line=number, command="\n".join(command), expected="\n".join(expected))
            command, expected, is_inside = [], [], line == "```console"
        elif is_inside and line.startswith("$ "):
            if command:
                yield Step(line=number, command="\n".join(command), expected="\n".join(expected))
            command, expected, number = [line[2:]], [], at
        elif is_inside and line.startswith("> ") and not expected:
            command.append(line[2:])
        elif is_inside:
            expected.append(line)


def masked(text: str) -> str:
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    return "\n".join(line.strip() for line in text.strip().splitlines())


def agrees(expected: str, printed: str) -> bool:
    """Compare as the page means it: ``...`` stands for anything."""
    parts = [re.escape(part.strip()) for part in masked(expected).split("...")]
    return re.fullmatch(r".*".join(rf"\s*{part}\s*" for part in parts), masked(printed), re.DOTALL) is not None


def script_of(steps: list[Step], out: Path) -> str:
    """Return one shell script, so that folders and variables last from step to step."""
    lines = []
    for number, step in enumerate(steps):
        # A port that is free here; the page uses the usual one.
        command = step.command.replace("views up --detach", "views up --detach --port 0")
        lines.append(f"{{ {command}\n}} > {out}/{number} 2>&1 || exit 1")
    return "\n".join(lines)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    folder.mkdir()
    yield folder
    subprocess.run(["views", "down"], cwd=folder / "shop", env=environment(), capture_output=True, check=False)


def environment() -> dict[str, str]:
    found = {key: value for key, value in os.environ.items() if not key.startswith(("CASSANDRA_", "VIEWS_"))}
    return found | {"PATH": f"{sysconfig.get_path('scripts')}{os.pathsep}{os.environ['PATH']}"}


@pytest.mark.cassandra
@pytest.mark.slow
def test_every_command_of_the_tutorial_does_what_the_page_says(home: Path, tmp_path: Path) -> None:
    steps = list(steps_of(TUTORIAL.read_text(encoding="utf-8")))
    assert len(steps) > 20
    out = tmp_path / "out"
    out.mkdir()
    stay_clear_of_the_slide()
    ended = subprocess.run(["bash", "-c", script_of(steps, out)], cwd=home, env=environment(), check=False)
    problems = []
    for number, step in enumerate(steps):
        printed = out / str(number)
        where = f"docs/tutorial.md:{step.line}: {step.command}"
        text = printed.read_text(encoding="utf-8") if printed.exists() else "(it was not reached)"
        if not agrees(step.expected, text):
            problems.append(f"{where}\n--- the page says\n{step.expected}\n--- it printed\n{text}")
    assert problems == [], "\n\n".join(problems)
    assert ended.returncode == 0


def stay_clear_of_the_slide() -> None:
    """Wait where the view's own slide, at 00:10 UTC, or midnight would fall into the run."""
    while (now := datetime.now(UTC)).strftime("%H:%M") in ("23:58", "23:59", "00:08", "00:09"):
        time.sleep(61 - now.second)


def test_steps_are_read_as_the_page_means_them() -> None:
    text = "```console\n$ cat <<E\n> a\n> E\na\n$ true\n```\n```sh\n$ false\n```\n"
    assert list(steps_of(text)) == [
        Step(line=2, command="cat <<E\na\nE", expected="a"),
        Step(line=6, command="true", expected=""),
    ]


@pytest.mark.parametrize(
    ("expected", "printed", "is_same"),
    [
        ("a ... c", "a b c", True),
        ("a\n...\nc", "a\nb\nb\nc", True),
        ("since 2026-01-01 00:00:00", "since 2027-02-03 04:05:06", True),
        ("1 row", "2 rows", False),
        ("", "something", False),
    ],
)
def test_outputs_are_compared(expected: str, printed: str, is_same: bool) -> None:
    assert agrees(expected, printed) is is_same
