"""Make the pictures of the README from real output: python docs/images/make.py

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

from rich.console import Console

from cassandra_embedded import EmbeddedCassandra
from cassandra_views.cli import lifecycle_commands, look_commands, main, progress, project_commands
from cassandra_views.cluster.connect import connected

FOLDER = Path(__file__).parent
WIDTH = 140
MODULES = (lifecycle_commands, look_commands, main, progress, project_commands)


def record(console: Console) -> None:
    """Let the commands print on one recording console, standard output and error in their order."""
    for module in MODULES:
        for name in ("out", "err"):
            if hasattr(module, name):
                setattr(module, name, console)


def run(console: Console, *arguments: str, shown: str = "") -> None:
    """Run one command as a person would, and keep what it prints."""
    console.print(f"[bold]$ views {shown or ' '.join(arguments)}[/bold]")
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        main.main(list(arguments))
    if said.getvalue():
        console.print(said.getvalue().rstrip(), markup=False)
    console.print()


def make() -> None:
    """Make every picture."""
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
        quiet = Console(file=io.StringIO(), width=WIDTH)
        record(quiet)
        run(quiet, "init", ".")
        run(quiet, "--now", (now - timedelta(days=1)).isoformat(), "apply", "--yes")
        with connected(tuple(server.contact_points), port=server.port) as session:
            query = "INSERT INTO shop.orders (customer, day, order_id, total) VALUES (%s, %s, now(), %s)"
            for age in range(28):
                for number, customer in enumerate(("ann", "ben", "cid")):
                    session.execute(query, (customer, (now - timedelta(days=age)).date(), 5 + age + number))

        console = Console(record=True, file=io.StringIO(), width=WIDTH, soft_wrap=True, highlight=False)
        record(console)
        run(console, "apply", "--yes")
        day = f"day = '{now:%Y-%m-%d}'"
        run(console, "query", "orders_by_day", day, shown=f'query orders_by_day "{day}"')
        run(console, "status")
        picture = console.export_svg(title="A window slides: the next generation is built, audited, then served")
        # A picture that loads fonts from elsewhere is blocked, or tells others who looks at it.
        picture = re.sub(r"@font-face \{.*?\}\n", "", picture, flags=re.DOTALL)
        (FOLDER / "refresh.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    make()
