"""Draw the terminal of the README from real output: python docs/images/refresh.py

Starts an embedded Cassandra, runs the commands below in this process, and records what they print.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cassandra_client.connect import connected
from cassandra_embedded import EmbeddedCassandra
from cassandra_views.cli import main, output
from cassandra_views.cli.terminal import Output

PICTURE = Path(__file__).with_suffix(".svg")
WIDTH = 140


def record(*, width: int = WIDTH) -> Output:
    """Return an output that keeps what the commands print on it, standard output and error in their order."""
    console = Output(io.StringIO(), width=width)
    console.file, console.record = io.StringIO(), True
    output.out.console = output.err.console = console
    return console


def run(console: Output, *arguments: str, shown: str = "") -> None:
    """Run one command as a person would, and keep what it prints."""
    console.print(f"[bold]$ views {shown or ' '.join(arguments)}[/bold]")
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        main.main(list(arguments))
    if said.getvalue():
        console.print(said.getvalue().rstrip(), markup=False)
    console.print()


def save(console: Output, title: str, path: Path) -> None:
    """Draw what an output has kept as a terminal."""
    picture = console.export_svg(title=title)
    # A picture that loads fonts from elsewhere is blocked, or tells others who looks at it.
    picture = re.sub(r"@font-face \{.*?\}\n", "", picture, flags=re.DOTALL)
    path.write_text(picture, encoding="utf-8")


def make() -> None:
    """Draw the picture."""
    now = datetime.now(UTC)
    with (
        tempfile.TemporaryDirectory() as home,
        contextlib.chdir(home),
        EmbeddedCassandra(address="127.0.22.9", port=0) as server,
    ):
        os.environ |= {
            "CASSANDRA_CONTACT_POINTS": f"{server.contact_points[0]}:{server.port}",
            "VIEWS_AUTHOR": "ann@laptop",
        }
        quiet = record()
        run(quiet, "init", ".")
        run(quiet, "--now", (now - timedelta(days=1)).isoformat(), "apply", "--yes")
        with connected(tuple(server.contact_points), port=server.port) as session:
            query = "INSERT INTO shop.orders (customer, day, order_id, total) VALUES (%s, %s, now(), %s)"
            for age in range(28):
                for number, customer in enumerate(("ann", "ben", "cid")):
                    session.execute(query, (customer, (now - timedelta(days=age)).date(), 5 + age + number))

        console = record()
        run(console, "apply", "--yes")
        day = f"day = '{now:%Y-%m-%d}'"
        run(console, "query", "orders_by_day", day, shown=f'query orders_by_day "{day}"')
        run(console, "status")
        save(console, "A window slides: the next generation is built, audited, then served", PICTURE)


if __name__ == "__main__":
    make()
