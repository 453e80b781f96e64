"""The figure of planning many views, made of what ``benchmarks.planning`` measures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.report import Details, Figure, Section, Verdict, judged
from benchmarks.stage import Tell

TARGET_SECONDS, TARGET_VIEWS = 2.0, 1000
CREATE_SECONDS = 420.0
"""A thousand CREATEs take minutes on two cores; what is not made by then is left out, and said."""


def measure(tell: Tell, *, is_quick: bool) -> Section:
    """Make the views and plan again and again, on a server of its own."""
    from benchmarks import planning  # it pulls in half of the library, which the figures' arithmetic does not need

    tell(f"planning: creating the views, up to {CREATE_SECONDS:.0f} s")
    return section(planning.run(views=60 if is_quick else TARGET_VIEWS, create_seconds=CREATE_SECONDS))


def section(found: Mapping[str, Any]) -> Section:
    """Put the seconds together."""
    views, seconds, catalog = found["views"], found["plan_seconds"], found["catalog_read_seconds"]
    verdict = judged(seconds <= TARGET_SECONDS)
    if verdict is Verdict.MET and views < TARGET_VIEWS:
        verdict = Verdict.SHOWN  # fewer views than the target speaks of prove nothing
    rows = [
        (name.removesuffix("_seconds").replace("_", " "), f"{value:.2f}")
        for name, value in found.items()
        if name.endswith("_seconds")
    ]
    return Section(
        title="Planning",
        figures=(
            Figure(
                name=f"plan for {views:,} views, files unchanged",
                measured=f"{seconds:.2f} s",
                reference=f"one catalog read: {catalog:.2f} s",
                target=f"<= {TARGET_SECONDS:.0f} s for {TARGET_VIEWS:,}",
                verdict=verdict,
            ),
        ),
        how="A project of that many view files on a server that holds them all; medians of planning by `ViewManager` "
        "in a process that has planned before, and of reading the catalog alone. `command` is `views plan` as a "
        "process of its own, `first plan` the one before anything was known of the files.",
        details=(Details(title="Parts, seconds", head=("part", "seconds"), rows=tuple(rows)),),
    )
