"""One view as the page to try the API shows it: a form with a field for each column of the key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cassandra_views.model.schema import ColumnKind
from cassandra_views.web.api.listing import ViewEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a form."""

    name: str
    label: str
    example: str
    is_needed: bool


class TryForm:
    """A view and the fields that a read of it is asked by."""

    def __init__(self, entry: ViewEntry) -> None:
        self.name = entry.name
        self.status = entry.status
        self.record = entry.record
        self.definition = entry.definition
        self.fields = _fields(entry)


def _fields(entry: ViewEntry) -> tuple[Field, ...]:
    found = []
    for column in entry.columns:
        if column.kind is ColumnKind.PARTITION_KEY:
            example = _now(entry) if entry.time and entry.time.name == column.name else ""
            found.append(
                Field(name=f"{column.name}.eq", label=column.name, example=example or column.type, is_needed=True)
            )
    # A range of the first clustering column: those behind it can be asked for when it is given by one value.
    for column in [each for each in entry.columns if each.kind is ColumnKind.CLUSTERING][:1]:
        found += [
            Field(name=f"{column.name}.{op}", label=f"{column.name} {sign}", example=column.type, is_needed=False)
            for op, sign in (("gte", "from"), ("lte", "to"))
        ]
    return tuple(found)


def _now(entry: ViewEntry) -> str:
    time = entry.time
    return str(time.value(datetime.now(UTC))) if time and time.format else ""
