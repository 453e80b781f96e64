"""``python -m benchmarks.first_apply``: a first apply of many views, into docs/benchmarks-apply.md.

Beside it stand the same CREATE statements, sent by hand and awaited until built.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from cassandra.cluster import Session

from benchmarks.machine import machine_facts
from benchmarks.page import Page, run
from benchmarks.report import Details, Figure, Section
from benchmarks.stage import Tell
from benchmarks.stats import Ratios
from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.manager import ViewManager

ADDRESS = "127.0.22.1"
KEYSPACE, REGISTRY = "bench_first", "bench_first_registry"
VIEWS_ON_TABLE = 2.4
"""41 views on 17 tables, as in the application that this was first measured with."""
ROWS = 40
FEW, MANY = 41, 300
RATIO, GROWTH = 1.8, 1.3
BUILD_LIMIT_SECONDS = 300.0
HEAP_MB = 2048
"""Some 430 tables and views: with the 512 MB of other benchmarks the server runs out of memory."""

TABLE = """\
---
keyspace: bench_first
---
CREATE TABLE {{{{ table }}}} (customer text, day date, total int, note text, PRIMARY KEY ((customer), day))
"""
VIEW = """\
---
description: View {number} of a first apply
keyspace: bench_first
---
CREATE MATERIALIZED VIEW {{{{ view }}}} AS
SELECT customer, day, total, note FROM {{{{ base('{table}') }}}}
WHERE day IS NOT NULL AND customer IS NOT NULL AND total IS NOT NULL
PRIMARY KEY ({key})
"""
KEYS = ("(day), customer, total", "(total), day, customer", "(customer), total, day")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What one round took, in seconds: the manager's apply, and the same views by hand."""

    apply: float
    by_hand: float


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: does it run? The figures mean nothing.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the page here, also of small sizes.")] = None,
) -> None:
    """Measure a first apply of a few and of many views beside the bare statements; about five minutes."""
    page = Page("benchmarks.first_apply", "benchmarks-apply.md", "Benchmarks of a first apply", is_quick=quick, out=out)
    with EmbeddedCassandra(address=ADDRESS, port=0, heap_mb=HEAP_MB, on_progress=page.tell) as server:
        with connected(tuple(server.contact_points), port=server.port) as session:
            found = measure(session, page.tell, is_quick=quick)
        facts = machine_facts(server.version, heap_mb=HEAP_MB)
    page.finish([found], facts)


def measure(session: Session, tell: Tell, *, is_quick: bool) -> Section:
    """Apply a few and many views for the first time, each beside the bare statements, in turn."""
    few, many, rounds = (10, 30, 1) if is_quick else (FEW, MANY, 2)
    _pair(session, 3, is_apply_first=True)  # what a server compiles the first time
    small, large = [], []
    for number in range(1, rounds + 1):
        for views, found in ((few, small), (many, large)):
            tell(f"first apply of {views} views, round {number} of {rounds}")
            found.append(_pair(session, views, is_apply_first=bool(number % 2)))
    return section(few, small, many, large)


def section(few: int, small: list[Pair], many: int, large: list[Pair]) -> Section:
    """Put the seconds together."""
    ratio = Ratios.of([each.apply for each in small], [each.by_hand for each in small])
    ratio_many = Ratios.of([each.apply for each in large], [each.by_hand for each in large])

    def growth(of: str) -> Ratios:
        return Ratios.of([getattr(each, of) / many for each in large], [getattr(each, of) / few for each in small])

    ours, by_hand = growth("apply"), growth("by_hand")
    rows = [
        (
            f"{views} views, round {number}",
            f"{each.apply:.1f}",
            f"{each.by_hand:.1f}",
            f"{each.apply / each.by_hand:.2f}",
        )
        for views, pairs in ((few, small), (many, large))
        for number, each in enumerate(pairs, start=1)
    ]
    return Section(
        title="First apply",
        figures=(
            Figure.at_most(
                RATIO,
                f"first apply of {few} views on {_tables(few)} small tables",
                ratio,
                reference=f"bare CREATEs until built: {median(each.by_hand for each in small):.1f} s",
            ),
            Figure.at_most(
                GROWTH,
                f"first apply: time for each of {many} views beside each of {few}",
                ours,
                reference=f"bare CREATEs: {by_hand}; apply beside them: {ratio_many}",
            ),
        ),
        how=f"Tables of {ROWS} rows on a server of their own. `manager.apply` plans, makes its registry, creates, "
        "awaits, audits and serves the views of a folder that nobody has applied before; by hand the same statements "
        "are sent one after another, and `system.built_views` is awaited for all. In alternating order, each in an "
        "empty keyspace.",
        details=(Details(title="Rounds, seconds", head=("round", "apply", "by hand", "ratio"), rows=tuple(rows)),),
    )


