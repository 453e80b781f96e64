"""Data checks of a view file: a SELECT that must return nothing, asked of a generation before it serves. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from cassandra_client.names import quoted
from cassandra_views.model.names import counted

VIEW_MARK = "{{ view }}"
"""What stands in a query for the generation that is checked."""
DEFAULT_TIMEOUT = timedelta(seconds=10)
EXAMPLES = 3
"""So many rows are shown; of more than these it is only said that there are more."""

_SHOWN_CHARACTERS = 100
_LITERAL = r"'(?:[^']|'')*'|\$\$.*?\$\$"
_QUOTED_NAME = r'"(?:[^"]|"")*"'
_COMMENT = r"(?:--|//)[^\n]*|/\*.*?\*/"
_SKIPPED = re.compile(f"(?P<literal>{_LITERAL})|(?P<name>{_QUOTED_NAME})|{_COMMENT}", re.DOTALL)
_FROM_VIEW = re.compile(
    rf"(?P<columns>(?:(?!\bFROM\b).)*)\bFROM\s+{re.escape(VIEW_MARK)}(?P<rest>.*)", re.IGNORECASE | re.DOTALL
)
_AGGREGATE = re.compile(r"\b(?:count|min|max|sum|avg)\s*\(", re.IGNORECASE)
_GROUP_BY = re.compile(r"\bGROUP\s+BY\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCheck:
    """One check.

    Args:
        query: a SELECT in which ``VIEW_MARK`` stands for the generation.
        timeout: how long it may take.
    """

    name: str
    query: str
    timeout: timedelta = DEFAULT_TIMEOUT

    def cql(self, keyspace: str, physical: str) -> str:
        """Return the query that asks one generation."""
        return self.query.replace(VIEW_MARK, f"{quoted(keyspace)}.{quoted(physical)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckFailure:
    """A check that returned rows.

    Args:
        rows: the first of them, each by column, for people.
        has_more: there are more than these.
    """

    check: str
    rows: tuple[Mapping[str, Any], ...]
    has_more: bool = False

    def __str__(self) -> str:
        count = f"more than {counted(len(self.rows), 'row')}" if self.has_more else counted(len(self.rows), "row")
        example = ", ".join(f"{column}={_short(value)}" for column, value in self.rows[0].items())
        return f"the check '{self.check}' found {count}, such as {example}"


def _short(value: object) -> str:
    """Return a value for people; the registry keeps it, and a message shows it, so it is cut where it is long."""
    text = str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


def find_query_fault(query: str) -> str:
    """Return why a query cannot be that of a check; an empty text where it can."""
    bare = _SKIPPED.sub(_stand_in, query).strip()
    if not re.match(r"SELECT\s", bare, re.IGNORECASE):
        return "a check is a SELECT"
    read = _FROM_VIEW.match(bare)
    if read is None:
        return f"a check reads the view: write FROM {VIEW_MARK}"
    if ";" in bare:
        return "a check is one statement, without a semicolon"
    if _AGGREGATE.search(read["columns"]) and not _GROUP_BY.search(read["rest"]):
        return "a count or another aggregate always returns a row: select the rows that must not be there"
    return ""


def _stand_in(found: re.Match[str]) -> str:
    """Return what stands for a literal, a name in quotes or a comment while a query is looked at."""
    return "''" if found["literal"] else "quoted" if found["name"] else " "


__all__ = ["CheckFailure", "DataCheck", "find_query_fault"]
