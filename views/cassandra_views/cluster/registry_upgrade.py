"""A registry that an older program made is given what this one writes: columns are added, nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from cassandra_client.database import Database
from cassandra_client.driver_errors import DRIVER_ERRORS, translate_driver_errors
from cassandra_client.names import quoted
from cassandra_views.cluster.ddl import Ddl
from cassandra_views.cluster.registry_schema import SCHEMA_NUMBER, upgrade_statements

_TRIES = 4


def upgrade_registry(database: Database, ddl: Ddl, keyspace: str, number: int) -> None:
    """Bring a registry of schema ``number`` to ours; rivals that do the same at once do no harm.

    The number is written last, so that a run that was killed is gone on with.

    Raises:
        ClusterError: a column could not be added.
        LeaseHeld: others kept the lease.
    """
    for table, cql in upgrade_statements(keyspace, number):
        with ddl.lease.held():
            ddl.send_idempotent(cql, on=f"table {keyspace}.{table}")
    query = f"UPDATE {quoted(keyspace)}.about SET value = ? WHERE name = 'schema' IF value = ?"
    write_about(database, keyspace, query, (str(SCHEMA_NUMBER), str(number)))


def write_about(database: Database, keyspace: str, query: str, values: Sequence[Any]) -> None:
    """Send a conditional write of ``about`` that changes nothing when it is sent twice.

    Raises:
        ClusterError: its outcome stayed unknown.
    """
    with translate_driver_errors("the registry could not be written", on=keyspace, remains="Its tables exist"):
        for attempt in range(1, _TRIES + 1):
            try:
                database.conditional([(query, values)])
                break
            except DRIVER_ERRORS:
                if attempt == _TRIES:
                    raise
                time.sleep(0.2 * attempt)
