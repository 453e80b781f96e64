"""``python -m benchmarks.startup``: what a command costs before it does anything, into docs/benchmarks-startup.md.

Beside it stands ``python -c "import typer"``, which nothing made with Typer can go below.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from benchmarks.machine import machine_facts
from benchmarks.page import Page, run
from benchmarks.report import Details, Figure, Section, judged
from benchmarks.stage import Tell
from benchmarks.stats import Ratios, against_itself
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.cli.completion import VARIABLE

ADDRESS = "127.0.24.1"
REFERENCE = (sys.executable, "-c", "import typer")
VIEWS = str(Path(sys.executable).with_name("views"))
LIMIT_SECONDS, STATUS_LIMIT_SECONDS = 0.25, 0.8
VIEW = """\
---
keyspace: bench_startup
---
CREATE MATERIALIZED VIEW {{{{ view }}}} AS
SELECT customer, day, total FROM {{{{ base('orders') }}}}
WHERE day IS NOT NULL AND customer IS NOT NULL AND total IS NOT NULL
PRIMARY KEY ({key})
"""
KEYS = ("(day), customer, total", "(total), day, customer", "(customer), total, day")


class Part(StrEnum):
    """What can be measured by itself."""

    COMMANDS = "commands"
    STATUS = "status"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of ``views`` that is measured.

    Args:
        variables: of its environment, beside our own.
    """

    name: str
    arguments: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    limit_seconds: float = LIMIT_SECONDS


CALLS = (
    Call(name="`views --help`", arguments=("--help",)),
    Call(name="`views --version`", arguments=("--version",)),
    Call(
        name="completing a command",
        variables=((VARIABLE, "complete_bash"), ("COMP_WORDS", "views st"), ("COMP_CWORD", "1")),
    ),
    Call(
        name="completing a view's name",
        variables=((VARIABLE, "complete_bash"), ("COMP_WORDS", "views status view"), ("COMP_CWORD", "2")),
    ),
    Call(
        name="completing in zsh, with descriptions",
        variables=((VARIABLE, "complete_zsh"), ("_TYPER_COMPLETE_ARGS", "views st")),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """CPU seconds (user and system) of a call and of the reference, one of each a round."""

    call: Call
    seconds: tuple[float, ...]
    reference: tuple[float, ...]


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Few rounds: does it run? The figures mean nothing.")] = False,
    only: Annotated[list[Part] | None, typer.Option(help="Only this part; may be repeated.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the page here, also of few rounds.")] = None,
) -> None:
    """Measure the CPU time of starting commands; about one minute."""
    parts = tuple(only or Part)
    page = Page(
        "benchmarks.startup",
        "benchmarks-startup.md",
        "Benchmarks of starting",
        is_quick=quick,
        out=out,
        parts=parts,
    )
    rounds = 3 if quick else 20
    version, results = "", []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _write_project(folder)
        if Part.COMMANDS in parts:
            results += [measure(call, folder, {}, rounds, page.tell) for call in CALLS]
        if Part.STATUS in parts:
            with EmbeddedCassandra(address=ADDRESS, port=0, on_progress=page.tell) as server:
                version = server.version
                results.append(_measure_status(server, folder, rounds, page.tell))
    page.finish([section(results)], machine_facts(version))


def measure(call: Call, folder: Path, variables: Mapping[str, str], rounds: int, tell: Tell) -> Result:
    """Measure a call and the reference in turn, after one of each that is not counted."""
    tell(call.name.replace("`", ""))
    environment = _environment(folder) | dict(variables) | dict(call.variables)
    pairs: list[Callable[[], float]] = [
        lambda: cpu_seconds((VIEWS, *call.arguments), folder, environment),
        lambda: cpu_seconds(REFERENCE, folder, environment),
    ]
    for each in pairs:
        each()
    found = [tuple(each() for each in pairs) for _ in range(rounds)]
    return Result(call=call, seconds=tuple(one for one, _ in found), reference=tuple(other for _, other in found))


def cpu_seconds(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Return the CPU time, user and system, of one process and those that it waits for.

    Raises:
        RuntimeError: it failed.
    """
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _pid, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def section(results: Sequence[Result]) -> Section:
    """Return what was found."""
    rows = []
    for each in results:
        ratio = Ratios.of(each.seconds, each.reference)
        spread = f"{against_itself(each.reference):.2f}x"
        rows.append(
            (each.call.name, f"{median(each.seconds):.3f}", f"{median(each.reference):.3f}", str(ratio), spread)
        )
    return Section(
        title="Starting",
        figures=tuple(_figure(each) for each in results),
        how="CPU time, user and system, of the whole process, the middle one of all rounds; each round is one call "
        'and one `python -c "import typer"`. All of them find their modules compiled. `views status` is of three '
        "views whose files have not changed since the last run; what the server does is not counted.",
        details=(
            Details(
                title="Seconds of CPU",
                head=("call", "views", "import typer", "ratio (least to most)", "import typer against itself"),
                rows=tuple(rows),
            ),
        ),
    )


def _figure(result: Result) -> Figure:
    found = median(result.seconds)
    return Figure(
        name=f"CPU seconds of {result.call.name}",
        measured=f"{found:.3f} s, {Ratios.of(result.seconds, result.reference)}",
        reference=f'`python -c "import typer"`: {median(result.reference):.3f} s',
        target=f"<= {result.call.limit_seconds} s",
        verdict=judged(found <= result.call.limit_seconds),
    )


def _measure_status(server: EmbeddedCassandra, folder: Path, rounds: int, tell: Tell) -> Result:
    variables = {"CASSANDRA_CONTACT_POINTS": ",".join(server.contact_points), "CASSANDRA_PORT": str(server.port)}
    environment = _environment(folder) | variables
    cpu_seconds((VIEWS, "apply", "--yes"), folder, environment)
    call = Call(name="`views status`", arguments=("status",), limit_seconds=STATUS_LIMIT_SECONDS)
    return measure(call, folder, variables, rounds, tell)


def _environment(folder: Path) -> dict[str, str]:
    """Return our variables without those of another project, and with a place for compiled modules."""
    ours = ("CASSANDRA_", "VIEWS_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "compiled")}


def _write_project(folder: Path) -> None:
    templates = folder / "cql_templates"
    (templates / "tables").mkdir(parents=True)
    (templates / "views").mkdir()
    (folder / "views.toml").write_text(
        'project = "bench"\n\n[env.dev]\nregistry = "bench_startup_registry"\n\n'
        '[env.dev.keyspaces.bench_startup]\nreplication = { class = "SimpleStrategy", replication_factor = 1 }\n',
        encoding="utf-8",
    )
    (templates / "tables" / "orders.cql.j2").write_text(
        "---\nkeyspace: bench_startup\nmanaged: true\n---\n"
        "CREATE TABLE {{ table }} (customer text, day date, total int, PRIMARY KEY ((customer), day))\n",
        encoding="utf-8",
    )
    for number, key in enumerate(KEYS):
        (templates / "views" / f"view_{number}.cql.j2").write_text(VIEW.format(key=key), encoding="utf-8")


if __name__ == "__main__":
    run(main)
