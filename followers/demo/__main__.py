"""``make demo``: starts everything, lets it run, ends everything."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from datetime import timedelta
from typing import Annotated

import typer

from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra, EmbeddedError
from cassandra_views import ViewsError
from cassandra_views.project.project_folder import register_data
from followers.demo.airflow import USER, Airflow, choose_url
from followers.demo.environment import (
    DATA,
    LOGS,
    ROOT,
    console,
    demo_folder,
    end_with_parent,
    find_port,
    section,
    single_interrupt,
    uninterrupted_stop,
)
from followers.demo.process_group import ProcessGroup
from followers.demo.services import bring_up, open_pages
from followers.demo.summary import Summary
from followers.demo.supervisor import CassandraPart, FeedPart, required
from followers.demo.views_tour import STREAMERS, ViewsTour
from followers.feed import Feed

FIRST_TAGS = ("live", "rollup", "ranking", "metadata")
"""The views that the demo itself makes; the others are left for Airflow to find."""

_ABOUT = """The whole system on this machine, until Ctrl-C.

First an embedded Cassandra with base tables, a sample history, a live feed, and views: created, slid under a reader,
rolled back, dropped and brought back. Then pages over these views open, at the address that is printed; from then on
applications can read, also from another terminal.

Then, behind it, a Spark master reached over SSH on the loopback, a warm Spark, and Airflow: it rolls seconds up to
minutes, hours and days, and creates, refreshes, audits and drops views as their files say. Every half minute it is
told what has happened.

Everything is kept in .views/demo of this checkout and removed at the end; each demo starts from nothing. Downloads are
kept in .venv, .tools and your cache folder, as README.md lists. As root on Debian, OpenSSH is installed by apt-get
where it is missing, unless --no-system-packages is given. From make, options are given as:
make demo ARGS="--no-airflow --seconds 60"
"""


def demo(
    no_airflow: Annotated[
        bool, typer.Option("--no-airflow", help="Cassandra, feed and views alone: a third of the memory.")
    ] = False,
    no_system_packages: Annotated[
        bool,
        typer.Option(
            "--no-system-packages",
            help="As root too, install no OpenSSH by apt-get where it is missing; a stand-in takes its place.",
        ),
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option(min=0, help="End so long after everything stands; until Ctrl-C if left out.", show_default=False),
    ] = None,
) -> None:
    """Run the demo; an error is one message, never a traceback."""
    if "MAKELEVEL" in os.environ:
        end_with_parent()  # make is killed: nobody could end us by Ctrl-C any more
    try:
        with single_interrupt(), demo_folder():
            _run(is_small=no_airflow, may_install=not no_system_packages, seconds=seconds)
    except KeyboardInterrupt:
        pass
    except (ViewsError, EmbeddedError) as error:
        print(f"demo: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    console.print("[bold]Stopped; nothing runs any more.[/bold]")


def _run(*, is_small: bool, may_install: bool, seconds: float | None) -> None:
    begun = time.monotonic()
    with ExitStack() as stack, uninterrupted_stop():
        with section("An embedded Cassandra"), console.status("starting") as status:
            server = EmbeddedCassandra(
                data=DATA / "cassandra",
                port=find_port(9042),
                on_progress=lambda text: status.update(text),
                heap_mb=768,
            )
            stack.enter_context(server)
            register_data(ROOT, DATA / "cassandra")
        console.print(f"  Cassandra {server.version} on {server.contact_points[0]}:{server.port}")
        session = stack.enter_context(connected(tuple(server.contact_points), port=server.port))
        cassandra = CassandraPart(server)
        tour = ViewsTour(session, () if is_small else FIRST_TAGS)
        with required(cassandra):
            feed = _show_views(tour, stack)
        # Ended in this order: Airflow, the warm Spark, the pages and what is left of all, the feed, Cassandra.
        processes = stack.enter_context(ProcessGroup(LOGS))
        processes.adopt("Cassandra")
        cassandra.on_restart = lambda: processes.adopt("Cassandra", marker=str(DATA / "cassandra"))
        processes.supervisor.add(cassandra)
        processes.supervisor.add(FeedPart(feed))
        with section("Pages over the views"):
            airflow_url = "" if is_small else choose_url()
            url = open_pages(processes, server, airflow_url)
        _print_pages(tour, feed, begun, url)
        summary = Summary(tour, feed, processes, begun)
        processes.on_wait = summary.tick
        if not is_small:
            with section("Behind it: Spark and Airflow"):
                summary.airflow = bring_up(stack, processes, server, airflow_url, may_install=may_install)
            _print_login(summary.airflow, begun)
        _wait(processes, summary, seconds)


def _show_views(tour: ViewsTour, stack: ExitStack) -> Feed:
    """Show what views do; the feed that begins meanwhile goes on."""
    with section("Keyspace and base tables, from cql_templates/tables"):
        tour.tables()
    with section("Sample history"):
        tour.history()
    feed = stack.enter_context(Feed(tour.session, since=tour.now, streamers=STREAMERS))
    with section("Views, from cql_templates/views, as of yesterday; a live feed writes meanwhile"):
        tour.views()
    with section("A day passes: the windows slide under a reader"):
        tour.slide()
    with section("Roll back and forward"):
        tour.rollback()
    with section("Drop a view, and bring it back"):
        tour.drop()
    console.rule("[bold]What serves now", align="left", style="dim")
    tour.serving()
    tour.results()
    return feed


def _print_pages(tour: ViewsTour, feed: Feed, begun: float, url: str) -> None:
    counts = feed.counts
    yesterday = tour.now - timedelta(days=1)
    console.print(
        f"\n[bold green]Views serve after {time.monotonic() - begun:.0f} s.[/bold green] "
        f"The feed has written {counts.written:,} readings ({counts.late} late, {counts.failed} failed).\n"
        f"  Pages: [bold]{url}[/bold]\n"
        "In another terminal, in this folder:\n"
        "  .venv/bin/views status\n"
        "  .venv/bin/views explain unified_day_view\n"
        f"  .venv/bin/views query unified_day_view \"timestamp = '{yesterday:%Y-%m-%d}'\" --limit 5\n"
        "  .venv/bin/views cqlsh -e 'SELECT view_name, read_from FROM views_registry.views'\n"
        "[bold]Ctrl-C ends it.[/bold]"
    )


def _print_login(airflow: Airflow, begun: float) -> None:
    console.print(
        f"\n[bold green]Everything runs after {time.monotonic() - begun:.0f} s.[/bold green] "
        "Airflow rolls up each minute, and makes the views that are missing.\n"
        f"  Airflow: [bold]{airflow.url}[/bold]  user [bold]{USER}[/bold], password [bold]{airflow.password}[/bold]\n"
        f"  Logs: {LOGS.relative_to(ROOT)}\n"
        "[bold]Ctrl-C ends it.[/bold]"
    )


def _wait(processes: ProcessGroup, summary: Summary, seconds: float | None) -> None:
    """Wait for the end, and tell what happens meanwhile."""
    end = None if seconds is None else time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        processes.check()
        summary.tick()
        time.sleep(0.5)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=_ABOUT)(demo)
    app()
