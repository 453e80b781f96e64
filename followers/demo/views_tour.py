"""What the demo shows of views: tables and history, windows that slide under a reader, rollback, drop, results."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from cassandra.cluster import Session
from rich.table import Table

from cassandra_views import ViewManager, ViewReader, ViewsError
from cassandra_views.cli.plans import show_plan
from cassandra_views.cli.progress import ProgressLine
from cassandra_views.plan.status import ViewStatus
from followers.demo.environment import ROOT, DemoError, console, show_rows
from followers.load import load_history

READS = (
    ("unified_day_view", timedelta(days=2), "%Y-%m-%d"),
    ("unified_minute_view", timedelta(minutes=30), "%Y-%m-%d_%H-%M"),
)

STREAMERS = 100


class ContinuousReader:
    """Reads two views over and over in a thread, and counts what fails or comes back empty."""

    def __init__(self, session: Session, now: datetime, *, pause_seconds: float = 0.005) -> None:
        self._reader = ViewReader(session, cache_seconds=1.0)
        self._reads = [(view, f"{now - back:{format}}") for view, back, format in READS]
        self._pause = pause_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-reader", daemon=True)
        self.reads = self.failed = self.empty = 0
        self.longest_seconds = 0.0
        self.first_problem = ""
        self.generations: dict[str, None] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def summary(self) -> str:
        """Return what was seen, in a sentence without its end."""
        return (
            f"{self.reads:,} reads, {self.failed} failed, {self.empty} empty, longest "
            f"{self.longest_seconds * 1000:.0f} ms, from {', '.join(self.generations)}"
        )

    def _run(self) -> None:
        while not self._stop.is_set():
            for view, moment in self._reads:
                self._read(view, moment)
            self._stop.wait(self._pause)

    def _read(self, view: str, moment: str) -> None:
        begun = time.perf_counter()
        self.reads += 1
        try:
            found = self._reader.select(view, timestamp=moment, limit=10)
        except ViewsError as error:
            self.failed += 1
            self.first_problem = self.first_problem or str(error)
            return
        if not found.rows:
            self.empty += 1
            self.first_problem = self.first_problem or f"no row in {', '.join(found.generations)} for {moment}"
        self.generations.update(dict.fromkeys(found.generations))
        self.longest_seconds = max(self.longest_seconds, time.perf_counter() - begun)


class ViewsTour:
    """The demo's acts; each prints what it did and how long it took.

    Args:
        tags: apply the views with one of these alone; without any, all.
    """

    def __init__(self, session: Session, tags: Collection[str] = ()) -> None:
        self.session = session
        self.tags = tuple(tags)
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
            make_tables(self.manager)

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
        plan = self.manager.plan(tags=self.tags)
        show_plan(plan)
        with self.line:
            self.manager.apply(plan)

    def slide(self) -> None:
        """Let the day pass: the windows slide while a reader reads."""
        self.is_yesterday = False
        with ContinuousReader(self.session, self.now) as reader:
            plan = self.manager.plan(tags=self.tags)
            show_plan(plan)
            with self.line:
                self.manager.apply(plan)
            time.sleep(1.0)
        console.print(f"  while the windows slid: {reader.summary()}")
        if reader.failed or reader.empty:
            raise DemoError(
                f"reads failed or came back empty while the windows slid: {reader.first_problem}",
                remains="The server was stopped",
                next="Report this, with what stands above",
            )

    def rollback(self) -> None:
        """Go back to the former generation of a view, and forward again: both are fed, so both are instant."""
        name = "unified_day_view"
        with self.line:
            self.manager.rollback(name, reason="to show it")
        console.print(f"  {name} serves {self._serves(name)}")
        self.manager.override(name, None, reason="enough of it")
        with self.line:
            self.manager.apply(self.manager.plan([name]))
        console.print(f"  {name} serves {self._serves(name)}")

    def drop(self) -> None:
        """Drop a view, and bring it back from its file."""
        name = "unified_hour_view"
        with self.line:
            self.manager.drop(name, reason="to show it")
        try:
            self.reader.select(name, limit=1)
        except ViewsError as error:
            console.print(f"  a reader is told: [dim]{error}[/dim]")
        self.manager.override(name, None, reason="wanted again")
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
            show_rows(self.reader, view, limit=4, timestamp=f"{moment:{format}}")

    def serving(self) -> None:
        """Show what serves."""
        console.print(status_table(self.manager.status()))

    def _serves(self, name: str) -> str:
        return ", ".join(entry.name for entry in self.manager.record(name).read_from)


def make_tables(manager: ViewManager) -> None:
    """Carry out what of the plan belongs to no view: the registry, keyspaces, base tables."""
    plan = manager.plan()
    outcome = manager.carry_out(plan.part([step for step in plan.steps if not hasattr(step, "view")]))
    for error in outcome.errors:
        raise error


def status_table(found: Collection[ViewStatus]) -> Table:
    """Return what serves, as a table."""
    rows = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in ("view", "condition", "serves", "rows at audit", "window from"):
        rows.add_column(column, no_wrap=True)
    for each in found:
        if each.serving:
            window = f"{each.window_start:%Y-%m-%d %H:%M}" if each.window_start else "whole base"
            rows.add_row(each.name.view, each.condition, ", ".join(each.serving), f"{each.rows or 0:,}", window)
        else:
            rows.add_row(each.name.view, f"[dim]{each.condition}[/dim]", "[dim]-[/dim]", "", "")
    return rows
