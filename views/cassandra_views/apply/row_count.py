"""Counting the rows that a generation holds now, of a window."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from cassandra_client.database import Database
from cassandra_client.errors import ClusterError
from cassandra_client.names import quoted
from cassandra_views.apply.token_ranges import WHOLE_RING
from cassandra_views.model.generation import Generation
from cassandra_views.model.names import ViewName
from cassandra_views.model.times import TimeColumn
from cassandra_views.plan.catalog import find_view_and_base

_RANGES = 64
_TIMEOUT_SECONDS = 60.0


def find_row_count(
    database: Database, view: ViewName, each: Generation, time: TimeColumn | None, start: datetime | None
) -> int | None:
    """Return how many rows a generation holds from ``start`` on; None where they cannot be counted. Reads only.

    Args:
        time: the base's time column; its values are compared here, since a server takes no condition on a partition
            key beside a token range.
    """
    with suppress(ClusterError, ValueError):
        found = find_view_and_base(database, view.keyspace, each.physical)
        if found is None:
            return None
        shape = found[0].shape
        is_whole = start is None or each.window_start == start
        if not is_whole and (time is None or shape.find_column(time.name) is None):
            return None
        what = "count(*) AS found" if is_whole or time is None else f"{quoted(time.name)} AS found"
        key = ", ".join(quoted(column.name) for column in shape.partition_key)
        query = (
            f"SELECT {what} FROM {quoted(shape.keyspace)}.{quoted(shape.name)} "
            f"WHERE token({key}) >= ? AND token({key}) <= ?"
        )
        count = 0
        for span in WHOLE_RING.split(_RANGES):
            rows = database.rows(query, (span.first, span.last), timeout_seconds=_TIMEOUT_SECONDS)
            if is_whole or time is None or start is None:
                count += sum(row["found"] for row in rows)
            else:
                count += sum(not time.is_before(row["found"], start) for row in rows)
        return count
    return None
