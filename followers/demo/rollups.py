"""``make demo-rollups``: seconds become minutes, hours, a day and its aggregations, by the jobs the DAGs start.

Starts a server, loads readings, applies the view files, starts a warm Spark, runs each job as Airflow would
(the same command, its one JSON line), and reads the results through the views that serve them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cassandra.cluster import Session

from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra, EmbeddedError
from cassandra_views import ViewManager, ViewReader, ViewsError
from cassandra_views.cli.progress import ProgressLine
from followers.demo.environment import (
    DATA,
    ROOT,
    DemoError,
    console,
    demo_folder,
    section,
    show_rows,
    single_interrupt,
    uninterrupted_stop,
)
from followers.demo.views_tour import make_tables
from followers.history import HistorySpan
from followers.load import load_history
from spark_jobs.connect_server import warm_server

STREAMERS = 60
MINUTES_OF_SECONDS = 5
FORMATS = {"minute": "%Y-%m-%d_%H-%M", "hour": "%Y-%m-%d_%H", "day": "%Y-%m-%d"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupTimes:
    """The times of one run, all before ``now``: whole minutes, an hour and a day that are over."""

    now: datetime

    @property
    def minute(self) -> datetime:
        """Return where the last whole minute ends."""
        return self.now.replace(second=0, microsecond=0)

    @property
    def live_from(self) -> datetime:
        """Return where the readings of seconds begin; before it there are minutes alone."""
        return self.minute - timedelta(minutes=MINUTES_OF_SECONDS)

    @property
    def hour(self) -> datetime:
        """Return where the last whole hour ends."""
        return self.now.replace(minute=0, second=0, microsecond=0)

    @property
    def day(self) -> datetime:
        """Return where yesterday ends."""
        return self.hour.replace(hour=0)


class RollupsTour:
    """What the demo shows of rollups; each job's line is kept for the table at the end."""

    def __init__(self, session: Session, times: RollupTimes, environ: dict[str, str]) -> None:
        self.session = session
        self.times = times
        self.environ = environ
        self.line = ProgressLine()
        self.manager = ViewManager(session, templates=ROOT / "cql_templates", author="demo", listener=self.line)
        self.reader = ViewReader(session)
        self.reports: list[dict[str, Any]] = []

    def history(self) -> None:
        """Load minutes since yesterday, seconds of the last minutes, and neither hours nor days of them."""
        times = self.times
        minutes = int((times.live_from - (times.day - timedelta(days=1))).total_seconds() // 60)
        counts: dict[str, int] = {}
        for until, span in (
            (times.live_from, HistorySpan(days=0, hours=0, minutes=minutes, seconds=0)),
            (times.minute, HistorySpan(days=0, hours=0, minutes=0, seconds=60 * MINUTES_OF_SECONDS)),
            (times.day - timedelta(days=1), HistorySpan(days=14, hours=0, minutes=0, seconds=0)),
        ):
            with console.status("loading readings"):
                for table, rows in load_history(self.session, now=until, streamers=STREAMERS, span=span).items():
                    counts[table] = counts.get(table, 0) + rows
        shown = ", ".join(
            f"{rows:,} in {table}" for table, rows in counts.items() if "live" in table or "minute" in table
        )
        console.print(f"  {shown}; no hours, and no day after {times.day - timedelta(days=1):%Y-%m-%d}")

    def tables(self) -> None:
        """Create the base tables."""
        with self.line:
            make_tables(self.manager)

    def views(self) -> None:
        """Bring the views up to their files."""
        with self.line:
            self.manager.apply()

    def job(self, task: str, start: datetime, end: datetime) -> None:
        """Run one job as its script does, and keep its line."""
        command = [sys.executable, "-m", "spark_jobs", task, f"{start:%Y-%m-%dT%H:%MZ}", f"{end:%Y-%m-%dT%H:%MZ}"]
        begun = time.monotonic()
        with console.status(f"{task} {start:%H:%M} to {end:%H:%M}"):
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=self.environ,
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise DemoError(
                f"it ended with code {done.returncode}: {done.stderr.strip()[-2000:]}",
                on=task,
                remains="The server was stopped",
                next="Report this, with what stands above",
            )
        report = json.loads(done.stdout)
        self.reports.append(report)
        console.print(
            f"  {task:<15} {start:%Y-%m-%d %H:%M} to {end:{'%H:%M' if end.date() == start.date() else '%Y-%m-%d'}}: "
            f"{report['rows_read']:,} rows became "
            f"{report['rows_written']:,}; {report['completeness']:.1%} of what there could be; "
            f"{report['spark']} Spark, {time.monotonic() - begun:.1f} s"
        )
        if report["filled"]:
            console.print(
                f"  [dim]{'':<15} {report['filled']:,} intervals below it were missing or late, and filled[/dim]"
            )

    def results(self) -> None:
        """Read one result of each level through the view that serves it."""
        times = self.times
        yesterday = f"{times.day - timedelta(days=1):{FORMATS['day']}}"
        query = "SELECT game FROM insight.game_aggregation WHERE timestamp = %s LIMIT 1"
        game = self.session.execute(query, (yesterday,)).one()
        for view, key, limit in (
            ("unified_minute_view", {"timestamp": f"{times.minute - timedelta(minutes=1):{FORMATS['minute']}}"}, 3),
            ("unified_hour_view", {"timestamp": f"{times.hour - timedelta(hours=1):{FORMATS['hour']}}"}, 3),
            ("unified_day_view", {"timestamp": yesterday}, 3),
            ("game_history", {"game": game.game}, 3),
        ):
            show_rows(self.reader, view, limit=limit, **key)


def run() -> None:
    """Run the demo from its start to its end; nothing stays behind."""
    begun = time.monotonic()
    times = RollupTimes(now=datetime.now(UTC))
    with ExitStack() as stack, uninterrupted_stop():
        with section("An embedded Cassandra"), console.status("starting") as status:
            server = EmbeddedCassandra(
                data=DATA / "cassandra", port=0, on_progress=lambda text: status.update(text), heap_mb=768
            )
            stack.enter_context(server)
        session = stack.enter_context(connected(tuple(server.contact_points), port=server.port))
        environ = {
            **os.environ,
            "CASSANDRA_CONTACT_POINTS": ",".join(server.contact_points),
            "CASSANDRA_PORT": str(server.port),
        }
        tour = RollupsTour(session, times, environ)
        with section("Base tables, and readings in them"):
            tour.tables()
            tour.history()
        with section("Views, from cql_templates/views"):
            tour.views()
        with section("A warm Spark"), console.status("starting"):
            environ["SPARK_CONNECT"] = stack.enter_context(warm_server(environ))
        minute, hour, day = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
        with section("Seconds become minutes: the last one, then all that are missing as a range"):
            tour.job("live_to_minute", times.minute - minute, times.minute)
            tour.job("live_to_minute", times.live_from, times.minute)
        with section("Minutes become the last hour; minutes become hours, and hours yesterday"):
            tour.job("minute_to_hour", times.hour - hour, times.hour)
            tour.job("hour_to_day", times.day - day, times.day)
        with section("Yesterday by game, genre, console and language"):
            tour.job("aggregations", times.day - day, times.day)
        console.rule("[bold]What the views answer", align="left", style="dim")
        tour.results()
        console.print(f"\n[bold green]All levels stand after {time.monotonic() - begun:.0f} s.[/bold green]")


def main() -> None:
    """Run; an error is one message, never a traceback."""
    try:
        with single_interrupt(), demo_folder():
            run()
    except KeyboardInterrupt:
        pass
    except (ViewsError, EmbeddedError) as error:
        sys.exit(f"demo: {error}")
    console.print("[bold]Stopped; nothing runs any more.[/bold]")


if __name__ == "__main__":
    main()
