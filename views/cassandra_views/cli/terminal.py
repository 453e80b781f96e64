"""Text and tables that fit the terminal: lines break between words, columns give way by importance.

Rich draws them. What is decided here is which columns there is room for, and how wide each one is.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_GAP = 2
_PROSE_WIDTH = 24  # a sentence in a narrower column is one word a line


@dataclass(frozen=True, slots=True, kw_only=True)
class TableColumn:
    """One column of a table.

    Args:
        drop_order: 1 is left out first where the terminal is too narrow; 0 is never left out.
        is_prose: its text may take several lines, broken between words; the text of others stays on one line.
    """

    header: str
    drop_order: int = 0
    is_prose: bool = False


def _column(header: str, drop_order: int = 0, *, is_prose: bool = False) -> TableColumn:
    return TableColumn(header=header, drop_order=drop_order, is_prose=is_prose)


LAYOUTS: dict[str, tuple[TableColumn, ...]] = {
    "status": (
        _column("VIEW"),
        _column("CONDITION"),
        _column("SERVES", 7, is_prose=True),
        _column("ROWS AT AUDIT", 2),
        _column("AUDITED", 1),
        _column("WINDOW FROM", 4),
        _column("SINCE", 3),
        _column("NEXT SLIDE", 6),
    ),
    "promise": (_column("PROMISE", 5),),
    "adopt": (
        _column("NAME"),
        _column("KIND", 2),
        _column("RESULT"),
        _column("FILE", 1),
    ),
    "list": (
        _column("VIEW"),
        _column("CONDITION"),
        _column("BASE", 4),
        _column("OWNER", 3),
        _column("TAGS", 2, is_prose=True),
        _column("FILE", 1),
    ),
    "show": (
        _column("GENERATION"),
        _column("STATE"),
        _column("AUDIT", 7),
        _column("ROWS AT AUDIT", 3),
        _column("WINDOW FROM", 6),
        _column("CREATED", 1),
        _column("BUILT", 2),
        _column("SERVED", 5),
        _column("RETIRED", 4),
    ),
    "history": (
        _column("AT"),
        _column("GENERATION", 3),
        _column("EVENT"),
        _column("BY", 2),
        _column("RUN", 1),
        _column("DETAIL", is_prose=True),
    ),
    "audit": (
        _column("VIEW"),
        _column("GENERATION", 2),
        _column("AUDIT"),
        _column("SECONDS", 1),
        _column("FOUND", is_prose=True),
    ),
    "differences": (
        _column("VIEW"),
        _column("GENERATION", 2),
        _column("DIFFERS"),
        _column("KEY"),
        _column("COLUMN"),
        _column("BASE"),
        _column("WRITTEN", 1),
        _column("VIEW HAS"),
        _column("WRITTEN", 3),
    ),
    "view_tests": (
        _column("VIEW"),
        _column("TEST", is_prose=True),
        _column("DIFFERS"),
        _column("KEY", is_prose=True),
        _column("COLUMN"),
        _column("EXPECTED"),
        _column("VIEW HAS"),
    ),
    "overrides": (
        _column("VIEW"),
        _column("NOW"),
        _column("UNTIL", 1),
        _column("REASON", 2, is_prose=True),
    ),
    "lag": (
        _column("VIEW"),
        _column("NODE", 4),
        _column("LAG"),
        _column("PROMISE", 3),
        _column("KEPT", 2),
        _column("FOUND", 1, is_prose=True),
    ),
    "suspects": (
        _column("VIEW"),
        _column("GENERATION", 2),
        _column("STATE", 3),
        _column("SUSPECT SINCE", 1),
        _column("REASON", 4, is_prose=True),
    ),
    "cluster": (
        _column("NODE"),
        _column("VERDICT"),
        _column("SINCE", 7),
        _column("STATUS", 5),
        _column("LOCATION", 4),
        _column("PEERS", 6),
        _column("CQL", 3, is_prose=True),
        _column("TCP", 1, is_prose=True),
        _column("MACHINE", 2, is_prose=True),
    ),
    "journal": (
        _column("AT"),
        _column("EVENT"),
        _column("ACT", 4),
        _column("NODE", 5),
        _column("BY", 1),
        _column("OUTCOME", 3),
        _column("DETAIL", is_prose=True),
    ),
    "services": (
        _column("SERVICE"),
        _column("VERDICT"),
        _column("SINCE", 1),
        _column("SEEN", is_prose=True),
    ),
}
"""The columns of every command that answers with a table."""


class TextTable:
    """A table that draws itself into the width that there is.

    Columns are left out by ``drop_order`` until the rest fits; where even the rest does not, each row becomes a
    record with a line for each column.

    Args:
        is_wide: show all columns on one line each, whatever the width.
    """

    def __init__(self, columns: Sequence[TableColumn], *, is_wide: bool = False) -> None:
        self.columns = tuple(columns)
        self.rows: list[tuple[Text, ...]] = []
        self._is_wide = is_wide

    def add_row(self, *cells: str) -> None:
        """Add a row; each cell is text in rich's markup."""
        self.rows.append(tuple(Text.from_markup(visible(cell), emoji=False) for cell in cells))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table, or its records."""
        cells = [
            [Text(column.header, "bold"), *(row[at] for row in self.rows)] for at, column in enumerate(self.columns)
        ]
        most = [max(cell.cell_len for cell in column) for column in cells]
        if self._is_wide:
            yield from self._drawn(console, options, cells, most)
            return
        least = [
            max(min(most[at], _PROSE_WIDTH), *map(_longest_word, cells[at])) if column.is_prose else most[at]
            for at, column in enumerate(self.columns)
        ]
        kept = self._fitting(least, options.max_width)
        if not kept:
            yield from self._records(options.max_width)
            return
        widths = _shared([least[at] for at in kept], [most[at] for at in kept], options.max_width)
        yield from self._drawn(console, options, [cells[at] for at in kept], widths)
        left_out = [column.header for at, column in enumerate(self.columns) if at not in kept]
        if left_out:
            text = Text(f"(--wide also shows {', '.join(left_out)})", "dim")
            yield from wrapped(text, options.max_width)

    def _fitting(self, least: Sequence[int], width: int) -> list[int]:
        """Return the columns that there is room for; none where even those that must stay do not fit."""
        kept = list(range(len(self.columns)))
        while sum(least[at] for at in kept) + _GAP * (len(kept) - 1) > width:
            can_go = [at for at in kept if self.columns[at].drop_order]
            if not can_go:
                return []
            kept.remove(min(can_go, key=lambda at: self.columns[at].drop_order))
        return kept

    def _drawn(
        self, console: Console, options: ConsoleOptions, cells: Sequence[Sequence[Text]], widths: Sequence[int]
    ) -> RenderResult:
        drawn = Table(box=None, show_header=False, pad_edge=False, padding=(0, _GAP, 0, 0))
        for width in widths:
            drawn.add_column(width=width, overflow="fold")
        for row in zip(*cells, strict=True):
            drawn.add_row(*row)
        # Rich counts the gap after the last column too, which it does not draw.
        yield from console.render(drawn, options.update(width=sum(widths) + _GAP * len(widths)))

    def _records(self, width: int) -> RenderResult:
        label = max(len(column.header) for column in self.columns[1:]) + _GAP if len(self.columns) > 1 else 0
        for number, row in enumerate(self.rows):
            if number:
                yield Text()
            yield from wrapped(row[0], width)
            for column, cell in zip(self.columns[1:], row[1:], strict=True):
                line = Text.assemble("  ", (column.header.ljust(label), "bold"), cell)
                yield from wrapped(line, width, indent=2 + label)


def wrapped(text: Text, width: int, *, indent: int = 0) -> list[Text]:
    """Return the lines of a text, broken between words alone; lines after the first are indented.

    Rich's own wrapping breaks or crops a word that is longer than a line.
    """
    starts, used = [], 0
    for word in re.finditer(r"\s*\S+", text.plain):
        if used and used + cell_len(word[0]) > width:
            bare = word[0].lstrip()
            starts.append(word.end() - len(bare))
            used = indent + cell_len(bare)
        else:
            used += cell_len(word[0])
    first, *others = text.divide(starts)
    lines = [first, *(Text.assemble(" " * indent, line) for line in others)]
    for line in lines:
        line.rstrip()
        # Nothing that draws these lines may break or cut them again.
        line.no_wrap, line.overflow = True, "ignore"
    return lines


def _longest_word(text: Text) -> int:
    return max((cell_len(word) for word in text.plain.split()), default=0)


def _shared(least: Sequence[int], most: Sequence[int], width: int) -> list[int]:
    """Return a width for each column: at least what it needs, and what is over to those that want more."""
    widths = list(least)
    over = width - sum(least) - _GAP * (len(least) - 1)
    for at, wanted in enumerate(most):
        more = min(over, wanted - widths[at])
        widths[at] += more
        over -= more
    return widths


_UNFOLDED = 100_000
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """Return a text whose control characters are spelled out: what a file or a row holds steers no terminal."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text.replace("\r\n", "\n"))


class Output(Console):
    """A stream of answers or notes: on a terminal lines are broken between words, elsewhere not at all."""

    def __init__(self, stream: TextIO, *, width: int | None = None) -> None:
        self._is_folded = width is not None or stream.isatty()
        # Piped output is for other programs and logs: no line of it is folded at 80 columns.
        super().__init__(
            stderr=stream is sys.stderr,
            soft_wrap=True,
            highlight=False,
            emoji=False,
            width=width if self._is_folded else _UNFOLDED,
        )

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does; a text that is too long goes on below its own beginning."""
        objects = tuple(visible(each) if isinstance(each, str) else each for each in objects)
        if (
            self._is_folded
            and len(objects) == 1
            and isinstance(objects[0], str)
            and not {"end", "soft_wrap"} & options.keys()
        ):
            text = Text.from_markup(objects[0], emoji=False)
            if text.cell_len > self.width or "\n" in text.plain:
                for line in text.split("\n", allow_blank=True):
                    indent = len(line.plain) - len(line.plain.lstrip()) + 2
                    for part in wrapped(line, self.width, indent=indent):
                        super().print(part, **options)
                return
        super().print(*objects, **options)
