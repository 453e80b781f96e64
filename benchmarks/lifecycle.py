"""``python -m benchmarks.lifecycle``: what Airflow adds to a view's life, into docs/benchmarks-airflow.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from benchmarks import planning
from benchmarks.lifecycle_inside import DAG_FILE
from benchmarks.machine import machine_facts
from benchmarks.page import Page, run
from benchmarks.plans import CREATE_SECONDS
from benchmarks.report import Details, Figure, Section, Verdict, judged
from benchmarks.stage import Tell
from cassandra_embedded import DEFAULT_VERSION, EmbeddedCassandra
from tests.integration.airflow.airflow_process import make_home, settings
from tests.integration.airflow.components import Components, components
from tests.integration.airflow.lifecycle.shop import Shop
from tests.servers import connect

VIEWS = 1000
PARSE_SECONDS, LOOK_SECONDS = 5.0, 2.0
CUSTOMERS = 10_000
VIEW, DAG = "orders_by_day", "view_orders_by_day"


class Part(StrEnum):
    """What can be measured by itself."""

    PARSE = "parse"
    RECONCILE = "reconcile"
    REFRESH = "refresh"


def inside(part: Part, folder: Path, home: Path, host: str, port: int) -> dict[str, Any]:
    """Run a part of ``lifecycle_inside`` in a process with Airflow's settings."""
    connection = json.dumps({"conn_type": "cassandra", "host": host, "port": port})
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.lifecycle_inside", part, str(folder)],
        env={**settings(home, folder / "dags"), "AIRFLOW_CONN_BENCH": connection, "PYTHONPATH": os.getcwd()},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    line: dict[str, Any] = json.loads(found.stdout.strip().splitlines()[-1])
    return line


def write_dags(folder: Path) -> None:
    """Write the DAG file beside the templates."""
    (folder / "dags").mkdir()
    (folder / "dags" / "views.py").write_text(DAG_FILE)


def measure_parse(tell: Tell, home: Path, *, is_quick: bool) -> Section:
    """Measure what the DAG file of many view files costs; the connection leads nowhere."""
    views = 60 if is_quick else VIEWS
    with tempfile.TemporaryDirectory(prefix="views-bench-") as name:
        folder = Path(name)
        planning.write_project(folder, views)
        write_dags(folder)
        tell(f"parsing {views} view files")
        found = inside(Part.PARSE, folder, home, "192.0.2.1", 9042)
    assert found["dags"] == views + 4, found
    verdict = judged(found["later_seconds"] <= PARSE_SECONDS)
    return Section(
        title="Parsing",
        figures=(
            Figure(
                name=f"the DAG file of {views:,} view files, files unchanged",
                measured=f"{found['later_seconds']:.2f} s",
                reference=f"the first time, nothing known: {found['first_seconds']:.2f} s",
                target=f"<= {PARSE_SECONDS:.0f} s for {VIEWS:,}",
                verdict=verdict if views == VIEWS else Verdict.SHOWN,
            ),
            Figure(
                name="the same file in the process of one task",
                measured=f"{found['task_seconds']:.2f} s, {found['task_dags']} DAG",
                reference=f"all {found['dags']:,} DAGs: {found['later_seconds']:.2f} s",
                target="shown",
                verdict=Verdict.SHOWN,
            ),
        ),
        how="The file is run in a process that has imported `cassandra_views.airflow`, as the DAG processor does; the "
        "median of five. Its connection names an address where nothing answers: no cluster is asked.",
    )


def measure_reconcile(tell: Tell, home: Path, *, is_quick: bool) -> Section:
    """Measure the look of ``views_reconcile`` at many views where nothing is to be done."""
    tell(f"reconcile: creating the views, up to {CREATE_SECONDS:.0f} s")

    def measure(session: Any, folder: Path, points: list[str], port: int) -> dict[str, Any]:
        return inside(Part.RECONCILE, folder, home, points[0], port)

    views = 60 if is_quick else VIEWS
    found = planning.run(views=views, create_seconds=CREATE_SECONDS, measure=measure)
    assert found["works"] == 0, found
    verdict = judged(found["look_seconds"] <= LOOK_SECONDS)
    return Section(
        title="Reconcile",
        figures=(
            Figure(
                name=f"`views_reconcile` with {found['views']:,} views and nothing to do",
                measured=f"{found['look_seconds']:.2f} s, {found['statements']} statements",
                reference="one look, session opened and closed",
                target=f"<= {LOOK_SECONDS:.0f} s for {VIEWS:,}, one round of reads",
                verdict=verdict
                if found["views"] >= VIEWS
                else (verdict if verdict is Verdict.MISSED else Verdict.SHOWN),
            ),
        ),
        how="What the task `look` does, in a process with Airflow's settings, the median of five: the connection is "
        "read, a session opened, files, catalog and registry read, all views planned. The number of statements does "
        "not grow with the number of views.",
    )


