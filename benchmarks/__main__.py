"""``python -m benchmarks``: measure, print, and write docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import built, demo, plans, reading, refreshing
from benchmarks.machine import machine_facts
from benchmarks.page import Page, run
from benchmarks.report import Section
from benchmarks.stage import FULL, QUICK, Stage, stage


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
    parts = [part for part in Part if part in set(only or Part)]
    page = Page(
        "benchmarks",
        "benchmarks.md",
        "Benchmarks",
        is_quick=quick,
        out=out,
        parts=parts,
    )
    sections: list[Section] = []
    version = ""
    if not _ON_STAGE.keys().isdisjoint(parts):
        with stage(QUICK if quick else FULL, page.tell) as on:
            version = on.version
            sections += [measure(on) for part, measure in _ON_STAGE.items() if part in parts]
    if Part.PLANNING in parts:
        sections.append(plans.measure(page.tell, is_quick=quick))
    if Part.DEMO in parts:
        sections.append(demo.measure(page.tell, fresh_seconds=fresh_seconds))
    page.finish(sections, machine_facts(version))


if __name__ == "__main__":
    run(main)
