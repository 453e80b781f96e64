"""Tables that these packages keep for themselves; several programs may create them at the same time."""

from __future__ import annotations

from dataclasses import dataclass

from cassandra_client.names import quoted, table_id


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTable:
    """A table as it is created.

    Args:
        columns: their definitions and the primary key, as they stand in a CREATE TABLE.
        options: such as ``CLUSTERING ORDER BY (at DESC) AND default_time_to_live = 60``; without the comment.
        comment: what the table is for, without quotes.
    """

    name: str
    columns: str
    options: str = ""
    comment: str = ""

    def create_cql(self, keyspace: str) -> str:
        """Return a CREATE that can be sent twice, and by two at once."""
        options = [
            f"id = {table_id(keyspace, self.name)}",
            *filter(None, [self.options, f"comment = '{self.comment}'" if self.comment else ""]),
        ]
        columns = " ".join(self.columns.split())
        return (
            f"CREATE TABLE IF NOT EXISTS {quoted(keyspace)}.{quoted(self.name)} ({columns}) "
            f"WITH {' AND '.join(options)}"
        )
