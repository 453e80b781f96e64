"""The commands ``load``, ``feed`` and ``serve``: ``python -m followers``. Only this module prints and exits."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import typer
from cassandra import DriverException, InvalidRequest
from cassandra.cluster import NoHostAvailable, Session
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from cassandra_client.connect import connected
from cassandra_client.errors import ClusterError, ConfigurationError
from cassandra_views.json_log import configure_logging_from_environment
from followers.feed import Feed, utc_now
from followers.history import HistorySpan
from followers.load import LoadError, load_history

app = typer.Typer(
    help="The pipeline's application: follower counts of streamers, as history, as a live feed, and on pages.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()

ContactPoints = Annotated[
    str,
    typer.Option(
        envvar="CASSANDRA_CONTACT_POINTS",
        help="Hosts, with commas between; there is no default.",
        show_default=False,
    ),
]
Port = Annotated[int, typer.Option(envvar="CASSANDRA_PORT", help="Native port of the hosts.")]
Keyspace = Annotated[str, typer.Option(help="Where the base tables are.")]
Seed = Annotated[int, typer.Option(help="The same seed and time give the same rows.")]
Streamers = Annotated[int, typer.Option(min=1, max=418, help="The first so many of accounts.csv.")]


@app.command()
def load(
    contact_points: ContactPoints = "",
    port: Port = 9042,
    keyspace: Keyspace = "insight",
    seed: Seed = 1,
    streamers: Streamers = 100,
    days: Annotated[int, typer.Option(min=0, help="Days of unified_day and the aggregations.")] = 35,
    hours: Annotated[int, typer.Option(min=0, help="Hours of unified_hour.")] = 72,
    minutes: Annotated[int, typer.Option(min=0, help="Minutes of unified_minute.")] = 360,
    seconds: Annotated[int, typer.Option(min=0, help="Seconds of the live tables.")] = 300,
    now: Annotated[datetime | None, typer.Option(help="Where the history ends, in UTC; now if left out.")] = None,
) -> None:
    """Write a history into base tables that exist.

    A level has a row for each streamer and interval: 300,000 base rows in one table are
    --streamers 418 --minutes 720 --days 0 --hours 0 --seconds 0.
    """
    moment = now.replace(tzinfo=UTC) if now else utc_now()
    span = HistorySpan(days=days, hours=hours, minutes=minutes, seconds=seconds)
    bars = (TextColumn("{task.description:22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with connect(contact_points, port) as session, Progress(*bars, console=out) as progress:
        tasks: dict[str, TaskID] = {}

        def show(table: str, rows: int, total: int) -> None:
            if table not in tasks:
                tasks[table] = progress.add_task(table)
            progress.update(tasks[table], completed=rows, total=total)

        counts = load_history(
            session,
            keyspace=keyspace,
            now=moment,
            seed=seed,
            streamers=streamers,
            span=span,
            on_progress=show,
        )
    total = f"{sum(counts.values()):,} rows in {len(counts)} tables of {keyspace}"
    out.print(f"{total}, up to {moment:%Y-%m-%dT%H:%M:%SZ}")


@app.command()
def feed(
    contact_points: ContactPoints = "",
    port: Port = 9042,
    keyspace: Keyspace = "insight",
    seed: Seed = 1,
    streamers: Streamers = 100,
    since: Annotated[datetime | None, typer.Option(help="Begin from here (UTC), at most 5 minutes back.")] = None,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two lines of counts.")] = 10.0,
) -> None:
    """Write one reading a second for each streamer and platform, until Ctrl-C or SIGTERM."""
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with connect(contact_points, port) as session:
        begin = since.replace(tzinfo=UTC) if since else None
        running = Feed(session, keyspace=keyspace, seed=seed, streamers=streamers, since=begin)
        with running:
            while not ended.wait(every) and running.is_running:
                _print_counts(running)
        _print_counts(running)
    if not ended.is_set():
        fail("The feed ended by itself. What it wrote stays. See the error above, then start it again.")


@app.command()
def serve(
    contact_points: ContactPoints = "",
    port: Port = 9042,
    address: Annotated[str, typer.Option(help="Where the pages listen.")] = "127.0.0.1",
    web_port: Annotated[int, typer.Option(min=0, max=65535, help="And on which port; 0 for a free one.")] = 5000,
) -> None:
    """Serve the pages for one person at work on them; else see docs/guides/pages.md.

    Without contact points the cluster is that of views.toml, or of `views up` in this folder.
    """
    try:
        from werkzeug.serving import make_server

        from followers.web.app import create_app
    except ImportError as error:
        fail(
            f"The pages need a package that is not there: {error.name}. Nothing was started. "
            "Run make install in the clone."
        )
    config = {"VIEWS_CONTACT_POINTS": contact_points, "VIEWS_PORT": port} if contact_points else {}
    server = make_server(address, web_port, create_app(config), threaded=True)
    out.print(f"Pages on http://{address}:{server.port}, until Ctrl-C")
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    server.server_close()


def _print_counts(running: Feed) -> None:
    counts = running.counts
    print(
        f"written {counts.written} late {counts.late} failed {counts.failed} skipped {counts.skipped}",
        flush=True,
    )


@contextmanager
def connect(contact_points: str, port: int) -> Iterator[Session]:
    """Give a session to these hosts and close it afterwards; an error ends the program with status 1."""
    hosts = [host.strip() for host in contact_points.split(",") if host.strip()]
    if not hosts:
        fail(
            "No contact point is given. Nothing was written. "
            "Name hosts with --contact-points or in CASSANDRA_CONTACT_POINTS."
        )
    where = f"{', '.join(hosts)}, port {port}"
    with ExitStack() as stack:
        try:
            local_dc = os.environ.get("CASSANDRA_LOCAL_DC") or None
            session = stack.enter_context(connected(tuple(hosts), port=port, local_dc=local_dc))
        except (ClusterError, ConfigurationError) as error:
            fail(
                f"At {where}: {error.what}. Nothing was written. "
                "Check that it is up, or name other hosts with --contact-points."
            )
        try:
            yield session
        except InvalidRequest as error:
            fail(
                f"The server refused a statement: {error}. Rows written before stay. "
                "Create keyspace and base tables first: `views apply`."
            )
        except (DriverException, NoHostAvailable) as error:
            fail(
                f"The cluster at {where}, failed: {error}. Rows written before stay. "
                "Check that it is up, then try again."
            )
        except LoadError as error:
            fail(str(error))


def fail(text: str) -> NoReturn:
    """Print the error and end the program."""
    print(f"error: {text}", file=sys.stderr)
    raise typer.Exit(1)


def main() -> None:
    """Run the program."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    configure_logging_from_environment(level=logging.WARNING)
    # The driver logs each error with its traceback; what matters of it is told here.
    logging.getLogger("cassandra").setLevel(logging.CRITICAL)
    app()


if __name__ == "__main__":
    main()
