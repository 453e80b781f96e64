"""Whether a view's generations failed for one reason so often that no further one is built. Pure."""

from __future__ import annotations

import hashlib

from cassandra_views.model.definition import ViewDefinition
from cassandra_views.model.errors import RepeatedFailure
from cassandra_views.model.generation import ViewRecord
from cassandra_views.model.schema import TableShape

MOST_BUILDS = 2
"""How many generations in a row may fail for one reason."""


def mark_of_base(base: TableShape | None) -> str:
    """Return a mark of a base table's columns and key; empty where there is no such table yet."""
    if base is None:
        return ""
    columns = sorted((each.name, each.type, each.kind.value, each.position, each.is_descending) for each in base)
    return hashlib.blake2b(repr(columns).encode(), digest_size=8).hexdigest()


def is_given_up(record: ViewRecord, definition: ViewDefinition, base_mark: str) -> bool:
    """Tell whether building this version on this base table again would most likely fail again."""
    return (
        record.failed_builds >= MOST_BUILDS
        and record.failed_version == definition.version
        and record.failed_base == base_mark
    )


def repeated_failure(record: ViewRecord) -> RepeatedFailure:
    """Return the error of a view that is not built again, with the reason."""
    view = record.name.view
    return RepeatedFailure(
        f"its last {record.failed_builds} generations failed for one reason, so no further one is built: "
        f"{record.failed_reason}",
        on=str(record.name),
        remains="What served before still serves" if record.read_from else "Nothing serves",
        next=f"Correct the reason. A changed view file or base table is tried by itself; else 'views refresh {view}' "
        "tries again",
    )
