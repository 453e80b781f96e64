"""``python -m benchmarks.healing``: how long a dead node takes to be replaced, into docs/benchmarks-healing.md."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from benchmarks.machine import machine_facts
from benchmarks.page import ROOT, Page, run
from benchmarks.report import Details, Figure, Section, Verdict, judged
from benchmarks.stage import Tell
from cassandra_embedded.versions import DEFAULT_VERSION
from cassandra_healing.errors import HealingError
from cassandra_healing.policy import Policy
from cassandra_healing.storage.journal import JournalEntry
from tests.nightly.replacement.ground import Ground

GRACE_SECONDS, REPLACE_SECONDS = 60.0, 90.0
LOOK_SECONDS = 5.0
MOST_QUERIES, MOST_CPU = 20.0, 0.01
HEAP_MB = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One node killed and replaced: seconds since the kill, and what the load saw meanwhile."""

    node: str
    decided: float
    fenced: float
    applied: float
    normal: float
    repaired: float
    ended: float
    acknowledged: int
    failed: int
    lost: int


def replace_one(ground: Ground, name: str, *, grace_seconds: float, tell: Tell) -> Round:
    """Kill a node whose data is gone, too; wait until it is replaced."""
    ground.configure(
        f"health_{name}",
        check_seconds=LOOK_SECONDS,
        still_seconds=Policy().still_seconds,
        timeout_seconds=Policy().timeout_seconds,
        slow_seconds=Policy().slow_seconds,
        grace_checks=Policy().grace_checks if grace_seconds >= GRACE_SECONDS else 2,
        grace_minutes=grace_seconds / 60,
    )
    ledger = ground.ledger
    with ground.healing() as healing:
        healing.wait_until(lambda: "all 3 nodes are up" in healing.said())
        time.sleep(2 * LOOK_SECONDS)
        acknowledged, failed = len(ledger.acknowledged), len(ledger.failed)
        tell(f"{name} is killed, and its data is gone")
        killed = datetime.now(UTC)
        ground.lose(name)
        healing.wait_until(lambda: any(each[2] for each in ground.operations()), 600)
        lines = ground.lines()
    if ground.operations() != [("replace", name, "done")]:
        raise HealingError(
            f"{ground.operations()} was done", on=name, next=f"See what the healer said: {healing.said()}"
        )
    after = {
        **{line.event: (line.at - killed).total_seconds() for line in lines},
        **{line.rule: (line.at - killed).total_seconds() for line in lines if _is_end_of_step(line)},
    }
    return Round(
        node=name,
        decided=after["begun"],
        fenced=after["fence"],
        applied=after["apply"],
        normal=after["normal"],
        repaired=after["repair"],
        ended=after["ended"],
        acknowledged=len(ledger.acknowledged) - acknowledged,
        failed=len(ledger.failed) - failed,
        lost=len(ledger.lost) + len(ledger.read_back()),
    )


def _is_end_of_step(line: JournalEntry) -> bool:
    return line.event == "step" and line.outcome == "done"


