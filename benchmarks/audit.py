"""``python -m benchmarks.audit``: what audits take beside a plain scan of both sides, into docs/benchmarks-audit.md."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Annotated, NamedTuple

import typer
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent
from cassandra.query import BatchStatement, BatchType

from benchmarks.machine import machine_facts
from benchmarks.page import Page, run
from benchmarks.report import Details, Figure, Section
from benchmarks.stage import Tell
from benchmarks.stats import Ratios
from cassandra_client.connect import connected
from cassandra_client.database import Database
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.apply.full_audit import FullAudit
from cassandra_views.apply.quick_audits import PulseAudit
from cassandra_views.apply.recheck import Recheck
from cassandra_views.apply.scan import Scan
from cassandra_views.cql.parse import parse_view
from cassandra_views.plan.catalog import read_catalog

ADDRESS = "127.0.24.1"
HEAP_MB = 2048
STREAMERS = 1000
BATCH_ROWS = 100
WARM_ROWS = 2_000
"""In a small table of its own, for an audit before the one that is measured."""
FULL, PULSE, MEMORY, SPARK = 1.2, 0.3, 1.2, 1.6

TABLE = """CREATE TABLE {keyspace}.counts (
    streamer text, minute timestamp, followers bigint, viewers int, note text, PRIMARY KEY (streamer, minute))"""
VIEW = """CREATE MATERIALIZED VIEW {keyspace}.by_minute AS
    SELECT streamer, minute, followers, viewers, note FROM {keyspace}.counts
    WHERE streamer IS NOT NULL AND minute IS NOT NULL PRIMARY KEY (minute, streamer)"""
COLUMNS = "streamer, minute, followers, viewers, note, WRITETIME(followers), WRITETIME(viewers), WRITETIME(note)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round took, in seconds."""

    plain: float
    full: float
    pulse: float


class SparkPair(NamedTuple):
    """What an audit by Spark took on one core and on two, in seconds."""

    one: float
    two: float


def main(
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes: does it run? The figures mean nothing.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the page here, also of small sizes.")] = None,
) -> None:
    """Measure audits of a view beside a plain scan, and by Spark on two cores beside one; about ten minutes."""
    page = Page("benchmarks.audit", "benchmarks-audit.md", "Benchmarks of audits", is_quick=quick, out=out)
    few, many, rounds = (2_000, 20_000, 1) if quick else (100_000, 1_000_000, 3)
    with EmbeddedCassandra(address=ADDRESS, port=0, heap_mb=HEAP_MB, on_progress=page.tell) as server:
        with connected(tuple(server.contact_points), port=server.port) as session:
            for rows in dict.fromkeys((WARM_ROWS, few, many)):
                _load(session, rows, page.tell)
            _round(session, few, 0)  # what the server compiles the first time
            found = []
            for number in range(1, rounds + 1):
                page.tell(f"audits of {many:,} rows, round {number} of {rounds}")
                found.append(_round(session, many, number))
        times = 1 if quick else 3
        memory = [[_in_process(server, rows) for _ in range(times)] for rows in (few, many)]
        page.tell(f"audits of {many:,} rows by Spark")
        by_spark = [
            SparkPair(*(_in_process(server, many, f"local[{cores}]") for cores in (1, 2))) for _ in range(times)
        ]
        facts = machine_facts(server.version, heap_mb=HEAP_MB)
    page.finish([section(many, found, few, memory[0], memory[1], by_spark)], facts)


def section(
    many: int,
    found: list[Round],
    few: int,
    memory_few: list[float],
    memory_many: list[float],
    by_spark: list[SparkPair],
) -> Section:
    """Put the figures together; memory in MB."""
    full = Ratios.of([each.full for each in found], [each.plain for each in found])
    pulse = Ratios.of([each.pulse for each in found], [each.plain for each in found])
    memory = Ratios.of(memory_many, memory_few)
    speed = Ratios.of([each.one for each in by_spark], [each.two for each in by_spark])
    reference = f"plain scan of both sides: {median(each.plain for each in found):.1f} s"
    return Section(
        title="Audits",
        figures=(
            Figure.at_most(FULL, f"full audit of {many:,} rows", full, reference=reference),
            Figure.at_most(PULSE, f"pulse of {many:,} rows", pulse, reference=reference),
            Figure.at_most(
                MEMORY,
                f"peak memory of a full audit of {many:,} rows",
                memory,
                reference=f"of {few:,} rows: {median(memory_few):.0f} MB",
            ),
            Figure.at_least(
                SPARK,
                f"speed of an audit of {many:,} rows by Spark on two cores",
                speed,
                reference=f"on one core: {median(each.one for each in by_spark):.1f} s",
            ),
        ),
        how="A table of counts by streamer and minute, three values a row, and a view of it by minute, on one server. "
        "The plain scan pages through both with the driver's own decoding, same columns, write times included. The "
        "full audit compares keys, values, write times and TTLs of every row; the pulse compares totals that the "
        "server makes. Each round does all three, beginning with another. Memory is the "
        "largest resident set of a process of its own. Spark is local[2] beside local[1], without its start; the "
        "server has the same two cores, so that a worker more leaves it less.",
        details=(
            Details(
                title="Rounds, seconds",
                head=("round", "plain scan", "full audit", "pulse"),
                rows=tuple(
                    (str(number), f"{each.plain:.2f}", f"{each.full:.2f}", f"{each.pulse:.2f}")
                    for number, each in enumerate(found, start=1)
                ),
            ),
            Details(
                title="Audits by Spark, seconds",
                head=("round", "one core", "two cores"),
                rows=tuple(
                    (str(number), f"{each.one:.2f}", f"{each.two:.2f}") for number, each in enumerate(by_spark, start=1)
                ),
            ),
        ),
    )


