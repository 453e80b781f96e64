"""A console that breaks lines between words on a terminal, and nowhere else."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from cassandra_views.cli.table_layout import wrapped

_UNFOLDED = 100_000


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
