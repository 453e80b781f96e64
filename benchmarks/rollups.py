"""``python -m benchmarks.rollups``: what the jobs read and take, and write docs/benchmarks-rollups.md."""

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

from benchmarks.machine import busy_share, machine_facts
from benchmarks.report import Section, details_table, figure_table, markdown
from benchmarks.rollup_parts import measure_backfill, measure_minute, measure_seed, measure_start
from benchmarks.rollup_stage import FULL, HEAP_MB, QUICK, RollupStage, Sizes, rollup_stage
from benchmarks.streams import measure_streams
from cassandra_embedded import EmbeddedError
from cassandra_views import ViewsError
from spark_jobs.connect_server import warm_server

REPORT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks-rollups.md"


class Part(StrEnum):
    """What can be measured by itself."""

    START = "start"
    SEED = "seed"
    BACKFILL = "backfill"
    MINUTE = "minute"
    STREAMS = "streams"


_PARTS: dict[Part, Callable[[RollupStage], Section]] = {
    Part.START: measure_start,
    Part.SEED: measure_seed,
    Part.BACKFILL: measure_backfill,
    Part.MINUTE: measure_minute,
    Part.STREAMS: measure_streams,
}

console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
progress = Console(highlight=False, stderr=True)


def main(
    only: Annotated[list[Part] | None, typer.Option(help="Measure this alone; may be given again.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: does it run? The figures mean nothing.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the page here, also of small sizes.")] = None,
) -> None:
    """Measure what the rollups read and take, each beside its reference; about twenty minutes.

    Without --out only a whole run of full size is written down, in docs/benchmarks-rollups.md.
    """
    parts = set(only or Part)
    begun = time.monotonic()

    def tell(text: str) -> None:
        progress.print(f"[dim]{time.monotonic() - begun:6.1f} s[/dim]  {text}")

    busy = busy_share()
    sizes: Sizes = QUICK if quick else FULL
    is_kept = out is not None or (not quick and parts == set(Part))
    sections: list[Section] = []
    done: list[Part] = []

    def page() -> str:
        options = [*(f"--only {part}" for part in done if set(done) != set(Part)), *["--quick"][: int(quick)]]
        return markdown(
            sections,
            facts=[
                *machine_facts(stage.version, heap_mb=HEAP_MB),
                ("used by others at the start", f"{busy:.0%} of all cores"),
            ],
            command=" ".join(["python -m benchmarks.rollups", *options]),
            made_at=datetime.now(UTC),
            seconds=time.monotonic() - begun,
            title="Benchmarks of the rollups",
        )

    with rollup_stage(sizes, tell) as stage:
        stage.begin()
        with warm_server(stage.environ) as address:
            stage.environ["SPARK_CONNECT"] = address
            for part, measure in _PARTS.items():
                if part in parts:
                    sections.append(measure(stage))
                    done.append(part)
                    if out is not None:  # a run that is ended early leaves what it has measured
                        out.write_text(page(), encoding="utf-8")
        if is_kept:
            (out or REPORT).write_text(page(), encoding="utf-8")
    for section in sections:
        for details in section.details:
            console.print(details_table(details))
    console.print(figure_table(sections))
    kept = f"{out or 'docs/benchmarks-rollups.md'} is written."
    progress.print(kept if is_kept else "Nothing is written down: only a whole run of full size is, or with --out.")


if __name__ == "__main__":
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    try:
        app()
    except (ViewsError, EmbeddedError, RuntimeError) as error:
        sys.exit(f"benchmarks: {error}\nNothing was written.")
