"""From the server's last SUCCESS to "built" in the registry."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from benchmarks.refresh import refresh, seconds_to_built
from benchmarks.report import Details, Figure, Section, judged
from benchmarks.stage import SMALL_VIEW, Stage

TARGET_SECONDS = 1.0


def measure(stage: Stage) -> Section:
    """Take the builds under load (the stage keeps them), and refresh the small view some more."""
    found = []
    for number in range(1, stage.sizes.small_builds + 1):
        stage.tell(f"refreshing the small view: {number} of {stage.sizes.small_builds}")
        refresh(stage, SMALL_VIEW)
        found.append((f"small view, refresh {number}, no load", seconds_to_built(stage, SMALL_VIEW)))
    for number, seconds in enumerate(stage.built_after, start=1):
        found.append((f"large view, refresh {number}, under load", seconds))
    return section(found)


def section(found: Sequence[tuple[str, float]]) -> Section:
    """Put the times together; each in seconds."""
    seconds = [each for _, each in found]
    return Section(
        title="From the last SUCCESS to built",
        figures=(
            Figure(
                name='from the last SUCCESS (and drained batches) to "built", longest',
                measured=f"{max(seconds):.2f} s",
                reference=f"median of {len(seconds)} builds: {median(seconds):.2f} s",
                target=f"<= {TARGET_SECONDS:.0f} s",
                verdict=judged(max(seconds) <= TARGET_SECONDS),
            ),
        ),
        how="The server's time is that of its row in `system_distributed.view_build_status` (WRITETIME of SUCCESS), "
        "ours is `built_at` in the registry; both clocks are the same machine's. The wait for batches older than the "
        "SUCCESS is inside, so this is an upper bound. A negative time: `system.built_views` of every member said so, "
        "and no batch was left, before the server had told the others its SUCCESS. First generations of several views "
        "wait for each other and do not count here.",
        details=(
            Details(
                title="Builds", head=("build", "seconds"), rows=tuple((name, f"{each:.2f}") for name, each in found)
            ),
        ),
    )