def _load(session: Session, rows: int, tell: Tell) -> None:
    keyspace = _keyspace(rows)
    replication = "{'class': 'SimpleStrategy', 'replication_factor': 1}"
    session.execute(f"CREATE KEYSPACE {keyspace} WITH replication = {replication}")
    session.execute(TABLE.format(keyspace=keyspace))
    tell(f"writing {rows:,} rows")
    insert = session.prepare(
        f"INSERT INTO {keyspace}.counts (streamer, minute, followers, viewers, note) VALUES (?, ?, ?, ?, ?)"
    )

    def batches() -> Iterator[tuple[BatchStatement, None]]:
        minutes = rows // STREAMERS
        for streamer in range(STREAMERS):
            for start in range(0, minutes, BATCH_ROWS):
                batch = BatchStatement(batch_type=BatchType.UNLOGGED)
                for minute in range(start, min(start + BATCH_ROWS, minutes)):
                    moment = (28_000_000 + minute) * 60_000
                    batch.add(insert, (f"s{streamer}", moment, minute * streamer, minute % 5000, f"note {minute % 13}"))
                yield batch, None

    for is_done, result in execute_concurrent(session, batches(), concurrency=16, results_generator=True):
        if not is_done:
            raise result
    tell(f"building a view of {rows:,} rows")
    session.execute(VIEW.format(keyspace=keyspace))
    built = f"SELECT view_name FROM system.built_views WHERE keyspace_name = '{keyspace}'"
    while not session.execute(built).one():
        time.sleep(0.2)


def _keyspace(rows: int) -> str:
    return f"bench_audit_{rows}"


def _round(session: Session, rows: int, number: int) -> Round:
    """Do all three, each round beginning with another."""
    scan = scan_of(session, rows)
    recheck = Recheck(scan, on_progress=ignore, pause_seconds=0.5)
    works: dict[str, Callable[[], None]] = {
        "plain": lambda: _plain_scan(session, rows),
        "full": lambda: check(FullAudit(scan, recheck, on_progress=ignore).run().is_passed),
        "pulse": lambda: check(PulseAudit(scan, recheck, on_progress=ignore).run().is_passed),
    }
    names = list(works)
    first = number % len(names)
    return Round(**{name: _timed(works[name]) for name in names[first:] + names[:first]})


def scan_of(session: Session, rows: int) -> Scan:
    """Return what reads the base of so many rows and its view."""
    database, keyspace = Database(session), _keyspace(rows)
    catalog = read_catalog(database, [keyspace])
    base, view = catalog.tables[keyspace, "counts"], catalog.views[keyspace, "by_minute"].shape
    return Scan(database, base, view, parse_view(VIEW.format(keyspace=keyspace)).where)


def ignore(text: str, share: float) -> None:
    """Ignore what an audit says while it works."""


def _timed(work: Callable[[], None]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def check(is_passed: bool) -> None:
    """Raise where an audit found differences."""
    if not is_passed:
        raise RuntimeError("the audit found differences where there are none")


def _plain_scan(session: Session, rows: int) -> None:
    for table in ("counts", "by_minute"):
        statement = session.prepare(f"SELECT {COLUMNS} FROM {_keyspace(rows)}.{table}")
        found = sum(1 for _row in session.execute(statement, timeout=60))
        if found != rows:
            raise RuntimeError(f"{table} has {found} rows of {rows}")


def _in_process(server: EmbeddedCassandra, rows: int, *master: str) -> float:
    """Return what ``benchmarks.audit_process`` prints: MB of memory; with a Spark master seconds."""
    place = [server.contact_points[0], str(server.port), str(rows)]
    command = [sys.executable, "-m", "benchmarks.audit_process", *place, *master]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    run(main)
