"""The column that a window moves along, as the physical view has it: a column of the base may have been renamed."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Protocol

from cassandra_views.model.errors import ReadError
from cassandra_views.model.times import TimeColumn
from cassandra_views.read.routing import Span

_TEXT = re.compile(r"'(?:[^']|'')*'")
_RESTRICTED = re.compile(r'(?:"((?:[^"]|"")+)"|(\w+))\s*(?:>=|<=|>|<|=|IN\b)', re.IGNORECASE)


class KeyTypes(Protocol):
    """What is to be known of a physical view.

    Args:
        key_types: the columns of its key, each with its type as CQL writes it.
        where: the clause that the server holds for it; empty where it holds none.
        checked: what was found last, and for what.
    """

    name: str
    where: str
    checked: tuple[tuple[Span, ...], tuple[Span, ...]] | None

    @property
    def key_types(self) -> dict[str, str]:
        """The columns of the key and their types."""


def resolved_spans(spans: tuple[Span, ...], view: KeyTypes, *, on: str) -> tuple[Span, ...]:
    """Return what serves as ``resolve_spans`` does, which is worked out once for each answer of the registry.

    Raises:
        ReadError: as ``resolve_spans``.
    """
    known = view.checked
    if known is None or known[0] is not spans:
        known = view.checked = spans, resolve_spans(spans, view, on=on)
    return known[1]


def resolve_spans(spans: tuple[Span, ...], view: KeyTypes, *, on: str) -> tuple[Span, ...]:
    """Return what serves with its time column by the name that it has in the physical view.

    The registry keeps the name of the time that a generation was made. A server carries a rename of a base's column
    into the view's key and clause, so the column is found as the one of its type that the clause bounds.

    Raises:
        ReadError: no column can be it, or several: a read could miss the window without an error.
    """
    entry = spans[-1].entry
    time = entry.time
    if time is None or all(span.entry.start is None and span.entry.end is None for span in spans):
        return spans
    found = _candidates(time, view)
    if time.name in found:
        return spans
    if len(found) == 1:
        renamed = replace(time, name=found[0])
        return tuple(replace(span, entry=replace(span.entry, time=renamed)) for span in spans)
    raise ReadError(
        f"the registry says that its time column is '{time.name}', and {view.name} has no such column of type "
        f"{' or '.join(time.kind.cql_types)} in its key and window: it was renamed in the base table",
        on=on,
        remains="Nothing was read",
        next="Rename it in the files of the table and of its views too, then run 'views apply'",
    )


def _candidates(time: TimeColumn, view: KeyTypes) -> list[str]:
    fitting = [name for name, kind in view.key_types.items() if kind in time.kind.cql_types]
    if not view.where:
        return fitting if time.name in fitting else []
    clause = _TEXT.sub("''", view.where)
    bounded = {match[1].replace('""', '"') if match[1] else match[2].lower() for match in _RESTRICTED.finditer(clause)}
    return [name for name in fitting if name in bounded]
