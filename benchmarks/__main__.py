"""``python -m benchmarks``: measure, print, and write docs/benchmarks.md."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from benchmarks import built, demo, plans, reading, refreshing
from benchmarks.machine import busy_share, machine_facts
from benchmarks.report import Section, Verdict, details_table, figure_table, markdown
from benchmarks.stage import FULL, QUICK, Stage, stage
from cassandra_embedded import EmbeddedError
from cassandra_views import ViewsError

REPORT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
BUSY = 0.15

console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
progress = Console(highlight=False, stderr=True)


class Part(StrEnum):
    """What can be measured by itself."""

    READING = "reading"
    REFRESH = "refresh"
    BUILT = "built"
    PLANNING = "planning"
    DEMO = "demo"


_ON_STAGE: dict[Part, Callable[[Stage], Section]] = {
    Part.REFRESH: refreshing.measure,
    Part.BUILT: built.measure,
    Part.READING: reading.measure,
}


def main(
    only: Annotated[list[Part] | None, typer.Option(help="Measure this alone; may be given again.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: does it run? The figures mean nothing.")] = False,
    fresh_seconds: Annotated[
        float | None, typer.Option(help="What 'make demo' took on a fresh machine, for the report.", min=0)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the page here, also of a part or of small sizes.")] = None,
) -> None:
    """Measure the figures that this project promises, each beside its reference; about ten minutes.

    Without --out only a whole run of full size is written down, in docs/benchmarks.md.
    """
    parts = set(only or Part)
    begun = time.monotonic()

    def tell(text: str) -> None:
        progress.print(f"[dim]{time.monotonic() - begun:6.1f} s[/dim]  {text}")

    busy = busy_share()
    if busy > BUSY:
        tell(f"[yellow]the machine is busy ({busy:.0%} of its cores): the figures will say little[/yellow]")
    sections: list[Section] = []
    version = ""
    if parts & _ON_STAGE.keys():
        with stage(QUICK if quick else FULL, tell) as on:
            version = on.version
            sections += [measure(on) for part, measure in _ON_STAGE.items() if part in parts]
    if Part.PLANNING in parts:
        sections.append(plans.measure(tell, is_quick=quick))
    if Part.DEMO in parts:
        sections.append(demo.measure(tell, fresh_seconds=fresh_seconds))

    for section in sections:
        for details in section.details:
            console.print(details_table(details))
        for note in section.notes:
            console.print(f"[dim]{escape(note)}[/dim]")
        console.print()
    console.print(figure_table(sections))
    if out is None and (quick or parts != set(Part)):
        progress.print("docs/benchmarks.md is as it was: it is written by a whole run of full size alone.")
        return
    options = [
        *(f"--only {part}" for part in Part if parts != set(Part) and part in parts),
        *(["--quick"] if quick else []),
    ]
    (out or REPORT).write_text(
        markdown(
            sections,
            facts=[*machine_facts(version), ("used by others at the start", f"{busy:.0%} of all cores")],
            command=f"python -m benchmarks {' '.join(options)}" if options else "make bench",
            made_at=datetime.now(UTC),
            seconds=time.monotonic() - begun,
        ),
        encoding="utf-8",
    )
    progress.print(f"{out or 'docs/benchmarks.md'} is written.")
    if any(figure.verdict is Verdict.MISSED for section in sections for figure in section.figures):
        progress.print("[yellow]A target was missed; the table says which.[/yellow]")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    try:
        app()
    except (ViewsError, EmbeddedError) as error:
        sys.exit(f"benchmarks: {error}\nNothing was written.")
