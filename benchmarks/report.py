"""What a benchmark hands back, and how it is printed and written down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from rich.markup import escape
from rich.table import Table

from benchmarks.stats import Ratios


class Verdict(StrEnum):
    """How a figure stands to its target."""

    MET = "met"
    MISSED = "missed"
    SHOWN = "shown"
    NOT_MEASURED = "not measured"


def judged(is_met: bool) -> Verdict:
    """Return met or missed."""
    return Verdict.MET if is_met else Verdict.MISSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the table: what was measured beside what, and what it should be."""

    name: str
    measured: str
    reference: str
    target: str
    verdict: Verdict

    @classmethod
    def at_most(cls, limit: float, name: str, ratios: Ratios, *, reference: str) -> Figure:
        """Return the line of a ratio whose middle one must not exceed a limit."""
        return cls(
            name=name,
            measured=str(ratios),
            reference=reference,
            target=f"<= {limit}x",
            verdict=judged(ratios.middle <= limit),
        )

    @classmethod
    def at_least(cls, limit: float, name: str, ratios: Ratios, *, reference: str) -> Figure:
        """Return the line of a ratio whose middle one must reach a limit."""
        return cls(
            name=name,
            measured=str(ratios),
            reference=reference,
            target=f">= {limit}x",
            verdict=judged(ratios.middle >= limit),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """A table of what lies behind the figures; the first column holds words, the others numbers."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Everything that one benchmark found.

    Args:
        how: how it is measured, in sentences.
        notes: what a reader must know to judge it, noise above all.
    """

    title: str
    figures: tuple[Figure, ...]
    how: str
    details: tuple[Details, ...] = ()
    notes: tuple[str, ...] = field(default=())


_STYLES = {Verdict.MET: "green", Verdict.MISSED: "red", Verdict.SHOWN: "dim", Verdict.NOT_MEASURED: "yellow"}
_HEAD = ("figure", "measured", "beside", "target", "verdict")


def figure_table(sections: Sequence[Section]) -> Table:
    """Return all figures as a table for the terminal."""
    table = Table(header_style="bold")
    for name in _HEAD:
        table.add_column(name)
    for section in sections:
        for each in section.figures:
            verdict = f"[{_STYLES[each.verdict]}]{each.verdict}[/]"
            table.add_row(each.name, each.measured, each.reference, each.target, verdict)
        table.add_section()
    return table


def details_table(details: Details) -> Table:
    """Return what lies behind the figures as a table for the terminal."""
    table = Table(title=details.title, title_justify="left", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for place, name in enumerate(details.head):
        table.add_column(name, justify="right" if place else "left")
    for row in details.rows:
        table.add_row(*map(escape, row))  # the name of a test may look like markup
    return table


def markdown(
    sections: Sequence[Section],
    *,
    facts: Sequence[tuple[str, str]],
    command: str,
    made_at: datetime,
    seconds: float,
    title: str = "Benchmarks",
) -> str:
    """Return a page of docs.

    Args:
        facts: of the machine and its software; no names of hosts, no paths.
        command: what makes these figures.
        seconds: how long the whole run took.
    """
    parts = [
        f"# {title}",
        f"Written by `{command}` on {made_at:%Y-%m-%d %H:%M} UTC, in {seconds / 60:.0f} minutes; do not edit. "
        "Each figure stands beside its reference of the same run on the same server, the two in turn. "
        "Absolute times are those of one small machine; ratios and verdicts are what carries over.",
        "## Figures",
        _markdown_table(
            _HEAD,
            [
                (each.name, each.measured, each.reference, each.target, f"**{each.verdict}**")
                for section in sections
                for each in section.figures
            ],
            numbers=False,
        ),
        "## Machine",
        _markdown_table(("what", "value"), facts, numbers=False),
    ]
    for section in sections:
        parts += [f"## {section.title}", section.how]
        for details in section.details:
            parts += [f"### {details.title}", _markdown_table(details.head, details.rows, numbers=True)]
        if section.notes:
            parts.append("\n".join(f"- {note}" for note in section.notes))
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool) -> str:
    dashes = ["---", *("---:" if numbers else "---" for _ in head[1:])]
    return "\n".join(_markdown_row(row) for row in (head, dashes, *rows))


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