def measure_refresh(tell: Tell, home: Path, *, is_quick: bool) -> Section:
    """Measure a refresh through Airflow beside the same by the command line."""
    runs = 1 if is_quick else 3
    with (
        EmbeddedCassandra(1, address="127.0.12.9", port=0) as server,
        connect(server.contact_points, server.port) as cluster,
        cluster.connect() as session,
        tempfile.TemporaryDirectory(prefix="views-bench-") as name,
    ):
        session.execute("CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
        shop = Shop(
            folder=Path(name) / "shop",
            session=session,
            contact_points=tuple(server.contact_points),
            port=server.port,
            keyspace="shop",
            registry="views_registry",
        )
        shop.write()
        shop.fill(600 if is_quick else CUSTOMERS)
        manager = shop.manager()
        manager.apply(manager.plan([VIEW]))
        environment = {
            **os.environ,
            "CASSANDRA_CONTACT_POINTS": shop.contact_points[0],
            "CASSANDRA_PORT": str(shop.port),
        }
        command = [sys.executable, "-m", "cassandra_views.cli.main", "refresh", VIEW, "--yes"]
        with components(home, shop.dags, shop.variables) as airflow:
            airflow.unpause(DAG)
            by_airflow, by_command = [], []
            for _ in range(runs):
                tell("a refresh through Airflow, and one by the command line")
                by_airflow.append(taken(lambda: refresh(airflow)))
                by_command.append(
                    taken(
                        lambda: subprocess.run(
                            command, cwd=shop.folder, env=environment, check=True, capture_output=True, timeout=300
                        )
                    )
                )
    overhead = median(by_airflow) - median(by_command)
    return Section(
        title="A refresh",
        figures=(
            Figure(
                name="a refresh through Airflow: overhead",
                measured=f"{overhead:.1f} s ({median(by_airflow):.1f} s)",
                reference=f"`views refresh`: {median(by_command):.1f} s",
                target="shown",
                verdict=Verdict.SHOWN,
            ),
        ),
        how="From the trigger to the end of the run, LocalExecutor and SQLite, beside the command as a process of its "
        "own; in turns, medians. Each task is a process that imports Airflow; between two tasks the scheduler looks.",
        details=(
            Details(
                title="Runs, seconds",
                head=("run", "through Airflow", "by the command line"),
                rows=tuple(
                    (str(number), f"{one:.1f}", f"{two:.1f}")
                    for number, (one, two) in enumerate(zip(by_airflow, by_command, strict=True), start=1)
                ),
            ),
        ),
    )


def refresh(airflow: Components) -> None:
    """Refresh the view by a run of its DAG."""
    run_id = airflow.trigger(DAG, conf={"action": "refresh", "reason": "a benchmark"})
    airflow.await_run(DAG, run_id, seconds=300)


def taken(work: Callable[[], object]) -> float:
    """Return the seconds of a piece of work."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


_PARTS: Mapping[Part, Callable[..., Section]] = {
    Part.PARSE: measure_parse,
    Part.RECONCILE: measure_reconcile,
    Part.REFRESH: measure_refresh,
}


@contextmanager
def airflow_home() -> Iterator[Path]:
    """Make an Airflow's folder for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="views-bench-airflow-") as name:
        home = Path(name) / "home"
        make_home(home)
        yield home


def main(
    only: Annotated[list[Part] | None, typer.Option(help="Measure this alone; may be given again.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: does it run? The figures mean nothing.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the page here, also of small sizes.")] = None,
) -> None:
    """Measure what Airflow adds, each figure beside its reference; about ten minutes.

    Without --out only a whole run of full size is written down, in docs/benchmarks-airflow.md.
    """
    parts = [part for part in Part if part in set(only or Part)]
    page = Page(
        "benchmarks.lifecycle",
        "benchmarks-airflow.md",
        "Benchmarks of the lifecycle under Airflow",
        is_quick=quick,
        out=out,
        parts=parts,
    )
    with airflow_home() as home:
        sections = [_PARTS[part](page.tell, home, is_quick=quick) for part in parts]
    page.finish(sections, machine_facts(str(DEFAULT_VERSION)))


if __name__ == "__main__":
    run(main)
