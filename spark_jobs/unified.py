"""Writing rows of the unified tables: upserts by key, each run's with its own write time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable
from typing import TYPE_CHECKING, Any

from cassandra.cluster import Session
from cassandra.query import UNSET_VALUE

from cassandra_client.names import quoted
from spark_jobs.levels import COUNTS, Level
from spark_jobs.requests import Writes

if TYPE_CHECKING:
    from pyspark.sql import Row


class UnifiedRows:
    """Writes means by the driver rather than by Spark: they are sixty times fewer than what they are made of.

    So rows, write times and nulls are exactly those of one collected answer, and nothing is reckoned twice.
    """

    def __init__(self, session: Session, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace

    def write(self, level: Level, rows: Iterable[Row], *, over: Container[str], written_at: int) -> None:
        """Write the rows that ``measured`` returned, those without any count left out.

        Args:
            over: intervals in which rows stand already, so that a null must remove a value; elsewhere it
                is left unset, since each written null costs a tombstone.
            written_at: their write time, in microseconds since the Unix epoch.

        Raises:
            ClusterError: some could not be written; others may be.
        """
        table = level.tables[0].name
        columns = ("streamer", "timestamp", *COUNTS, "total_count")
        query = (
            f"INSERT INTO {quoted(self._keyspace)}.{table} ({', '.join(columns)}) "
            f"VALUES ({', '.join('?' * len(columns))}) USING TIMESTAMP ?"
        )
        partitions: dict[str, list[list[Any]]] = defaultdict(list)
        for row in rows:
            if row.seen:
                nothing = None if row.timestamp in over else UNSET_VALUE
                values = [nothing if row[each] is None else row[each] for each in columns]
                partitions[row.streamer].append([*values, written_at])
        Writes(self._session, query, on=f"{self._keyspace}.{table}").write(partitions.values())
