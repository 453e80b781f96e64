"""What the demo shows on the terminal: acts with their times, and reads with their rows."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from cassandra_views import ViewReader

console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


@contextmanager
def act(title: str) -> Iterator[None]:
    """Print an act's title before it, and its time after it."""
    console.rule(f"[bold]{title}", align="left", style="dim")
    begun = time.monotonic()
    yield
    console.print(f"  [dim]{time.monotonic() - begun:.1f} s[/dim]")


@contextmanager
def part(title: str) -> Iterator[list[str]]:
    """Show that a part of an act is under way, and print it with its time; what is put into the list stands beside."""
    begun = time.monotonic()
    said: list[str] = []
    with console.status(title):
        yield said
    beside = f"  {said[-1]}" if said else ""
    console.print(f"  {title:<28} [dim]{time.monotonic() - begun:5.1f} s[/dim]{beside}")


def show_rows(reader: ViewReader, view: str, *, limit: int, **key: str) -> None:
    """Print a read as it is written in Python, and its rows."""
    found = reader.select(view, key, limit=limit)
    written = ", ".join(f'{column}="{value}"' for column, value in key.items())
    console.print(
        f'\n[bold]select("{view}", {written}, limit={limit})[/bold]  [dim]from {", ".join(found.generations)}[/dim]'
    )
    rows = Table(box=None, header_style="dim", padding=(0, 2, 0, 2))
    for column in found.rows[0]._fields if found.rows else ():
        rows.add_column(column, no_wrap=True)
    for row in found.rows:
        rows.add_row(*("-" if value is None else str(value) for value in row))
    console.print(rows)
