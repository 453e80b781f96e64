"""``make demo``: the whole of it on an embedded Cassandra, in one terminal, until Ctrl-C.

Starts a server, creates keyspace and base tables, loads history, starts a live feed, applies the
view files, slides their windows while a reader reads, rolls one view back, drops one and brings it
back, shows what serves and what it answers.
"""

from __future__ import annotations

import shutil
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cassandra.cluster import Session
from rich.console import Console
from rich.table import Table

from cassandra_embedded import EmbeddedCassandra, EmbeddedError
from cassandra_views import ViewManager, ViewReader, ViewsError
from cassandra_views.cli.lifecycle_commands import show_plan
from cassandra_views.cli.progress import ProgressLine
from cassandra_views.cli.server import register_data, running_server
from cassandra_views.cluster.connect import connected
from followers.demo_reader import DemoReader
from followers.feed import Feed
from followers.load import load_history

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / ".views" / "demo"
STREAMERS = 100

console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


class Demo:
    """The demo's acts; each prints what it did and how long it took."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.now = datetime.now(UTC)
        self.is_yesterday = True
        self.line = ProgressLine()
        self.manager = ViewManager(
            session, templates=ROOT / "cql_templates", author="demo", clock=self.clock, listener=self.line
        )
        self.reader = ViewReader(session)

    def clock(self) -> datetime:
        """Return now, or the same time yesterday until the windows are to slide."""
        return datetime.now(UTC) - timedelta(days=1) if self.is_yesterday else datetime.now(UTC)

    def tables(self) -> None:
        """Create the registry, the keyspace and the base tables."""
        with self.line:
            self.manager.apply(self.manager.plan([]))

    def history(self) -> None:
        """Load the sample history."""
        with console.status("loading history") as status:
            counts = load_history(
                self.session,
                now=self.now,
                streamers=STREAMERS,
                on_progress=lambda table, rows, most: status.update(f"loading {table}: {rows:,} rows"),
            )
        console.print(f"  {sum(counts.values()):,} rows in {len(counts)} tables, {STREAMERS} streamers")

    def views(self) -> None:
        """Apply the view files, with the clock at yesterday."""
        plan = self.manager.plan()
        show_plan(plan)
        with self.line:
            self.manager.apply(plan)

    def slide(self) -> None:
        """Let the day pass: the windows slide while a reader reads."""
        self.is_yesterday = False
        with DemoReader(self.session, self.now) as reader:
            plan = self.manager.plan()
            show_plan(plan)
            with self.line:
                self.manager.apply(plan)
            time.sleep(1.0)
        console.print(f"  while the windows slid: {reader.summary()}")
        if reader.failed or reader.empty:
            raise SystemExit(f"demo: reads failed or came back empty: {reader.first_problem}")

    def rollback(self) -> None:
        """Go back to the former generation of a view, and forward again: both are fed, so both are instant."""
        name = "unified_day_view"
        with self.line:
            self.manager.rollback(name, why="to show it")
        console.print(f"  {name} serves {self._serves(name)}")
        self.manager.override(name, None, why="enough of it")
        with self.line:
            self.manager.apply(self.manager.plan([name]))
        console.print(f"  {name} serves {self._serves(name)}")

    def drop(self) -> None:
        """Drop a view, and bring it back from its file."""
        name = "unified_hour_view"
        with self.line:
            self.manager.drop(name, why="to show it")
        try:
            self.reader.select(name, limit=1)
        except ViewsError as error:
            console.print(f"  a reader is told: [dim]{error}[/dim]")
        self.manager.override(name, None, why="wanted again")
        with self.line:
            self.manager.apply(self.manager.plan([name]))

    def results(self) -> None:
        """Show three real reads."""
        day = self.now - timedelta(days=1)
        minute = self.now - timedelta(minutes=1)
        second = datetime.now(UTC) - timedelta(seconds=3)
        for view, moment, format in (
            ("unified_day_view", day, "%Y-%m-%d"),
            ("unified_minute_view", minute, "%Y-%m-%d_%H-%M"),
            ("twitch_live_view", second, "%Y-%m-%d_%H-%M-%S"),
        ):
            found = self.reader.select(view, timestamp=f"{moment:{format}}", limit=4)
            console.print(
                f'\n[bold]select("{view}", timestamp="{moment:{format}}", limit=4)[/bold]  '
                f"[dim]from {', '.join(found.generations)}[/dim]"
            )
            rows = Table(box=None, header_style="dim", padding=(0, 2, 0, 2))
            for column in found.rows[0]._fields if found.rows else ():
                rows.add_column(column, no_wrap=True)
            for row in found.rows:
                rows.add_row(*("-" if value is None else str(value) for value in row))
            console.print(rows)

    def serving(self) -> None:
        """Show what serves."""
        rows = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
        for column in ("view", "condition", "serves", "rows at audit", "window from"):
            rows.add_column(column, no_wrap=True)
        for each in self.manager.status():
            window = f"{each.window_start:%Y-%m-%d %H:%M}" if each.window_start else "whole base"
            rows.add_row(each.name.view, each.condition, ", ".join(each.serving), f"{each.rows or 0:,}", window)
        console.print(rows)

    def _serves(self, name: str) -> str:
        return ", ".join(entry.name for entry in self.manager.record(name).read_from)


@contextmanager
def act(title: str) -> Iterator[None]:
    """Print an act's title before it, and its time after it."""
    console.rule(f"[bold]{title}", align="left", style="dim")
    begun = time.monotonic()
    yield
    console.print(f"  [dim]{time.monotonic() - begun:.1f} s[/dim]")


