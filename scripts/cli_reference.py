"""Write docs/reference/cli.md from the commands' own help: `python scripts/cli_reference.py`."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from pathlib import Path
from typing import Any

import typer.main

from cassandra_views.cli.main import app

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
HEAD = """# The command `views`

Written by `python scripts/cli_reference.py` from the commands' own help; `views COMMAND --help` shows the same.

```
views [--templates DIR] [--env ENV] [--now TIME] COMMAND ...
```

**Exit codes.** 0: done. 1: any error, wrong usage and Ctrl-C too. 2: `views plan --detailed-exitcode` found
something to do; with that option 0 says that nothing is.

**Output.** Answers go to standard output; progress, notes and errors to standard error. An error has
up to four parts: what failed (with file and line where there is one), `On` what, the `State` that remains, what to
do `Next`; [errors](errors.md) lists the kinds. Colours and moving lines appear on a terminal alone. Commands with
`--format json` print one document with `format_version` (now 1): keys may be added, and the number rises
where one changes or goes.

**Completion.** `views --install-completion` teaches the shell commands, options and the names and tags of view files.
"""


def page() -> str:
    """Return the page as it should be."""
    command: Any = typer.main.get_command(app)
    parts = [HEAD, "## Global options\n\n" + _options(command)]
    panels: dict[str, list[str]] = {}
    for name, each in command.commands.items():
        panel = panels.setdefault(each.rich_help_panel or "Server", [])
        panel.append(_section(name, each))
        panel += [_section(f"{name} {below}", one) for below, one in getattr(each, "commands", {}).items()]
    for panel, sections in panels.items():
        parts += [f"## {panel}", *sections]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _section(name: str, command: Any) -> str:
    text = _plain(inspect.cleandoc(command.help or ""))
    text, _word, examples = text.partition("\nExamples")
    lines = [line for line in examples.splitlines() if line.strip() and line.strip() != ":"]
    shown = "```\n" + "\n".join(line.removeprefix("  ") for line in lines) + "\n```"
    arguments = " ".join(_argument(each) for each in command.params if each.param_type_name == "argument")
    usage = f"`views {name} [OPTIONS]{f' {arguments}' if arguments else ''}`"
    return "\n\n".join([f"### views {name}", usage, text.strip(), shown, _options(command)])


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return (name if parameter.required else f"[{name}]") + ("..." if parameter.nargs == -1 else "")


def _options(command: Any) -> str:
    rows = ["| option or argument | meaning |", "|---|---|"]
    for each in command.params:
        if each.name in ("help", "install_completion", "show_completion") or getattr(each, "hidden", False):
            continue
        names = ", ".join(each.opts) if each.param_type_name == "option" else _argument(each)
        value = "" if getattr(each, "is_flag", False) or each.param_type_name != "option" else f" {_value(each)}"
        help_text = _plain(getattr(each, "help", "") or "").replace("|", "\\|")
        rows.append(f"| `{names}{value}` | {help_text} |")
    return "\n".join(rows) if len(rows) > 2 else "No options."


def _value(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "\\|".join(str(each.value) for each in kind)
    return str(parameter.metavar or ("N" if kind is int else parameter.name.upper()))


def _plain(text: str) -> str:
    return re.sub(r"(?<!\\)\[/?(bold|dim)\]", "", text).replace("\\[", "[")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
