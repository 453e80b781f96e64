"""What has happened, every half minute: feed, rollups, views, what serves, memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from cassandra_views import ViewsError
from cassandra_views.model.names import ViewName
from cassandra_views.plan.status import ViewStatus
from cassandra_views.registry.history import Event
from followers.demo.airflow import Airflow
from followers.demo.environment import console
from followers.demo.process_group import ProcessGroup
from followers.demo.views_tour import ViewsTour, status_table
from followers.feed import Feed

EVERY_SECONDS = 30.0
LIMIT_GIGABYTES = 8.0
_LOOK_SECONDS = 3.0
_MINUTE = "spark_live_to_minute"
_LEVELS = (("minute", _MINUTE), ("hour", "spark_minute_to_hour"), ("day", "spark_hour_to_day"))
_SHOWN_EVENTS = {
    "create (slide": "slid",
    "create": "created",
    "audit passed": "audited",
    "audit failed": "[red]found different by an audit[/red]",
    "dropped": "dropped",
    "run failed": "[red]runs failed[/red]",
}
"""How the history begins to tell of a deed, and what it is here."""

_SERVICES = ("reconcile", "audit", "rest", "by_hand")
_UNDER_WAY = ("running", "queued")


class Summary:
    """Prints itself when it is time; what serves is shown again only when it has changed.

    Args:
        begun: when the demo began, by the monotonic clock.
    """

    def __init__(self, tour: ViewsTour, feed: Feed, processes: ProcessGroup, begun: float) -> None:
        self._tour = tour
        self._feed = feed
        self._processes = processes
        self._begun = begun
        self._next = time.monotonic() + EVERY_SECONDS
        self._shown: list[tuple[Any, ...]] = []
        self._events: set[tuple[ViewName, Event]] = set()
        self._is_first_minute_printed = False
        self._next_look = 0.0
        self.airflow: Airflow | None = None
        """None in the small demo, and until it runs."""

    def tick(self) -> None:
        """Print it if half a minute has passed."""
        self._print_first_minute()
        if time.monotonic() >= self._next:
            self.show()
            self._next = time.monotonic() + EVERY_SECONDS

    def show(self) -> None:
        """Print it now."""
        rows = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
        rows.add_column(style="bold")
        rows.add_column(overflow="fold")
        rows.add_row("feed", self._fed())
        if self.airflow is not None:
            try:
                rows.add_row("rollups", _rollups(self.airflow))
                rows.add_row("Airflow", _view_runs(self.airflow))
            except OSError as error:
                rows.add_row("Airflow", f"[yellow]does not answer at the moment ({escape(str(error))})[/yellow]")
        try:
            found = tuple(self._tour.manager.status())
            rows.add_row("views", self._views(found))
        except ViewsError as error:
            found = ()
            rows.add_row("views", f"[yellow]{escape(str(error))}[/yellow]")
        rows.add_row("memory", self._memory())
        span = int(time.monotonic() - self._begun)
        console.rule(
            f"[bold]{datetime.now(UTC):%H:%M:%S} UTC, {span // 60} min {span % 60:02} s", align="left", style="dim"
        )
        console.print(rows)
        served = [(each.serving, each.window_start) for each in found]
        if found and served != self._shown:
            if self._shown:  # the first time it stands right above
                console.print()
                console.print(status_table(found))
            self._shown = served

    def _print_first_minute(self) -> None:
        if self.airflow is None or self._is_first_minute_printed or time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK_SECONDS
        with suppress(OSError):
            if self.airflow.count_runs([_MINUTE], "success"):
                self._is_first_minute_printed = True
                seconds = time.monotonic() - self._begun
                console.print(f"[bold green]Airflow's first minute is rolled up after {seconds:.0f} s.[/bold green]")

    def _fed(self) -> str:
        counts = self._feed.counts
        failed = f", [red]{counts.failed} failed[/red]" if counts.failed else ""
        return f"{counts.written:,} readings written, {counts.late:,} of them late{failed}"

    def _views(self, found: tuple[ViewStatus, ...]) -> str:
        """Tell what serves, and what Airflow has done by the registry's history."""
        for each in found:
            self._events |= {
                (each.name, event)
                for event in self._tour.manager.history(each.name.view)
                if event.author.startswith("airflow")
            }
        counts = Counter(
            next((word for begin, word in _SHOWN_EVENTS.items() if event.event.startswith(begin)), "")
            for _, event in self._events
        )
        events = ", ".join(f"{counts[word]:,} {word}" for word in _SHOWN_EVENTS.values() if counts[word])
        text = f"{sum(bool(each.serving) for each in found)} of {len(found)} serve"
        text += f"; by Airflow: {events}" if events else ""
        others: dict[str, list[str]] = {}
        for each in found:
            if not each.serving:
                others.setdefault(each.condition, []).append(each.name.view)
        for condition, names in others.items():
            text += f"\n[dim]{condition}: {', '.join(names)}[/dim]"
        return text

    def _memory(self) -> str:
        groups = self._processes.memory()
        total = sum(groups.values())
        parts = ", ".join(
            f"{group} {_gigabytes(size)}" for group, size in sorted(groups.items(), key=lambda item: -item[1])
        )
        style = "red" if total > LIMIT_GIGABYTES * 2**30 else "green"
        return f"[{style}]{_gigabytes(total)} GB[/{style}] in all: {parts}"


def _rollups(airflow: Airflow) -> str:
    ids = [dag_id for _, dag_id in _LEVELS]
    done = [(level, airflow.count_runs([dag_id], "success")) for level, dag_id in _LEVELS]
    failed, active = airflow.count_runs(ids, "failed"), airflow.count_runs(ids, *_UNDER_WAY)
    text = ", ".join(_counted(count, level) for level, count in done) + " done"
    text += f", [red]{failed} failed[/red]" if failed else ""
    text += f", {active} under way" if active else ""
    if event := airflow.last_event(_MINUTE):
        text += f"\nthe last minute: {_interval(event)}"
    return text


def _view_runs(airflow: Airflow) -> str:
    ids = [each for each in airflow.dag_ids("views") if not each.endswith(tuple(f"views_{one}" for one in _SERVICES))]
    done, failed, active = (airflow.count_runs(ids, *states) for states in (("success",), ("failed",), _UNDER_WAY))
    looks = airflow.count_runs(["views_reconcile"], "success")
    text = f"{_counted(done, 'run')} of views done"
    text += f", [red]{failed} failed[/red]" if failed else ", none failed"
    text += f", {active} under way" if active else ""
    return f"{text}; looked {_counted(looks, 'time')} whether something is to be done"


def _interval(event: Mapping[str, Any]) -> str:
    start, end = (datetime.fromisoformat(event[each]) for each in ("start", "end"))
    text = f"{start:%H:%M} to {end:%H:%M} UTC"
    if "rows_written" in event:
        text += f", {event['rows_written']:,} rows, {event['completeness']:.1%} of what there could be"
    return text


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _gigabytes(size: int) -> str:
    return f"{size / 2**30:.1f}"
