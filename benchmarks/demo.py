"""From one command to first rows served: the demo, from start to end, as a process of its own."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import Figure, Section, Verdict, judged
from benchmarks.stage import Tell

WARM_SECONDS, FRESH_SECONDS = 40.0, 180.0
LIMIT_SECONDS = 300.0

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def measure(tell: Tell, *, fresh_seconds: float | None) -> Section:
    """Run the demo until everything stands.

    Args:
        fresh_seconds: what ``make demo`` took on a machine without any cache, measured elsewhere.
    """
    tell("running the demo")
    begun = time.monotonic()
    found = subprocess.run(
        [sys.executable, "-m", "followers.demo", "--no-airflow", "--seconds", "0"],
        cwd=Path(__file__).resolve().parent.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    seconds = time.monotonic() - begun
    lines = [line.strip() for line in _COLOURS.sub("", found.stdout).splitlines() if line.strip()]
    return section(seconds if found.returncode == 0 else None, fresh_seconds, "" if not lines else lines[-1])


def section(warm_seconds: float | None, fresh_seconds: float | None, last_line: str) -> Section:
    """Put the times together; None where there is none."""
    if warm_seconds is None:
        warm = ("it failed", Verdict.MISSED)
    else:
        warm = (f"{warm_seconds:.0f} s", judged(warm_seconds <= WARM_SECONDS))
    if fresh_seconds is None:
        fresh = ("needs a machine without caches", Verdict.NOT_MEASURED)
    else:
        fresh = (f"{fresh_seconds:.0f} s", judged(fresh_seconds <= FRESH_SECONDS))
    return Section(
        title="The demo",
        figures=(
            Figure(
                name="the whole demo, everything downloaded before",
                measured=warm[0],
                reference="",
                target=f"<= {WARM_SECONDS:.0f} s",
                verdict=warm[1],
            ),
            Figure(
                name="fresh machine to the demo's end, by one command",
                measured=fresh[0],
                reference="",
                target=f"<= {FRESH_SECONDS:.0f} s",
                verdict=fresh[1],
            ),
        ),
        how="`python -m followers.demo --no-airflow --seconds 0` from its start to its end: a server is started, "
        "history loaded, the views of `cql_templates/views` created, slid under a reader, rolled back, dropped, and "
        "read: first rows are served earlier. "
        "The fresh one is `make demo` on a clean clone without `.venv`, `.tools` and download caches, timed by hand "
        "and given with `--fresh-seconds`.",
        notes=() if warm_seconds is not None else (f"The demo's last line: {last_line}",),
    )
