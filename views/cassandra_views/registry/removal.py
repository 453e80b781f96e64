"""What a registry consists of, and what else is in its keyspace: for its removal."""

from __future__ import annotations

from dataclasses import dataclass

from cassandra_client.database import Database
from cassandra_client.names import quoted, table_id
from cassandra_views.model.schema import SchemaComment
from cassandra_views.registry.schema import table_statements

_OUR_COMMENT = "cassandra-views: "
LEASE_TABLE = "lease"
LAST_TABLES = ("about", LEASE_TABLE)
"""The tables that are dropped last: ``about`` says whose the keyspace is, and ``lease`` keeps other runs away."""
_FORMER = ("demand",)
"""Tables that an older program made and this one has no use for."""
_NAME, _MADE = "keyspace", "made by cassandra-views"
_OTHER_KINDS = {
    "views": "view_name",
    "types": "type_name",
    "functions": "function_name",
    "aggregates": "aggregate_name",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryContents:
    """What is in the keyspace of a registry.

    Args:
        exists: the keyspace does.
        tables: this program's, in the order in which they are dropped.
        others: what is not this program's; nothing of it is ever dropped.
        is_own_keyspace: this program made the keyspace.
    """

    exists: bool
    tables: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    is_own_keyspace: bool = False

    @property
    def drops_keyspace(self) -> bool:
        """Tell whether the keyspace itself may be dropped."""
        return self.exists and self.is_own_keyspace and not self.others


def has_keyspace(database: Database, keyspace: str) -> bool:
    """Tell whether the cluster has a keyspace; errors as ``Database.rows``."""
    query = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?"
    return bool(database.rows(query, (keyspace,)))


def read_contents(database: Database, keyspace: str) -> RegistryContents:
    """Return what is in the keyspace of a registry; a table of ours is known by its id or its comment.

    Raises:
        ClusterError: it cannot be read.
    """
    if not has_keyspace(database, keyspace):
        return RegistryContents(exists=False)
    names = {*(table for table, _cql in table_statements(keyspace)), *_FORMER}
    tables = database.rows(
        "SELECT table_name, id, comment FROM system_schema.tables WHERE keyspace_name = ?", (keyspace,)
    )
    own = {
        row["table_name"]
        for row in tables
        if row["table_name"] in names
        and (row["id"] == table_id(keyspace, row["table_name"]) or (row["comment"] or "").startswith(_OUR_COMMENT))
    }
    others = [row["table_name"] for row in tables if row["table_name"] not in own]
    for kind, column in _OTHER_KINDS.items():
        query = f"SELECT {column} FROM system_schema.{kind} WHERE keyspace_name = ?"
        others += [row[column] for row in database.rows(query, (keyspace,))]
    order = sorted(own - set(LAST_TABLES)) + [each for each in LAST_TABLES if each in own]
    return RegistryContents(
        exists=True,
        tables=tuple(order),
        others=tuple(sorted(others)),
        is_own_keyspace="about" in own and _is_own_keyspace(database, keyspace),
    )


def note_own_keyspace(database: Database, keyspace: str) -> None:
    """Write down that this program made the registry's keyspace; errors as ``Database.write``."""
    database.write(f"INSERT INTO {quoted(keyspace)}.about (name, value) VALUES (?, ?)", (_NAME, _MADE))


def find_marked(database: Database, registry: str) -> list[tuple[str, str]]:
    """Return keyspace and name of every physical view that carries the comment of this registry; errors as above."""
    rows = database.rows("SELECT keyspace_name, view_name, comment FROM system_schema.views")
    found = [(row, SchemaComment.parse(row["comment"] or "")) for row in rows]
    return [
        (row["keyspace_name"], row["view_name"])
        for row, mark in found
        if mark is not None and mark.registry == registry
    ]


def _is_own_keyspace(database: Database, keyspace: str) -> bool:
    query = f"SELECT value FROM {quoted(keyspace)}.about WHERE name = ?"
    rows = database.rows(query, (_NAME,))
    return bool(rows) and rows[0]["value"] == _MADE


__all__ = [
    "LAST_TABLES",
    "LEASE_TABLE",
    "RegistryContents",
    "find_marked",
    "has_keyspace",
    "note_own_keyspace",
    "read_contents",
]
