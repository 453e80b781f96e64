"""The help of commands: plain text, since importing rich for it takes longer than everything else together."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import typer
from typer.core import TyperGroup


class PanelGroup(TyperGroup):
    """A group whose help lists its commands under the headings that they are registered with."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each heading, and below it each command with the first paragraph of its help."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            text = inspect.cleandoc(command.help or "").partition("\n\n")[0]
            panels.setdefault(command.rich_help_panel or "Commands", []).append((name, " ".join(text.split())))
        width = max((len(name) for rows in panels.values() for name, _text in rows), default=0)
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl([(name.ljust(width), text) for name, text in rows])


def add_commands(app: typer.Typer, panel: str, commands: Mapping[Callable[..., Any], tuple[str, ...]]) -> None:
    """Add commands with their examples to the program, under one heading of its help."""
    for command, examples in commands.items():
        name = command.__name__.removesuffix("_views")  # list_views
        app.command(name, help=help_of(command, *examples), rich_help_panel=panel)(command)


def help_of(command: Callable[..., Any], *examples: str) -> str:
    """Return a command's help: its docstring, then examples, each on a line of its own."""
    return with_examples(inspect.getdoc(command) or "", *examples)


def with_examples(text: str, *examples: str) -> str:
    """Return a help text with examples below it."""
    return "\n".join([text.strip(), "", "Examples:", "", UNWRAPPED, *(f"  {example}" for example in examples)])


UNWRAPPED = "\b"
"""A line that holds this alone keeps the lines of the paragraph that follows as they are."""
