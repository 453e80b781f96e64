"""``python -m benchmarks.rollups``: what the jobs read and take, and write docs/benchmarks-rollups.md."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.machine import machine_facts
from benchmarks.page import Page, run
from benchmarks.report import Section
from benchmarks.rollup_parts import measure_backfill, measure_minute, measure_seed, measure_start
from benchmarks.rollup_stage import FULL, HEAP_MB, QUICK, RollupStage, rollup_stage
from spark_jobs.connect_server import warm_server


class Part(StrEnum):
    """What can be measured by itself."""

    START = "start"
    SEED = "seed"
    BACKFILL = "backfill"
    MINUTE = "minute"


_PARTS: dict[Part, Callable[[RollupStage], Section]] = {
    Part.START: measure_start,
    Part.SEED: measure_seed,
    Part.BACKFILL: measure_backfill,
    Part.MINUTE: measure_minute,
}


def main(
    only: Annotated[list[Part] | None, typer.Option(help="Measure this alone; may be given again.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: does it run? The figures mean nothing.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the page here, also of small sizes.")] = None,
) -> None:
    """Measure what the rollups read and take, each beside its reference; about twenty minutes.

    Without --out only a whole run of full size is written down, in docs/benchmarks-rollups.md.
    """
    parts = [part for part in _PARTS if part in set(only or Part)]
    page = Page(
        "benchmarks.rollups",
        "benchmarks-rollups.md",
        "Benchmarks of the rollups",
        is_quick=quick,
        parts=parts,
        out=out,
    )
    sections: list[Section] = []
    with rollup_stage(QUICK if quick else FULL, page.tell) as stage:
        facts = machine_facts(stage.version, heap_mb=HEAP_MB)
        stage.begin()
        with warm_server(stage.environ) as address:
            stage.environ["SPARK_CONNECT"] = address
            for part in parts:
                sections.append(_PARTS[part](stage))
                if out is not None:  # a run that is ended early leaves what it has measured
                    page.write(sections, facts)
    page.finish(sections, facts)


if __name__ == "__main__":
    run(main)
