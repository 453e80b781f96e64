"""A page of docs that a benchmark writes: told about while it is made, shown at the end, written where it is whole."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.markup import escape

from benchmarks.machine import busy_share
from benchmarks.report import Section, Verdict, details_table, figure_table, markdown
from cassandra_embedded import EmbeddedError
from cassandra_views import ViewsError

ROOT = Path(__file__).resolve().parent.parent
BUSY = 0.15

console = Console(highlight=False, width=None if sys.stdout.isatty() else 150)
progress = Console(highlight=False, stderr=True)


class Page:
    """One run of a benchmark, and what it writes.

    Args:
        module: what is run, ``benchmarks.web``.
        name: of the file in docs.
        is_quick: whether the sizes are small.
        parts: those that are measured, of a benchmark that has parts.
        out: where to write instead; without it only a whole run of full size is written.
    """

    def __init__(
        self, module: str, name: str, title: str, *, is_quick: bool, out: Path | None, parts: Sequence[StrEnum] = ()
    ) -> None:
        asked = [part for part in parts if len(parts) < len(type(part))]
        options = [*(f"--only {part}" for part in asked), *(["--quick"] if is_quick else [])]
        self._command = " ".join([f"python -m {module}", *options])
        self._name = name
        self._title = title
        self._target = out or (None if options else ROOT / "docs" / name)
        self._begun = time.monotonic()
        self._busy = busy_share()
        if self._busy > BUSY:
            self.tell(f"[yellow]the machine is busy ({self._busy:.0%} of its cores): the figures say little[/yellow]")

    def tell(self, text: str) -> None:
        """Say how far it is."""
        progress.print(f"[dim]{time.monotonic() - self._begun:6.1f} s[/dim]  {text}")

    def write(self, sections: Sequence[Section], facts: Sequence[tuple[str, str]]) -> None:
        """Write what was found so far, where it is to be written.

        Args:
            facts: of the machine and its software.
        """
        if self._target is not None:
            page = markdown(
                sections,
                facts=[*facts, ("used by others at the start", f"{self._busy:.0%} of all cores")],
                command=self._command,
                made_at=datetime.now(UTC),
                seconds=time.monotonic() - self._begun,
                title=self._title,
            )
            self._target.write_text(page, encoding="utf-8")

    def finish(self, sections: Sequence[Section], facts: Sequence[tuple[str, str]]) -> None:
        """Show what was found, and write it."""
        for section in sections:
            for details in section.details:
                console.print(details_table(details))
            for note in section.notes:
                console.print(f"[dim]{escape(note)}[/dim]")
        console.print(figure_table(sections))
        self.write(sections, facts)
        if self._target is None:
            progress.print(f"docs/{self._name} is as it was: only a whole run of full size is written, or with --out.")
        else:
            progress.print(f"{self._target.name} is written.")
        if any(figure.verdict is Verdict.MISSED for section in sections for figure in section.figures):
            progress.print("[yellow]A target was missed; the table says which.[/yellow]")


def run(main: Callable[..., Any]) -> None:
    """Run a benchmark as a command; what fails is said without a traceback."""
    app = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    app.command()(main)
    try:
        app()
    except (ViewsError, EmbeddedError, RuntimeError) as error:
        sys.exit(f"benchmarks: {error}\nNothing more was written.")
