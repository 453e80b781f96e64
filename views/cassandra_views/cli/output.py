"""Answers on standard output: tables and text for people, JSON for machines."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

from rich.console import Console
from rich.table import Table

from cassandra_views.model.times import instant_text

FORMAT_VERSION = 1

# Piped output is for other programs and logs: no line of it is folded at 80 columns.
out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 1000)
err = Console(stderr=True, soft_wrap=True, highlight=False, width=None if sys.stderr.isatty() else 1000)

COLOURS = {
    "serving": "green",
    "built": "cyan",
    "building": "cyan",
    "pending": "yellow",
    "stale": "yellow",
    "changed": "yellow",
    "retired": "dim",
    "frozen": "blue",
    "off": "dim",
    "dropped": "dim",
    "never made": "dim",
    "failed": "red",
    "differs": "red",
    "passed": "green",
    "broken": "red",
    "kept": "green",
}


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: times in ISO 8601 UTC, names as ``keyspace.view``."""
    from cassandra_views.model.names import ViewName

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


def table(*columns: str) -> Table:
    """Return an empty table in this command's style."""
    found = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        found.add_column(column, overflow="fold")
    return found


def coloured(word: str) -> str:
    """Return a state or condition in its colour."""
    colour = COLOURS.get(word)
    return f"[{colour}]{word}[/{colour}]" if colour else word


__all__ = ["coloured", "err", "out", "plain", "print_json", "table"]
