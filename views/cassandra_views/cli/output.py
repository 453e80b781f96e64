"""Answers on standard output: tables and text for people, JSON for machines."""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from cassandra_client.errors import Place, ViewsError, as_sentence

if TYPE_CHECKING:
    from cassandra_views.cli.terminal import Output, TableColumn, TextTable

FORMAT_VERSION = 1


class LazyConsole:
    """A console that is made, and rich imported, when something is first printed: many commands print nothing.

    Attributes:
        log: takes each text instead, where standard error is a log.
    """

    def __init__(self, stream: Literal["stdout", "stderr"]) -> None:
        self._stream = stream
        self.log: logging.Logger | None = None

    @cached_property
    def console(self) -> Output:
        """The console itself."""
        from cassandra_views.cli.terminal import Output

        return Output(getattr(sys, self._stream))

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as ``Output.print``."""
        if self.log is None:
            self.console.print(*objects, **options)
        else:
            from rich.text import Text

            self.log.info("%s", " ".join(Text.from_markup(str(each), emoji=False).plain.strip() for each in objects))

    def write(self, line: str) -> None:
        """Write a line as it is, for which rich need not be imported."""
        if self.log is None:
            getattr(sys, self._stream).write(f"{line}\n")
        else:
            self.log.info("%s", line)


out = LazyConsole("stdout")
err = LazyConsole("stderr")

COLOURS = {
    "serving": "green",
    "built": "cyan",
    "building": "cyan",
    "waiting": "yellow",
    "pending": "yellow",
    "stale": "yellow",
    "changed": "yellow",
    "retired": "dim",
    "frozen": "blue",
    "off": "dim",
    "dropped": "dim",
    "renamed": "dim",
    "never made": "dim",
    "failed": "red",
    "differs": "red",
    "suspect": "yellow",
    "passed": "green",
    "broken": "red",
    "unreadable": "red",
    "kept": "green",
}


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: times in ISO 8601 UTC, names as ``keyspace.view``."""
    from cassandra_views.model.names import ViewName
    from cassandra_views.model.times import instant_text

    match value:
        case None | bool() | int() | float() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return value.value
        case ViewName():
            return str(value)
        case datetime():
            return instant_text(value) if value.tzinfo else value.isoformat() + "Z"
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case bytes():
            return "0x" + value.hex()
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _ if hasattr(value, "_asdict"):
            return {key: plain(each) for key, each in value._asdict().items()}
        case list() | tuple() | set() | frozenset():
            return [plain(each) for each in value]
        case _ if type(value).__name__ in ("SortedSet", "OrderedMapSerializedKey"):
            return [plain(each) for each in value]
        case _:
            return str(value)


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON document with its ``format_version``."""
    sys.stdout.write(json.dumps({"format_version": FORMAT_VERSION, **plain(content)}, indent=2) + "\n")


def cell(value: Any) -> str:
    """Return a value of JSON as the text of a table's cell: texts without quotes, all else as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def error_json(error: ViewsError) -> dict[str, object]:
    """Return what is wrong with a file, for machines."""
    place = error.place or Place(file="")
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "on": error.on,
        "message": error.what,
        "next": error.next,
    }


def table(*columns: str | TableColumn, is_wide: bool = False) -> TextTable:
    """Return an empty table of these columns, which never give way where only their names are given."""
    from cassandra_views.cli.terminal import TableColumn, TextTable

    return TextTable([TableColumn(header=each) if isinstance(each, str) else each for each in columns], is_wide=is_wide)


def table_of(*layouts: str, is_wide: bool = False) -> TextTable:
    """Return an empty table of the columns that ``terminal.LAYOUTS`` holds under these names."""
    from cassandra_views.cli.terminal import LAYOUTS, TextTable

    return TextTable([column for name in layouts for column in LAYOUTS[name]], is_wide=is_wide)


def escape(text: str) -> str:
    """Return a text whose square brackets are no markup."""
    from rich.markup import escape

    return escape(text)


def shortened(text: str, length: int = 90) -> str:
    """Return a text on one line, cut between words where it is longer than ``length``."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    kept = line[: length - 3].rpartition(" ")[0] or line.partition(" ")[0]
    return f"{kept} ..."


def coloured(word: str) -> str:
    """Return a state or condition in its colour."""
    colour = COLOURS.get(word)
    return f"[{colour}]{word}[/{colour}]" if colour else word


def log_to_stderr() -> None:
    """Let all that goes to standard error be lines of JSON: notes, progress, errors, and the log of the driver."""
    from cassandra_views.json_log import log_command_as_json

    err.log = log_command_as_json()


def print_error(error: ViewsError, command: str = "") -> None:
    """Print an error's four parts on standard error; one that is about nothing else is about the command."""
    if err.log is not None:
        parts = {"what": error.what, "on": error.on or command, "remains": error.remains, "next": error.next}
        err.log.error("%s", error, extra=parts)
        return
    place = f"{error.place}: " if error.place else ""
    err.print(f"[bold red]Error:[/bold red] {escape(as_sentence(f'{place}{error.what}'))}")
    on = error.on or ("" if error.place else command)
    for label, text in (("On", on), ("State", error.remains), ("Next", error.next)):
        if text:
            err.print(f"  [bold]{label}:[/bold] {escape(text if label == 'On' else as_sentence(text))}")


def raise_last(errors: Sequence[ViewsError]) -> None:
    """Print errors and raise the last one, which ends the program; nothing happens where there is none."""
    for error in errors[:-1]:
        print_error(error)
    if errors:
        raise errors[-1]