def _pair(session: Session, views: int, *, is_apply_first: bool) -> Pair:
    with tempfile.TemporaryDirectory(prefix="views-bench-") as name:
        folder = Path(name)
        _write_project(folder, views)
        works = {"apply": lambda: _apply(session, folder), "by_hand": lambda: _create_by_hand(session, folder)}
        seconds = {}
        for key in works if is_apply_first else reversed(works):
            with _tables_with_rows(session, _tables(views)):
                begun = time.monotonic()
                works[key]()
                seconds[key] = time.monotonic() - begun
        return Pair(**seconds)


def _tables(views: int) -> int:
    return round(views / VIEWS_ON_TABLE)


def _write_project(folder: Path, views: int) -> None:
    templates = folder / "cql_templates"
    (templates / "tables").mkdir(parents=True)
    (templates / "views").mkdir()
    (folder / "views.toml").write_text(f'project = "bench"\n\n[env.dev]\nregistry = "{REGISTRY}"\n', encoding="utf-8")
    tables = _tables(views)
    for number in range(tables):
        (templates / "tables" / f"orders_{number}.cql.j2").write_text(TABLE.format(), encoding="utf-8")
    for number in range(views):
        text = VIEW.format(number=number, table=f"orders_{number % tables}", key=KEYS[number // tables])
        (templates / "views" / f"view_{number:03d}.cql.j2").write_text(text, encoding="utf-8")


@contextmanager
def _tables_with_rows(session: Session, tables: int) -> Iterator[None]:
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {KEYSPACE} WITH replication = {replication}")
    try:
        for number in range(tables):
            table = f"{KEYSPACE}.orders_{number}"
            session.execute(
                f"CREATE TABLE {table} (customer text, day date, total int, note text, PRIMARY KEY ((customer), day))"
            )
            insert = session.prepare(f"INSERT INTO {table} (customer, day, total, note) VALUES (?, ?, ?, ?)")
            for row in range(ROWS):
                session.execute(insert, (f"c{row % 7}", f"2026-11-{row % 28 + 1:02d}", row, "n"))
        yield
    finally:
        for keyspace in (KEYSPACE, REGISTRY):
            session.execute(f"DROP KEYSPACE IF EXISTS {keyspace}", timeout=180)


def _apply(session: Session, folder: Path) -> None:
    ViewManager(session, templates=folder / "cql_templates", author="benchmarks").apply()


def _create_by_hand(session: Session, folder: Path) -> None:
    """Send the statements one after another, then wait until the server calls all of them built.

    Raises:
        RuntimeError: they were not built within five minutes.
    """
    views = sorted(path.name.partition(".")[0] for path in (folder / "cql_templates" / "views").iterdir())
    tables = _tables(len(views))
    for number, view in enumerate(views):
        session.execute(
            f"CREATE MATERIALIZED VIEW {KEYSPACE}.{view} AS SELECT customer, day, total, note "
            f"FROM {KEYSPACE}.orders_{number % tables} "
            "WHERE day IS NOT NULL AND customer IS NOT NULL AND total IS NOT NULL "
            f"PRIMARY KEY ({KEYS[number // tables]})",
            timeout=60.0,
        )
    begun = time.monotonic()
    query = f"SELECT view_name FROM system.built_views WHERE keyspace_name = '{KEYSPACE}'"
    while len(list(session.execute(query))) < len(views):
        if time.monotonic() - begun > BUILD_LIMIT_SECONDS:
            raise RuntimeError(f"{len(views)} views were not built within {BUILD_LIMIT_SECONDS:.0f} s")
        time.sleep(0.1)


if __name__ == "__main__":
    run(main)