def run(stay: Callable[[Demo, Feed], None]) -> None:
    """Run the demo; ``stay`` is called when everything stands."""
    begun = time.monotonic()
    if running_server(ROOT) is not None:
        raise SystemExit("demo: a server of this checkout is running. Nothing was started. Stop it with 'views down'.")
    shutil.rmtree(DATA, ignore_errors=True)
    with ExitStack() as stack:
        with act("An embedded Cassandra"), console.status("starting") as status:
            server = EmbeddedCassandra(
                data=DATA, port=_port(), on_progress=lambda text: status.update(text), heap_mb=768
            )
            stack.callback(shutil.rmtree, DATA, ignore_errors=True)
            stack.enter_context(server)
            register_data(ROOT, DATA)
        console.print(f"  Cassandra {server.version} on {server.contact_points[0]}:{server.port}")
        session = stack.enter_context(connected(tuple(server.contact_points), port=server.port))
        demo = Demo(session)
        with act("Keyspace and base tables, from cql_templates/tables"):
            demo.tables()
        with act("Sample history"):
            demo.history()
        feed = stack.enter_context(Feed(session, since=demo.now, streamers=STREAMERS))
        with act("Views, from cql_templates/views, as of yesterday; a live feed writes meanwhile"):
            demo.views()
        with act("A day passes: the windows slide under a reader"):
            demo.slide()
        with act("Roll back and forward"):
            demo.rollback()
        with act("Drop a view, and bring it back"):
            demo.drop()
        console.rule("[bold]What serves now", align="left", style="dim")
        demo.serving()
        demo.results()
        counts = feed.counts
        console.print(
            f"\n[bold green]Everything stands after {time.monotonic() - begun:.0f} s.[/bold green] "
            f"The feed has written {counts.written:,} readings ({counts.late} late, {counts.failed} failed)."
        )
        stay(demo, feed)
        console.print("Stopping; nothing stays behind.")


def _stay(demo: Demo, feed: Feed) -> None:
    yesterday = demo.now - timedelta(days=1)
    console.print(
        "In another terminal, in this folder:\n"
        "  .venv/bin/views status\n"
        "  .venv/bin/views why unified_day_view\n"
        f"  .venv/bin/views query unified_day_view \"timestamp = '{yesterday:%Y-%m-%d}'\" --limit 5\n"
        "  .venv/bin/views cqlsh -e 'SELECT view_name, read_from FROM views_registry.views'\n"
        "[bold]Ctrl-C ends it.[/bold]"
    )
    while True:
        time.sleep(3600)


def _port() -> int:
    """Return the usual port, or 0 for any free one where it is taken."""
    with socket.socket() as probe:
        return 0 if probe.connect_ex(("127.0.0.1", 9042)) == 0 else 9042


def main() -> None:
    """Run until Ctrl-C; ``--once`` ends when everything stands."""
    try:
        run((lambda demo, feed: None) if "--once" in sys.argv[1:] else _stay)
    except KeyboardInterrupt:
        console.print("\nStopped; nothing stays behind.")
    except (ViewsError, EmbeddedError) as error:
        sys.exit(f"demo: {error}")


if __name__ == "__main__":
    main()
