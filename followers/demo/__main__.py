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
from followers.demo.acts import STREAMERS, Demo
from followers.demo.airflow import USER, Airflow, choose_url
from followers.demo.family import Family
from followers.demo.pages import open_pages
from followers.demo.parts import CassandraPart, FeedPart
from followers.demo.pipeline import bring_up
from followers.demo.place import DATA, LOGS, ROOT, end_with_parent, find_port, heard_once, held_place, one_stop
from followers.demo.screen import act, console
from followers.demo.summary import Summary
from followers.demo.supervisor import required
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
        with one_stop(), held_place():
            _run(is_small=no_airflow, may_install=not no_system_packages, seconds=seconds)
    except KeyboardInterrupt:
        pass
    except (ViewsError, EmbeddedError) as error:
        print(f"demo: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    console.print("[bold]Stopped; nothing runs any more.[/bold]")


def _run(*, is_small: bool, may_install: bool, seconds: float | None) -> None:
    begun = time.monotonic()
    with ExitStack() as stack, heard_once():
        with act("An embedded Cassandra"), console.status("starting") as status:
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
        acts = Demo(session, () if is_small else FIRST_TAGS)
        with required(cassandra):
            feed = _show_acts(acts, stack)
        # Ended in this order: Airflow, the warm Spark, the pages and what is left of all, the feed, Cassandra.
        family = stack.enter_context(Family(LOGS))
        family.adopt("Cassandra")
        cassandra.on_restart = lambda: family.adopt("Cassandra", marker=str(DATA / "cassandra"))
        family.supervisor.add(cassandra)
        family.supervisor.add(FeedPart(feed))
        with act("Pages over the views"):
            airflow_url = "" if is_small else choose_url()
            url = open_pages(family, server, airflow_url)
        _tell_readers(acts, feed, begun, url)
        summary = Summary(acts, feed, family, begun)
        family.on_wait = summary.tick
        if not is_small:
            with act("Behind it: Spark and Airflow"):
                summary.airflow = bring_up(stack, family, server, airflow_url, may_install=may_install)
            _tell_login(summary.airflow, begun)
        _stay(family, summary, seconds)


def _show_acts(acts: Demo, stack: ExitStack) -> Feed:
    """Show what views do; the feed that begins meanwhile goes on."""
    with act("Keyspace and base tables, from cql_templates/tables"):
        acts.tables()
    with act("Sample history"):
        acts.history()
    feed = stack.enter_context(Feed(acts.session, since=acts.now, streamers=STREAMERS))
    with act("Views, from cql_templates/views, as of yesterday; a live feed writes meanwhile"):
        acts.views()
    with act("A day passes: the windows slide under a reader"):
        acts.slide()
    with act("Roll back and forward"):
        acts.rollback()
    with act("Drop a view, and bring it back"):
        acts.drop()
    console.rule("[bold]What serves now", align="left", style="dim")
    acts.serving()
    acts.results()
    return feed


def _tell_readers(acts: Demo, feed: Feed, begun: float, url: str) -> None:
    counts = feed.counts
    yesterday = acts.now - timedelta(days=1)
    console.print(
        f"\n[bold green]Views serve after {time.monotonic() - begun:.0f} s.[/bold green] "
        f"The feed has written {counts.written:,} readings ({counts.late} late, {counts.failed} failed).\n"
        f"  Pages: [bold]{url}[/bold]\n"
        "In another terminal, in this folder:\n"
        "  .venv/bin/views status\n"
        "  .venv/bin/views why unified_day_view\n"
        f"  .venv/bin/views query unified_day_view \"timestamp = '{yesterday:%Y-%m-%d}'\" --limit 5\n"
        "  .venv/bin/views cqlsh -e 'SELECT view_name, read_from FROM views_registry.views'\n"
        "[bold]Ctrl-C ends it.[/bold]"
    )


def _tell_login(airflow: Airflow, begun: float) -> None:
    console.print(
        f"\n[bold green]Everything runs after {time.monotonic() - begun:.0f} s.[/bold green] "
        "Airflow rolls up each minute, and makes the views that are missing.\n"
        f"  Airflow: [bold]{airflow.url}[/bold]  user [bold]{USER}[/bold], password [bold]{airflow.password}[/bold]\n"
        f"  Logs: {LOGS.relative_to(ROOT)}\n"
        "[bold]Ctrl-C ends it.[/bold]"
    )


def _stay(family: Family, summary: Summary, seconds: float | None) -> None:
    """Wait for the end, and tell what happens meanwhile."""
    end = None if seconds is None else time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        family.check()
        summary.tick()
        time.sleep(0.5)


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(help=_ABOUT)(demo)
    app()
