"""Write docs/reference/cli.md from the commands' own help: `python scripts/cli_reference.py`."""

from __future__ import annotations

import inspect
from enum import Enum
from pathlib import Path
from typing import Any

import typer.main

from cassandra_views.cli.help import UNWRAPPED
from cassandra_views.cli.main import app

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
HEAD = """# The command `views`

Written by `python scripts/cli_reference.py` from the commands' own help; `views COMMAND --help` shows the same.

```
views [--templates DIR] [--env ENV] [--now TIME] COMMAND ...
```

## Exit codes

| code | meaning |
|---|---|
| 0 | Done. With `--detailed-exitcode`: done, and nothing needs to change. |
| 1 | An error, wrong usage, Ctrl-C; a wrong file (`lint`), a view that differs (`audit`), a failing `test`, `doctor`. |
| 2 | Only with `--detailed-exitcode`. `plan`: changes; `cluster`, `doctor`: trouble; `adopt`: not all is adopted. |

`views cqlsh` exits with cqlsh's own code: 2 where a statement of `-e` or `-f` failed.

## Output

Answers go to standard output; progress, notes and errors to standard error. An error has up to four parts: what failed
(with file and line where there is one), `On` what, the `State` that remains, what to do `Next`; [errors](errors.md)
lists the kinds.

On a terminal, lines are broken between words. Where a table is too wide, its least important columns are left out and
named below it; `--wide` shows all. Where the most important columns do not fit either, each row becomes a list of
lines. Names are never broken. Colours and moving lines appear only on a terminal, and colours not where `NO_COLOR` is
set. Piped output has no colours, every column, and one line for each row.

With `--log-format json` before the command, or `VIEWS_LOG_FORMAT=json`, each note, step and error on standard error is
a line of JSON with `at`, `level`, `logger` and `text`; an error has `what`, `on`, `remains` and `next` beside them. The
log of the driver goes there in the same form. That is for services, such as `views cluster heal --watch`.

Commands with `--format json` print one document with `format_version` (now 1): keys may be added, and the number rises
where one changes or goes. `views status` and `views list` print these keys for each view:

| key | meaning |
|---|---|
| `name` | `keyspace.view`. |
| `condition` | One word for its whole state: [conditions](../guides/operator.md#conditions). |
| `serving` | The physical names that serve. |
| `window_start` | Where the window of the newest serving generation begins. |
| `rows` | The rows of that generation at its last audit, which was at `audited_at`. Not the rows of now. |
| `audited_at`, `audit` | When it was last audited, and the verdict: `passed` or `failed`. |
| `found` | What that audit found, in words. The keys that follow tell the same as data. |
| `audit_base_rows` | The rows that the base should have given it then. |
| `audit_missing_rows` | Rows of the base that the view lacks. |
| `audit_extra_rows` | Rows of the view that the base lacks. |
| `audit_stale_rows` | Rows in which a value or its write time differs. |
| `audit_expiring_rows` | Rows in which only the TTLs differ. |
| `audit_skipped_rows` | Rows that were not compared, as they were written after the audit began. |
| `audit_is_partial` | Whether there may be more of them. |
| `audit_method` | What was compared: `digests` of all rows, the `rows` where they differ, `pulse` or `sample`. |
| `audit_first_time` | The time of the base's first row, where the base has rows and the window holds none. |
| `version`, `served_at` | Its fingerprint, and since when it serves. |
| `measured_lag_seconds`, `measured_lag_bound` | How late it showed a write: `exact`, `at most` or `at least`. |
| `lag_measured_at`, `lag_promise` | When that was; `lag.promise` was `kept`, `broken`, or that is `unknown`. |
| `suspect_since`, `suspect_reason`, `suspect_by` | Since when and why it is suspect, and who saw it; null or empty. |
| `next_due` | When its window moves next. A frozen view does not move. |
| `slide_lag_seconds` | How late the slide is. |
| `promise`, `broken_by_seconds` | Whether `max_lag` is `kept` or `broken`, and by how much. |
| `rollback_until` | Until when the former generation can serve again. |
| `override` | What a person decided over the file. |
| `waiting` | What a person must decide or correct before the view goes on; empty where nothing is. |
| `failures`, `failed_at`, `last_error` | Failed runs in a row, when the last one failed, and the last error. |
| `file`, `base`, `owner`, `tags`, `project` | What the view's file says, and which project holds it. |
| `dropped` | When, `by` whom and for what `reason` its last generation was dropped, where none is left; else null. |
| `generations` | Every generation that the registry holds. |

## Completion

`views --install-completion` teaches bash, zsh and fish the commands, their options, and the names, tags, bases and
owners of view files. Start a new shell afterwards.
"""


def page() -> str:
    """Return the page as it should be."""
    command: Any = typer.main.get_command(app)
    parts = [HEAD, "## Global options\n\n" + _options(command)]
    panels: dict[str, list[str]] = {}
    for name, each in command.commands.items():
        panel = panels.setdefault(each.rich_help_panel, [])
        panel.append(_section(name, each))
        panel += [_section(f"{name} {below}", one) for below, one in getattr(each, "commands", {}).items()]
    for panel, sections in panels.items():
        parts += [f"## {panel}", *sections]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _section(name: str, command: Any) -> str:
    text, _word, examples = inspect.cleandoc(command.help or "").partition("\nExamples:\n")
    lines = [line for line in examples.splitlines() if line.strip(f" {UNWRAPPED}")]
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
        help_text = (getattr(each, "help", "") or "").replace("|", "\\|")
        rows.append(f"| `{names}{value}` | {help_text} |")
    return "\n".join(rows) if len(rows) > 2 else "No options."


def _value(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "{" + ",".join(str(each.value) for each in kind) + "}"
    return str(parameter.metavar or ("N" if kind is int else parameter.name.upper()))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
