"""The keyspace that a job works on: what must be there, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from cassandra_client.database import Database
from cassandra_views.model.names import nearest
from spark_jobs.errors import JobError
from spark_jobs.ledger import TABLE
from spark_jobs.levels import DAY, HOUR, LIVE, MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What was found.

    Args:
        lifetimes: how long rows of a level live, where all its tables let them expire.
        has_ledger: the table ``rollups`` exists.
        has_registry: there is a registry of views.
    """

    lifetimes: dict[str, timedelta]
    has_ledger: bool
    has_registry: bool


def look(database: Database, *, keyspace: str, registry: str, needed: Iterable[str]) -> Place:
    """Look at the keyspace's tables. Reads only.

    Raises:
        JobError: the keyspace or one of the tables that the job needs does not exist.
    """
    query = "SELECT table_name, default_time_to_live FROM system_schema.tables WHERE keyspace_name = ?"
    seconds = {row["table_name"]: row["default_time_to_live"] or 0 for row in database.rows(query, (keyspace,))}
    if not seconds:
        known = [row["keyspace_name"] for row in database.rows("SELECT keyspace_name FROM system_schema.keyspaces")]
        what = "has no tables" if keyspace in known else f"does not exist{nearest(keyspace, known)}"
        raise JobError(
            f"the keyspace '{keyspace}' {what}",
            on=keyspace,
            next="Give the right --keyspace, or create the tables with 'views apply'",
        )
    if missing := [name for name in needed if name not in seconds]:
        raise JobError(
            f"there is no table {', '.join(missing)}",
            on=keyspace,
            next="Create it with 'views apply', from the files in cql_templates/tables",
        )
    lifetimes = {}
    for level in (LIVE, MINUTE, HOUR, DAY):
        longest = [seconds.get(table.name, 0) for table in level.tables]
        if all(longest):
            lifetimes[level.name] = timedelta(seconds=min(longest))
    found = database.rows(query, (registry,))
    return Place(
        lifetimes=lifetimes,
        has_ledger=TABLE.name in seconds,
        has_registry=any(row["table_name"] == "views" for row in found),
    )