def measure_replacing(ground: Ground, names: tuple[str, ...], *, grace_seconds: float, tell: Tell) -> Section:
    """Replace nodes one after another under constant load."""
    rounds = [replace_one(ground, name, grace_seconds=grace_seconds, tell=tell) for name in names]
    decided, normal = median(each.decided for each in rounds), median(each.normal for each in rounds)
    failed, lost = sum(each.failed for each in rounds), sum(each.lost for each in rounds)
    return Section(
        title="Replacing a node",
        figures=(
            Figure(
                name="SIGKILL to decision",
                measured=f"{decided:.1f} s ({decided - grace_seconds:+.1f} s)",
                reference=f"the grace that is set: {grace_seconds:.0f} s",
                target="shown",
                verdict=Verdict.SHOWN,
            ),
            Figure(
                name="kill to the replaced node up and normal",
                measured=f"{normal:.1f} s ({normal - grace_seconds:+.1f} s)",
                reference=f"the grace that is set: {grace_seconds:.0f} s",
                target=f"<= grace + {REPLACE_SECONDS:.0f} s",
                verdict=judged(normal <= grace_seconds + REPLACE_SECONDS),
            ),
            Figure(
                name="requests at QUORUM that failed meanwhile",
                measured=f"{failed} of {sum(each.acknowledged for each in rounds):,} writes and as many reads",
                reference="acknowledged writes that are lost: " + str(lost),
                target="0, and 0 lost",
                verdict=judged(failed == lost == 0),
            ),
        ),
        how="Three nodes of terraform/local with three replicas, a view on the table that is written, and "
        "`views cluster heal --watch` in the mode automatic beside them. A node's process is killed by SIGKILL and its "
        f"data removed, so that its machine is gone and no restart is tried; a check each {LOOK_SECONDS:.0f} s. Every "
        "later step is at its time in the journal. About 25 writes and 25 reads a second at QUORUM, with one more try "
        "on another coordinator after 0.3 s, as idempotent statements have; the nodes hold a few megabytes, and a node "
        "with more data streams longer.",
        details=(
            Details(
                title="Seconds since the kill",
                head=("node", "decided", "fenced", "applied", "normal", "repaired", "ended", "writes", "failed"),
                rows=tuple(
                    (
                        each.node,
                        *(
                            f"{value:.1f}"
                            for value in (
                                each.decided,
                                each.fenced,
                                each.applied,
                                each.normal,
                                each.repaired,
                                each.ended,
                            )
                        ),
                        str(each.acknowledged),
                        str(each.failed),
                    )
                    for each in rounds
                ),
            ),
        ),
    )


def measure_watching(ground: Ground, tell: Tell) -> Section:
    """Watch three nodes that are well, from a process that does nothing else."""
    tell("watching")
    command = [sys.executable, "-m", "tests.nightly.healing_cluster.cost", str(ground.port), "health_cost"]
    done = subprocess.run(
        [*command, *ground.addresses.values()], capture_output=True, text=True, cwd=ROOT, timeout=120, check=True
    )
    found = json.loads(done.stdout)
    queries = found["queries_per_look"] / found["check_seconds"]
    cpu = found["cpu_seconds_per_look"] / found["check_seconds"]
    return Section(
        title="Watching",
        figures=(
            Figure(
                name="watching three nodes: queries a second",
                measured=f"{queries:.1f}",
                reference=f"a check each {found['check_seconds']:.0f} s",
                target=f"<= {MOST_QUERIES:.0f}",
                verdict=judged(queries <= MOST_QUERIES),
            ),
            Figure(
                name="watching three nodes: of one core",
                measured=f"{cpu:.2%}",
                reference=f"the longest look took {found['longest_look_seconds'] * 1000:.0f} ms",
                target=f"< {MOST_CPU:.0%}",
                verdict=judged(cpu < MOST_CPU),
            ),
        ),
        how="Processor time of the process that monitors, records its checks and assesses two hours of them, with the "
        "driver's own; what its queries cost the nodes is not in it.",
    )


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: does it run? The figures mean nothing.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the page here, also of small sizes.")] = None,
) -> None:
    """Kill nodes and see them replaced; about eight minutes."""
    page = Page(
        "benchmarks.healing",
        "benchmarks-healing.md",
        "Benchmarks of self-healing",
        is_quick=quick,
        out=out,
    )
    with (
        tempfile.TemporaryDirectory(prefix="healing-") as folder,
        Ground(Path(folder), "127.0.39", page.tell).running() as ground,
    ):
        names, grace = (("n3",), 10.0) if quick else (("n3", "n2", "n1"), GRACE_SECONDS)
        sections = [
            measure_watching(ground, page.tell),
            measure_replacing(ground, names, grace_seconds=grace, tell=page.tell),
        ]
        version = str(ground.local.nodes()[0].settings.get("version", DEFAULT_VERSION))
    nodes = f"{version}, three nodes of terraform/local, heap {HEAP_MB} MB each; they and the load share the cores"
    page.finish(sections, [*machine_facts(""), ("Cassandra", nodes)])


if __name__ == "__main__":
    run(main)
